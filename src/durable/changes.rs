//! Changes of the durable state: what a store has to put and to delete.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::key::Key;

/// Records to put and to delete, which belong together: a store writes all of them or none.
///
/// [`Action::Persist`](crate::Action::Persist) carries the changes of one version. [`iter`](Changes::iter) returns each
/// key with its new value, or with `None` where the record is to be deleted; any store that keeps values under keys can
/// hold them. Where a host stores several versions at once, [`merge`](Changes::merge) joins their changes first.
///
/// The [page of the format](crate::durable) says what the records hold. Values hold message bodies in plain text, so
/// `Debug` shows counts only. As a serde value the changes are these counts too, which is what a journal writes;
/// [`to_json`](Changes::to_json) writes the changes themselves.
///
/// ```
/// # extern crate alloc;
/// use alloc::collections::BTreeMap;
/// use redial::{Instant, Preset, Seed, Session};
///
/// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
/// session.send(Instant::ORIGIN, "hello")?;
/// let mut store: BTreeMap<String, String> = BTreeMap::new();
/// for (key, value) in &session.changes() {
///     match value {
///         Some(value) => drop(store.insert(key, value.to_owned())),
///         None => drop(store.remove(&key)),
///     }
/// }
/// assert!(store["m/0"].contains("hello"));
/// # Ok::<(), redial::SendError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Changes(pub(super) BTreeMap<Key, Option<Box<str>>>);

impl Changes {
    /// Returns the number of records to put and to delete.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the length of all keys and values together, in bytes.
    pub fn bytes(&self) -> usize {
        let length = |(key, value): (String, Option<&str>)| key.len() + value.map_or(0, str::len);
        self.iter().map(length).fold(0, usize::saturating_add)
    }

    /// Returns each key with its new value, a JSON text, or with `None` where the record is to be deleted.
    pub fn iter(&self) -> impl Iterator<Item = (String, Option<&str>)> {
        self.0.iter().map(|(key, value)| (key.to_string(), value.as_deref()))
    }

    /// Adds the changes of a later version. Versions are merged in their order.
    pub fn merge(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Returns the changes as a JSON object from keys to values, `null` where a record is to be deleted.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&AsObject(self)).unwrap_or_default()
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = (String, Option<&'a str>);
    type IntoIter = Box<dyn Iterator<Item = (String, Option<&'a str>)> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("count", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

/// Form of [`Changes`] in a journal.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Counts {
    count: usize,
    bytes: usize,
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Counts { count: self.len(), bytes: self.bytes() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Changes {
    /// Reads the counts, and returns no changes: a journal does not hold them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Counts::deserialize(deserializer).map(|_| Self::default())
    }
}

/// Writes the changes themselves.
struct AsObject<'a>(&'a Changes);

impl Serialize for AsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            let value: Option<Cow<'_, RawValue>> = match value {
                Some(value) => serde_json::from_str::<&RawValue>(value).ok().map(Cow::Borrowed),
                None => None,
            };
            map.serialize_entry(&key, &value)?;
        }
        map.end()
    }
}
