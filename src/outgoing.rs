//! What an application hands to `send`.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Body;
use crate::id::MessageId;
use crate::time::Duration;

/// A message to be sent: a body, and where wanted an id, a time to live, and "never twice".
///
/// ```
/// use redial::{Duration, Outgoing};
/// let order = Outgoing::from("buy 10").id("order-17").once().time_to_live(Duration::from_secs(30));
/// # let _ = order;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outgoing {
    pub(crate) body: Body,
    pub(crate) id: Option<MessageId>,
    pub(crate) time_to_live: Option<Duration>,
    pub(crate) repeat: Repeat,
}

/// Whether a message may go out more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeat {
    /// As the configuration says.
    Allowed,
    /// Never: where the connection is lost under it, it is settled `Unconfirmed`.
    Never,
}

impl Outgoing {
    /// Under an id of the caller's choice; without one the session makes `nonce-counter`.
    #[must_use]
    pub fn id(mut self, id: impl Into<MessageId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// For so long at most; then it is settled `NotSent`, or `Unconfirmed` where it was sent.
    #[must_use]
    pub fn time_to_live(mut self, span: Duration) -> Self {
        self.time_to_live = Some(span);
        self
    }

    /// Never sent a second time by the session itself.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Never;
        self
    }
}

impl<B: Into<Body>> From<B> for Outgoing {
    fn from(body: B) -> Self {
        Self { body: body.into(), id: None, time_to_live: None, repeat: Repeat::Allowed }
    }
}

// `From<B>` above covers these; they are named so that the documentation shows what `send` takes.
const _: fn(String) -> Outgoing = Outgoing::from;
const _: fn(&'static str) -> Outgoing = Outgoing::from;
const _: fn(Vec<u8>) -> Outgoing = Outgoing::from;
