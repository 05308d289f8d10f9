//! Receipts for a client: the last ones, which every new connection gets again, since nothing confirms a receipt.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::durable::{Batch, Damaged, Kind, Log, Records, is_default};
use crate::id::{LAST, MessageId};
use crate::status::Status;

/// The last receipts, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Receipts {
    entries: VecDeque<(MessageId, Status)>,
    /// Number of the next receipt; that of each one before is one less.
    end: u64,
    /// First number that no version has announced.
    announced: u64,
    log: Log,
}

/// Record of a receipt.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptRecord<'a> {
    id: Cow<'a, MessageId>,
    /// Whether the receipt says that the message was read, and not only delivered.
    #[serde(default, skip_serializing_if = "is_default")]
    read: bool,
}

impl Receipts {
    pub(super) fn new(logs: bool) -> Self {
        Self { entries: VecDeque::new(), end: 0, announced: 0, log: Log::new(logs) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(MessageId, Status)> {
        self.entries.iter()
    }

    /// Adds a receipt, and forgets the oldest where there are more than `limit`.
    pub(super) fn push(&mut self, id: MessageId, status: Status, limit: usize) {
        self.log.touch_quietly(self.end);
        self.entries.push_back((id, status));
        self.end += 1;
        if self.entries.len() > limit {
            let oldest = self.first();
            self.entries.pop_front();
            if oldest < self.announced {
                self.log.touch_quietly(oldest);
            } else {
                // No store has it, so many receipts between two versions leave nothing behind.
                self.log.forget(oldest);
            }
        }
    }

    /// Forgets the changes of the records, because they are announced.
    pub(super) fn clear_changes(&mut self) {
        self.log.clear();
        self.announced = self.end;
    }

    /// Number of the oldest receipt.
    fn first(&self) -> u64 {
        self.end - self.entries.len() as u64
    }

    /// Writes the records that were touched, or `all` of them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |number: u64| {
            let index = number.checked_sub(self.first()).and_then(|index| usize::try_from(index).ok());
            let receipt = index.and_then(|index| self.entries.get(index));
            let record =
                receipt.map(|(id, status)| ReceiptRecord { id: Cow::Borrowed(id), read: *status == Status::Read });
            batch.set(Kind::Receipt.at(number), record.as_ref());
        };
        if all {
            (self.first()..self.end).for_each(write);
        } else {
            self.log.numbers().for_each(write);
        }
    }

    /// Restores the last `limit` receipts from their records.
    pub(super) fn restored(records: &Records, limit: usize, logs: bool) -> Result<Self, Damaged> {
        let kept: Vec<(u64, ReceiptRecord<'_>)> = records.all(Kind::Receipt)?;
        let mut receipts = Self::new(logs);
        let first = kept.first().map_or(0, |(number, _)| *number);
        if first > LAST || (first..).zip(&kept).any(|(number, (found, _))| number != *found) {
            return Err(Damaged);
        }
        receipts.end = first;
        for (_, ReceiptRecord { id, read }) in kept {
            receipts.push(id.into_owned(), if read { Status::Read } else { Status::Delivered }, limit);
        }
        receipts.clear_changes();
        Ok(receipts)
    }
}
