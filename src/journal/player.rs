//! A player that drives a session with journal lines.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Input, LineError, Output};
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
}

impl Player {
    /// Makes a player for this session. A header as the first line replaces the session with its own.
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

    /// Plays one line and returns all lines that come out of it.
    pub fn play(&mut self, line: &str) -> Vec<Output> {
        match Input::from_line(line) {
            Ok(input) => self.play_input(input),
            Err(error) => {
                self.started = true;
                self.answer(Err(error.to_string()))
            }
        }
    }

    /// Plays one line that was already read, as [`play`](Player::play) does.
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

    /// Takes the lines that wait to come out: the actions, and the deadline after them.
    pub fn drain(&mut self) -> Vec<Output> {
        let now = self.session.now();
        let mut out = Vec::new();
        while let Some(action) = self.session.poll_action() {
            out.push(Output::Action { now, action });
        }
        out.push(Output::deadline(&self.session));
        out
    }
}
