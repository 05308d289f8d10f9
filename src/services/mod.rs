//! The services that have a preset, one file each, and the registry that names them.

mod document;
mod live_chat;
mod ping_pong;
mod query;
mod react_im;
mod service_id;
mod uni_app;
mod vue_polling;
mod wechat;

use alloc::string::ToString;
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::dialect::{Plain, Preset, RedialV1};
use crate::error::PresetError;

pub use live_chat::{LiveChat, LiveChatSettings};
pub use react_im::{ReactIm, ReadState, SendState};
pub use service_id::ServiceId;
pub use uni_app::{UniApp, UniAppWords};
pub use vue_polling::VuePolling;
pub use wechat::Wechat;

impl Preset {
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
    /// assert_eq!(preset.config().heartbeat.every, Duration::from_secs(10));
    /// assert_eq!(preset.config().heartbeat.dead_after, None);
    /// # Ok::<(), redial::error::PresetError>(())
    /// ```
    pub fn named(name: &str, changes: &Value) -> Result<Self, PresetError> {
        let (_, make) = MAKERS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| PresetError::Unknown { known: Self::names().collect::<Vec<_>>().join(", ") })?;
        let (settings, changes) = split(changes)?;
        let preset = make(&settings)?;
        let mut config = serde_json::to_value(&preset.config).map_err(|error| invalid(&error))?;
        merge(&mut config, changes);
        Ok(preset.with_config(read(config)?)?)
    }
}

type Maker = fn(&Value) -> Result<Preset, PresetError>;

const MAKERS: &[(&str, Maker)] = &[
    ("plain", |settings| Ok(Preset::unchecked(read::<Plain>(settings.clone())?, Preset::plain().config))),
    ("uni_app", |settings| Ok(Preset::unchecked(read::<UniApp>(settings.clone())?, Preset::uni_app().config))),
    ("react_im", |settings| Ok(Preset::unchecked(read::<ReactIm>(settings.clone())?, Preset::react_im().config))),
    ("vue_polling", |settings| {
        Ok(Preset::unchecked(read::<VuePolling>(settings.clone())?, Preset::vue_polling().config))
    }),
    ("wechat", |settings| Ok(Preset::unchecked(read::<Wechat>(settings.clone())?, Preset::wechat().config))),
    ("live_chat", |settings| Ok(Preset::from(LiveChat::try_from(read::<LiveChatSettings>(settings.clone())?)?))),
    ("native", |settings| Ok(Preset::unchecked(read::<RedialV1>(settings.clone())?, Preset::native().config))),
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
