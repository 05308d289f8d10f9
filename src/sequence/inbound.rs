//! Sequence numbers of incoming messages: which arrived, which are accepted, and which the peer knows as acknowledged.
//!
//! 1. `accepted` rises in order: a sequence number waits until the application has answered for every one before it.
//! 2. `stored` follows `accepted` at once or, with write-ahead, when the host has stored a version that covers it; only
//!    `stored` is acknowledged.
//! 3. A refusal is kept until the peer must know it, and the first ack on a connection to cover it names it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::LAST;
use crate::dialect::Refusal;
use crate::durable::{Batch, Damaged, Kind, Log, Records};
use crate::id::MessageId;

/// Sequence numbers that arrived, and which of them are accepted, stored and acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inbound {
    /// Every message up to this sequence number is accepted or refused.
    accepted: u64,
    /// Messages after `accepted`, in order: each waits for the application, or for an earlier message that does.
    waiting: VecDeque<Waiting>,
    /// Every message up to this sequence number is accepted for good, and may be acknowledged.
    stored: u64,
    /// Watermarks: a version that the host has not stored yet, and the sequence number that `stored` reaches with it.
    watermarks: VecDeque<(u64, u64)>,
    /// Sequence number of the last cumulative ack on the present connection.
    acked: u64,
    /// Whether an ack has to be sent again, because the peer repeated an accepted message.
    ack_due: bool,
    /// Refusals that the peer may not know.
    refused: VecDeque<Refusal>,
    /// Refusals that came and went, and whether `accepted` rose, since records were last announced.
    log: Log,
}

/// Record of a refusal; its key is the sequence number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusalRecord {
    code: u32,
}

/// State of a message that arrived and is not covered by `accepted`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Waiting {
    /// The message waits for the application's answer.
    For(MessageId),
    /// The message is accepted, and waits for an earlier message.
    Accepted,
    /// The message is refused with this code, and waits for an earlier message.
    Refused(u32),
}

/// Meaning of an incoming sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The sequence number is the next one.
    Next,
    /// The sequence number arrived before and is accepted: it is acknowledged again.
    Again,
    /// The sequence number arrived before and is not accepted yet.
    Pending,
    /// One or more earlier sequence numbers are missing.
    Gap,
}

/// Number of versions that have watermarks of their own; beyond it a later version covers more messages.
const MAX_WATERMARKS: usize = 1_024;

impl Inbound {
    /// Creates the numbers of a new session; `logs` says whether they note the changes of their records.
    pub(super) fn new(logs: bool) -> Self {
        Self {
            accepted: 0,
            waiting: VecDeque::new(),
            stored: 0,
            watermarks: VecDeque::new(),
            acked: 0,
            ack_due: false,
            refused: VecDeque::new(),
            log: Log::new(logs),
        }
    }

    /// Restores the numbers from their records; damaged where the refusals are above what is accepted.
    pub(super) fn restored(accepted: u64, records: &Records, logs: bool) -> Result<Self, Damaged> {
        let refused: Vec<(u64, RefusalRecord)> = records.all(Kind::Refusal)?;
        let last = refused.last().map_or(0, |(seq, _)| *seq);
        let first = refused.first().map_or(1, |(seq, _)| *seq);
        if first == 0 || last > accepted || accepted > LAST {
            return Err(Damaged);
        }
        let refused = refused.into_iter().map(|(seq, record)| Refusal { seq, code: record.code }).collect();
        Ok(Self { accepted, stored: accepted, refused, ..Self::new(logs) })
    }

    /// Changes of the records since they were last announced.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Writes the records that were touched, or `all` of them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |seq| {
            let found = self.refused.binary_search_by_key(&seq, |refusal| refusal.seq).ok();
            let refusal = found.and_then(|at| self.refused.get(at));
            let record = refusal.map(|refusal| RefusalRecord { code: refusal.code });
            batch.set(Kind::Refusal.at(seq), record.as_ref());
        };
        if all {
            self.refused.iter().map(|refusal| refusal.seq).for_each(write);
        } else {
            self.log.numbers().for_each(write);
        }
    }

    /// Sequence number up to which every message is accepted for good.
    pub(crate) fn stored_seq(&self) -> u64 {
        self.stored
    }

    /// Sequence number for an ack that names no refusals: it stops before the first one that no ack or greeting of the
    /// present connection named, because the peer would take that message as accepted.
    pub(crate) fn carried_seq(&self) -> u64 {
        let named = self.refused.partition_point(|refusal| refusal.seq <= self.acked);
        self.refused.get(named).map_or(self.stored, |unnamed| self.stored.min(unnamed.seq.saturating_sub(1)))
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Sequence number up to which every message arrived.
    pub(crate) fn received(&self) -> u64 {
        self.accepted + self.waiting.len() as u64
    }

    /// Whether as many messages wait for the application as the credit allows, or more refusals than any peer that
    /// keeps to that credit can leave unacknowledged.
    pub(super) fn is_full(&self, credit: u64) -> bool {
        self.waiting.len() as u64 >= credit || self.refused.len() as u64 >= credit.saturating_mul(4)
    }

    /// Meaning of an incoming sequence number; `ahead` is the number of messages that arrived and are held back.
    pub(super) fn arrival(&mut self, seq: u64, ahead: u64) -> Arrival {
        let received = self.received() + ahead;
        if seq <= self.accepted {
            self.ack_due = true;
            Arrival::Again
        } else if seq <= received {
            Arrival::Pending
        } else if seq == received + 1 {
            Arrival::Next
        } else {
            Arrival::Gap
        }
    }

    /// Accepts the next sequence number.
    pub(super) fn on_accepted(&mut self) {
        self.waiting.push_back(Waiting::Accepted);
        self.advance();
    }

    /// Refuses the next sequence number.
    pub(super) fn on_refused(&mut self, code: u32) {
        self.waiting.push_back(Waiting::Refused(code));
        self.advance();
    }

    /// Makes the next sequence number wait for the application.
    pub(super) fn on_waiting(&mut self, id: MessageId) {
        self.waiting.push_back(Waiting::For(id));
    }

    /// Records the application's answer to a message: accepted, or `refused` with a code.
    pub(crate) fn on_answer(&mut self, id: &MessageId, refused: Option<u32>) {
        for waiting in self.waiting.iter_mut().filter(|waiting| matches!(waiting, Waiting::For(of) if of == id)) {
            *waiting = match refused {
                Some(code) => Waiting::Refused(code),
                None => Waiting::Accepted,
            };
        }
        self.advance();
    }

    /// Raises `accepted` past every answered message at the front.
    fn advance(&mut self) {
        loop {
            match self.waiting.front() {
                None | Some(Waiting::For(_)) => return,
                Some(Waiting::Refused(code)) => {
                    self.log.touch(self.accepted + 1);
                    self.refused.push_back(Refusal { seq: self.accepted + 1, code: *code });
                }
                Some(Waiting::Accepted) => {}
            }
            self.waiting.pop_front();
            self.accepted += 1;
            self.log.call();
        }
    }

    /// Raises `stored` to `accepted`, where no write-ahead is configured.
    pub(crate) fn store_all(&mut self) {
        self.stored = self.accepted;
    }

    /// Adds a watermark: the state of `version` covers every accepted message. Returns whether an ack waits for it.
    pub(crate) fn seal(&mut self, version: u64) -> bool {
        let full = self.watermarks.len() >= MAX_WATERMARKS;
        match self.watermarks.back_mut() {
            Some((_, covered)) if *covered >= self.accepted => return false,
            Some(last) if full => *last = (version, self.accepted),
            _ if self.accepted > self.stored => self.watermarks.push_back((version, self.accepted)),
            _ => return false,
        }
        true
    }

    /// Raises `stored` to the watermarks of the versions that the host has stored, up to `version`.
    pub(crate) fn on_stored(&mut self, version: u64) {
        while let Some(&(_, seq)) = self.watermarks.front().filter(|(sealed, _)| *sealed <= version) {
            self.watermarks.pop_front();
            self.stored = self.stored.max(seq);
        }
    }

    /// Returns the sequence number that a new connection begins with, which thereby counts as acknowledged.
    pub(crate) fn greet(&mut self) -> u64 {
        self.acked = self.stored;
        self.ack_due = false;
        self.stored
    }

    /// Returns the cumulative ack that is due: its sequence number, and the refusals since the last ack.
    pub(super) fn take_ack(&mut self) -> Option<(u64, Vec<Refusal>)> {
        if self.stored <= self.acked && !self.ack_due {
            return None;
        }
        let since = core::mem::replace(&mut self.acked, self.stored);
        self.ack_due = false;
        let is_new = |refusal: &&Refusal| refusal.seq > since && refusal.seq <= self.stored;
        Some((self.stored, self.refused.iter().filter(is_new).copied().collect()))
    }

    /// Returns every stored refusal that the peer may not know.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refused.iter().filter(|refusal| refusal.seq <= self.stored).copied().collect()
    }

    /// Forgets refusals that the peer must know, because it sends at most `window` messages beyond the ack that it has.
    pub(super) fn forget_refusals(&mut self, window: u64) {
        let known = self.received().saturating_sub(window);
        while let Some(refusal) = self.refused.front().filter(|refusal| refusal.seq <= known) {
            self.log.touch_quietly(refusal.seq);
            self.refused.pop_front();
        }
    }

    /// Resets all sequence numbers for a new session.
    pub(super) fn start_over(&mut self) {
        for refusal in self.refused.drain(..) {
            self.log.touch(refusal.seq);
        }
        self.log.call();
        let log = core::mem::replace(&mut self.log, Log::new(false));
        *self = Self { log, ..Self::new(false) };
    }
}
