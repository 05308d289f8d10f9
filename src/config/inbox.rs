//! Settings for incoming messages.

use serde::{Deserialize, Serialize};

use super::limit::Limit;

/// Settings for incoming messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InboxPolicy {
    /// Limits the ids remembered to recognise repeats. Default 4,096, some 230 KB, or 820 KB with ids of the greatest
    /// length; from 0 to 1,000,000. A server that keeps at most U pushes unacknowledged needs a window of U plus
    /// `pending`. With 0 every message is delivered as often as it comes, but for one that waits for `acknowledge`: for
    /// services whose ids are free again once they are acknowledged.
    pub window: Limit,
    /// The most pushes that the server keeps unacknowledged and repeats in order, U, where that number is known.
    /// Default `None`, not known. With a number, [`Config::check`](crate::Config::check) checks the window against
    /// it, and [`Bounds`](crate::config::Bounds) promises more.
    #[serde(default)]
    pub server_keeps: Option<u32>,
    /// Selects when a message is acknowledged. Default [`Acknowledge::OnDelivery`]; use [`Acknowledge::OnCall`] where
    /// a message must be stored before the server may forget it.
    pub acknowledge: Acknowledge,
    /// Limits the delivered messages that wait for `acknowledge`. Default 256, a slow consumer of some seconds; from
    /// 1 to 10,000. A message above the limit is `Deferred` and stays with the server, and so are those behind it; once
    /// at most half of the limit waits, the connection is replaced, so that the server sends them again, which costs no
    /// attempt. A host that reports what is taken stops reading before that. In a dialect with sequence numbers the
    /// limit is announced to the server, which then sends no more than that.
    pub pending: Limit,
    /// Selects the part of a message that is delivered. Default [`Deliver::Content`]; use [`Deliver::Frame`] where
    /// the application reads fields of the envelope too.
    pub deliver: Deliver,
}

impl InboxPolicy {
    /// The window that repeats of this server need: all that the server keeps, and all that may wait for the
    /// application.
    pub(crate) fn needed_window(&self) -> Option<u64> {
        let waiting = match self.acknowledge {
            Acknowledge::OnDelivery => 0,
            Acknowledge::OnCall => self.pending.get(),
        };
        Some(waiting.saturating_add(u64::from(self.server_keeps?)))
    }
}

impl Default for InboxPolicy {
    fn default() -> Self {
        Self {
            window: Limit::new(4_096),
            server_keeps: None,
            acknowledge: Acknowledge::OnDelivery,
            pending: Limit::new(256),
            deliver: Deliver::Content,
        }
    }
}

/// When a message is acknowledged, in dialects with acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Acknowledge {
    /// A message is acknowledged right after `Deliver`.
    OnDelivery,
    /// A message is acknowledged when the application calls `acknowledge`, after it has stored the message.
    OnCall,
}

/// The part of a message that `Deliver` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deliver {
    /// The content of the message.
    Content,
    /// The whole frame, as it arrived.
    Frame,
}
