//! How many messages are held, and what becomes of them.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Limit;
use crate::time::Duration;

/// Messages on their way out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OutboxPolicy {
    /// Messages held at most. Default 1,000: minutes of typing without a network; from 1 to 1,000,000. Raise it for devices that
    /// collect while they are offline.
    pub messages: Limit,
    /// Bytes of bodies held at most. Default 4 MiB; from 1 to 1 GiB. Failed messages that are kept for `resend` use what is left over.
    pub bytes: Limit,
    /// Messages sent and not yet confirmed at most. Default 32; from 1 to 65,536. Raise it on links of long delay.
    pub in_flight: Limit,
    /// What `send` does while the connection is not ready. Default [`WhileDown::Queue`]; refuse what is worthless when it is late,
    /// such as the moves of a game.
    pub while_down: WhileDown,
    /// What becomes of unconfirmed messages when the connection is lost. Default [`Resend::NextConnection`], which needs a server
    /// that recognises repeated ids; without one choose [`Resend::Never`].
    pub resend: Resend,
    /// How long a confirmation may take before the link is recycled. Default 20 s: a server that answers pings and confirms nothing
    /// is stuck. Raise it for servers that store slowly or whose application acknowledges; `None` waits for ever.
    #[serde(rename = "receipt_timeout_ms")]
    pub receipt_timeout: Option<Duration>,
    /// Losses in a row with one message first in line before it is settled `Unconfirmed` and the rest goes on. Default 3; `None` never.
    pub quarantine: Option<NonZeroU32>,
    /// What a failed write of anything but a heartbeat means. Default [`SendFailure::EndLink`]: a socket that does not take one frame
    /// rarely takes the next.
    pub send_failure: SendFailure,
    /// How long the server recognises a repeated id. Default `None`, not known. What was sent longer ago is settled `Unconfirmed` instead of being sent again.
    /// Where the dialect has positions this counts across sessions only, and what the server says of itself stands before it.
    #[serde(rename = "dedup_window_ms")]
    pub dedup_window: Option<Duration>,
    /// How long a message may wait for its outcome. Default `None`, for ever; set it for what is pointless later, or a message at a
    /// time with `Outgoing::time_to_live`.
    #[serde(rename = "time_to_live_ms")]
    pub time_to_live: Option<Duration>,
    /// Settled messages remembered, for late receipts, marks and `resend`. Default 1,024, a screenful many times over; from 0 to
    /// 1,000,000. What is older no longer rises to `Delivered` or `Read`.
    pub remembered: Limit,
}

impl Default for OutboxPolicy {
    fn default() -> Self {
        Self {
            messages: Limit::new(1_000),
            bytes: Limit::new(4 << 20),
            in_flight: Limit::new(32),
            while_down: WhileDown::Queue,
            resend: Resend::NextConnection,
            receipt_timeout: Some(Duration::from_secs(20)),
            quarantine: NonZeroU32::new(3),
            send_failure: SendFailure::EndLink,
            dedup_window: None,
            time_to_live: None,
            remembered: Limit::new(1_024),
        }
    }
}

/// What `send` does while the connection is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhileDown {
    /// The message waits in the outbox.
    Queue,
    /// The call is refused, and what was not sent when the connection ends is settled `NotSent`.
    Refuse,
}

/// What becomes of unconfirmed messages when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resend {
    /// They are settled `Unconfirmed`; the user may send them again by hand.
    Never,
    /// They go out again on the next connection, first, in order, under the same ids (MQTT 5 §4.4).
    NextConnection,
}

/// What a failed write of anything but a heartbeat means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SendFailure {
    /// The connection is as good as lost; the message waits for the next one.
    EndLink,
    /// The connection goes on; the message is settled and `Unsent` is told.
    Tell,
}
