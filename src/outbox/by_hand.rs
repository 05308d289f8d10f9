//! Messages about which the user decides: those to be repeated on the present connection, and those whose failure holds
//! the line.
//!
//! 1. The decisions are kept by slot, and end with the message.
//! 2. Failed messages that hold the line count against the limits of the outbox, so that there is room for them when
//!    the user sends them again.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

/// Decisions of the user; `None` without any, so that an outbox without one is small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ByHand(Option<Box<Decisions>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Decisions {
    /// Slots of the messages in flight of which another copy was asked for.
    repeats: BTreeSet<u64>,
    /// Slots of the failed messages that hold the line, and the length of their bodies together, in bytes.
    failures: BTreeSet<u64>,
    failed_bytes: usize,
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

    /// Forgets that another copy of a message is to be sent.
    pub(super) fn drop_repeat(&mut self, slot: u64) {
        if let Some(decisions) = &mut self.0 {
            decisions.repeats.remove(&slot);
            self.tidy();
        }
    }

    /// Lets a failed message hold the line.
    pub(super) fn hold(&mut self, slot: u64, bytes: usize) {
        let decisions = self.0.get_or_insert_default();
        decisions.failures.insert(slot);
        decisions.failed_bytes = decisions.failed_bytes.saturating_add(bytes);
    }

    /// Lets the line pass one failed message; returns whether it held the line.
    pub(super) fn pass(&mut self, slot: u64, bytes: usize) -> bool {
        let Some(decisions) = &mut self.0 else { return false };
        let held = decisions.failures.remove(&slot);
        decisions.failed_bytes = decisions.failed_bytes.saturating_sub(if held { bytes } else { 0 });
        self.tidy();
        held
    }

    /// Lets the line pass all failed messages; returns whether there were any.
    pub(super) fn pass_all(&mut self) -> bool {
        let Some(decisions) = &mut self.0 else { return false };
        decisions.failed_bytes = 0;
        let any = !core::mem::take(&mut decisions.failures).is_empty();
        self.tidy();
        any
    }

    /// Whether a failed message before this slot holds the line.
    pub(super) fn holds(&self, slot: u64) -> bool {
        self.0.as_ref().is_some_and(|decisions| decisions.failures.first().is_some_and(|failed| *failed < slot))
    }

    /// Whether the message of this slot failed and holds the line.
    pub(super) fn has_failed(&self, slot: u64) -> bool {
        self.0.as_ref().is_some_and(|decisions| decisions.failures.contains(&slot))
    }

    /// Number of failed messages that hold the line, and the length of their bodies together.
    pub(super) fn failed(&self) -> (usize, usize) {
        self.0.as_ref().map_or((0, 0), |decisions| (decisions.failures.len(), decisions.failed_bytes))
    }

    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|decisions| decisions.repeats.is_empty() && decisions.failures.is_empty()) {
            self.0 = None;
        }
    }
}
