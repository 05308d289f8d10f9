//! Settings for the accepting side, beyond its preset.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Durability;
use crate::time::Duration;

/// Settings for the accepting side, beyond its preset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PeerPolicy {
    /// The time after which an unacknowledged push is sent again. Default 10 s; `None` repeats pushes only on a new
    /// connection; less than 1 ms counts as 1 ms, [`Duration::MAX`] as `None`. In a dialect with sequence numbers
    /// nothing is repeated on a live connection.
    #[serde(rename = "push_again_ms")]
    pub push_again: Option<Duration>,
    /// Limits the copies of one push, the first included. Default `None`, until the push is acknowledged.
    pub copies: Option<NonZeroU32>,
    /// Limits the silence of a client before its connection is ended. Default 90 s, somewhat more than three default
    /// heartbeats; less than 1 ms counts as 1 ms; `None` and [`Duration::MAX`] wait for ever.
    #[serde(rename = "silence_ms")]
    pub silence: Option<Duration>,
    /// Whether messages wait until the host has stored them. Default [`Durability::Off`]: a peer lives as long as its
    /// process.
    pub durability: Durability,
    /// The time for which a session with sequence numbers can be resumed after its connection is lost. Default 24 h,
    /// a night and a day. Zero resumes no session; [`Duration::MAX`] keeps a session for ever.
    #[serde(rename = "lifetime_ms")]
    pub lifetime: Duration,
    /// The time for which the service recognises message ids by other means, such as a database. Default zero: only
    /// this peer's own memory counts, which reaches back to the moment the peer was made. [`Duration::MAX`] recognises
    /// ids for ever.
    #[serde(rename = "dedup_ms")]
    pub dedup: Duration,
    /// Limits the losses in a row with the same push first in line; at the limit the push is given up as poison.
    /// Default `None`, never: a server that keeps messages would rather repeat one than lose it to a client that is
    /// killed a few times.
    pub quarantine: Option<NonZeroU32>,
    /// The time between heartbeats that is asked of the client, where the dialect has a field for it. Default `None`:
    /// the client decides. More than half of `silence` counts as half of it, so that no client is ended between two
    /// heartbeats; a client clamps what it is asked to between 5 s and 5 min.
    #[serde(rename = "heartbeat_ms")]
    pub heartbeat: Option<Duration>,
}

impl PeerPolicy {
    /// Clamps each field to its range, as its docs say.
    pub(crate) fn clamped(self) -> Self {
        let least = |span: Duration| span.max(Duration::from_millis(1));
        let silence = self.silence.map(least);
        let most = silence.map_or(Duration::MAX, |silence| Duration::from_millis(silence.as_millis() / 2));
        Self {
            push_again: self.push_again.map(least),
            silence,
            heartbeat: self.heartbeat.map(|every| every.min(most)),
            ..self
        }
    }
}

impl Default for PeerPolicy {
    fn default() -> Self {
        Self {
            push_again: Some(Duration::from_secs(10)),
            copies: None,
            silence: Some(Duration::from_secs(90)),
            durability: Durability::Off,
            lifetime: Duration::from_secs(24 * 3_600),
            dedup: Duration::ZERO,
            quarantine: None,
            heartbeat: None,
        }
    }
}
