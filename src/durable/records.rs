//! Records that were read from a store, to be restored.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::Deserialize;

use super::key::{Key, Kind};
use super::stored::{Meta, Stored};

/// Whole set of records.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Records(BTreeMap<Key, Box<str>>);

/// Whether a set of records can be read; the reason why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Records {
    pub(super) fn new(records: BTreeMap<Key, Box<str>>) -> Self {
        Self(records)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &str)> {
        self.0.iter().map(|(key, text)| (key, &**text))
    }

    pub(super) fn put(&mut self, key: Key, text: Option<Box<str>>) {
        match text {
            Some(text) => drop(self.0.insert(key, text)),
            None => drop(self.0.remove(&key)),
        }
    }

    /// Checks that the set is whole; returns its `meta`, and the set as one that is stored.
    pub(crate) fn check(&self) -> Result<(Meta, Stored), Damaged> {
        let meta: Meta = self.one(Kind::Meta)?.ok_or(Damaged)?;
        let stored = Stored::of(&self.0);
        if stored.is_whole(&meta) { Ok((meta, stored)) } else { Err(Damaged) }
    }

    /// Reads the only record of a kind; `None` where there is none.
    pub(crate) fn one<'de, T: Deserialize<'de>>(&'de self, kind: Kind) -> Result<Option<T>, Damaged> {
        self.0.get(&kind.key()).map(|text| read(text)).transpose()
    }

    /// Reads all records of a kind, in the order of their numbers.
    pub(crate) fn all<'de, T: Deserialize<'de>>(&'de self, kind: Kind) -> Result<Vec<(u64, T)>, Damaged> {
        let of_kind = self.0.range(kind.at(0)..=kind.at(u64::MAX));
        of_kind.map(|(key, text)| Ok((key.number, read(text)?))).collect()
    }
}

fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Damaged> {
    serde_json::from_str(text).map_err(|_| Damaged)
}

/// Text of a value in the one spelling that records have: compact, with the fields of an object in alphabetical order.
pub(super) fn canonical(value: &serde_json::Value) -> String {
    value.to_string()
}
