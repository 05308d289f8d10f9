//! Gap: messages that were lost with a session. The host fetches them, and later messages are held back meanwhile.
//!
//! 1. A gap is open until the host has fetched as often as a gap was reported; two gaps become one gap, whose end is
//!    unknown.
//! 2. The messages held back are bounded by the credit; a single message always fits.
//! 3. A message that is held back and was fetched meanwhile is not delivered, however many messages the host fetched.
//! 4. A lost connection drops the messages held back: they were not acknowledged, so the peer sends them again.

use alloc::collections::{BTreeSet, VecDeque};

use crate::dialect::Credit;
use crate::durable::Log;
use crate::frame::Body;
use crate::id::MessageId;

/// Range of messages that may be missing, and the messages that arrived since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gap {
    /// First and last missing sequence number; the last is `None` if it is unknown.
    missing: Option<(u64, Option<u64>)>,
    /// Number of gaps that were reported and not fetched.
    open: u32,
    held: VecDeque<Held>,
    /// Length of all bodies held back, in bytes.
    bytes: u64,
    log: Log,
}

/// Message that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) id: MessageId,
    pub(super) content: HeldContent,
}

/// Content of a message that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum HeldContent {
    Body(Body),
    /// The peer skipped the message.
    Skipped,
    /// The host has fetched the message.
    Fetched,
}

impl Gap {
    /// Creates a closed gap; `logs` says whether it notes its changes.
    pub(super) fn new(logs: bool) -> Self {
        Self { missing: None, open: 0, held: VecDeque::new(), bytes: 0, log: Log::new(logs) }
    }

    /// Restores the range of missing messages; `None` where it is no range of sequence numbers.
    pub(super) fn restored(missing: Option<(u64, Option<u64>)>, logs: bool) -> Option<Self> {
        let sound = |(from, to): (u64, Option<u64>)| {
            let last = to.unwrap_or(from);
            (1..=last).contains(&from) && last <= MessageId::MAX_NUMBER
        };
        let open = u32::from(missing.is_some());
        missing.is_none_or(sound).then(|| Self { missing, open, ..Self::new(logs) })
    }

    /// Changes since records were last announced.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Range of messages that may be missing.
    pub(super) fn missing(&self) -> Option<(u64, Option<u64>)> {
        self.missing
    }

    /// Adds a range of messages that may be missing, and returns the whole range.
    pub(super) fn on_lost(&mut self, from: u64, to: Option<u64>) -> (u64, Option<u64>) {
        // The second gap ends at a sequence number of another session, which means nothing in the first session.
        let whole = match self.missing {
            Some((first, _)) => (first, None),
            None => (from, to),
        };
        self.missing = Some(whole);
        self.open = self.open.saturating_add(1);
        self.log.call();
        whole
    }

    /// Records a fetch by the host; the last of several fetches closes the gap. Returns whether it was asked for.
    pub(super) fn on_fetched(&mut self, from: u64, to: Option<u64>) -> bool {
        if self.missing.is_none_or(|(first, last)| first != from || (self.open == 1 && last != to)) {
            return false;
        }
        self.open -= 1;
        if self.open == 0 {
            self.missing = None;
            self.log.call();
        }
        true
    }

    /// Number of messages held back.
    pub(super) fn len(&self) -> u64 {
        self.held.len() as u64
    }

    /// Holds a message back, if `credit` has room for it or no other message is held back. Returns whether it is held.
    pub(super) fn hold(&mut self, held: Held, credit: &Credit) -> bool {
        let size = if let HeldContent::Body(body) = &held.content { body.len() as u64 } else { 0 };
        let fits =
            self.held.is_empty() || (self.len() < credit.messages && self.bytes.saturating_add(size) <= credit.bytes);
        if fits {
            self.bytes = self.bytes.saturating_add(size);
            self.held.push_back(held);
        }
        fits
    }

    /// Drops the bodies of the messages held back that the host has fetched, and returns the ids of these.
    pub(super) fn drop_fetched(&mut self, ids: &BTreeSet<&MessageId>) -> BTreeSet<MessageId> {
        let mut dropped = BTreeSet::new();
        for held in self.held.iter_mut().filter(|held| ids.contains(&held.id)) {
            if let HeldContent::Body(body) = &held.content {
                self.bytes = self.bytes.saturating_sub(body.len() as u64);
                held.content = HeldContent::Fetched;
                dropped.insert(held.id.clone());
            }
        }
        dropped
    }

    /// Removes the first message held back; `None` while messages are missing.
    pub(super) fn pop(&mut self) -> Option<Held> {
        if self.missing.is_some() {
            return None;
        }
        self.bytes = 0;
        self.held.pop_front()
    }

    /// Drops all messages held back.
    pub(super) fn drop_held(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }
}
