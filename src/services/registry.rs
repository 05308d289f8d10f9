//! Registry of services: one row for each service, and the presets by name.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "systems")]
use super::{LiveChat, LiveChatSettings, ReactIm, UniApp, VuePolling, Wechat};
use crate::Preset;
use crate::dialect::{Dialect, Plain, RedialV1, Side};
use crate::error::PresetError;

/// Row of the registry: a service with its name, and samples for tests, fuzzers, benchmarks and tools.
///
/// ```
/// use redial::services::Service;
/// let presets: Vec<_> = Service::all().iter().map(Service::sample).collect();
/// assert!(presets.iter().all(|preset| preset.is_ok()));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Service {
    /// The name of the service, for a journal and for [`Preset::named`].
    pub name: &'static str,
    /// Sample settings as JSON, which the service accepts; `{}` where it needs none.
    pub sample_settings: &'static str,
    /// Sample text frames of the wire, each with the side that writes it.
    pub sample_frames: &'static [(Side, &'static str)],
    make: Maker,
}

type Maker = fn(Value) -> Result<Preset, PresetError>;

/// Rows of all services. A new row goes to the end, because the fuzz targets know a service by its index.
const SERVICES: &[Service] = &[
    Service {
        name: "plain",
        sample_settings: "{}",
        sample_frames: &[(Side::Client, "hello"), (Side::Server, "hello")],
        make: |settings| with_config_of::<Plain>(settings, &Preset::plain()),
    },
    #[cfg(feature = "systems")]
    Service {
        name: "uni_app",
        sample_settings: "{}",
        sample_frames: &[
            (Side::Client, r#"{"key":"heartbeat","data":{}}"#),
            (Side::Client, r#"{"key":"message","data":{"clientMessageId":"c1","content":"hello"}}"#),
            (Side::Server, r#"{"type":"MESSAGE","messageId":"m1","clientMessageId":"c1","content":"hello"}"#),
            (Side::Server, r#"{"type":"MESSAGE","messageId":"m2","content":"hello"}"#),
            (Side::Client, r#"{"key":"message_ack","data":{"messageId":"m2"}}"#),
            (Side::Server, r#"{"type":"RECEIPT","clientMessageId":"c1"}"#),
        ],
        make: |settings| with_config_of::<UniApp>(settings, &Preset::uni_app()),
    },
    #[cfg(feature = "systems")]
    Service {
        name: "react_im",
        sample_settings: r#"{"fuid":"u1"}"#,
        sample_frames: &[
            (Side::Client, "ping"),
            (Side::Server, "pong"),
            (Side::Client, "hello"),
            (Side::Server, "hello"),
        ],
        make: |settings| with_config_of::<ReactIm>(settings, &Preset::react_im()),
    },
    #[cfg(feature = "systems")]
    Service {
        name: "vue_polling",
        sample_settings: "{}",
        sample_frames: &[
            (Side::Client, r#"{"command":"heartBeat"}"#),
            (Side::Server, r#"{"command":"heartBeat"}"#),
            (Side::Server, r#"{"command":"news"}"#),
        ],
        make: |settings| with_config_of::<VuePolling>(settings, &Preset::vue_polling()),
    },
    #[cfg(feature = "systems")]
    Service {
        name: "wechat",
        sample_settings: r#"{"task_id":7,"user_id":"u1"}"#,
        sample_frames: &[
            (Side::Client, "ping"),
            (Side::Server, "pong"),
            (Side::Client, "hello"),
            (Side::Server, "hello"),
        ],
        make: |settings| with_config_of::<Wechat>(settings, &Preset::wechat()),
    },
    #[cfg(feature = "systems")]
    Service {
        name: "live_chat",
        sample_settings: r#"{"room_id":1,"user_id":9527,"key":"k"}"#,
        sample_frames: &[
            (Side::Server, r#"{"cmd":"auth1","msg_id":17,"result":{"seed":"s1"}}"#),
            (Side::Client, r#"{"msg_id":17,"cmd":"auth2","authCode":"a","room_id":"livechat_1","userId":9527}"#),
            (Side::Client, r#"{"cmd":"wd_heartbeat"}"#),
            (Side::Server, r#"{"cmd":"wd_heartbeat"}"#),
            (Side::Server, r#"{"cmd":"message","result":{"message":"hello"}}"#),
            (Side::Server, r#"{"cmd":"conn_close"}"#),
        ],
        make: |settings| Ok(Preset::from(LiveChat::try_from(read::<LiveChatSettings>(settings)?)?)),
    },
    Service {
        name: "native",
        sample_settings: "{}",
        sample_frames: &[
            (Side::Client, r#"{"type":"hello","v":1,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#),
            (
                Side::Server,
                concat!(
                    r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":false,"#,
                    r#""win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#,
                ),
            ),
            (Side::Client, r#"{"type":"msg","s":1,"id":"c1","b":"hello"}"#),
            (Side::Server, r#"{"type":"ack","a":1}"#),
            (Side::Client, r#"{"type":"ping","a":0}"#),
            (Side::Server, r#"{"type":"bye","code":1000,"reconnect":true,"resume":true,"after_ms":0}"#),
        ],
        make: |settings| with_config_of::<RedialV1>(settings, &Preset::native()),
    },
];

impl Service {
    /// Returns every service of the enabled features; a new service comes at the end.
    pub fn all() -> &'static [Self] {
        SERVICES
    }

    /// Makes the preset of the service from [`sample_settings`](Service::sample_settings), with the timings of the
    /// service.
    ///
    /// Fails with the error of [`Preset::named`]; a test makes every sample.
    pub fn sample(&self) -> Result<Preset, PresetError> {
        (self.make)(serde_json::from_str(self.sample_settings).map_err(|error| invalid(&error))?)
    }
}

impl Preset {
    /// Returns the names of the ready-made presets, for [`Preset::named`].
    pub fn names() -> impl Iterator<Item = &'static str> {
        Service::all().iter().map(|service| service.name)
    }

    /// Makes a ready-made preset by its name, with changes to its configuration and the settings of its service.
    ///
    /// `changes` is a merge patch (RFC 7396) for the serde form of [`Config`](crate::Config), except that an object
    /// with another `type` replaces the old object. The settings of the service are under `"preset"`. `Value::Null`
    /// changes nothing.
    ///
    /// Fails with [`PresetError::Unknown`] for another name, with [`PresetError::Missing`] where the service needs a
    /// setting, with [`PresetError::Invalid`] where the value has not the shape of a configuration, and with
    /// [`PresetError::Config`] where the configuration does not pass [`Config::check`](crate::Config::check).
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
        let service = Service::all()
            .iter()
            .find(|service| service.name == name)
            .ok_or_else(|| PresetError::Unknown { known: Self::names().collect::<Vec<_>>().join(", ") })?;
        let (settings, changes) = split(changes)?;
        let preset = (service.make)(settings)?;
        let mut config = serde_json::to_value(preset.config()).map_err(|error| invalid(&error))?;
        merge(&mut config, changes);
        Ok(preset.with_config(read(config)?)?)
    }
}

/// Joins a dialect with these settings and the configuration of another preset.
fn with_config_of<D: Dialect + DeserializeOwned + 'static>(
    settings: Value,
    of: &Preset,
) -> Result<Preset, PresetError> {
    Ok(Preset::new(read::<D>(settings)?, of.config().clone())?)
}

/// Splits the settings of the service from the changes to the configuration.
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
    // A value of the wrong type may be a credential in the wrong place: only its type is told.
    let problem = match error.to_string().rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        _ => error.to_string(),
    };
    PresetError::Invalid { problem }
}

/// Applies a merge patch (RFC 7396 §2), except that an object with another `type` replaces the target.
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
