//! A player that drives a session with journal lines.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::iter;

use serde_json::{Map, Value};

use super::{CallError, Input, LineError, Output, Query, query};
use crate::action::Action;
use crate::durable::Changes;
use crate::id::MessageId;
use crate::session::Session;

/// A player that drives a session with journal lines: it reads lines in and writes lines out.
///
/// ```
/// use redial::journal::Player;
/// use redial::{Preset, Seed, Session};
/// let mut player = Player::new(Session::new(Preset::plain(), Seed::from(7_u64)));
/// let outputs = player.play(r#"{"now_ms":0,"call":{"type":"open"}}"#);
/// let lines: Vec<String> = outputs.iter().map(|output| output.to_line()).collect();
/// assert_eq!(lines[1], r#"{"now_ms":0,"action":{"type":"connect","connection":1,"attempt":0}}"#);
/// assert_eq!(lines[2], r#"{"now_ms":0,"next_deadline_ms":10000,"timer":"attempt"}"#);
/// ```
#[derive(Clone, Debug)]
pub struct Player {
    session: Session,
    started: bool,
    refusal: Option<LineError>,
    unasked: Unasked,
}

/// Changes that `persist` lines have named, and nobody has asked for.
#[derive(Clone, Debug)]
enum Unasked {
    Changes(Changes),
    /// There were too many: the next answer is all there is.
    TooMany,
}

/// Number of changed records that are kept for a host that does not ask for them.
const MAX_UNASKED: usize = 16_384;

/// Refusal of a call or a line: its sentence and its code.
struct Refusal {
    error: String,
    code: &'static str,
}

impl From<LineError> for Refusal {
    fn from(error: LineError) -> Self {
        Self { error: error.to_string(), code: error.code() }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self { error: error.to_string(), code: error.code() }
    }
}

impl Player {
    /// Makes a player for this session. A header as the first line replaces the session with its own; after a header
    /// that is refused, every line is.
    pub fn new(session: Session) -> Self {
        Self { session, started: false, refusal: None, unasked: Unasked::Changes(Changes::default()) }
    }

    /// Why the header was refused, where it was: every later line is then refused for that reason.
    pub fn refusal(&self) -> Option<&LineError> {
        self.refusal.as_ref()
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session, for a host that answers some actions by itself.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Plays one line and returns all lines that come out of it.
    pub fn play(&mut self, line: &str) -> Vec<Output> {
        match Input::from_line(line) {
            Ok(input) => self.play_input(input),
            Err(error) => {
                let first = !core::mem::replace(&mut self.started, true);
                if first && Input::is_header(line) {
                    self.refusal = Some(error.clone());
                }
                self.refuse(error)
            }
        }
    }

    /// Plays one line that was already read, as [`play`](Player::play) does. A query changes nothing, so a header may
    /// still follow it.
    pub fn play_input(&mut self, input: Input) -> Vec<Output> {
        if let (Input::Query { query, .. }, None) = (&input, &self.refusal) {
            let answer = match query {
                Query::Changes => self.take_changes(),
                query => query.ask(&self.session),
            };
            return Vec::from([Output::Answer { now: self.session.now(), answer }, Output::deadline(&self.session)]);
        }
        let first = !core::mem::replace(&mut self.started, true);
        if let Some(refusal) = self.refusal.clone() {
            return self.refuse(refusal);
        }
        let answer = match input {
            Input::Header(_) if !first => Err(LineError::LateHeader.into()),
            Input::Header(header) => match header.session() {
                Ok(session) => {
                    self.session = session;
                    self.unasked = Unasked::Changes(Changes::default());
                    Ok(None)
                }
                Err(error) => {
                    self.refusal = Some(error.clone());
                    Err(error.into())
                }
            },
            Input::Call { now, call } => call.make(&mut self.session, now).map_err(Refusal::from),
            Input::Event { now, event } => {
                self.session.handle(now, event);
                Ok(None)
            }
            Input::Query { .. } => Ok(None),
        };
        self.answer(answer)
    }

    /// Answer to the query for the changes since it was asked last.
    fn take_changes(&mut self) -> Map<String, Value> {
        match core::mem::replace(&mut self.unasked, Unasked::Changes(Changes::default())) {
            Unasked::Changes(changes) => {
                let changes = serde_json::from_str(&changes.to_json()).unwrap_or_default();
                iter::once(("changes".to_owned(), changes)).collect()
            }
            Unasked::TooMany => query::whole(&self.session),
        }
    }

    fn keep(&mut self, changes: &Changes) {
        if let Unasked::Changes(unasked) = &mut self.unasked {
            unasked.merge(changes.clone());
            if unasked.len() > MAX_UNASKED {
                self.unasked = Unasked::TooMany;
            }
        }
    }

    /// Answers a line that could not be read; where the header was refused, that is the reason.
    fn refuse(&mut self, error: LineError) -> Vec<Output> {
        let error = self.refusal.clone().unwrap_or(error);
        self.answer(Err(error.into()))
    }

    fn answer(&mut self, answer: Result<Option<MessageId>, Refusal>) -> Vec<Output> {
        let now = self.session.now();
        let mut out = Vec::new();
        match answer {
            Ok(None) => {}
            Ok(Some(id)) => out.push(Output::Id { now, id }),
            Err(Refusal { error, code }) => out.push(Output::Error { now, error, code: code.into() }),
        }
        out.append(&mut self.drain());
        out
    }

    /// Takes the lines that wait to come out: the actions, and the deadline after them.
    pub fn drain(&mut self) -> Vec<Output> {
        let now = self.session.now();
        let mut out = Vec::new();
        while let Some(action) = self.session.poll_action() {
            if let Action::Persist { changes, .. } = &action {
                self.keep(changes);
            }
            out.push(Output::Action { now, action });
        }
        out.push(Output::deadline(&self.session));
        out
    }
}
