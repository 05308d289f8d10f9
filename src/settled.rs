//! The memory of messages that have their outcome: bounded, oldest forgotten first.
//!
//! It serves late receipts, rising marks, the refusal of an id used twice, and `resend`, which needs the body of a message
//! that failed.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Body;
use crate::id::MessageId;
use crate::outgoing::Repeat;
use crate::queue::{Named, Queue};
use crate::status::Status;

/// Settled messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settled {
    past: Queue<Past>,
    /// Places of failed messages whose bodies are kept for `resend`.
    failed: BTreeSet<u64>,
    /// Places of the last few that were sent without receipts, whose bodies are kept for a failed write. They rise.
    sent: VecDeque<u64>,
    body_bytes: usize,
}

/// What is remembered of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Past {
    id: MessageId,
    pub(crate) status: Status,
    pub(crate) kept: Option<Kept>,
}

impl Named for Past {
    fn id(&self) -> &MessageId {
        &self.id
    }
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
        Self { past: Queue::new(), failed: BTreeSet::new(), sent: VecDeque::new(), body_bytes: 0 }
    }

    pub(crate) fn get(&self, id: &MessageId) -> Option<&Past> {
        self.past.get(self.past.place(id)?)
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
        while self.past.len() >= room.max(1) {
            self.forget(self.past.first().map(|(place, _)| place));
        }
        if room == 0 {
            return;
        }
        let keeps = status.may_resend() || status == Status::Sent;
        let kept = kept.filter(|_| keeps);
        if let Some(kept) = &kept {
            self.body_bytes = self.body_bytes.saturating_add(kept.body.len());
            if status == Status::Sent {
                self.sent.push_back(self.past.end());
            } else {
                self.failed.insert(self.past.end());
            }
        }
        self.past.push(Past { id, status, kept });
        if self.sent.len() > sent_bodies {
            self.drop_oldest_sent_body();
        }
    }

    /// All that is remembered, oldest first, for a snapshot.
    pub(crate) fn freeze(&self) -> Vec<FrozenPast> {
        let freeze = |(_, past): (u64, &Past)| {
            // A body that only waits for a failed write means nothing after a restart.
            let kept = past.kept.clone().filter(|_| past.status.may_resend());
            FrozenPast { id: past.id.clone(), status: past.status, kept }
        };
        self.past.iter().map(freeze).collect()
    }

    /// The peer has said something about a settled message.
    pub(crate) fn on_confirmed(&mut self, id: &MessageId, status: Status) -> Confirmed {
        let place = self.past.place(id);
        let Some(past) = place.and_then(|place| self.past.get_mut(place)) else { return Confirmed::Unknown };
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
        self.get(id)?.kept.as_ref()?;
        let kept = self.forget(self.past.place(id))?;
        Some((kept.seq, kept))
    }

    /// Those that were handed over behind this place in line and settled by that, in order.
    pub(crate) fn sent_behind(&self, seq: u64) -> Vec<(u64, MessageId)> {
        let sent = |place: &u64| {
            let past = self.past.get(*place).filter(|past| past.status == Status::Sent)?;
            let kept = past.kept.as_ref().filter(|kept| kept.seq > seq)?;
            Some((kept.seq, past.id.clone()))
        };
        self.sent.iter().filter_map(sent).collect()
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
            if let Some(place) = self.failed.pop_first() {
                self.drop_body(place);
            } else if !self.sent.is_empty() {
                self.drop_oldest_sent_body();
            } else {
                return;
            }
        }
    }

    fn drop_oldest_sent_body(&mut self) {
        if let Some(place) = self.sent.pop_front() {
            self.drop_body(place);
        }
    }

    fn drop_body(&mut self, place: u64) {
        if let Some(kept) = self.past.get_mut(place).and_then(|past| past.kept.take()) {
            self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        }
    }

    fn forget(&mut self, place: Option<u64>) -> Option<Kept> {
        let place = place?;
        let kept = self.past.remove(place)?.kept?;
        self.failed.remove(&place);
        if let Ok(at) = self.sent.binary_search(&place) {
            self.sent.remove(at);
        }
        self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        Some(kept)
    }
}
