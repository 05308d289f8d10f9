//! Preset: a dialect together with a checked configuration.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use serde_json::Value;

use super::{AckCarrier, Credit, Dialect, Heartbeats, Hello, Login, Side, Signal, role};
use crate::config::{Bounds, Config, CredentialSource, Guarantee, Resend};
use crate::error::{ConfigError, Unencodable};
use crate::host_profile::HostProfile;
use crate::id::MessageId;
use crate::time::Duration;

/// Dialect together with a [`Config`]: everything in which one session behaves differently from another.
///
/// The configuration is checked when the preset is made and does not change afterwards, so a session accepts every
/// preset. Many sessions can share one preset in an `Arc`.
///
/// ```
/// use redial::{Duration, Preset};
/// let preset = Preset::plain().configure(|config| config.heartbeat.every = Duration::from_secs(10))?;
/// assert_eq!(preset.config().heartbeat.every, Duration::from_secs(10));
/// # Ok::<(), redial::error::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preset {
    /// Passes [`Config::check`].
    pub(crate) config: Config,
    dialect: Arc<dyn Dialect>,
}

impl Preset {
    /// Joins a dialect with a configuration.
    ///
    /// Fails with the error of [`Capabilities::check`](super::Capabilities::check) and of [`Config::check`], with
    /// [`ConfigError::Capabilities`] for a dialect with sequence numbers that cannot encode what they need, with
    /// [`ConfigError::NoLogin`] where credentials are to be asked for and the dialect has no login, and with
    /// [`ConfigError::Heartbeat`] for a dialect that declares [`Heartbeats::Asks`] or [`Heartbeats::Tells`] and does
    /// not encode the heartbeat.
    pub fn new(dialect: impl Dialect + 'static, config: Config) -> Result<Self, ConfigError> {
        dialect.capabilities().check()?;
        check_sequence(&dialect)?;
        Self::unchecked(dialect, Config::default()).with_config(config)
    }

    /// Joins a dialect with a configuration of this crate, which a test has checked.
    pub(crate) fn unchecked(dialect: impl Dialect + 'static, config: Config) -> Self {
        Self { config, dialect: Arc::new(dialect) }
    }

    /// Replaces the configuration and keeps the dialect.
    ///
    /// Fails with the errors of [`new`](Preset::new).
    ///
    /// ```
    /// use redial::{Config, Preset};
    /// let resending = Preset::uni_app().with_config(Config::default())?;
    /// assert_eq!(resending.name(), "uni_app");
    /// # Ok::<(), redial::error::ConfigError>(())
    /// ```
    pub fn with_config(mut self, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let asks = config.authentication.credential == CredentialSource::Asked;
        if asks && self.dialect.capabilities().login == Login::None {
            return Err(ConfigError::NoLogin);
        }
        let sends = matches!(self.dialect.capabilities().heartbeats, Heartbeats::Asks | Heartbeats::Tells);
        if sends && self.dialect.encode(Side::Client, &Signal::heartbeat()).is_err() {
            return Err(ConfigError::Heartbeat);
        }
        self.config = config;
        Ok(self)
    }

    /// Changes the configuration and keeps the dialect.
    ///
    /// Fails with the errors of [`new`](Preset::new) for the changed configuration.
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

    /// Returns the configuration: timings and limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the name of the dialect.
    pub fn name(&self) -> &str {
        self.dialect.name()
    }

    /// Returns the dialect.
    pub fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// Returns the configuration as JSON, with the settings of the dialect under `"preset"`.
    ///
    /// A journal writes this value in its header; `Preset::named` makes the same preset from the name and this value.
    pub fn to_json(&self) -> Value {
        let mut config = serde_json::to_value(&self.config).unwrap_or_default();
        let settings = self.dialect.settings();
        if let (Value::Object(fields), false) = (&mut config, settings.is_null()) {
            fields.insert("preset".to_owned(), settings);
        }
        config
    }
}

/// Checks that a dialect with sequence numbers encodes the signals without which no session goes on.
fn check_sequence(dialect: &dyn Dialect) -> Result<(), ConfigError> {
    if !dialect.capabilities().sequenced {
        return Ok(());
    }
    let needed = [
        Signal::hello(Hello::new(Credit::new(1, 1, 1))),
        Signal::sequenced(1, MessageId::from("id"), None),
        Signal::cumulative_ack(1, Vec::new(), AckCarrier::Alone),
    ];
    // A dialect may be one for clients alone, so nothing is asked of the server's side.
    let complete = needed.iter().all(|signal| dialect.encode(Side::Client, signal) != Err(Unencodable::NoWord));
    let rule = "sequence numbers need a hello, a skipped message and a cumulative ack of the client";
    if complete { Ok(()) } else { Err(ConfigError::Capabilities { rule }) }
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
    /// Returns the promises of this preset in numbers: the bounds of its configuration, and the guarantees of its
    /// dialect.
    ///
    /// ```
    /// use redial::Preset;
    /// use redial::config::Guarantee;
    /// assert_eq!(Preset::native().bounds().inbound, Guarantee::OnceWhileBothRemember);
    /// assert_eq!(Preset::uni_app().bounds(), Preset::uni_app().config().bounds());
    /// ```
    pub fn bounds(&self) -> Bounds {
        self.bounds_on(HostProfile::new(), self.config.heartbeat.period())
    }

    /// Bounds on this host, with this time between heartbeats.
    pub(crate) fn bounds_on(&self, host: HostProfile, every: Duration) -> Bounds {
        let (mut bounds, proof) = (self.config.bounds(), role(self.dialect(), host).proof);
        bounds.notice_dead_link = self.config.heartbeat.notice(every, proof);
        bounds.notice_dead_link_under_traffic = self.config.heartbeat.notice_under_traffic(every, proof);
        if self.dialect().capabilities().sequenced {
            // Sequence numbers decide both which messages are sent again and which were delivered.
            bounds.inbound = Guarantee::OnceWhileBothRemember;
            if self.config.outbox.resend == Resend::NextConnection {
                bounds.outbound = Guarantee::OnceWhileBothRemember;
            }
        }
        bounds
    }
}
