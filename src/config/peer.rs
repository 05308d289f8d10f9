//! Settings for the accepting side, beyond its preset.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Durability;
use crate::time::Duration;

/// Settings for the accepting side, beyond its preset.
///
/// A [`Peer`](crate::Peer) shares the preset of its client. Of that configuration a peer keeps what bounds either end:
/// `limits`, `authentication.timeout`, the sizes `messages`, `bytes`, `in_flight`, `unwritten_bytes` and `remembered`
/// of the outbox, `window`, `pending` and `acknowledge` of the inbox, and `reconnect.stable`, within which a loss is
/// blamed on a push. The settings that speak of a client mean nothing to a peer:
///
/// | setting of the preset | on a peer |
/// |---|---|
/// | `outbox.receipt_timeout`, `outbox.quarantine` | `push_again` and `quarantine` of this policy |
/// | `outbox.resend`, `outbox.while_down` | pushes wait for the client, and are sent again on its next connection |
/// | `outbox.send_failure` | a failed write ends the connection |
/// | `outbox.on_failure` | what is behind a push that fails leaves: no call of a peer would let it go on |
/// | `outbox.dedup_window` | none: it is the time of a server's memory, and a client remembers a number of ids |
/// | `outbox.rate` | none: it is what a server takes from a client |
/// | `outbox.time_to_live` | none: `Outgoing::time_to_live` limits a single push |
/// | `inbox.deliver`, `inbox.server_keeps` | the content is delivered, and what the client keeps is not known |
/// | `durability` | that of this policy |
/// | the others | not used, because a peer neither dials nor asks for heartbeats |
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
