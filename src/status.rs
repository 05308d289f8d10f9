//! Where a message stands, from `queued` to its outcome and the marks beyond it.

use serde::{Deserialize, Serialize};

/// Where one message stands.
///
/// A round begins with [`Queued`](Status::Queued) and ends with exactly one settlement: `Accepted` (`Sent` where the
/// dialect has no receipts), `Rejected`, `NotSent`, `Unconfirmed` or `Cancelled`. `Delivered` and `Read` are marks that
/// only rise after a success. `resend` opens a new round under the same id.
///
/// | status | what it says |
/// |---|---|
/// | `Queued` | taken; waits for a connection, or for room in the window |
/// | `Sent` | handed to the socket; nothing is known of its arrival |
/// | `Accepted` | the server said that it has it |
/// | `Delivered` | the receiver's device has it |
/// | `Read` | the receiver has read it |
/// | `Rejected` | the server said no |
/// | `NotSent` | not a byte of it was ever handed to a socket |
/// | `Unconfirmed` | it was sent, and nobody can say whether it arrived |
/// | `Cancelled` | the application took it back before it was sent |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Taken; the session answers for it from now on.
    Queued,
    /// Handed to the socket.
    Sent,
    /// The server has it.
    Accepted,
    /// The receiver's device has it.
    Delivered,
    /// The receiver has read it.
    Read,
    /// The server refused it, and said why with a number of its own.
    Rejected {
        /// The server's code; zero where it gave none.
        code: u32,
    },
    /// No byte of it was ever handed to a socket.
    NotSent,
    /// It was sent, and its fate is unknown.
    Unconfirmed,
    /// Taken back by the application before it was sent.
    Cancelled,
}

impl Status {
    /// Whether the message failed or its fate is unknown, so that `resend` may open a new round.
    pub fn may_resend(self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::NotSent | Self::Unconfirmed | Self::Cancelled)
    }

    /// Whether this status ends a round; `receipts` says whether the dialect has them.
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

    /// The height of a mark: only a higher one replaces it.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Delivered => 2,
            Self::Read => 3,
            _ => 0,
        }
    }
}
