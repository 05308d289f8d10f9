//! Positions: one session's messages, counted each way, where the dialect counts them.
//!
//! 1. A message gets its position when it is first sent, and keeps it for as long as the session lasts; there are no holes.
//! 2. One number acknowledges: everything up to it is accepted, or refused and named.
//! 3. What is told as accepted is accepted for good: by the application, and on disk where that is asked for.
//! 4. On a new connection both ends go on behind what the other has, in order, before anything new.
//! 5. A position is never given twice: where one end may have sent more than it remembers, another session begins, and ids
//!    tell repeats.

mod gap;
mod inbound;
mod outbound;
mod snapshot;

use alloc::boxed::Box;
use alloc::string::String;

use crate::dialect::Credit;
use crate::secret::Secret;
use crate::time::Duration;

pub(crate) use gap::{Gap, Held};
pub(crate) use inbound::{Arrival, Inbound};
pub(crate) use outbound::{Outbound, UnackedMessage};
pub(crate) use snapshot::SequenceState;

/// From this position on a session takes no new messages: another one begins. Far below 2^53, so that no reader's numbers
/// lose precision on the way there.
pub(crate) const LAST: u64 = (1 << 53) - (1 << 32);

/// The counted messages of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    sid: Option<Sid>,
    pub(crate) out: Outbound,
    pub(crate) inbound: Inbound,
    pub(crate) gap: Gap,
    /// What the other end takes, once it has said so.
    pub(crate) credit: Option<Credit>,
    /// How far back the other end recognises repeated ids, where it has said so.
    pub(crate) dedup: Option<Duration>,
    /// Changes to what a snapshot holds.
    revision: u64,
}

/// A session's name, and the proof that it is ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sid {
    pub(crate) name: String,
    pub(crate) token: Secret,
}

impl Sequence {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            sid: None,
            out: Outbound::default(),
            inbound: Inbound::default(),
            gap: Gap::default(),
            credit: None,
            dedup: None,
            revision: 0,
        })
    }

    /// The session, where there is one to go on with.
    pub(crate) fn sid(&self) -> Option<&Sid> {
        self.sid.as_ref()
    }

    /// Changes to what a snapshot holds, counted.
    pub(crate) fn revision(&self) -> u64 {
        self.revision + self.inbound.revision() + self.gap.revision()
    }

    /// The session goes on, under a new token.
    pub(crate) fn go_on(&mut self, token: Secret) {
        self.revision += 1;
        if let Some(sid) = &mut self.sid {
            sid.token = token;
        }
    }

    /// A new session begins: positions start over.
    pub(crate) fn begin(&mut self, sid: Sid) {
        self.forget();
        self.sid = Some(sid);
    }

    /// The session is over, and nothing of it is to be taken up.
    pub(crate) fn forget(&mut self) {
        self.sid = None;
        self.out = Outbound::default();
        self.inbound.start_over();
        self.revision += 1;
    }

    /// A connection is ready: what is not acknowledged goes out on it, from the first on.
    pub(crate) fn on_ready(&mut self) {
        self.out.on_ready();
    }

    /// The connection is lost.
    pub(crate) fn on_lost(&mut self) {
        // What was held back was not acknowledged, so it comes again.
        self.gap.drop_held();
    }
}
