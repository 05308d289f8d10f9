//! Positions in a snapshot.

use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{Gap, Inbound, Outbound, Sid, Slot, Stream};
use crate::id::MessageId;
use crate::signal::Refusal;

/// The durable state of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FrozenStream {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Sid>,
    acked: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<FrozenSlot>,
    accepted: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refusal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<(u64, Option<u64>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct FrozenSlot {
    id: MessageId,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    skipped: bool,
}

impl Stream {
    /// `place` says where in the outbox a message stands.
    pub(crate) fn freeze(&self, place: impl Fn(&MessageId) -> Option<u64>) -> FrozenStream {
        let slot = |slot: &Slot| FrozenSlot {
            id: slot.id.clone(),
            // A new round of a message has another place in line, and will have another position.
            skipped: slot.skipped || place(&slot.id) != Some(slot.place),
        };
        FrozenStream {
            sid: self.sid.clone(),
            acked: self.out.acked(),
            sent: self.out.slots().map(slot).collect(),
            accepted: self.inn.accepted(),
            refused: self.inn.all_refusals(),
            missing: self.gap.missing(),
        }
    }

    /// A stream as a snapshot held it; `place` says where in the outbox a message stands now.
    pub(crate) fn thaw(frozen: FrozenStream, place: impl Fn(&MessageId) -> Option<u64>) -> Box<Self> {
        let slot = |slot: FrozenSlot| {
            // What has its outcome is nowhere in the outbox, and is skipped for that.
            Slot::restored(place(&slot.id).unwrap_or(u64::MAX), slot.id, slot.skipped)
        };
        let out = Outbound::restored(frozen.acked, frozen.sent.into_iter().map(slot).collect());
        Box::new(Self {
            sid: frozen.sid,
            out,
            inn: Inbound::restored(frozen.accepted, frozen.refused),
            gap: Gap::restored(frozen.missing),
            credit: None,
            dedup: None,
            revision: 0,
        })
    }
}
