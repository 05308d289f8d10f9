//! Receipts for a client: the last ones, which every new connection gets again, since nothing confirms a receipt.
//!
//! With write-ahead a receipt waits until the host has stored what it is about: a client that hears it forgets the
//! message.

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
    entries: VecDeque<Receipt>,
    /// Number of the next receipt to go out on the present connection; `None` without one that is open.
    next: Option<u64>,
    /// Number of receipts that had to wait for a version.
    waited: u64,
    /// Number of the next receipt; that of each one before is one less.
    end: u64,
    /// First number that no version has announced.
    announced: u64,
    log: Log,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Receipt {
    id: MessageId,
    status: Status,
    /// Version that has to be stored before.
    version: u64,
}

/// Version of a receipt that waits for the version which covers the present input.
const NEXT_VERSION: u64 = u64::MAX;

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
        Self { entries: VecDeque::new(), next: None, waited: 0, end: 0, announced: 0, log: Log::new(logs) }
    }

    /// Sends all receipts on a connection that is open now.
    pub(super) fn on_open(&mut self) {
        self.next = Some(self.first());
    }

    /// Keeps the last `limit` receipts for the next connection.
    pub(super) fn on_lost(&mut self, limit: usize) {
        self.next = None;
        self.keep(limit);
    }

    /// Takes the next receipt to go out, if its version is stored; keeps the last `limit`.
    pub(super) fn take_next(
        &mut self,
        is_stored: impl FnOnce(u64) -> bool,
        limit: usize,
    ) -> Option<(MessageId, Status)> {
        let next = self.next?;
        let receipt = self.at(next).filter(|receipt| is_stored(receipt.version))?;
        let taken = (receipt.id.clone(), receipt.status);
        self.next = Some(next + 1);
        self.keep(limit);
        Some(taken)
    }

    /// Number of receipts that had to wait for a version.
    pub(super) fn waited(&self) -> u64 {
        self.waited
    }

    /// Whether a receipt waits for the version that covers the present input.
    pub(super) fn wait_for_next(&self) -> bool {
        self.entries.back().is_some_and(|receipt| receipt.version == NEXT_VERSION)
    }

    /// Assigns a version to the receipts that the present input left waiting.
    pub(super) fn cover(&mut self, version: u64) {
        for receipt in self.entries.iter_mut().rev().take_while(|receipt| receipt.version == NEXT_VERSION) {
            receipt.version = version;
        }
    }

    /// Adds a receipt; one of something that is not `stored` waits for that, once.
    pub(super) fn push(&mut self, id: MessageId, status: Status, stored: bool, limit: usize) {
        if !stored {
            let same = |receipt: &&Receipt| receipt.version != 0 && receipt.id == id && receipt.status == status;
            let sent = self.next.unwrap_or(self.end);
            if (sent..self.end).rev().filter_map(|number| self.at(number)).any(|receipt| same(&receipt)) {
                return;
            }
            self.waited += 1;
        }
        self.log.touch_quietly(self.end);
        self.entries.push_back(Receipt { id, status, version: if stored { 0 } else { NEXT_VERSION } });
        self.end += 1;
        self.keep(limit);
    }

    /// Forgets the oldest receipts where there are more than `limit`, but none that the present connection awaits.
    fn keep(&mut self, limit: usize) {
        while self.entries.len() > limit && self.next.is_none_or(|next| self.first() < next) {
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

    fn at(&self, number: u64) -> Option<&Receipt> {
        let index = number.checked_sub(self.first()).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.entries.get(index))
    }

    /// Writes the records that were touched, or `all` of them.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        let write = |number: u64| {
            let record = self
                .at(number)
                .map(|receipt| ReceiptRecord { id: Cow::Borrowed(&receipt.id), read: receipt.status == Status::Read });
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
            receipts.push(id.into_owned(), if read { Status::Read } else { Status::Delivered }, true, limit);
        }
        receipts.clear_changes();
        Ok(receipts)
    }
}
