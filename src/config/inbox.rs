//! Messages on their way in.

use serde::{Deserialize, Serialize};

use super::limit::Limit;

/// Messages on their way in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InboxPolicy {
    /// Ids remembered to recognise repeats. Default 4,096, some 230 KB, 820 KB with ids as long as they may be; from 1 to 1,000,000.
    /// A server that keeps at most U pushes unacknowledged needs U plus `pending`.
    pub window: Limit,
    /// The most pushes the server keeps unacknowledged and repeats in order, U, where that is known. Default `None`. With it the window
    /// is checked by [`Config::check`](crate::Config::check), and [`Bounds`](crate::config::Bounds) promises more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_keeps: Option<u32>,
    /// When a message is acknowledged. Default [`Acknowledge::OnDelivery`]; change it where a message must be stored before the
    /// server may forget it.
    pub acknowledge: Acknowledge,
    /// Delivered messages that may wait for `acknowledge`. Default 256, a slow consumer of some seconds; from 1 to 10,000. What comes
    /// beyond is `Deferred` and stays with the server. Where the dialect has positions it is told to the server, which then sends
    /// no more.
    pub pending: Limit,
    /// What is delivered. Default [`Deliver::Content`]; change it where the application reads fields of the envelope too.
    pub deliver: Deliver,
}

impl InboxPolicy {
    /// The window that this server's repeats ask for: all that it keeps, and all that may wait for the application.
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

/// When a message is acknowledged, in dialects that acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Acknowledge {
    /// Right after `Deliver`.
    OnDelivery,
    /// When the application calls `acknowledge`, after it has stored the message.
    OnCall,
}

/// What `Deliver` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deliver {
    /// The message's content.
    Content,
    /// The whole frame, as it came.
    Frame,
}
