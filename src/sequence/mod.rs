//! Sequence: delivery in dialects where each message of a session has a sequence number and acks are cumulative.
//!
//! 1. A message gets its sequence number when it is first sent or, with write-ahead, when it is taken, and keeps it
//!    while the session lasts; no sequence number is left out.
//! 2. A cumulative ack says that every message up to its sequence number is accepted, or refused and named.
//! 3. A message that an ack covers is accepted for good: by the application, and on disk where that is required.
//! 4. On a new connection each end continues after the messages that the other end has, in order, before new messages.
//! 5. A sequence number is never given twice: where one end may have sent more than it remembers, another session
//!    begins, and message ids tell repeats.

mod gap;
mod inbound;
mod outbound;
mod receive;
mod resume;
mod send;
mod state;

use alloc::boxed::Box;
use alloc::string::String;
use core::ops::Range;

use crate::config::Config;
use crate::dialect::{Credit, LONGEST_SID, LONGEST_TOKEN};
use crate::durable::Log;
use crate::outbox::Outbox;
use crate::secret::Secret;
use crate::time::Duration;

use gap::{Gap, Held, HeldContent};
use inbound::Inbound;
use outbound::{Outbound, UnackedMessage};
pub(crate) use send::EncodedMessage;

/// Last sequence number of a session: after it another session begins.
pub(crate) use crate::id::LAST;

/// Sequence numbers of one session in both directions, with what the peer said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    sid: Option<Sid>,
    pub(crate) out: Outbound,
    pub(crate) inbound: Inbound,
    gap: Gap,
    /// Credit of the peer: the messages and bytes that it takes; `None` until the peer has given it.
    pub(crate) credit: Option<Credit>,
    /// Time for which the peer recognises a repeated message id, if the peer has given it.
    pub(crate) dedup: Option<Duration>,
    /// Whether an earlier process gave sequence numbers of this session, perhaps more than were stored.
    restored: bool,
    /// Whether the session changed since records were last announced.
    log: Log,
}

/// Name of a session, and the token that proves that the session is this end's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sid {
    pub(crate) name: String,
    pub(crate) token: Secret,
}

impl Sid {
    /// Whether name and token are within their lengths.
    pub(crate) fn is_sound(&self) -> bool {
        self.name.len() as u64 <= LONGEST_SID && self.token.reveal().len() as u64 <= LONGEST_TOKEN
    }
}

impl Sequence {
    /// Creates a sequence without a session; `logs` says whether it notes the changes of its records.
    pub(crate) fn new(logs: bool) -> Box<Self> {
        Box::new(Self {
            sid: None,
            out: Outbound::new(logs),
            inbound: Inbound::new(logs),
            gap: Gap::new(logs),
            credit: None,
            dedup: None,
            restored: false,
            log: Log::new(logs),
        })
    }

    /// Name and token of the session; `None` while no session has begun.
    pub(crate) fn sid(&self) -> Option<&Sid> {
        self.sid.as_ref()
    }

    /// Gives sequence numbers to the messages that have none, while there is a session; returns the slots of these.
    pub(crate) fn number(&mut self, outbox: &Outbox, config: &Config) -> Range<u64> {
        let before = self.out.unnumbered();
        if self.sid.is_some() {
            self.out.number(outbox, config.outbox.messages.as_count().saturating_mul(2));
        }
        before..self.out.unnumbered()
    }

    /// Resumes the session under a new token.
    pub(crate) fn go_on(&mut self, token: Secret) {
        self.log.call();
        if let Some(sid) = &mut self.sid {
            sid.token = token;
        }
    }

    /// Counts a change: the other end has proven that it has the present token.
    pub(crate) fn on_token_proven(&mut self) {
        self.log.call();
    }

    /// Begins a new session, whose sequence numbers start over.
    pub(crate) fn begin(&mut self, sid: Sid) {
        self.forget();
        self.sid = Some(sid);
    }

    /// Forgets the session, so that the next connection begins another one.
    pub(crate) fn forget(&mut self) {
        self.sid = None;
        self.out.start_over();
        self.restored = false;
        self.inbound.start_over();
        self.log.call();
    }

    /// Range of lost messages that the host has not fetched yet.
    pub(crate) fn missing(&self) -> Option<(u64, Option<u64>)> {
        self.gap.missing()
    }

    /// Handles the loss of the connection: all unacknowledged messages go out again on the next connection.
    pub(crate) fn on_lost(&mut self) {
        self.out.on_lost();
        // A message that was held back was not acknowledged, so the peer sends it again.
        self.gap.drop_held();
    }
}

/// Credit that this end uses before it gets an ack: the credit of the peer, within the own in-flight window.
pub(crate) fn sent_at_once(credit: Credit, config: &Config) -> Credit {
    Credit { messages: credit.messages.min(config.outbox.in_flight.get()), ..credit }
}

/// Credit that this end gives: the messages and bytes that it takes before it acknowledges.
pub(crate) fn taken_at_once(config: &Config) -> Credit {
    let frame = config.limits.frame_bytes.get();
    Credit { messages: config.inbox.pending.get(), bytes: frame, frame }
}
