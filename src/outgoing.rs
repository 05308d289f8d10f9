//! A message that an application hands to `send`.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::Body;
use crate::id::MessageId;
use crate::time::Duration;

/// A message to be sent: a body, and optionally an id, a time to live, and "at most once".
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

/// Whether a message may be sent more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Repeat {
    /// The configuration decides.
    #[default]
    Allowed,
    /// The message is sent at most once: if the connection is lost meanwhile, it is settled as `Unconfirmed`.
    Never,
}

impl Outgoing {
    /// Sets the id of the message. Without an id of the caller's choice the session makes one, `nonce-counter`.
    #[must_use]
    pub fn id(mut self, id: impl Into<MessageId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the time to live. When it is over, the message is settled as `NotSent`, or as `Unconfirmed` where it was
    /// sent.
    #[must_use]
    pub fn time_to_live(mut self, span: Duration) -> Self {
        self.time_to_live = Some(span);
        self
    }

    /// Limits the message to one copy: the session itself sends it at most once.
    ///
    /// Only the user's word sends another copy: [`resend`](crate::Session::resend) is not refused, and its round has
    /// one copy of its own.
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

// `From<B>` above covers these types; naming them here fails the build if `send` stops taking one.
const _: fn(String) -> Outgoing = Outgoing::from;
const _: fn(&'static str) -> Outgoing = Outgoing::from;
const _: fn(Vec<u8>) -> Outgoing = Outgoing::from;
