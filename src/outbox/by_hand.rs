//! Messages about which the user decides: those to be repeated on the present connection, and those whose failure holds
//! the line.
//!
//! 1. The decisions are kept by slot, and end with the message.
//! 2. Failed messages that hold the line count against the limits of the outbox, so that there is room for them when
//!    the user sends them again. None of them is forgotten before the user has decided.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use super::settled::{Kept, SettledEntry, SettledRecord};
use super::slot_map::{HasId, SlotMap};
use crate::id::MessageId;

/// Decisions of the user; `None` without any, so that an outbox without one is small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ByHand(Option<Box<Decisions>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Decisions {
    /// Slots of the messages in flight of which another copy was asked for.
    repeats: BTreeSet<u64>,
    /// Failed messages that hold the line, and the length of their bodies together, in bytes.
    failures: SlotMap<Failed>,
    failed_bytes: usize,
}

/// Failed message that holds the line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Failed {
    pub(super) entry: SettledEntry,
    pub(super) kept: Kept,
}

impl HasId for Failed {
    fn id(&self) -> &MessageId {
        self.entry.id()
    }
}

impl Failed {
    pub(super) fn record(&self) -> SettledRecord<'_> {
        SettledRecord::new(&self.entry, Some(&self.kept))
    }
}

impl ByHand {
    /// Keeps that another copy of a message is to be sent.
    pub(super) fn repeat(&mut self, slot: u64) {
        self.0.get_or_insert_default().repeats.insert(slot);
    }

    /// Slot of the next message to be repeated.
    pub(super) fn next_repeat(&self) -> Option<u64> {
        self.0.as_ref()?.repeats.first().copied()
    }

    /// Forgets that another copy of a message is to be sent; returns whether one was asked for.
    pub(super) fn drop_repeat(&mut self, slot: u64) -> bool {
        let Some(decisions) = &mut self.0 else { return false };
        let asked = decisions.repeats.remove(&slot);
        self.tidy();
        asked
    }

    /// Lets a failed message hold the line.
    pub(super) fn hold(&mut self, slot: u64, failed: Failed) {
        let decisions = self.0.get_or_insert_default();
        decisions.failed_bytes = decisions.failed_bytes.saturating_add(failed.kept.body.len());
        decisions.failures.insert(slot, failed);
    }

    /// Lets the line pass one failed message, and returns the message if it held the line.
    pub(super) fn pass(&mut self, slot: u64) -> Option<Failed> {
        let decisions = self.0.as_mut()?;
        let failed = decisions.failures.remove(slot)?;
        decisions.failed_bytes = decisions.failed_bytes.saturating_sub(failed.kept.body.len());
        self.tidy();
        Some(failed)
    }

    /// Failed messages that hold the line, in order.
    pub(super) fn failures(&self) -> impl Iterator<Item = (u64, &Failed)> {
        self.0.iter().flat_map(|decisions| decisions.failures.iter())
    }

    /// Failed message of this slot that holds the line.
    pub(super) fn failure(&self, slot: u64) -> Option<&Failed> {
        self.0.as_ref()?.failures.get(slot)
    }

    /// Failed message of this id that holds the line, and its slot.
    pub(super) fn find(&self, id: &MessageId) -> Option<(u64, &Failed)> {
        self.0.as_ref()?.failures.find(id)
    }

    /// Number of failed messages that hold the line, and the length of their bodies together.
    pub(super) fn failed(&self) -> (usize, usize) {
        self.0.as_ref().map_or((0, 0), |decisions| (decisions.failures.len(), decisions.failed_bytes))
    }

    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|decisions| decisions.repeats.is_empty() && decisions.failures.len() == 0) {
            self.0 = None;
        }
    }
}
