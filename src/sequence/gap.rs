//! Messages that were lost with a session: fetched by the host, while those that come meanwhile are held back.

use alloc::collections::VecDeque;

use crate::frame::Body;
use crate::id::MessageId;

/// What may be missing, and what came since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gap {
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
pub(crate) struct Held {
    pub(crate) id: MessageId,
    /// The content; `None` for one that was given up.
    pub(crate) body: Option<Body>,
}

impl Gap {
    pub(super) fn restored(missing: Option<(u64, Option<u64>)>) -> Self {
        Self { missing, open: u32::from(missing.is_some()), ..Self::default() }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// What may be missing.
    pub(crate) fn missing(&self) -> Option<(u64, Option<u64>)> {
        self.missing
    }

    /// Something may be missing; what was missing before still is. Gives the whole of it.
    pub(crate) fn on_lost(&mut self, from: u64, to: Option<u64>) -> (u64, Option<u64>) {
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
    pub(crate) fn on_fetched(&mut self, from: u64, to: Option<u64>) -> bool {
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
    pub(crate) fn len(&self) -> u64 {
        self.held.len() as u64
    }

    /// Holds a message back, if there is room for it.
    pub(crate) fn hold(&mut self, held: Held, messages: u64, bytes: u64) -> bool {
        let size = held.body.as_ref().map_or(0, |body| body.len() as u64);
        let fits = self.held.is_empty() || (self.len() < messages && self.bytes.saturating_add(size) <= bytes);
        if fits {
            self.bytes = self.bytes.saturating_add(size);
            self.held.push_back(held);
        }
        fits
    }

    /// The first message held back, once nothing is missing.
    pub(crate) fn pop(&mut self) -> Option<Held> {
        if self.missing.is_some() {
            return None;
        }
        self.bytes = 0;
        self.held.pop_front()
    }

    /// Nothing is held back any more.
    pub(crate) fn drop_held(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }
}
