//! A preset: a dialect together with a service's timings.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use core::hash::{Hash, Hasher};

use serde_json::Value;

use super::Dialect;
use crate::config::{Bounds, Config, Guarantee, Resend};
use crate::error::ConfigError;

/// A dialect together with a service's timings: all that makes one session behave differently from another.
///
/// The configuration is checked when the preset is made and does not change afterwards, so a session has nothing left to refuse.
/// Share one preset among many sessions by handing out an `Arc`.
///
/// ```
/// use redial::{Duration, Preset};
/// let preset = Preset::plain().configure(|config| config.heartbeat.every = Duration::from_secs(10))?;
/// assert_eq!(preset.config().heartbeat.every, Duration::from_secs(10));
/// # Ok::<(), redial::error::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preset {
    /// One that passes its check.
    pub(crate) config: Config,
    dialect: Arc<dyn Dialect>,
}

impl Preset {
    /// A dialect with a configuration, which is [checked](Config::check).
    pub fn new(dialect: impl Dialect + 'static, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::unchecked(dialect, config))
    }

    /// A dialect with a configuration of this crate's own, which a test has checked.
    pub(crate) fn unchecked(dialect: impl Dialect + 'static, config: Config) -> Self {
        Self { config, dialect: Arc::new(dialect) }
    }

    /// The same dialect under another configuration, which is [checked](Config::check).
    ///
    /// ```
    /// use redial::{Config, Preset};
    /// let resending = Preset::uni_app().with_config(Config::default())?;
    /// assert_eq!(resending.name(), "uni_app");
    /// # Ok::<(), redial::error::ConfigError>(())
    /// ```
    pub fn with_config(mut self, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        self.config = config;
        Ok(self)
    }

    /// This preset with changes to its configuration; the outcome is [checked](Config::check).
    ///
    /// ```
    /// use redial::config::Limit;
    /// use redial::Preset;
    /// use redial::error::ConfigError;
    /// let refused = Preset::plain().configure(|config| config.outbox.messages = Limit::new(0));
    /// let range = ConfigError::Range { setting: "outbox.messages", value: 0, least: 1, most: 1_000_000 };
    /// assert_eq!(refused, Err(range));
    /// ```
    pub fn configure(self, change: impl FnOnce(&mut Config)) -> Result<Self, ConfigError> {
        let mut config = self.config.clone();
        change(&mut config);
        self.with_config(config)
    }

    /// The timings and limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The dialect's name.
    pub fn name(&self) -> &str {
        self.dialect.name()
    }

    /// The dialect.
    pub fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
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

impl Preset {
    /// What this preset promises, in numbers: the bounds of its configuration, and the guarantees of its dialect.
    ///
    /// ```
    /// use redial::Preset;
    /// use redial::config::Guarantee;
    /// assert_eq!(Preset::native().bounds().inbound, Guarantee::OnceWhileBothRemember);
    /// assert_eq!(Preset::uni_app().bounds(), Preset::uni_app().config().bounds());
    /// ```
    pub fn bounds(&self) -> Bounds {
        let mut bounds = self.config.bounds();
        if self.dialect().capabilities().sequenced {
            // The same positions say what to send again and what has been shown.
            bounds.inbound = Guarantee::OnceWhileBothRemember;
            if self.config.outbox.resend == Resend::NextConnection {
                bounds.outbound = Guarantee::OnceWhileBothRemember;
            }
        }
        bounds
    }
}
