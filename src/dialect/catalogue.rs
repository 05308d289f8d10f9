//! A preset, and the ready-made ones by name.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Dialect, LiveChat, LiveChatSettings, Plain, ReactIm, RedialV1, UniApp, VuePolling, Wechat};
use crate::config::Config;
use crate::error::PresetError;

/// A dialect together with a service's timings: all that makes one session behave differently from another.
///
/// Share one among many sessions by handing out an `Arc`.
///
/// ```
/// use redial::{Duration, Preset};
/// let mut preset = Preset::plain();
/// preset.config.heartbeat.every = Duration::from_secs(10);
/// assert_eq!(preset.name(), "plain");
/// ```
#[derive(Clone, Debug)]
pub struct Preset {
    /// The timings and limits.
    pub config: Config,
    dialect: Arc<dyn Dialect>,
}

impl Preset {
    /// A dialect with a configuration.
    pub fn new(dialect: impl Dialect + 'static, config: Config) -> Self {
        Self { config, dialect: Arc::new(dialect) }
    }

    /// The same dialect under another configuration.
    ///
    /// ```
    /// use redial::{Config, Preset};
    /// let resending = Preset::uni_app().with_config(Config::default());
    /// assert_eq!(resending.name(), "uni_app");
    /// ```
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The dialect's name.
    pub fn name(&self) -> &str {
        self.dialect.name()
    }

    /// The dialect.
    pub fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// The names of the ready-made presets, for [`Preset::named`].
    pub fn names() -> impl Iterator<Item = &'static str> {
        MAKERS.iter().map(|(name, _)| *name)
    }

    /// A ready-made preset, with changes merged over it.
    ///
    /// `changes` is a merge patch (RFC 7396) for the serde form of [`Config`], in which an object whose `type` differs
    /// replaces instead of merging; under `"preset"` it holds what the service needs. `Value::Null` changes nothing.
    ///
    /// ```
    /// use redial::{Duration, Preset};
    /// let changes = serde_json::json!({"heartbeat": {"every_ms": 10_000, "dead_after": null}});
    /// let preset = Preset::named("plain", &changes)?;
    /// assert_eq!(preset.config.heartbeat.every, Duration::from_secs(10));
    /// assert_eq!(preset.config.heartbeat.dead_after, None);
    /// # Ok::<(), redial::PresetError>(())
    /// ```
    pub fn named(name: &str, changes: &Value) -> Result<Self, PresetError> {
        let (_, make) = MAKERS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| PresetError::Unknown { known: Self::names().collect::<Vec<_>>().join(", ") })?;
        let (settings, changes) = split(changes)?;
        let mut preset = make(&settings)?;
        let mut config = serde_json::to_value(&preset.config).map_err(|error| invalid(&error))?;
        merge(&mut config, changes);
        preset.config = read(config)?;
        preset.config.check()?;
        Ok(preset)
    }

    /// The whole of it as JSON, for the first line of a journal: [`Preset::named`] makes the same preset from it again.
    pub fn to_json(&self) -> Value {
        let mut config = serde_json::to_value(&self.config).unwrap_or_default();
        let settings = self.dialect.settings();
        if let (Value::Object(fields), false) = (&mut config, settings.is_null()) {
            fields.insert("preset".to_owned(), settings);
        }
        config
    }
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.config == other.config
            && self.dialect.settings() == other.dialect.settings()
    }
}

impl Eq for Preset {}

impl Hash for Preset {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
        self.config.hash(state);
    }
}

type Maker = fn(&Value) -> Result<Preset, PresetError>;

const MAKERS: &[(&str, Maker)] = &[
    ("plain", |settings| Ok(Preset::new(read::<Plain>(settings.clone())?, Preset::plain().config))),
    ("uni_app", |settings| Ok(Preset::new(read::<UniApp>(settings.clone())?, Preset::uni_app().config))),
    ("react_im", |settings| Ok(Preset::new(read::<ReactIm>(settings.clone())?, Preset::react_im().config))),
    ("vue_polling", |settings| Ok(Preset::new(read::<VuePolling>(settings.clone())?, Preset::vue_polling().config))),
    ("wechat", |settings| Ok(Preset::new(read::<Wechat>(settings.clone())?, Preset::wechat().config))),
    ("live_chat", |settings| Ok(Preset::from(LiveChat::try_from(read::<LiveChatSettings>(settings.clone())?)?))),
    ("native", |settings| Ok(Preset::new(read::<RedialV1>(settings.clone())?, Preset::native().config))),
];

/// The service's settings, and the changes to the configuration.
fn split(changes: &Value) -> Result<(Value, Value), PresetError> {
    match changes {
        Value::Null => Ok((Value::Object(serde_json::Map::new()), Value::Object(serde_json::Map::new()))),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            let settings = fields.remove("preset").unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            Ok((settings, Value::Object(fields)))
        }
        _ => Err(PresetError::Invalid { problem: "it is not an object".to_string() }),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, PresetError> {
    serde_json::from_value(value).map_err(|error| invalid(&error))
}

fn invalid(error: &serde_json::Error) -> PresetError {
    // The text is the caller's own configuration, so its words may be repeated.
    PresetError::Invalid { problem: error.to_string() }
}

/// Applies a merge patch (RFC 7396 §2), except that an object of another `type` replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    let replaces = match (target.get("type"), changes.get("type")) {
        (Some(old), Some(new)) => old != new,
        _ => false,
    };
    if replaces || !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}
