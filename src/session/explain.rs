//! Explanation of a session's state, as a value and as one sentence.

use core::fmt;

use super::Session;
use crate::deadline::Deadline;
use crate::failure::Reason;
use crate::state::{Cause, State};

/// Explanation of a session's state: why it was entered, and which deadline ends it.
///
/// Its `Display` is one sentence for people.
///
/// ```
/// use redial::{ConnectionId, Event, Failure, Instant, Preset, Seed, Session};
/// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
/// session.open(Instant::ORIGIN);
/// assert_eq!(session.explain().to_string(), "connecting, attempt 0; waiting for the attempt to open until 10000 ms");
/// session.handle(Instant::from_millis(30), Event::errored(ConnectionId::new(1), Failure::from_http(404, None, 0)));
/// let sentence = session.explain().to_string();
/// assert!(sentence.starts_with("waiting, attempt 1, because the connection failed (404, not a WebSocket); "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Explanation {
    /// State of the session.
    pub state: State,
    /// Cause of the state; `None` where it has none.
    pub cause: Option<Cause>,
    /// Reason of the last loss or end, as far as the server or the host gave one; empty once a connection is ready.
    pub reason: Reason,
    /// Losses in a row since the attempt counter was last reset.
    pub failures: u32,
    /// Number of messages in the outbox: taken and not settled.
    pub unsettled: usize,
    /// Whether a probe is unanswered: after a late tick, after a hint, or on suspicion; or whether the host said that
    /// the network is gone and nothing can be asked. Messages that can wait are held back meanwhile.
    pub probing: bool,
    /// Next deadline of the session; `None` when it waits for events alone.
    pub waiting_for: Option<Deadline>,
}

impl Session {
    /// Explains the present state.
    pub fn explain(&self) -> Explanation {
        Explanation {
            state: self.state(),
            cause: self.link.phase().cause(),
            reason: self.link.reason().cloned().unwrap_or_default(),
            failures: self.link.failures(),
            unsettled: self.unsettled(),
            probing: self.link.is_probing(),
            waiting_for: self.next_deadline(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        if matches!(self.state, State::Connecting | State::Waiting) {
            write!(f, ", attempt {}", self.failures)?;
        }
        match self.cause {
            Some(cause) if self.reason.is_empty() => write!(f, ", because {cause}")?,
            Some(cause) => write!(f, ", because {cause} ({})", self.reason)?,
            None if self.reason.is_empty() => {}
            None => write!(f, ", after the last one ended ({})", self.reason)?,
        }
        if self.probing {
            write!(f, ", but in doubt")?;
        }
        match self.unsettled {
            0 => {}
            1 => write!(f, ", with 1 message unsettled")?,
            count => write!(f, ", with {count} messages unsettled")?,
        }
        match self.waiting_for {
            Some(Deadline { at, timer }) => write!(f, "; waiting for {timer} until {at}"),
            None => Ok(()),
        }
    }
}
