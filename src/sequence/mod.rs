//! The counted way of delivery: each message of a session has a sequence number, and one number acknowledges.
//!
//! 1. A message gets its number when it is first sent and keeps it while the session lasts; no number is left out.
//! 2. A cumulative ack says of every message up to its number that it is accepted, or refused and named.
//! 3. What an ack says is accepted for good: by the application, and on disk where that is asked for.
//! 4. On a new connection each end goes on behind what the other has, in order, before anything new.
//! 5. A number is never given twice: where one end may have sent more than it remembers, another session begins, and
//!    ids tell repeats.

mod gap;
mod inbound;
mod outbound;
mod receive;
mod resume;
mod send;
mod state;

use alloc::boxed::Box;
use alloc::string::String;

use crate::config::Config;
use crate::dialect::Credit;
use crate::secret::Secret;
use crate::time::Duration;

use gap::{Gap, Held};
use inbound::Inbound;
use outbound::{Outbound, UnackedMessage};
pub(crate) use send::EncodedMessage;
pub(crate) use state::SequenceState;

/// A session takes no new messages from this number on: another one begins. Far below 2^53, so that no reader's
/// numbers lose precision on the way there.
pub(crate) const LAST: u64 = (1 << 53) - (1 << 32);

/// The counted messages of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    sid: Option<Sid>,
    pub(crate) out: Outbound,
    pub(crate) inbound: Inbound,
    gap: Gap,
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

    /// A new session begins: numbers start over.
    pub(crate) fn begin(&mut self, sid: Sid) {
        self.forget();
        self.sid = Some(sid);
    }

    /// The session is over: the next connection begins another one.
    pub(crate) fn forget(&mut self) {
        self.sid = None;
        self.out = Outbound::default();
        self.inbound.start_over();
        self.revision += 1;
    }

    /// What the host has not fetched yet, where messages were lost.
    pub(crate) fn missing(&self) -> Option<(u64, Option<u64>)> {
        self.gap.missing()
    }

    /// The connection is lost: what is not acknowledged goes out on the next one, from the first on.
    pub(crate) fn on_lost(&mut self) {
        self.out.on_lost();
        // What was held back was not acknowledged, so it comes again.
        self.gap.drop_held();
    }
}

/// What this end sends before it hears an ack: what the other end takes, within its own window.
pub(crate) fn sent_at_once(credit: Credit, config: &Config) -> Credit {
    Credit { messages: credit.messages.min(config.outbox.in_flight.get()), ..credit }
}

/// What this end takes before it acknowledges.
pub(crate) fn taken_at_once(config: &Config) -> Credit {
    let frame = config.limits.frame_bytes.get();
    Credit { messages: config.inbox.pending.get(), bytes: frame, frame }
}
