//! End of a host's loop: how long the last socket is kept, and when the loop may return.

use crate::session::Session;
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
/// use redial::{Instant, Preset, Seed, Session};
///
/// let (mut ending, at) = (Ending::new(), Instant::from_millis);
/// let mut session = Session::new(Preset::plain(), Seed::from_bytes([7; 16]));
/// session.open(at(0));
/// assert_eq!(ending.turn(at(0), &session, true, false), Turn::Wait { until: Some(at(10_000)) });
///
/// // The session was closed and nobody is left to open it; the socket waits for the peer.
/// session.close(at(10));
/// assert_eq!(ending.turn(at(10), &session, true, true), Turn::Wait { until: Some(at(1_010)) });
/// assert_eq!(ending.turn(at(1_010), &session, true, true), Turn::DropSocket);
/// assert_eq!(ending.turn(at(1_010), &session, false, true), Turn::Return);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ending {
    stopped: Option<Instant>,
}

/// What a turn of the loop ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The loop waits for its socket and its application, until this time at the latest, and then says `Tick`.
    Wait {
        /// The next deadline of the session, or the end of the linger time, the earlier; `None` where neither is set.
        until: Option<Instant>,
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

    /// Says what this turn of the loop ends with; `has_socket` is true for a dial too, and `is_over` once nobody is
    /// left who could open the session again.
    pub fn turn(&mut self, now: Instant, session: &Session, has_socket: bool, is_over: bool) -> Turn {
        if session.state() != State::Stopped {
            self.stopped = None;
            return Turn::Wait { until: session.next_deadline().map(|deadline| deadline.at) };
        }
        // A stopped session may keep messages, whose deadlines go on.
        let due = session.next_deadline().map(|deadline| deadline.at);
        let linger = *self.stopped.get_or_insert(now) + Self::LINGER;
        match has_socket {
            true if now < linger => Turn::Wait { until: Some(due.map_or(linger, |due| due.min(linger))) },
            true => Turn::DropSocket,
            false if is_over => Turn::Return,
            false => Turn::Wait { until: due },
        }
    }
}
