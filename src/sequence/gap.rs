//! Messages that were lost with a session: the host fetches them, and those that come meanwhile are held back.
//!
//! 1. A gap is open until the host has fetched as often as one was told; two gaps become one, whose end is unknown.
//! 2. What is held back is bounded by the credit; one message alone always fits.
//! 3. A lost connection drops what is held back: it was not acknowledged, so it comes again.

use alloc::collections::VecDeque;

use crate::dialect::Credit;
use crate::frame::Body;
use crate::id::MessageId;

/// What may be missing, and what came since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Gap {
    /// From where, and up to where as far as that is known.
    missing: Option<(u64, Option<u64>)>,
    /// Gaps that were told and not fetched.
    open: u32,
    held: VecDeque<Held>,
    bytes: u64,
    revision: u64,
}

/// A message that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) id: MessageId,
    /// The content; `None` for one that was given up.
    pub(super) body: Option<Body>,
}

impl Gap {
    pub(super) fn restored(missing: Option<(u64, Option<u64>)>) -> Self {
        Self { missing, open: u32::from(missing.is_some()), ..Self::default() }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// What may be missing.
    pub(super) fn missing(&self) -> Option<(u64, Option<u64>)> {
        self.missing
    }

    /// Something may be missing; what was missing before still is. Gives the whole of it.
    pub(super) fn on_lost(&mut self, from: u64, to: Option<u64>) -> (u64, Option<u64>) {
        // Two sessions' numbers do not add up, so where the second gap ends is not known in those of the first.
        let whole = match self.missing {
            Some((first, _)) => (first, None),
            None => (from, to),
        };
        self.missing = Some(whole);
        self.open = self.open.saturating_add(1);
        self.revision += 1;
        whole
    }

    /// The host has fetched it. Says whether it was asked to; the last of several fetches closes the gap.
    pub(super) fn on_fetched(&mut self, from: u64, to: Option<u64>) -> bool {
        if self.missing.is_none_or(|(first, last)| first != from || (self.open == 1 && last != to)) {
            return false;
        }
        self.open -= 1;
        if self.open == 0 {
            self.missing = None;
            self.revision += 1;
        }
        true
    }

    /// Messages held back.
    pub(super) fn len(&self) -> u64 {
        self.held.len() as u64
    }

    /// Holds a message back, if `room` is left for it.
    pub(super) fn hold(&mut self, held: Held, room: &Credit) -> bool {
        let size = held.body.as_ref().map_or(0, |body| body.len() as u64);
        let fits =
            self.held.is_empty() || (self.len() < room.messages && self.bytes.saturating_add(size) <= room.bytes);
        if fits {
            self.bytes = self.bytes.saturating_add(size);
            self.held.push_back(held);
        }
        fits
    }

    /// The first message held back, once nothing is missing.
    pub(super) fn pop(&mut self) -> Option<Held> {
        if self.missing.is_some() {
            return None;
        }
        self.bytes = 0;
        self.held.pop_front()
    }

    /// Nothing is held back any more.
    pub(super) fn drop_held(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }
}
