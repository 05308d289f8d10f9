//! Mint of message ids: the nonce of this process, the counter, and the nonces of the processes before.
//!
//! 1. Each process makes its ids under a nonce of its own, so no id repeats, however old its snapshot was.
//! 2. The counter goes on over a restart.
//! 3. The nonces of the last 64 processes are remembered: an id under one of them is an own id.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::id::MessageId;
use crate::rng::{Rng, Seed};

/// Number of earlier processes whose ids are known as own ids.
const MAX_EARLIER: usize = 64;

/// Mint of message ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mint {
    /// First half of every id that this process makes.
    pub(super) nonce: u64,
    /// Number of ids made so far, which is the second half of the next id.
    pub(super) made: u64,
    /// What earlier processes left; `None` in the first one.
    pub(super) before: Option<Box<Before>>,
}

/// What earlier processes left; boxed, since few sessions are restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Before {
    /// Nonces of earlier processes, the oldest first.
    pub(super) nonces: Vec<u64>,
    /// Version that the counters of changes go on from.
    pub(super) version: u64,
}

impl Mint {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { nonce: rng.next_u64(), made: 0, before: None }
    }

    /// Restores the mint of the next process, under a nonce that no remembered process had.
    pub(super) fn restored(nonce: u64, made: u64, mut before: Before, rng: &mut Rng) -> Self {
        before.nonces.push(nonce);
        before.nonces.drain(..before.nonces.len().saturating_sub(MAX_EARLIER));
        let mut next = nonce;
        while before.nonces.contains(&next) {
            // The nonce before goes in as well, for programs that take the same seed each time.
            next = Rng::new(Seed::from(u128::from(rng.next_u64()) << 64 | u128::from(next))).next_u64();
        }
        Self { nonce: next, made, before: Some(Box::new(before)) }
    }

    /// Nonces of earlier processes.
    pub(super) fn earlier(&self) -> &[u64] {
        self.before.as_ref().map_or(&[], |before| &before.nonces)
    }

    /// Version that the counters of changes go on from.
    pub(super) fn base_version(&self) -> u64 {
        self.before.as_ref().map_or(0, |before| before.version)
    }

    /// Next id; it counts as made once the caller raises `made`.
    pub(super) fn next_id(&self) -> MessageId {
        MessageId::minted(self.nonce, self.made)
    }

    /// Whether this process or an earlier one made the id, or may make it.
    pub(super) fn owns(&self, id: &MessageId) -> bool {
        let nonce = id.as_text().and_then(|text| text.split_once('-')).map(|(nonce, _)| nonce);
        let nonce = nonce.filter(|nonce| nonce.len() == 16).and_then(|nonce| u64::from_str_radix(nonce, 16).ok());
        nonce.is_some_and(|nonce| nonce == self.nonce || self.earlier().contains(&nonce))
    }
}
