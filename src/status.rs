//! The status of an outgoing message, from `Queued` to its outcome and the marks beyond it.

use serde::{Deserialize, Serialize};

/// The status of one outgoing message.
///
/// A round begins with [`Queued`](Status::Queued) and ends with exactly one settlement: `Accepted` (`Sent` where the
/// dialect has no receipts), `Rejected`, `NotSent`, `Unconfirmed` or `Cancelled`. `Delivered` and `Read` are marks
/// that follow a success and only rise. `resend` opens a new round under the same id.
///
/// | status | meaning |
/// |---|---|
/// | `Queued` | the session took the message, which was not sent in this round: it waits for a connection or for room in the window |
/// | `Sent` | the message was handed to the socket; nothing is known of its arrival |
/// | `Accepted` | the server confirmed that it has the message |
/// | `Delivered` | the receiver's device has the message |
/// | `Read` | the receiver has read the message |
/// | `Rejected` | the server refused the message |
/// | `NotSent` | not one byte of the message was ever handed to a socket |
/// | `Unconfirmed` | the message was sent, and its arrival cannot be known |
/// | `Cancelled` | the application took the message back before it was sent |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// The session took the message and answers for it from now on.
    Queued,
    /// The message was handed to the socket; where that connection was lost, it waits to be sent again.
    Sent,
    /// The server has the message.
    Accepted,
    /// The receiver's device has the message.
    Delivered,
    /// The receiver has read the message.
    Read,
    /// The server refused the message, with a code of its own.
    Rejected {
        /// The server's code; zero where it gave none.
        code: u32,
    },
    /// Not one byte of the message was ever handed to a socket.
    NotSent,
    /// The message was sent, and its fate is unknown.
    Unconfirmed,
    /// The application took the message back before it was sent.
    Cancelled,
}

impl Status {
    /// Whether the message failed or its fate is unknown, so that `resend` may open a new round.
    pub fn may_resend(self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::NotSent | Self::Unconfirmed | Self::Cancelled)
    }

    /// Whether this status ends a round; `receipts` says whether the dialect has receipts.
    ///
    /// ```
    /// use redial::Status;
    /// assert!(Status::Accepted.settles(true));
    /// assert!(!Status::Sent.settles(true));
    /// assert!(Status::Sent.settles(false));
    /// ```
    pub fn settles(self, receipts: bool) -> bool {
        match self {
            Self::Queued | Self::Delivered | Self::Read => false,
            Self::Sent => !receipts,
            Self::Accepted | Self::Rejected { .. } | Self::NotSent | Self::Unconfirmed | Self::Cancelled => true,
        }
    }

    /// The word of the status in a record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Rejected { .. } => "rejected",
            Self::NotSent => "not_sent",
            Self::Unconfirmed => "unconfirmed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this word; only `Rejected` has a code. `None` for any other text.
    pub(crate) fn from_word(word: &str, code: Option<u32>) -> Option<Self> {
        const PLAIN: [Status; 8] = [
            Status::Queued,
            Status::Sent,
            Status::Accepted,
            Status::Delivered,
            Status::Read,
            Status::NotSent,
            Status::Unconfirmed,
            Status::Cancelled,
        ];
        match code {
            Some(code) => Some(Self::Rejected { code }).filter(|status| status.word() == word),
            None => PLAIN.into_iter().find(|status| status.word() == word),
        }
    }

    /// The rank of a mark: only a higher mark replaces a lower one.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Delivered => 2,
            Self::Read => 3,
            _ => 0,
        }
    }
}
