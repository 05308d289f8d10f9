//! The journal holds a session's inputs and outputs as JSON lines, so that a run can be logged, driven over a pipe,
//! and replayed byte for byte.
//!
//! Each line holds one JSON object; times are whole milliseconds. A line in is a header, a call, an event or a query:
//!
//! ```text
//! {"redial":1,"preset":"plain","seed":"..","config":{..}}
//! {"now_ms":0,"call":{"type":"open"}}
//! {"now_ms":30,"event":{"type":"opened","connection":1}}
//! {"query":{"type":"status","id":"c1"}}
//! ```
//!
//! A query (`snapshot`, `changes`, `status`, `stats`, `explain`, `bounds`) is answered in one line and changes nothing:
//! the clock of the session stays, no timer fires, and a replay passes the query and its answer over. Its `now_ms` may
//! be left out. The [`Query`] says what each one asks.
//!
//! A line out is the id of a message that `send` took, a refusal, the answer to a query, an action or, last for every
//! line in, the next deadline:
//!
//! ```text
//! {"now_ms":5,"id":"c1"}
//! {"now_ms":5,"error":"the outbox is full: it holds its 1000 messages","code":"full"}
//! {"now_ms":5,"id":"c1","status":"queued"}
//! {"now_ms":0,"action":{"type":"connect","connection":1,"attempt":0}}
//! {"now_ms":30,"next_deadline_ms":25030,"timer":"heartbeat"}
//! ```
//!
//! A refused call and a line that cannot be read change nothing, and the run goes on; after a header that is refused,
//! every line is refused for its reason. `error` is a sentence for people, `code` a word for programs.
//!
//! A journal holds credentials and bodies in plain text and needs the same protection as they do: the header has the
//! settings of the service and the snapshot, calls and events have credentials, bodies and frames, and the answer to
//! `snapshot` or `changes` has the durable state. A line with parts blacked out cannot be replayed. `Debug` of the
//! values here shows none of that.

mod call;
mod player;
mod problem;
mod query;

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::action::Action;
use crate::deadline::Timer;
use crate::dialect::Preset;
use crate::durable::Snapshot;
use crate::error::{JsonProblem, PresetError, RestoreError};
use crate::event::Event;
use crate::id::MessageId;
use crate::rng::Seed;
use crate::session::Session;
use crate::time::{Duration, Instant};

pub use call::{Call, CallError};
pub use player::Player;
pub use query::Query;

/// The version of the lines, which a header carries as `"redial"`.
pub const VERSION: u64 = 1;

/// One line in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// The header, from which a replay makes the same session; optional, and the first line.
    Header(Header),
    /// A call of the application.
    Call {
        /// The time of the call.
        now: Instant,
        /// The call.
        call: Call,
    },
    /// An event outside the session.
    Event {
        /// The time of the event.
        now: Instant,
        /// The event.
        event: Event,
    },
    /// A query of the application, which changes nothing and which a replay passes over.
    Query {
        /// The time of the query, where the line has one. It does not move the clock of the session.
        now: Option<Instant>,
        /// The query.
        query: Query,
    },
}

/// The header of a journal, from which a replay makes the same session. `Debug` hides its settings and its snapshot,
/// which may hold credentials; the line has them, because a replay needs them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Header {
    /// The version of the lines: [`VERSION`].
    pub redial: u64,
    /// The name of the preset.
    pub preset: String,
    /// The seed with which the session was made or restored.
    pub seed: Seed,
    /// Changes merged over the preset, as [`Preset::named`] takes them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config: Value,
    /// The durable state with which the session began, where it was not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// The time at which the snapshot was restored.
    #[serde(default, rename = "restored_at_ms", skip_serializing_if = "is_default")]
    pub restored_at: Instant,
    /// The time between the snapshot and its restoring.
    #[serde(default, rename = "away_ms", skip_serializing_if = "is_default")]
    pub away: Duration,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Header {
    /// Makes the header of a session under this preset and seed.
    pub fn new(preset: &Preset, seed: Seed) -> Self {
        Self {
            redial: VERSION,
            preset: preset.name().to_string(),
            seed,
            config: preset.to_json(),
            snapshot: None,
            restored_at: Instant::ORIGIN,
            away: Duration::ZERO,
        }
    }

    /// Sets the snapshot from which the session is restored, with the arguments of
    /// [`Session::restore`](crate::Session::restore).
    #[must_use]
    pub fn restored(mut self, now: Instant, snapshot: Snapshot, away: Duration) -> Self {
        (self.snapshot, self.restored_at, self.away) = (Some(snapshot), now, away);
        self
    }

    /// Makes the session that this header describes.
    ///
    /// Fails where the version is not [`VERSION`], where the preset cannot be made, and where the snapshot cannot be
    /// restored.
    pub fn session(&self) -> Result<Session, LineError> {
        if self.redial != VERSION {
            return Err(LineError::Version { version: self.redial });
        }
        let preset = Preset::named(&self.preset, &self.config)?;
        match self.snapshot.clone() {
            None => Ok(Session::new(preset, self.seed)),
            Some(snapshot) => Ok(Session::restore(preset, self.restored_at, snapshot, self.away, self.seed)?),
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { redial, preset, seed, .. } = self;
        f.debug_struct("Header")
            .field("redial", redial)
            .field("preset", preset)
            .field("seed", seed)
            .finish_non_exhaustive()
    }
}

/// Why a line could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is not JSON, or not of the right shape.
    #[error("the line cannot be read: {problem} at column {column}")]
    Json {
        /// The kind of problem.
        problem: JsonProblem,
        /// The column of the problem, from 1.
        column: u64,
    },
    /// The line is neither a header nor a call nor an event nor a query, or is several of them at once.
    #[error(
        "a line has `now_ms` and either `call` or `event`, or it has a `query`, or it is a header with `redial`, \
         `preset` and `seed`"
    )]
    Kind,
    /// The header is of another version.
    #[error("the journal is of version {version}, this crate reads version 1")]
    Version {
        /// The version that the header names.
        version: u64,
    },
    /// The preset of the header cannot be made.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// The snapshot of the header cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A header came after the first line.
    #[error("a header is the first line of a journal")]
    LateHeader,
    /// The line is a call of an unknown `type`.
    #[error("there is no call of that type")]
    UnknownCall,
    /// The line is an event of an unknown `type`.
    #[error("there is no event of that type")]
    UnknownEvent,
    /// The line is a query of an unknown `type`.
    #[error("there is no query of that type")]
    UnknownQuery,
    /// A field is missing.
    #[error("the line has no field `{field}`")]
    Missing {
        /// The path of the field, such as `event.connection`.
        field: String,
    },
    /// A field is unknown: nothing of what it says would be done.
    #[error("there is no field `{field}`")]
    UnknownField {
        /// The path of the field, such as `call.bdoy`, at most 256 bytes.
        field: String,
    },
}

impl LineError {
    /// Returns the code of this error, in `snake_case`, for programs: the journal writes it beside the sentence.
    ///
    /// The code of `Json` is that of its problem, the codes of `Preset` and `Restore` are those of the errors in them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { problem, .. } => problem.code(),
            Self::Kind => "kind",
            Self::Version { .. } => "version",
            Self::Preset(error) => error.code(),
            Self::Restore(error) => error.code(),
            Self::LateHeader => "late_header",
            Self::UnknownCall => "unknown_call",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownQuery => "unknown_query",
            Self::Missing { .. } => "missing_field",
            Self::UnknownField { .. } => "unknown_field",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Timed {
    // Without `default`, so that an empty list is no line.
    now_ms: Option<Instant>,
    #[serde(default)]
    call: Option<Call>,
    #[serde(default)]
    event: Option<Event>,
    #[serde(default)]
    query: Option<Query>,
}

/// The borrowed form of [`Timed`], for writing.
#[derive(Default, Serialize)]
struct TimedRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    now_ms: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a Query>,
}

/// The part of a line that tells a header from other lines.
#[derive(Deserialize)]
struct Kind {
    #[serde(default, rename = "redial", deserialize_with = "is_present")]
    is_header: bool,
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Input {
    /// Reads a line. The error says where the problem is and repeats nothing of the line but the name of a field that
    /// is unknown.
    pub fn from_line(line: &str) -> Result<Self, LineError> {
        let kind: Kind = read(line)?;
        if kind.is_header {
            return read(line).map(Self::Header).map_err(|error| problem::of_header(line, error));
        }
        let timed: Timed = read(line).map_err(|error| problem::of_timed(line, error))?;
        match (timed.now_ms, timed.call, timed.event, timed.query) {
            (Some(now), Some(call), None, None) => Ok(Self::Call { now, call }),
            (Some(now), None, Some(event), None) => Ok(Self::Event { now, event }),
            (now, None, None, Some(query)) => Ok(Self::Query { now, query }),
            (None, _, _, None) => Err(LineError::Missing { field: "now_ms".to_string() }),
            _ => Err(LineError::Kind),
        }
    }

    /// Whether a line that cannot be read was meant as a header.
    fn is_header(line: &str) -> bool {
        read::<Kind>(line).map_or_else(|_| line.contains("\"redial\""), |kind| kind.is_header)
    }

    /// Writes the line, without its line break.
    pub fn to_line(&self) -> String {
        match self {
            Self::Header(header) => write(header),
            Self::Call { now, call } => call_line(*now, call),
            Self::Event { now, event } => event_line(*now, event),
            Self::Query { now, query } => write(&TimedRef { now_ms: *now, query: Some(query), ..TimedRef::default() }),
        }
    }
}

/// Writes the line of a call that the caller keeps.
pub(crate) fn call_line(now: Instant, call: &Call) -> String {
    write(&TimedRef { now_ms: Some(now), call: Some(call), ..TimedRef::default() })
}

/// Writes the line of an event that the caller keeps.
pub(crate) fn event_line(now: Instant, event: &Event) -> String {
    write(&TimedRef { now_ms: Some(now), event: Some(event), ..TimedRef::default() })
}

/// One line out. `Debug` shows of an answer what was asked alone: a snapshot holds credentials and bodies.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Output {
    /// An action of the session.
    Action {
        /// The time of the action.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The action.
        action: Action,
    },
    /// The answer to a query: [`Query::ask`]. It is read before `Id`, because an answer may have an id too.
    Answer {
        /// The time of the session.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The fields of the answer.
        #[serde(flatten, deserialize_with = "query::answer")]
        answer: Map<String, Value>,
    },
    /// The id under which a message was taken.
    Id {
        /// The time of the call.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The id of the message.
        id: MessageId,
    },
    /// A refused call or an unreadable line; the run goes on.
    Error {
        /// The time of the refusal.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The reason, as a sentence.
        error: String,
        /// The code of the error, for programs.
        #[serde(default)]
        code: Cow<'static, str>,
    },
    /// The next deadline, once and last for every line in.
    Deadline {
        /// The time of the session.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The time of the deadline; `null` where there is none.
        #[serde(rename = "next_deadline_ms")]
        at: Option<Instant>,
        /// The timer behind the deadline; `null` where there is none.
        timer: Option<Timer>,
    },
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, now, field, value): (_, _, _, &dyn fmt::Debug) = match self {
            Self::Action { now, action } => ("Action", now, "action", action),
            Self::Answer { now, answer } => ("Answer", now, "fields", &answer.keys().collect::<Vec<_>>()),
            Self::Id { now, id } => ("Id", now, "id", id),
            Self::Error { now, error, .. } => ("Error", now, "error", error),
            Self::Deadline { now, at, timer } => ("Deadline", now, "deadline", &(at, timer)),
        };
        f.debug_struct(name).field("now", now).field(field, value).finish()
    }
}

impl Output {
    /// Makes the line of a session's next deadline.
    pub(crate) fn deadline(session: &Session) -> Self {
        let deadline = session.next_deadline();
        Self::Deadline {
            now: session.now(),
            at: deadline.map(|deadline| deadline.at),
            timer: deadline.map(|deadline| deadline.timer),
        }
    }

    /// Writes the line, without its line break.
    pub fn to_line(&self) -> String {
        write(self)
    }
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| {
        let problem = match error.classify() {
            Category::Eof => JsonProblem::Truncated,
            Category::Data => JsonProblem::Shape,
            Category::Syntax | Category::Io => JsonProblem::Syntax,
        };
        LineError::Json { problem, column: error.column() as u64 }
    })
}

fn write(value: &impl Serialize) -> String {
    // Writing fails only for maps whose keys are not text, and none of these values holds such a map.
    serde_json::to_string(value).unwrap_or_default()
}
