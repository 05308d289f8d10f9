//! Mint of message ids: the nonce of this process, the counter, and the nonces of the processes before.
//!
//! 1. Each process makes its ids under a nonce of its own, so no id repeats, however old its snapshot was.
//! 2. The counter goes on over a restart.
//! 3. The nonces of the last 64 processes are remembered: an id under one of them is an own id.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::durable::{Batch, Damaged, Hexadecimal, Kind, Records};
use crate::id::{LAST, MessageId};
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
    earlier: Option<Box<Earlier>>,
}

/// Nonces of earlier processes, the oldest first; boxed, since few sessions are restored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Earlier(Box<[Hexadecimal]>);

/// Record of the nonces.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MintRecord<'a> {
    #[serde(default, skip_serializing_if = "<[Hexadecimal]>::is_empty")]
    earlier: Cow<'a, [Hexadecimal]>,
    nonce: Hexadecimal,
}

impl Mint {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { nonce: rng.next_u64(), made: 0, earlier: None }
    }

    /// Writes the record, where the store lacks it or `all` records are written: nonces stay until the next process.
    pub(super) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        if batch.lacks(Kind::Mint.key(), all) {
            let record = MintRecord { earlier: Cow::Borrowed(self.earlier()), nonce: Hexadecimal(self.nonce) };
            batch.put(Kind::Mint.key(), &record);
        }
    }

    /// Restores the mint of the next process from its record, under a nonce that no remembered process had.
    pub(super) fn restored(records: &Records, made: u64, rng: &mut Rng) -> Result<Self, Damaged> {
        let MintRecord { earlier, nonce } = records.one(Kind::Mint)?.ok_or(Damaged)?;
        if made > LAST {
            return Err(Damaged);
        }
        let mut earlier = earlier.into_owned();
        earlier.push(nonce);
        earlier.drain(..earlier.len().saturating_sub(MAX_EARLIER));
        let mut next = nonce.0;
        while earlier.contains(&Hexadecimal(next)) {
            // The nonce before goes in as well, for programs that take the same seed each time.
            next = Rng::new(Seed::from(u128::from(rng.next_u64()) << 64 | u128::from(next))).next_u64();
        }
        Ok(Self { nonce: next, made, earlier: Some(Box::new(Earlier(earlier.into()))) })
    }

    fn earlier(&self) -> &[Hexadecimal] {
        self.earlier.as_ref().map_or(&[], |earlier| &earlier.0)
    }

    /// Next id; it counts as made once the caller raises `made`.
    pub(super) fn next_id(&self) -> MessageId {
        MessageId::minted(self.nonce, self.made)
    }

    /// Whether this process or an earlier one made the id, or may make it.
    pub(super) fn owns(&self, id: &MessageId) -> bool {
        let nonce = id.as_text().and_then(|text| text.split_once('-')).map(|(nonce, _)| nonce);
        let nonce = nonce.filter(|nonce| nonce.len() == 16).and_then(|nonce| u64::from_str_radix(nonce, 16).ok());
        nonce.is_some_and(|nonce| nonce == self.nonce || self.earlier().contains(&Hexadecimal(nonce)))
    }
}
