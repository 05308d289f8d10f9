//! Settings for outgoing messages: how many are held, and their fate when the connection is lost.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::config::Limit;
use crate::time::Duration;

/// Settings for outgoing messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OutboxPolicy {
    /// Limits the messages held. Default 1,000: minutes of typing without a network; from 1 to 1,000,000. Raise it
    /// for devices that collect messages while they are offline.
    pub messages: Limit,
    /// Limits the bytes of bodies held. Default 4 MiB; from 1 to 1 GiB. Failed messages that are kept for `resend`
    /// use the space that is left over.
    pub bytes: Limit,
    /// Limits the messages sent and not yet confirmed. Default 32; from 1 to 65,536. Raise it on links of long delay.
    pub in_flight: Limit,
    /// Limits the bytes of messages and answers that are handed to the host and not yet taken by its socket; beyond it
    /// messages stay in the outbox. Default 64 KiB, what a socket's own buffer holds; from 1 to 16 MiB. One frame
    /// goes out whatever its length. It needs a host that reports [`Written`](crate::Event::Written).
    pub unwritten_bytes: Limit,
    /// Limits the messages in a time, where the server closes connections that send faster. Default `None`.
    /// Heartbeats, answers and logins are exempt. What has left counts over a restart; under write-ahead each message
    /// that may have left after the last storing counts as well.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Selects the reaction of `send` while the connection is not ready. Default [`WhileDown::Queue`]; use
    /// [`WhileDown::Refuse`] for messages that are worthless when late, such as the moves of a game.
    pub while_down: WhileDown,
    /// Selects the fate of unconfirmed messages when the connection is lost. Default [`Resend::NextConnection`],
    /// which needs a server that recognises repeated ids; without one use [`Resend::Never`].
    pub resend: Resend,
    /// Limits the wait for a confirmation; after it the link is replaced. Default 20 s: a server that answers
    /// heartbeats and confirms nothing is stuck. Raise it for servers that store slowly or whose application
    /// acknowledges; `None` waits for ever.
    #[serde(rename = "receipt_timeout_ms")]
    pub receipt_timeout: Option<Duration>,
    /// Limits the losses in a row with the same message first in line; at the limit the message is settled as
    /// `Unconfirmed` and the rest goes on. Default 3; `None` never gives up a message for that.
    ///
    /// A loss counts where the server closed the connection or it broke while the message had been out for less than
    /// `reconnect.stable`, and where its receipt was overdue. A copy that the user asked for makes no loss count. Every
    /// other loss of a ready connection ends the row, such as one by silence, and so does a new round by `resend`.
    pub quarantine: Option<NonZeroU32>,
    /// Selects what becomes of the messages behind one that fails. Default [`OnFailure::Continue`]; use
    /// [`OnFailure::Hold`] where each message depends on those before it.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Selects the reaction to a failed write of anything but a heartbeat. Default [`SendFailure::EndLink`]: a socket
    /// that does not take one frame rarely takes the next.
    pub send_failure: SendFailure,
    /// The time for which the server recognises a repeated id. Default `None`, not known. A message first sent longer
    /// ago is settled as `Unconfirmed` instead of being sent again. In a dialect with sequence numbers the window
    /// applies across sessions only, and a window that the server announces takes precedence.
    #[serde(rename = "dedup_window_ms")]
    pub dedup_window: Option<Duration>,
    /// Limits the time for which a message may wait for its outcome. Default `None`, for ever. Set it for messages
    /// that are pointless later; `Outgoing::time_to_live` sets it for a single message.
    #[serde(rename = "time_to_live_ms")]
    pub time_to_live: Option<Duration>,
    /// Limits the settled messages remembered for late receipts, marks and `resend`. Default 1,024, a screenful many
    /// times over; from 0 to 1,000,000. An older message no longer rises to `Delivered` or `Read`. Messages that hold
    /// the line after a failure come on top, within `messages` and `bytes`.
    pub remembered: Limit,
}

impl Default for OutboxPolicy {
    fn default() -> Self {
        Self {
            messages: Limit::new(1_000),
            bytes: Limit::new(4 << 20),
            in_flight: Limit::new(32),
            unwritten_bytes: Limit::new(64 << 10),
            rate: None,
            while_down: WhileDown::Queue,
            resend: Resend::NextConnection,
            receipt_timeout: Some(Duration::from_secs(20)),
            quarantine: NonZeroU32::new(3),
            on_failure: OnFailure::Continue,
            send_failure: SendFailure::EndLink,
            dedup_window: None,
            time_to_live: None,
            remembered: Limit::new(1_024),
        }
    }
}

/// The most messages that leave in a time: `burst` at once, and `messages` in each interval after that.
///
/// ```
/// use redial::{Config, Duration};
/// use redial::config::Rate;
/// let mut config = Config::default();
/// config.outbox.rate = Some(Rate::new(5, Duration::from_secs(1)).burst(10));
/// assert_eq!(config.check(), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rate {
    /// The messages in an interval; from 1 to 1,000,000.
    pub messages: Limit,
    /// The interval. Zero counts as 1 ms, and more than 139 years as 139 years.
    #[serde(rename = "interval_ms")]
    pub interval: Duration,
    /// The messages that may leave at once after a pause; from 1 to 1,000,000.
    pub burst: Limit,
}

impl Rate {
    /// Makes a rate of so many messages in an interval, one at a time.
    pub const fn new(messages: u64, interval: Duration) -> Self {
        Self { messages: Limit::new(messages), interval, burst: Limit::new(1) }
    }

    /// Sets the messages that may leave at once after a pause.
    #[must_use]
    pub const fn burst(mut self, burst: u64) -> Self {
        self.burst = Limit::new(burst);
        self
    }
}

/// The reaction of `send` while the connection is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhileDown {
    /// The message waits in the outbox.
    Queue,
    /// The call is refused, and messages not sent when the connection ends are settled as `NotSent`.
    Refuse,
}

/// The fate of unconfirmed messages when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resend {
    /// Unconfirmed messages are settled as `Unconfirmed`; the user may send them again by hand.
    Never,
    /// Unconfirmed messages are sent again on the next connection, before all others, in order, under the same ids
    /// (MQTT 5 §4.4).
    NextConnection,
}

/// What becomes of the messages behind one that fails.
///
/// A message fails when it is settled as `Rejected`, `NotSent` or `Unconfirmed`; one that the user cancels or abandons
/// does not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The messages behind it leave.
    #[default]
    Continue,
    /// The messages behind it wait until the user decides; `send` still takes messages.
    ///
    /// [`resend`](crate::Session::resend) of the failed message puts it back into its place, before those that wait;
    /// [`abandon`](crate::Session::abandon) of it lets them leave without it. Where several messages failed, they leave
    /// up to the next of these. [`release`](crate::Session::release) and [`drain`](crate::Session::drain) let all
    /// leave; so does the end of the session. A message that holds the line is never forgotten, whatever
    /// `outbox.remembered` says, and its hold outlives a restart. A peer holds no line.
    ///
    /// Messages that are in flight already are not called back: with `in_flight` at 1 there are none. In a dialect
    /// with sequence numbers a refused message gets another number when it is sent again, so those that went out
    /// before go out first on the next connection; one of them that failed meanwhile holds it too.
    Hold,
}

/// The reaction to a failed write of anything but a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SendFailure {
    /// The connection is treated as lost; the message waits for the next one.
    EndLink,
    /// The connection goes on; the message is settled, and the failure is reported as `Unsent`. In a dialect with
    /// sequence numbers a message, a skip or an ack that fails ends the connection all the same, because it would leave
    /// a gap.
    Tell,
}
