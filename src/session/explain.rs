//! Explanation of a session's state, as a value and as one sentence.

use core::fmt;

use super::Session;
use crate::deadline::Deadline;
use crate::state::{Cause, State};

/// Explanation of a session's state: why it was entered, and which deadline ends it.
///
/// Its `Display` is one sentence for people.
///
/// ```
/// use redial::{Instant, Preset, Seed, Session};
/// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
/// session.open(Instant::ORIGIN);
/// assert_eq!(session.explain().to_string(), "connecting, attempt 0; waiting for the attempt to open until 10000 ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Explanation {
    /// State of the session.
    pub state: State,
    /// Cause of the state; `None` where it has none.
    pub cause: Option<Cause>,
    /// Losses in a row since the attempt counter was last reset.
    pub failures: u32,
    /// Number of messages in the outbox: taken and not settled.
    pub unsettled: usize,
    /// Whether a probe is unanswered: after a late tick, after a hint, or on suspicion. Messages that can wait are
    /// held back meanwhile.
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
        if let Some(cause) = self.cause {
            write!(f, ", because {cause}")?;
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
