//! How an accepting side behaves beyond its preset.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Durability;
use crate::time::Duration;

/// How an accepting side behaves beyond its preset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PeerPolicy {
    /// How long a push may stay unacknowledged before it is pushed again. Default 10 s; `None` only on a new connection. Where
    /// the dialect has positions nothing is repeated on a live connection.
    #[serde(rename = "push_again_ms")]
    pub push_again: Option<Duration>,
    /// Copies of one push at most, the first included. Default `None`, until it is acknowledged.
    pub copies: Option<NonZeroU32>,
    /// How long a client may be silent. Default 90 s, three default heartbeats and some; `None` for ever.
    #[serde(rename = "silence_ms")]
    pub silence: Option<Duration>,
    /// Whether messages wait until the host has stored them. Default [`Durability::Off`]: a peer lives as long as its process.
    pub durability: Durability,
    /// How long a session with positions can be taken up again after its connection is lost. Default 24 h, a night and a day.
    #[serde(rename = "lifetime_ms")]
    pub lifetime: Duration,
    /// How far back the service recognises the ids of messages by other means, a database say. Default zero: only this peer's
    /// own memory counts, which reaches back to when it was made.
    #[serde(rename = "dedup_ms")]
    pub dedup: Duration,
    /// At how many losses in a row with the same push first in line it is given up as poison. Default `None`, never: a server that
    /// keeps messages would rather repeat one than lose it to a client that is killed a few times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<NonZeroU32>,
    /// How often a client shall send heartbeats, where the dialect can tell it. Default `None`, as the client likes.
    #[serde(rename = "heartbeat_ms", skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Duration>,
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
