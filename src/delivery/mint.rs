//! Mint of message ids: the nonce of this process, the counter, and the nonces of the processes before.
//!
//! 1. Each process makes its ids under a nonce of its own, so no id repeats, however old its snapshot was.
//! 2. The counter goes on over a restart.
//! 3. The nonces of the last 64 processes are remembered: an id under one of them is an own id.

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
    /// Nonces of earlier processes, the oldest first.
    pub(super) earlier: Vec<u64>,
}

impl Mint {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { nonce: rng.next_u64(), made: 0, earlier: Vec::new() }
    }

    /// Makes the mint of the next process, under a nonce that no remembered process had.
    pub(super) fn next_process(mut self, rng: &mut Rng) -> Self {
        self.earlier.push(self.nonce);
        self.earlier.drain(..self.earlier.len().saturating_sub(MAX_EARLIER));
        while self.earlier.contains(&self.nonce) {
            // The nonce before goes in as well, for programs that take the same seed each time.
            let both = u128::from(rng.next_u64()) << 64 | u128::from(self.nonce);
            self.nonce = Rng::new(Seed::from(both)).next_u64();
        }
        self
    }

    /// Next id; it counts as made once the caller raises `made`.
    pub(super) fn next_id(&self) -> MessageId {
        MessageId::minted(self.nonce, self.made)
    }

    /// Whether this process or an earlier one made the id, or may make it.
    pub(super) fn owns(&self, id: &MessageId) -> bool {
        let nonce = id.as_text().and_then(|text| text.split_once('-')).map(|(nonce, _)| nonce);
        let nonce = nonce.filter(|nonce| nonce.len() == 16).and_then(|nonce| u64::from_str_radix(nonce, 16).ok());
        nonce.is_some_and(|nonce| nonce == self.nonce || self.earlier.contains(&nonce))
    }
}
