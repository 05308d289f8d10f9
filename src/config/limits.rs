//! What a peer or a caller may ask for at most, and the ranges of all limits.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Config;
use super::limit::Limit;
use crate::error::ConfigError;

/// What a peer or a caller may ask for at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of an inbound frame. Default 1 MiB, far above any chat message; from 1 to 16 MiB. More is dropped unread and reported.
    /// Raise it for services that push documents. Where the dialect can, it is told to the other end.
    pub frame_bytes: Limit,
    /// Bytes of an outbound body. Default 64 KiB, which common servers take; from 1 to 1 MiB. More is refused, before it can end the
    /// link with 1009. Set it to the server's own limit.
    pub message_bytes: Limit,
    /// Bytes of a text id. Default 128: a UUID takes 36; from 1 to 256. It bounds what the dedup window can hold.
    pub id_bytes: Limit,
    /// Levels of nesting in a frame of JSON. Default 32: what people nest by hand stays below ten, and whoever parses the body again
    /// must survive it; from 1 to 100, and never read deeper than that.
    pub depth: Limit,
    /// Malformed frames within 10 s before the connection is closed with 4400. Default 10: one is a mistake, more are a peer that
    /// speaks something else. `None` never, where a service is known to be sloppy.
    pub malformed: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: Limit::new(1 << 20),
            message_bytes: Limit::new(64 << 10),
            id_bytes: Limit::new(128),
            depth: Limit::new(32),
            malformed: NonZeroU32::new(10),
        }
    }
}

/// The levels of nesting that a reader goes down at most, whatever a configuration says.
pub(crate) const DEEPEST: u64 = 100;

/// The bytes of a text id at most, under any configuration that passes its check.
pub(crate) const LONGEST_ID: u64 = 256;

/// The range of one limit.
struct Range {
    /// The setting, as it stands in the serde form of [`Config`].
    setting: &'static str,
    least: u64,
    most: u64,
    of: fn(&Config) -> Limit,
}

const fn range(setting: &'static str, least: u64, most: u64, of: fn(&Config) -> Limit) -> Range {
    Range { setting, least, most, of }
}

/// All limits that a configuration has, with their ranges; a test holds that none is missing.
const RANGES: [Range; 11] = [
    range("reconnect.again.percent", 100, 1_000, |config| config.reconnect.again.percent),
    range("outbox.messages", 1, 1_000_000, |config| config.outbox.messages),
    range("outbox.bytes", 1, 1 << 30, |config| config.outbox.bytes),
    range("outbox.in_flight", 1, 65_536, |config| config.outbox.in_flight),
    range("outbox.remembered", 0, 1_000_000, |config| config.outbox.remembered),
    range("inbox.window", 1, 1_000_000, |config| config.inbox.window),
    range("inbox.pending", 1, 10_000, |config| config.inbox.pending),
    range("limits.frame_bytes", 1, 16 << 20, |config| config.limits.frame_bytes),
    range("limits.message_bytes", 1, 1 << 20, |config| config.limits.message_bytes),
    range("limits.id_bytes", 1, LONGEST_ID, |config| config.limits.id_bytes),
    range("limits.depth", 1, DEEPEST, |config| config.limits.depth),
];

/// Whether every limit lies within its range; the first that does not is named.
pub(super) fn check_ranges(config: &Config) -> Result<(), ConfigError> {
    for &Range { setting, least, most, of } in &RANGES {
        let value = of(config).get();
        if !(least..=most).contains(&value) {
            return Err(ConfigError::Range { setting, value, least, most });
        }
    }
    Ok(())
}
