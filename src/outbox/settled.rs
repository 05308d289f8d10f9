//! Memory of settled messages: bounded, with the oldest forgotten first.
//!
//! The memory serves late receipts, statuses that rise after `Accepted`, the refusal of an id used twice, and `resend`,
//! which needs the body of a failed message.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::slot_map::{HasId, SlotMap};
use crate::config::OutboxPolicy;
use crate::durable::{Batch, Kind, Log, is_default};
use crate::frame::Body;
use crate::id::{LAST, MessageId};
use crate::outgoing::Repeat;
use crate::status::Status;

/// Settled messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settled {
    entries: SlotMap<SettledEntry>,
    /// Bodies of failed messages, kept for `resend`, by the slot of the entry.
    failed: BTreeMap<u64, Kept>,
    /// Bodies of the last messages settled as `Sent`, kept for a failed write, by the rising slot of the entry.
    sent: VecDeque<(u64, Kept)>,
    /// Length of all kept bodies together.
    body_bytes: usize,
    log: Log,
}

/// Id and status of a settled message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SettledEntry {
    pub(super) id: MessageId,
    pub(crate) status: Status,
}

impl HasId for SettledEntry {
    fn id(&self) -> &MessageId {
        &self.id
    }
}

/// Record of a settled message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettledRecord<'a> {
    /// Code of `Rejected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    pub(super) id: Cow<'a, MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Cow<'a, Kept>>,
    status: Cow<'a, str>,
}

impl<'a> SettledRecord<'a> {
    pub(super) fn new(entry: &'a SettledEntry, kept: Option<&'a Kept>) -> Self {
        let code = match entry.status {
            Status::Rejected { code } => Some(code),
            _ => None,
        };
        let (id, kept) = (Cow::Borrowed(&entry.id), kept.map(Cow::Borrowed));
        Self { code, id, kept, status: Cow::Borrowed(entry.status.word()) }
    }

    /// Status of the message; `None` where the record contradicts itself: the message is settled, its body is kept only
    /// where a new round may need it, and only a rejection has a code.
    fn status(&self) -> Option<Status> {
        let status = Status::from_word(&self.status, self.code)?;
        let sound = status != Status::Queued && (self.kept.is_none() || status.may_resend());
        sound.then_some(status)
    }

    /// Parts of a failed message that holds the line; `None` where the record is none of such a message.
    pub(super) fn into_failure(self) -> Option<(MessageId, Status, Kept)> {
        let status = self.status().filter(|status| *status != Status::Cancelled)?;
        Some((self.id.into_owned(), status, self.kept?.into_owned()))
    }
}

/// Body of a settled message, with the other parts that a new round of the message needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) body: Body,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) repeat: Repeat,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) sends: u32,
    /// Slot of the message in the outbox of this process; 0 for a message that was settled by an earlier one.
    #[serde(skip)]
    pub(crate) slot: u64,
}

/// Effect of a confirmation by the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// The confirmation settled the message.
    Settled,
    /// The confirmation raised the status of a settled message.
    Raised,
    /// The confirmation came after the message was settled as `Unconfirmed`.
    Late,
    /// The confirmation changed nothing.
    Known,
    /// The message is unknown, or was never sent.
    Unknown,
}

impl Settled {
    pub(crate) fn new(logs: bool) -> Self {
        Self {
            entries: SlotMap::default(),
            failed: BTreeMap::new(),
            sent: VecDeque::new(),
            body_bytes: 0,
            log: Log::new(logs),
        }
    }

    /// Ids of all remembered messages.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.entries.iter().map(|(_, entry)| &entry.id)
    }

    pub(crate) fn status(&self, id: &MessageId) -> Option<Status> {
        self.entries.find(id).map(|(_, entry)| entry.status)
    }

    /// Kept body of a message, for a new round or for a failed write.
    pub(crate) fn kept(&self, id: &MessageId) -> Option<&Kept> {
        self.kept_at(self.entries.slot_of(id)?)
    }

    fn kept_at(&self, slot: u64) -> Option<&Kept> {
        self.failed.get(&slot).or_else(|| self.sent.get(self.sent_index(slot)?).map(|(_, kept)| kept))
    }

    fn sent_index(&self, slot: u64) -> Option<usize> {
        self.sent.binary_search_by_key(&slot, |(slot, _)| *slot).ok()
    }

    /// Remembers a settled message. Of the messages settled as `Sent` the last ones keep their bodies, as many as may
    /// be in flight.
    pub(super) fn remember(&mut self, entry: SettledEntry, kept: Option<Kept>, policy: &OutboxPolicy) {
        let limit = policy.remembered.as_count();
        while self.entries.len() >= limit.max(1) {
            let Some((slot, _)) = self.entries.pop_first() else { return };
            self.log.touch(slot);
            self.take_kept(slot);
        }
        if limit == 0 {
            return;
        }
        if let Some(kept) = kept {
            self.body_bytes = self.body_bytes.saturating_add(kept.body.len());
            if entry.status == Status::Sent {
                self.sent.push_back((self.entries.end(), kept));
            } else {
                self.failed.insert(self.entries.end(), kept);
            }
        }
        self.log.touch(self.entries.end());
        self.entries.push(entry);
        if self.sent.len() > policy.in_flight.as_count() {
            self.drop_oldest_sent();
        }
    }

    /// Changes of the records since they were last announced.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Writes the records that were touched, or `all` of them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |slot| {
            // After a restart no earlier write can be reported as failed, so bodies kept for that are left out.
            let record = self.entries.get(slot).map(|entry| SettledRecord::new(entry, self.failed.get(&slot)));
            batch.set(Kind::Settled.at(slot), record.as_ref());
        };
        if all {
            self.entries.iter().map(|(slot, _)| slot).for_each(write);
        } else {
            self.log.numbers().for_each(write);
        }
    }

    /// Restores the memory from its records, oldest first, of which it keeps the last `limit`; `None` where a record
    /// contradicts itself.
    pub(super) fn restored(records: Vec<(u64, SettledRecord<'_>)>, limit: usize, logs: bool) -> Option<Self> {
        let mut settled = Self::new(logs);
        let surplus = records.len().saturating_sub(limit);
        for (at, (slot, record)) in records.into_iter().enumerate() {
            let status = record.status().filter(|_| slot < LAST)?;
            if at < surplus {
                continue;
            }
            if let Some(kept) = record.kept {
                settled.body_bytes = settled.body_bytes.saturating_add(kept.body.len());
                settled.failed.insert(slot, kept.into_owned());
            }
            settled.entries.insert(slot, SettledEntry { id: record.id.into_owned(), status });
        }
        Some(settled)
    }

    /// Effect of the confirmation `status` of the peer on a message that was settled as `settled`.
    pub(super) fn effect(status: Status, settled: Status) -> Confirmed {
        match settled {
            Status::Accepted | Status::Delivered | Status::Read if status.rank() > settled.rank() => Confirmed::Raised,
            Status::Unconfirmed if status.rank() > 0 => Confirmed::Late,
            _ => Confirmed::Known,
        }
    }

    /// Applies the confirmation `status` of the peer to a settled message.
    pub(crate) fn on_confirmed(&mut self, id: &MessageId, status: Status) -> Confirmed {
        let Some(slot) = self.entries.slot_of(id) else { return Confirmed::Unknown };
        let Some(entry) = self.entries.get_mut(slot) else { return Confirmed::Unknown };
        let confirmed = Self::effect(status, entry.status);
        if confirmed == Confirmed::Raised {
            entry.status = status;
            self.log.touch(slot);
        }
        confirmed
    }

    /// Removes a message from the memory for a new round; `None` if its body is no longer kept.
    pub(crate) fn take_back(&mut self, id: &MessageId) -> Option<Kept> {
        let slot = self.entries.slot_of(id)?;
        self.kept_at(slot)?;
        self.log.touch(slot);
        self.entries.remove(slot);
        self.take_kept(slot)
    }

    /// Returns the messages behind this outbox slot that were settled as `Sent` and whose bodies are kept, in order.
    pub(crate) fn sent_behind(&self, slot: u64) -> Vec<(u64, MessageId)> {
        let behind = self.sent.iter().filter(|(_, kept)| kept.slot > slot);
        behind.filter_map(|(slot, kept)| Some((kept.slot, self.entries.get(*slot)?.id.clone()))).collect()
    }

    /// Drops the bodies kept for failed writes: no write of a lost connection can be reported as failed any more.
    pub(crate) fn forget_sent_bodies(&mut self) {
        while !self.sent.is_empty() {
            self.drop_oldest_sent();
        }
    }

    /// Drops the oldest bodies until at most `bytes` are kept, those of failed messages first.
    pub(crate) fn make_room(&mut self, bytes: usize) {
        while self.body_bytes > bytes {
            if let Some((slot, kept)) = self.failed.pop_first() {
                self.log.touch_quietly(slot);
                self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
            } else if !self.sent.is_empty() {
                self.drop_oldest_sent();
            } else {
                return;
            }
        }
    }

    fn drop_oldest_sent(&mut self) {
        if let Some((_, kept)) = self.sent.pop_front() {
            self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        }
    }

    fn take_kept(&mut self, slot: u64) -> Option<Kept> {
        let failed = self.failed.remove(&slot);
        let kept = failed.or_else(|| self.sent.remove(self.sent_index(slot)?).map(|(_, kept)| kept))?;
        self.body_bytes = self.body_bytes.saturating_sub(kept.body.len());
        Some(kept)
    }
}
