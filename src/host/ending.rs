//! End of a host's loop: how long the last socket is kept, and when the loop may return.

use crate::state::State;
use crate::time::{Duration, Instant};

/// End of a host's loop, asked once a turn.
///
/// A session that has stopped needs no socket any more. The peer still may: its close frame is answered, and bytes
/// that the socket's buffer holds go out, for as long as the host keeps the socket. An application that is gone cannot
/// open the session again, and then the loop returns.
///
/// ```
/// use redial::host::{Ending, Turn};
/// use redial::{Instant, State};
///
/// let mut ending = Ending::new();
/// let at = Instant::from_millis;
/// assert_eq!(ending.turn(at(0), State::Ready, true, false), Turn::Run);
///
/// // The session was closed and nobody is left to open it; the socket waits for the peer.
/// assert_eq!(ending.turn(at(10), State::Stopped, true, true), Turn::KeepSocket { until: at(1_010) });
/// assert_eq!(ending.turn(at(1_010), State::Stopped, true, true), Turn::DropSocket);
/// assert_eq!(ending.turn(at(1_010), State::Stopped, false, true), Turn::Return);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ending {
    stopped: Option<Instant>,
}

/// What a turn of the loop does about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The loop goes on, and sleeps until the deadline of the session.
    Run,
    /// The loop goes on, and asks again at this time at the latest.
    KeepSocket {
        /// The time at which the socket is to be dropped.
        until: Instant,
    },
    /// The host drops its socket and asks again.
    DropSocket,
    /// The loop returns.
    Return,
}

impl Ending {
    /// Time for which the socket of a stopped session is kept: 1 s. A peer that is there answers a close within it.
    pub const LINGER: Duration = Duration::from_secs(1);

    /// Creates the end of a loop that has just begun.
    pub const fn new() -> Self {
        Self { stopped: None }
    }

    /// Says what this turn of the loop does; `has_socket` is true for a dial too, and `is_over` once nobody is left
    /// who could open the session again.
    pub fn turn(&mut self, now: Instant, state: State, has_socket: bool, is_over: bool) -> Turn {
        if state != State::Stopped {
            self.stopped = None;
            return Turn::Run;
        }
        let until = *self.stopped.get_or_insert(now) + Self::LINGER;
        match has_socket {
            true if now < until => Turn::KeepSocket { until },
            true => Turn::DropSocket,
            false if is_over => Turn::Return,
            false => Turn::Run,
        }
    }
}
