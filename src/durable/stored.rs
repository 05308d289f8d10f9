//! What the host's store holds, known by digests: the changes of an input are the difference to it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::key::{Key, Kind};
use super::records::Records;

/// Digests of the stored records, without `meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    digests: BTreeMap<Key, u64>,
    /// Sum of all digests; it does not depend on the order in which the records came.
    sum: u64,
}

/// Record that is written with each version: it tells a whole set of records from a torn or a mixed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meta {
    /// Digest of all other records and of the other fields.
    check: u64,
    /// Number of ids made so far.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) made: u64,
    /// Number of all other records.
    n: u64,
    /// Whether messages may leave right after this version is stored, so that each counts as sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) ready: bool,
    /// Time of the version, on the clock of ages.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) t: u64,
    /// The version; 0 where no `Persist` announces any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) v: u64,
}

/// Fields of `Meta` that its writer gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) made: u64,
    pub(crate) ready: bool,
    pub(crate) time: u64,
    pub(crate) version: u64,
}

/// Whether a field has the value that its absence means.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Meta {
    fn new(head: Head, n: u64, sum: u64) -> Self {
        let mut meta = Self { check: 0, made: head.made, n, ready: head.ready, t: head.time, v: head.version };
        meta.check = meta.own_check(sum);
        meta
    }

    /// Whether this record belongs to records with this number and sum.
    pub(super) fn covers(&self, n: u64, sum: u64) -> bool {
        self.n == n && self.check == self.own_check(sum)
    }

    fn own_check(&self, sum: u64) -> u64 {
        let fields = [sum, self.made, self.n, u64::from(self.ready), self.t, self.v];
        fields.into_iter().fold(0, mix) & LARGEST
    }
}

/// Largest integer that every JSON reader agrees on (RFC 8259 §6).
const LARGEST: u64 = (1 << 53) - 1;

/// Changes of one input, found by comparing the records that it touched with what is stored.
pub(crate) struct Batch<'a> {
    stored: &'a Stored,
    changes: Changes,
    count: u64,
    sum: u64,
    digests: BTreeMap<Key, Option<u64>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(stored: &'a Stored) -> Self {
        let count = stored.digests.len() as u64;
        Self { stored, changes: Changes::default(), count, sum: stored.sum, digests: BTreeMap::new() }
    }

    /// Writes a record, unless the store has it as it is.
    pub(crate) fn put(&mut self, key: Key, value: &impl Serialize) {
        let Ok(text) = serde_json::to_string(value) else { return };
        let digest = digest(key, &text);
        let before = self.replace(key, Some(digest));
        if before == Some(digest) {
            self.changes.0.remove(&key);
        } else {
            self.changes.0.insert(key, Some(text.into()));
        }
    }

    /// Whether the record is not stored yet, or `all` records are written: a record that stays as it is for as long as
    /// the process lives is written then alone.
    pub(crate) fn lacks(&self, key: Key, all: bool) -> bool {
        all || !self.stored.digests.contains_key(&key)
    }

    /// Deletes a record, if the store has it.
    pub(crate) fn delete(&mut self, key: Key) {
        if self.replace(key, None).is_some() {
            self.changes.0.insert(key, None);
        } else {
            self.changes.0.remove(&key);
        }
    }

    /// Deletes the records of the store that were not written.
    pub(crate) fn delete_others(&mut self) {
        let others = self.stored.digests.keys().filter(|key| !self.digests.contains_key(key));
        for key in others.copied().collect::<Vec<_>>() {
            self.delete(key);
        }
    }

    /// Writes a record or, for `None`, deletes it.
    pub(crate) fn set(&mut self, key: Key, value: Option<&impl Serialize>) {
        match value {
            Some(value) => self.put(key, value),
            None => self.delete(key),
        }
    }

    /// Returns the digest of the record that the store has.
    fn replace(&mut self, key: Key, digest: Option<u64>) -> Option<u64> {
        let stored = self.stored.digests.get(&key).copied();
        let before = self.digests.insert(key, digest).unwrap_or(stored);
        self.sum = self.sum.wrapping_sub(before.unwrap_or(0)).wrapping_add(digest.unwrap_or(0));
        self.count = self.count + u64::from(digest.is_some()) - u64::from(before.is_some());
        stored
    }

    /// Completes the changes with `meta`, and returns them with what the store holds after them.
    pub(crate) fn finish(self, head: Head) -> Difference {
        let mut changes = self.changes;
        let meta = Meta::new(head, self.count, self.sum);
        let text = serde_json::to_string(&meta).unwrap_or_default();
        changes.0.insert(Kind::Meta.key(), Some(text.into()));
        Difference { changes, digests: self.digests, sum: self.sum }
    }
}

/// Changes with their effect on what the store holds.
pub(crate) struct Difference {
    pub(crate) changes: Changes,
    digests: BTreeMap<Key, Option<u64>>,
    sum: u64,
}

impl Stored {
    /// What a store holds that has these records.
    pub(super) fn of(records: &BTreeMap<Key, Box<str>>) -> Self {
        let others = records.iter().filter(|(key, _)| key.kind != Kind::Meta);
        let digests: BTreeMap<_, _> = others.map(|(key, text)| (*key, digest(*key, text))).collect();
        let sum = digests.values().fold(0, |sum: u64, digest| sum.wrapping_add(*digest));
        Self { digests, sum }
    }

    /// Whether `meta` belongs to these records.
    pub(super) fn is_whole(&self, meta: &Meta) -> bool {
        meta.covers(self.digests.len() as u64, self.sum)
    }

    /// Takes changes as stored: what comes next is compared with them.
    pub(crate) fn apply(&mut self, difference: Difference) -> Changes {
        self.sum = difference.sum;
        for (key, digest) in difference.digests {
            match digest {
                Some(digest) => drop(self.digests.insert(key, digest)),
                None => drop(self.digests.remove(&key)),
            }
        }
        difference.changes
    }
}

impl From<Changes> for Records {
    /// Takes the puts of changes to an empty store.
    fn from(changes: Changes) -> Self {
        Self::new(changes.0.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }
}

/// Digest of a record. It detects damage, not forgery.
fn digest(key: Key, text: &str) -> u64 {
    let mut words = text.as_bytes().chunks_exact(8);
    let seed = mix(key.kind as u64, key.number);
    let whole = words
        .by_ref()
        .fold(seed, |digest, word| word.first_chunk().map_or(digest, |word| mix(digest, u64::from_le_bytes(*word))));
    let rest = words.remainder().iter().fold(0, |rest, byte| (rest << 8) + u64::from(*byte));
    mix(mix(whole, rest), text.len() as u64)
}

/// One round of a multiply and shift mixer.
fn mix(digest: u64, word: u64) -> u64 {
    let product =
        (digest.rotate_left(23) ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    product ^ (product >> 32)
}
