//! What a peer or a caller may ask for at most.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::bounded::Bounded;

/// What a peer or a caller may ask for at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of an inbound frame. Default 1 MiB, far above any chat message; more is dropped unread and reported. Raise it for
    /// services that push documents. Where the dialect can, it is told to the other end.
    pub frame_bytes: Bounded<1, 0x100_0000>,
    /// Bytes of an outbound body. Default 64 KiB, which common servers take; more is refused, before it can end the link with 1009.
    /// Set it to the server's own limit.
    pub message_bytes: Bounded<1, 0x10_0000>,
    /// Bytes of a text id. Default 128: a UUID takes 36. It bounds what the dedup window can hold.
    pub id_bytes: Bounded<1, 256>,
    /// Levels of nesting in a frame of JSON. Default 32: what people nest by hand stays below ten, and whoever parses the body again
    /// must survive it.
    pub depth: Bounded<1, 100>,
    /// Malformed frames within 10 s before the connection is closed with 4400. Default 10: one is a mistake, more are a peer that
    /// speaks something else. `None` never, where a service is known to be sloppy.
    pub malformed: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: Bounded::clamped(1 << 20),
            message_bytes: Bounded::clamped(64 << 10),
            id_bytes: Bounded::clamped(128),
            depth: Bounded::clamped(32),
            malformed: NonZeroU32::new(10),
        }
    }
}
