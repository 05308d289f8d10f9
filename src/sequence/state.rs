//! Snapshot form of a sequence.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{Gap, Inbound, LAST, Outbound, Sequence, Sid, UnackedMessage};
use crate::dialect::Refusal;
use crate::id::MessageId;

/// Durable state of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Sid>,
    acked: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<SequencedState>,
    accepted: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refusal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<(u64, Option<u64>)>,
}

/// Snapshot form of one message that has a sequence number and no ack.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct SequencedState {
    id: MessageId,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    skipped: bool,
}

impl Sequence {
    /// Returns the durable state; `slot` returns the slot of a message in the outbox.
    pub(crate) fn to_state(&self, slot: impl Fn(&MessageId) -> Option<u64>) -> SequenceState {
        let unacked = |unacked: &UnackedMessage| SequencedState {
            id: unacked.id.clone(),
            // A new round of a message has another slot, and will get another sequence number.
            skipped: unacked.skipped || slot(&unacked.id) != Some(unacked.slot),
        };
        SequenceState {
            sid: self.sid.clone(),
            acked: self.out.acked(),
            sent: self.out.unacked().map(unacked).collect(),
            accepted: self.inbound.accepted(),
            refused: self.inbound.all_refusals(),
            missing: self.gap.missing(),
        }
    }

    /// Restores a sequence from a snapshot; `slot` returns the slot of a message in the restored outbox. Returns `None`
    /// where the state contradicts itself.
    pub(crate) fn from_state(state: SequenceState, slot: impl Fn(&MessageId) -> Option<u64>) -> Option<Box<Self>> {
        if !state.is_sound() {
            return None;
        }
        let unacked = |unacked: SequencedState| {
            // A settled message has no slot in the outbox; without one the message is skipped.
            UnackedMessage::new(slot(&unacked.id).unwrap_or(u64::MAX), unacked.id, unacked.skipped)
        };
        let out = Outbound::restored(state.acked, state.sent.into_iter().map(unacked).collect());
        Some(Box::new(Self {
            sid: state.sid,
            out,
            inbound: Inbound::restored(state.accepted, state.refused)?,
            gap: Gap::restored(state.missing)?,
            credit: None,
            dedup: None,
            restored: true,
            revision: 0,
        }))
    }
}

impl SequenceState {
    /// Whether the sequence numbers given are numbers of a session, and no message has two of them.
    fn is_sound(&self) -> bool {
        let begun = self.sid.is_some() || (self.acked == 0 && self.accepted == 0 && self.sent.is_empty());
        let named = self.sid.as_ref().is_none_or(Sid::is_sound);
        let mut numbered = BTreeSet::new();
        let once = |sent: &SequencedState| sent.id.is_sound() && (sent.skipped || numbered.insert(sent.id.clone()));
        let highest = self.acked.saturating_add(self.sent.len() as u64);
        begun && named && highest <= LAST && self.sent.iter().all(once)
    }
}
