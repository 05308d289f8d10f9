//! Limits on what a peer and a caller may ask for, and the ranges of all limits of a configuration.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Config;
use super::limit::Limit;
use crate::error::ConfigError;
use crate::time::Duration;

/// Limits on what a peer and a caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Limits the bytes of an inbound frame. Default 1 MiB, far above any chat message; from 1 to 16 MiB. A longer
    /// frame is dropped unread and reported. Raise it for services that push documents. A dialect that has a field
    /// for the limit announces it to the other end.
    pub frame_bytes: Limit,
    /// Limits the bytes of an outbound body. Default 64 KiB, which common servers accept; from 1 to 1 MiB. A longer
    /// body is refused, before it can end the link with 1009. Set it to the server's own limit.
    pub message_bytes: Limit,
    /// Limits the bytes of a text id. Default 128, where a UUID takes 36; from 33, the length of the longest id that a
    /// session makes itself, to 256. This limit bounds the memory of the dedup window.
    pub id_bytes: Limit,
    /// Limits the levels of nesting in a JSON frame. Default 32: JSON nested by hand stays below ten levels, and
    /// every later parser of the body must survive the depth; from 1 to 100. No frame is ever read deeper than 100
    /// levels.
    pub depth: Limit,
    /// Limits the malformed frames within 10 s; above the limit the connection is closed with 4400. Default 10: one
    /// malformed frame is a mistake, many come from a peer that speaks another protocol. `None` never closes, for
    /// services known to be sloppy.
    pub malformed: Option<NonZeroU32>,
    /// Limits the time that one frame may take on its way, in or out. Default 120 s: the greatest default frame at
    /// 9 kB/s. The bytes of an unfinished frame are a sign of life for no longer, so a peer that drips them holds no
    /// link for ever. Zero counts as 1 ms.
    #[serde(rename = "frame_time_ms")]
    pub frame_time: Duration,
    /// Limits the time in which no byte of what was handed over leaves; after it the connection is lost as
    /// [`Cause::WriteStalled`](crate::Cause::WriteStalled). Default 20 s, several retransmissions of TCP. It needs a
    /// host that reports [`Written`](crate::Event::Written). Zero counts as 1 ms.
    #[serde(rename = "write_stall_ms")]
    pub write_stall: Duration,
    /// Limits the time for which the session does not want to read because what it has read is not taken; after it
    /// the connection is lost as [`Cause::ReadPaused`](crate::Cause::ReadPaused). Default 60 s, in which a server
    /// does not yet give up a client that reads nothing. Zero counts as 1 ms.
    #[serde(rename = "read_pause_ms")]
    pub read_pause: Duration,
}

impl Limits {
    /// The time that one frame may take, at least 1 ms.
    pub(crate) fn frame_time(&self) -> Duration {
        at_least_1_ms(self.frame_time)
    }

    /// The time without a byte that leaves, at least 1 ms.
    pub(crate) fn write_stall(&self) -> Duration {
        at_least_1_ms(self.write_stall)
    }

    /// The time for which the session may not read, at least 1 ms.
    pub(crate) fn read_pause(&self) -> Duration {
        at_least_1_ms(self.read_pause)
    }
}

/// No deadline may be due in the input that sets it.
fn at_least_1_ms(span: Duration) -> Duration {
    span.max(Duration::from_millis(1))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: Limit::new(1 << 20),
            message_bytes: Limit::new(64 << 10),
            id_bytes: Limit::new(128),
            depth: Limit::new(32),
            malformed: NonZeroU32::new(10),
            frame_time: Duration::from_secs(120),
            write_stall: Duration::from_secs(20),
            read_pause: Duration::from_secs(60),
        }
    }
}

/// The greatest nesting depth that a reader follows, under any configuration.
pub(crate) const DEEPEST: u64 = 100;

/// The greatest length of a text id in bytes, under any configuration that passes its check.
pub(crate) const LONGEST_ID: u64 = 256;

/// The length of the longest id that a session makes itself: nonce, hyphen and counter.
pub(crate) const LONGEST_OWN_ID: u64 = 33;

/// The longest interval of a rate and span of a budget, more than a century: no multiple of it leaves the clock.
pub(crate) const LONGEST_SPAN: Duration = Duration::from_millis(1 << 42);

/// The range of one limit.
struct Range {
    /// The name of the setting in the serde form of [`Config`].
    setting: &'static str,
    least: u64,
    most: u64,
    of: fn(&Config) -> Limit,
}

const fn range(setting: &'static str, least: u64, most: u64, of: fn(&Config) -> Limit) -> Range {
    Range { setting, least, most, of }
}

/// The ranges of all limits of a configuration; a test checks that none is missing.
const RANGES: [Range; 15] = [
    range("reconnect.again.percent", 100, 1_000, |config| config.reconnect.again.percent),
    range("reconnect.budget.connects", 1, 1_000_000, |config| {
        config.reconnect.budget.as_ref().map_or(Limit::new(1), |budget| budget.connects)
    }),
    range("outbox.messages", 1, 1_000_000, |config| config.outbox.messages),
    range("outbox.bytes", 1, 1 << 30, |config| config.outbox.bytes),
    range("outbox.in_flight", 1, 65_536, |config| config.outbox.in_flight),
    range("outbox.unwritten_bytes", 1, 16 << 20, |config| config.outbox.unwritten_bytes),
    range("outbox.remembered", 0, 1_000_000, |config| config.outbox.remembered),
    range("inbox.window", 0, 1_000_000, |config| config.inbox.window),
    range("inbox.pending", 1, 10_000, |config| config.inbox.pending),
    range("limits.frame_bytes", 1, 16 << 20, |config| config.limits.frame_bytes),
    range("limits.message_bytes", 1, 1 << 20, |config| config.limits.message_bytes),
    range("limits.id_bytes", LONGEST_OWN_ID, LONGEST_ID, |config| config.limits.id_bytes),
    range("limits.depth", 1, DEEPEST, |config| config.limits.depth),
    range("outbox.rate.messages", 1, 1_000_000, |config| {
        config.outbox.rate.map_or(Limit::new(1), |rate| rate.messages)
    }),
    range("outbox.rate.burst", 1, 1_000_000, |config| config.outbox.rate.map_or(Limit::new(1), |rate| rate.burst)),
];

/// Checks every limit against its range, and names the first one outside.
pub(super) fn check_ranges(config: &Config) -> Result<(), ConfigError> {
    for &Range { setting, least, most, of } in &RANGES {
        let value = of(config).get();
        if !(least..=most).contains(&value) {
            return Err(ConfigError::Range { setting, value, least, most });
        }
    }
    Ok(())
}
