//! Read markers: the last message that the user has read in each conversation. A read marker only rises.
//!
//! 1. Only the newest read marker of a conversation is kept, so no read marker is sent after a newer one.
//! 2. The peer never confirms a read marker: every new connection is sent all of them.
//! 3. The number of read markers is bounded; the read marker that has not risen for longest is
//!    forgotten first.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::MessageId;

/// Number of conversations whose read markers are kept.
const MAX_CONVERSATIONS: usize = 64;

/// Read markers of all conversations, the one that rose last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ReadMarkers {
    markers: VecDeque<ReadMarker>,
    revision: u64,
}

/// Read marker: the last message that the user has read in one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ReadMarker {
    /// The application's name for the conversation; empty where there is only one conversation.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    conversation: Box<str>,
    id: MessageId,
}

impl ReadMarkers {
    /// Number of changes to the part of the read markers that a snapshot holds.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the id of the last message read in each conversation.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.markers.iter().map(|marker| &marker.id)
    }

    /// Raises the read marker of a conversation to the message `id`, if `is_newer` says that it is newer than the
    /// message of the present read marker. Returns whether the read marker rose.
    pub(crate) fn on_read(
        &mut self,
        conversation: &str,
        id: &MessageId,
        is_newer: impl FnOnce(&MessageId) -> bool,
    ) -> bool {
        let known = self.markers.iter().position(|marker| &*marker.conversation == conversation);
        if let Some(at) = known {
            if !self.markers.get(at).is_some_and(|marker| is_newer(&marker.id)) {
                return false;
            }
            self.markers.remove(at);
        } else if self.markers.len() >= MAX_CONVERSATIONS {
            self.markers.pop_front();
        }
        self.markers.push_back(ReadMarker { conversation: conversation.into(), id: id.clone() });
        self.revision += 1;
        true
    }

    /// Returns the read markers for a snapshot.
    pub(crate) fn to_state(&self) -> Vec<ReadMarker> {
        self.markers.iter().cloned().collect()
    }

    /// Restores the read markers from a snapshot.
    pub(crate) fn from_state(mut state: Vec<ReadMarker>) -> Self {
        state.drain(..state.len().saturating_sub(MAX_CONVERSATIONS));
        Self { markers: state.into(), revision: 0 }
    }
}
