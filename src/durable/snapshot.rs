//! Snapshot: the whole durable state, as a set of records.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::changes::Changes;
use super::key::{Key, Kind};
use super::records::{Damaged, Records, canonical};
use super::stored::{Batch, Meta, Stored};
use crate::dialect::Side;
use crate::error::RestoreError;

/// Version of the format.
const VERSION: u64 = 1;

/// Durable state of a session or of a peer, as a set of records and as a serde value.
///
/// A snapshot holds the unsettled messages, the ids and statuses of settled ones, the dedup window, the counters of
/// ids, and the number of failed attempts in a row. Message bodies stand in it unencrypted, and so does the token
/// that resumes a session where the dialect has one; no other credential does. Guard it like the messages. Its size
/// is that of the unsettled bodies plus some 64 bytes an id.
///
/// A host that stores the [changes](Changes) of each version collects a snapshot from what its store holds, in any
/// order; a host that stores a snapshot as a whole writes it as a serde value. Both are the same state. The
/// [page of the format](crate::durable) says what the records hold.
///
/// ```
/// use redial::{Duration, Instant, Outgoing, Preset, Seed, Session, Snapshot};
/// let mut session = Session::new(Preset::uni_app().with_config(Default::default())?, Seed::from(7_u64));
/// let id = session.send(Instant::ORIGIN, "hello")?;
/// let stored = serde_json::to_string(&session.snapshot())?;
///
/// // A new process, an hour later, whose clock starts at zero again.
/// let snapshot: Snapshot = serde_json::from_str(&stored)?;
/// let preset = Preset::uni_app().with_config(Default::default())?;
/// let session = Session::restore(preset, Instant::ORIGIN, snapshot, Duration::from_secs(3_600), Seed::from(8_u64))?;
/// assert_eq!(session.unsettled(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    records: Records,
    /// Records that this format does not have, by key.
    strange: BTreeMap<String, String>,
}

/// Record that names the format and whose state it is.
#[derive(Debug, Serialize, Deserialize)]
struct Format {
    preset: String,
    redial: u64,
    side: Side,
}

impl Snapshot {
    /// Applies changes, as a store does that keeps the records.
    pub fn apply(&mut self, changes: &Changes) {
        for (key, text) in &changes.0 {
            self.records.put(*key, text.clone());
        }
    }

    /// Returns the records: each key with its value, a JSON text.
    pub fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        let strange = self.strange.iter().map(|(key, text)| (key.clone(), &**text));
        self.records.iter().map(|(key, text)| (key.to_string(), text)).chain(strange)
    }

    /// Makes the snapshot of these changes to an empty store.
    pub(crate) fn of(changes: Changes) -> Self {
        Self { records: changes.into(), strange: BTreeMap::new() }
    }

    /// Opens the snapshot, to restore from it: returns its records, their `meta`, and the set as one that is stored.
    pub(crate) fn open(&self, preset: &str, side: Side) -> Result<(&Records, Meta, Stored), RestoreError> {
        let format: Format = self.records.one(Kind::Format)?.ok_or(Damaged)?;
        if format.redial != VERSION {
            return Err(RestoreError::Version { version: format.redial });
        }
        let (meta, stored) = self.records.check()?;
        if !self.strange.is_empty() {
            return Err(RestoreError::Damaged);
        }
        if format.preset != preset {
            return Err(RestoreError::Preset { preset: format.preset });
        }
        if format.side != side {
            return Err(RestoreError::Side);
        }
        Ok((&self.records, meta, stored))
    }

    fn insert(&mut self, key: &str, text: Cow<'_, str>) {
        match key.parse::<Key>() {
            Ok(key) => self.records.put(key, Some(text.into())),
            Err(_) => drop(self.strange.insert(key.to_string(), text.into_owned())),
        }
    }
}

/// Writes the record of the format, where the store lacks it or `all` records are written.
pub(crate) fn write_format(batch: &mut Batch<'_>, preset: &str, side: Side, all: bool) {
    if batch.lacks(Kind::Format.key(), all) {
        batch.put(Kind::Format.key(), &Format { preset: preset.to_string(), redial: VERSION, side });
    }
}

impl From<Damaged> for RestoreError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> FromIterator<(K, V)> for Snapshot {
    /// Collects the records that a store holds, in any order. Whether they are whole is checked when they are restored.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(records: I) -> Self {
        let mut snapshot = Self::default();
        for (key, value) in records {
            snapshot.insert(key.as_ref(), String::from_utf8_lossy(value.as_ref()));
        }
        snapshot
    }
}

impl IntoIterator for Snapshot {
    type Item = (String, String);
    type IntoIter = alloc::vec::IntoIter<(String, String)>;

    /// Returns the records, as a store holds them.
    fn into_iter(self) -> Self::IntoIter {
        let records: Vec<_> = self.iter().map(|(key, text)| (key, text.to_string())).collect();
        records.into_iter()
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, text) in self.iter() {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            map.serialize_entry(&key, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Snapshot;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of records")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Snapshot, A::Error> {
                let mut snapshot = Snapshot::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    snapshot.insert(&key, Cow::Owned(canonical(&value)));
                }
                Ok(snapshot)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("records", &self.records.len()).finish_non_exhaustive()
    }
}
