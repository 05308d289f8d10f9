//! The memory of messages that have their outcome: bounded, oldest forgotten first.
//!
//! It serves late receipts, rising marks, the refusal of an id used twice, and `resend`, which needs the body of a message
//! that failed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Body;
use crate::id::MessageId;
use crate::outgoing::Repeat;
use crate::status::Status;

/// Settled messages, by id and by age.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settled {
    past: BTreeMap<MessageId, Past>,
    order: BTreeMap<u64, MessageId>,
    /// Failed messages whose bodies are kept for `resend`, oldest first.
    failed: BTreeMap<u64, MessageId>,
    /// The last few that were sent without receipts, whose bodies are kept for a failed write.
    sent: BTreeMap<u64, MessageId>,
    body_bytes: usize,
    next: u64,
}

/// What is remembered of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Past {
    pub(crate) status: Status,
    pub(crate) kept: Option<Kept>,
    stamp: u64,
}

/// One settled message in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FrozenPast {
    pub(crate) id: MessageId,
    #[serde(flatten)]
    pub(crate) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Kept>,
}

/// What a new round needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) body: Body,
    pub(crate) sends: u32,
    pub(crate) repeat: Repeat,
    pub(crate) seq: u64,
}

/// What a confirmation of the peer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// The message is settled by it.
    Settled,
    /// The mark of a settled message rose.
    Raised,
    /// It came for a message settled `Unconfirmed`.
    Late,
    /// It says nothing new.
    Known,
    /// No such message is known, or it was never sent.
    Unknown,
}

impl Settled {
    pub(crate) fn new() -> Self {
        Self {
            past: BTreeMap::new(),
            order: BTreeMap::new(),
            failed: BTreeMap::new(),
            sent: BTreeMap::new(),
            body_bytes: 0,
            next: 0,
        }
    }

    pub(crate) fn get(&self, id: &MessageId) -> Option<&Past> {
        self.past.get(id)
    }

    /// Remembers a settled message; of those that were only `Sent`, the last `sent_bodies` keep their body.
    pub(crate) fn remember(
        &mut self,
        id: MessageId,
        status: Status,
        kept: Option<Kept>,
        room: usize,
        sent_bodies: usize,
    ) {
        let stamp = self.next;
        self.next += 1;
        let keeps = status.may_resend() || status == Status::Sent;
        let kept = kept.filter(|_| keeps);
        if let Some(kept) = &kept {
            self.body_bytes = self.body_bytes.saturating_add(kept.body.len());
            let bodies = if status == Status::Sent { &mut self.sent } else { &mut self.failed };
            bodies.insert(stamp, id.clone());
        }
        self.order.insert(stamp, id.clone());
        self.past.insert(id, Past { status, kept, stamp });
        if self.sent.len() > sent_bodies {
            self.drop_oldest_sent_body();
        }
        while self.past.len() > room {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = oldest.clone();
            self.forget(&oldest);
        }
    }

    /// All that is remembered, oldest first, for a snapshot.
    pub(crate) fn freeze(&self) -> Vec<FrozenPast> {
        let freeze = |id: &MessageId| {
            let past = self.past.get(id)?;
            // A body that only waits for a failed write means nothing after a restart.
            let kept = past.kept.clone().filter(|_| past.status.may_resend());
            Some(FrozenPast { id: id.clone(), status: past.status, kept })
        };
        self.order.values().filter_map(freeze).collect()
    }

    /// The peer has said something about a settled message.
    pub(crate) fn on_confirmed(&mut self, id: &MessageId, status: Status) -> Confirmed {
        let Some(past) = self.past.get_mut(id) else { return Confirmed::Unknown };
        match past.status {
            Status::Accepted | Status::Delivered | Status::Read => {
                if status.rank() > past.status.rank() {
                    past.status = status;
                    return Confirmed::Raised;
                }
                Confirmed::Known
            }
            Status::Unconfirmed if status.rank() > 0 => Confirmed::Late,
            _ => Confirmed::Known,
        }
    }

    /// Hands a message over for a new round, with its old place in line; `None` where its body is gone.
    pub(crate) fn take_back(&mut self, id: &MessageId) -> Option<(u64, Kept)> {
        self.past.get(id)?.kept.as_ref()?;
        let kept = self.forget(id)?;
        Some((kept.seq, kept))
    }

    /// Those that were handed over behind this place in line and settled by that, in order.
    pub(crate) fn sent_behind(&self, seq: u64) -> Vec<(u64, MessageId)> {
        let sent = |id: &MessageId| {
            let past = self.past.get(id).filter(|past| past.status == Status::Sent)?;
            let kept = past.kept.as_ref().filter(|kept| kept.seq > seq)?;
            Some((kept.seq, id.clone()))
        };
        self.sent.values().filter_map(sent).collect()
    }

    /// The connection is lost: no write of it can be reported as failed any more.
    pub(crate) fn forget_sent_bodies(&mut self) {
        while !self.sent.is_empty() {
            self.drop_oldest_sent_body();
        }
    }

    /// Drops the oldest bodies until at most `bytes` of them are kept.
    pub(crate) fn make_room(&mut self, bytes: usize) {
        while self.body_bytes > bytes {
            if let Some((_, id)) = self.failed.pop_first() {
                self.drop_body(&id);
            } else if !self.sent.is_empty() {
                self.drop_oldest_sent_body();
            } else {
                return;
            }
        }
    }

    fn drop_oldest_sent_body(&mut self) {
        if let Some((_, id)) = self.sent.pop_first() {
            self.drop_body(&id);
        }
    }

    fn drop_body(&mut self, id: &MessageId) {
        if let Some(kept) = self.past.get_mut(id).and_then(|past| past.kept.take()) {
            self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        }
    }

    fn forget(&mut self, id: &MessageId) -> Option<Kept> {
        let past = self.past.remove(id)?;
        self.order.remove(&past.stamp);
        self.failed.remove(&past.stamp);
        self.sent.remove(&past.stamp);
        if let Some(kept) = &past.kept {
            self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        }
        past.kept
    }
}
