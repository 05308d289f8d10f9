//! One message on its way out, as the oracle has seen it.

use redial::{ConnectionId, Frame, Status};

/// One message.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Sent {
    pub(super) status: Status,
    pub(super) place: u64,
    /// How often it was handed to a socket that did not give it back.
    pub(super) handed: u32,
    pub(super) on: Option<ConnectionId>,
    pub(super) first: Option<Frame>,
    /// A new round was asked for, and is told once that is stored.
    pub(super) reopened: bool,
    /// Another process may have handed it over.
    pub(super) maybe: bool,
    /// The user asked for another copy on this connection.
    pub(super) asked: bool,
    /// The new round will have the old place in line, or has it.
    pub(super) kept_place: bool,
    pub(super) retaken: bool,
}

impl Sent {
    pub(super) fn new(place: u64) -> Self {
        Self {
            status: Status::Queued,
            place,
            handed: 0,
            on: None,
            first: None,
            reopened: false,
            maybe: false,
            asked: false,
            kept_place: false,
            retaken: false,
        }
    }

    pub(super) fn is_settled(&self, receipts: bool) -> bool {
        self.status.settles(receipts) || matches!(self.status, Status::Delivered | Status::Read)
    }

    pub(super) fn was_handed(&self) -> bool {
        self.handed > 0 || self.maybe
    }

    /// Whether the user opened this round by hand.
    pub(super) fn again(&self) -> bool {
        self.status == Status::Queued
    }

    pub(super) fn word(&self) -> String {
        format!("{:?}", self.status)
    }
}
