//! A session's inputs and outputs as JSON lines, so that a run can be logged, driven over a pipe, and replayed byte for byte.
//!
//! One JSON object a line; times are whole milliseconds. A line in is a header, a call or an event:
//!
//! ```text
//! {"redial":1,"preset":"plain","seed":"..","config":{..}}
//! {"now_ms":0,"call":{"type":"open"}}
//! {"now_ms":30,"event":{"type":"opened","connection":1}}
//! ```
//!
//! A line out is the answer to `send`, a refusal, an action, and, last for every line in, the next deadline:
//!
//! ```text
//! {"now_ms":5,"id":"c1"}
//! {"now_ms":5,"error":"the outbox is full: it holds its 1000 messages"}
//! {"now_ms":0,"action":{"type":"connect","connection":1,"attempt":0}}
//! {"now_ms":30,"next_deadline_ms":25030,"timer":"heartbeat"}
//! ```
//!
//! A journal holds credentials and bodies as they are. Guard it like them; what is blacked out cannot be replayed.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use thiserror::Error;

use crate::action::Action;
use crate::dialect::Preset;
use crate::error::{
    AcknowledgeError, CancelError, CloseError, JsonProblem, MarkReadError, NotOpenError, PresetError, ResendError,
    RestoreError, SendError,
};
use crate::event::{CredentialFailure, Event};
use crate::frame::Body;
use crate::id::MessageId;
use crate::outgoing::Outgoing;
use crate::rng::Seed;
use crate::secret::Secret;
use crate::session::{Session, Snapshot};
use crate::time::{Duration, Instant};
use crate::timer::{Deadline, Timer};

/// The version that a header carries as `"redial"`.
pub const VERSION: u64 = 1;

/// One line in.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// What a replay needs to make the same session; optional, and first.
    Header(Header),
    /// The application asks for something.
    Call {
        /// When.
        now: Instant,
        /// What.
        call: Call,
    },
    /// Something happened.
    Event {
        /// When.
        now: Instant,
        /// What.
        event: Event,
    },
}

/// What a replay needs to make the same session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the lines: [`VERSION`].
    pub redial: u64,
    /// The preset's name.
    pub preset: String,
    /// The seed.
    pub seed: Seed,
    /// Changes merged over the preset, as [`Preset::named`] takes them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config: Value,
    /// The durable state it began with, where it did not begin empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
}

impl Header {
    /// The header of a session under this preset and seed.
    pub fn new(preset: &Preset, seed: Seed) -> Self {
        Self { redial: VERSION, preset: preset.name().to_string(), seed, config: preset.to_json(), snapshot: None }
    }

    /// The session that this header describes.
    pub fn session(&self) -> Result<Session, LineError> {
        if self.redial != VERSION {
            return Err(LineError::Version { version: self.redial });
        }
        let preset = Preset::named(&self.preset, &self.config)?;
        match self.snapshot.clone() {
            None => Ok(Session::new(preset, self.seed)),
            Some(snapshot) => Ok(Session::restore(preset, Instant::ORIGIN, snapshot, Duration::ZERO)?),
        }
    }
}

/// What an application asks of a session, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Call {
    /// [`Session::open`].
    Open,
    /// [`Session::close_with`].
    Close {
        /// The code; the configuration's where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// [`Session::send`].
    Send {
        /// The content.
        body: Body,
        /// The id, where the caller chooses it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// How long it may wait for its outcome.
        #[serde(default, rename = "time_to_live_ms", skip_serializing_if = "Option::is_none")]
        time_to_live: Option<Duration>,
        /// Whether it is never sent a second time.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        once: bool,
    },
    /// [`Session::resend`].
    Resend {
        /// The message.
        id: MessageId,
    },
    /// [`Session::cancel`].
    Cancel {
        /// The message.
        id: MessageId,
    },
    /// [`Session::acknowledge`].
    Acknowledge {
        /// The message.
        id: MessageId,
    },
    /// [`Session::reject`].
    Reject {
        /// The message.
        id: MessageId,
    },
    /// [`Session::mark_read`].
    MarkRead {
        /// The message.
        id: MessageId,
    },
    /// [`Session::reconnect_now`].
    ReconnectNow,
    /// [`Session::hold`].
    Hold,
    /// [`Session::release`].
    Release,
    /// [`Session::drain`].
    Drain {
        /// How long it may take.
        #[serde(rename = "within_ms")]
        within: Duration,
    },
    /// [`Session::credential`].
    Credential {
        /// The credential.
        value: Secret,
    },
    /// [`Session::credential_failed`].
    CredentialFailed {
        /// Why there is none.
        why: CredentialFailure,
    },
    /// [`Session::persisted`].
    Persisted {
        /// The version that `Persist` named.
        version: u64,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum CallError {
    /// By `close`.
    Close(#[from] CloseError),
    /// By `send`.
    Send(#[from] SendError),
    /// By `resend`.
    Resend(#[from] ResendError),
    /// By `cancel`.
    Cancel(#[from] CancelError),
    /// By `acknowledge` or `reject`.
    Acknowledge(#[from] AcknowledgeError),
    /// By `mark_read`.
    MarkRead(#[from] MarkReadError),
    /// By a call that needs an open session.
    NotOpen(#[from] NotOpenError),
}

impl Call {
    /// Makes the call; the answer is the id of a message that was taken.
    ///
    /// ```
    /// use redial::journal::Call;
    /// use redial::{Instant, Preset, Seed, Session, State};
    /// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
    /// Call::Open.make(&mut session, Instant::ORIGIN)?;
    /// assert_eq!(session.state(), State::Connecting);
    /// # Ok::<(), redial::journal::CallError>(())
    /// ```
    pub fn make(self, session: &mut Session, now: Instant) -> Result<Option<MessageId>, CallError> {
        match self {
            Self::Open => session.open(now),
            Self::Close { code, reason } => session.close_with(now, code, reason)?,
            Self::Send { body, id, time_to_live, once } => {
                return Ok(Some(session.send(now, outgoing(body, id, time_to_live, once))?));
            }
            Self::Resend { id } => session.resend(now, &id)?,
            Self::Cancel { id } => session.cancel(now, &id)?,
            Self::Acknowledge { id } => session.acknowledge(now, &id)?,
            Self::Reject { id } => session.reject(now, &id)?,
            Self::MarkRead { id } => session.mark_read(now, &id)?,
            Self::ReconnectNow => session.reconnect_now(now)?,
            Self::Hold => session.hold(now),
            Self::Release => session.release(now),
            Self::Drain { within } => session.drain(now, within)?,
            Self::Credential { value } => session.credential(now, value),
            Self::Persisted { version } => session.persisted(now, version),
            Self::CredentialFailed { why } => session.credential_failed(now, why),
        }
        Ok(None)
    }
}

fn outgoing(body: Body, id: Option<MessageId>, time_to_live: Option<Duration>, once: bool) -> Outgoing {
    let mut outgoing = Outgoing::from(body);
    if let Some(id) = id {
        outgoing = outgoing.id(id);
    }
    if let Some(span) = time_to_live {
        outgoing = outgoing.time_to_live(span);
    }
    if once { outgoing.once() } else { outgoing }
}

/// Why a line could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is not JSON, or not of the right shape.
    #[error("the line cannot be read: {problem} at column {column}")]
    Json {
        /// What is wrong, in general words.
        problem: JsonProblem,
        /// Where, from 1.
        column: u64,
    },
    /// It is neither a header nor a call nor an event, or several at once.
    #[error("a line has `now_ms` and either `call` or `event`, or it is a header with `redial`, `preset` and `seed`")]
    Kind,
    /// The header is of another version.
    #[error("the journal is of version {version}, this crate reads version 1")]
    Version {
        /// The version it claims.
        version: u64,
    },
    /// The header's preset cannot be made.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// The header's snapshot cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A header came after the first line.
    #[error("a header is the first line of a journal")]
    LateHeader,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Timed {
    now_ms: Instant,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Call>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
}

/// Only tells headers from other lines.
#[derive(Deserialize)]
struct Kind {
    redial: Option<serde::de::IgnoredAny>,
}

impl Input {
    /// Reads a line. The error says where the problem is and repeats nothing of the line.
    pub fn from_line(line: &str) -> Result<Self, LineError> {
        let kind: Kind = read(line)?;
        if kind.redial.is_some() {
            return Ok(Self::Header(read(line)?));
        }
        let timed: Timed = read(line)?;
        match (timed.now_ms, timed.call, timed.event) {
            (now, Some(call), None) => Ok(Self::Call { now, call }),
            (now, None, Some(event)) => Ok(Self::Event { now, event }),
            _ => Err(LineError::Kind),
        }
    }

    /// Writes the line, without its line break.
    pub fn to_line(&self) -> String {
        match self.clone() {
            Self::Header(header) => write(&header),
            Self::Call { now, call } => write(&Timed { now_ms: now, call: Some(call), event: None }),
            Self::Event { now, event } => write(&Timed { now_ms: now, call: None, event: Some(event) }),
        }
    }
}

/// One line out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// The session wants something done or known.
    Action {
        /// When.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// What.
        action: Action,
    },
    /// The message was taken under this id.
    Id {
        /// When.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The id.
        id: MessageId,
    },
    /// A call was refused, or a line could not be read; the run goes on.
    Error {
        /// When.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// Why.
        error: String,
    },
    /// The next deadline, once and last for every line in.
    Deadline {
        /// When.
        #[serde(rename = "now_ms")]
        now: Instant,
        /// The deadline; `null` where there is none.
        #[serde(rename = "next_deadline_ms")]
        at: Option<Instant>,
        /// Which timer it is; `null` where there is none.
        timer: Option<Timer>,
    },
}

impl Output {
    /// Writes the line, without its line break.
    pub fn to_line(&self) -> String {
        write(self)
    }
}

/// A session behind lines: what goes in is read, what comes out is written.
///
/// ```
/// use redial::journal::Player;
/// use redial::{Preset, Seed, Session};
/// let mut player = Player::new(Session::new(Preset::plain(), Seed::from(7_u64)));
/// let lines: Vec<String> = player.play(r#"{"now_ms":0,"call":{"type":"open"}}"#).iter().map(|out| out.to_line()).collect();
/// assert_eq!(lines[1], r#"{"now_ms":0,"action":{"type":"connect","connection":1,"attempt":0}}"#);
/// assert_eq!(lines[2], r#"{"now_ms":0,"next_deadline_ms":10000,"timer":"attempt"}"#);
/// ```
#[derive(Clone, Debug)]
pub struct Player {
    session: Session,
    started: bool,
}

impl Player {
    /// Plays to this session, or to the one that a header makes in its place.
    pub fn new(session: Session) -> Self {
        Self { session, started: false }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session, for a host that answers some actions by itself.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Plays one line and gives all that comes out of it.
    pub fn play(&mut self, line: &str) -> Vec<Output> {
        match Input::from_line(line) {
            Ok(input) => self.play_input(input),
            Err(error) => {
                self.started = true;
                self.answer(Err(error.to_string()))
            }
        }
    }

    /// As [`play`](Player::play), for a line that was read already.
    pub fn play_input(&mut self, input: Input) -> Vec<Output> {
        let first = !core::mem::replace(&mut self.started, true);
        let answer = match input {
            Input::Header(_) if !first => Err(LineError::LateHeader.to_string()),
            Input::Header(header) => match header.session() {
                Ok(session) => {
                    self.session = session;
                    Ok(None)
                }
                Err(error) => Err(error.to_string()),
            },
            Input::Call { now, call } => call.make(&mut self.session, now).map_err(|error| error.to_string()),
            Input::Event { now, event } => {
                self.session.handle(now, event);
                Ok(None)
            }
        };
        self.answer(answer)
    }

    fn answer(&mut self, answer: Result<Option<MessageId>, String>) -> Vec<Output> {
        let now = self.session.now();
        let mut out = Vec::new();
        match answer {
            Ok(None) => {}
            Ok(Some(id)) => out.push(Output::Id { now, id }),
            Err(error) => out.push(Output::Error { now, error }),
        }
        out.append(&mut self.drain());
        out
    }

    /// What waits to come out: the actions, and the deadline after them.
    pub fn drain(&mut self) -> Vec<Output> {
        let now = self.session.now();
        let mut out = Vec::new();
        while let Some(action) = self.session.poll_action() {
            out.push(Output::Action { now, action });
        }
        let (at, timer) = match self.session.next_deadline() {
            Some(Deadline { at, timer }) => (Some(at), Some(timer)),
            None => (None, None),
        };
        out.push(Output::Deadline { now, at, timer });
        out
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
    // None of these values has a map with keys that are no text, which is all that can fail here.
    serde_json::to_string(value).unwrap_or_default()
}
