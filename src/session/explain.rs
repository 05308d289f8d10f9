//! Why the session is where it is, in one typed sentence.

use core::fmt;

use super::Session;
use crate::deadline::Deadline;
use crate::state::{Cause, State};

/// Why this phase, and waiting for what.
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
    /// The phase.
    pub state: State,
    /// What led to it, where something did.
    pub cause: Option<Cause>,
    /// Attempts that failed in a row.
    pub failures: u32,
    /// Messages that are taken and not settled.
    pub unsettled: usize,
    /// Whether a heartbeat out of turn is unanswered: after a wake-up, a hint, or on suspicion. Messages that can wait do.
    pub probing: bool,
    /// What ends the wait at the latest.
    pub waiting_for: Option<Deadline>,
}

impl Session {
    /// Why this phase, and waiting for what.
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
            many => write!(f, ", with {many} messages unsettled")?,
        }
        match self.waiting_for {
            Some(Deadline { at, timer }) => write!(f, "; waiting for {timer} until {at}"),
            None => Ok(()),
        }
    }
}
