//! Read markers: the last message that the user has read in each conversation. A read marker only rises.
//!
//! 1. Only the newest read marker of a conversation is kept, so no read marker is sent after a newer one.
//! 2. The peer never confirms a read marker: every new connection is sent all of them.
//! 3. The number of read markers is bounded. The read marker that has not risen for longest makes room for another one
//!    once it was sent; while none of them was sent, another one is refused.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::LONGEST_ID;
use crate::error::MarkReadError;
use crate::id::MessageId;

/// Number of conversations whose read markers are kept.
const MAX_CONVERSATIONS: usize = 64;

/// Read markers of all conversations, the one that rose last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ReadMarkers {
    markers: Vec<ReadMarker>,
    revision: u64,
}

/// Read marker: the last message that the user has read in one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ReadMarker {
    /// The application's name for the conversation; empty where there is only one conversation.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    conversation: Box<str>,
    id: MessageId,
    /// Whether the marker was sent on any connection of this process.
    #[serde(skip)]
    sent: bool,
}

impl ReadMarkers {
    /// Number of changes to the part of the read markers that a snapshot holds.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns each conversation with the id of the last message read in it.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (&str, &MessageId)> {
        self.markers.iter().map(|marker| (&*marker.conversation, &marker.id))
    }

    /// Raises the read marker of a conversation to the message `id`, if `is_newer` says that it is newer than the
    /// message of the present read marker. Returns whether the read marker rose.
    pub(crate) fn on_read(
        &mut self,
        conversation: &str,
        id: &MessageId,
        is_newer: impl FnOnce(&MessageId) -> bool,
    ) -> Result<bool, MarkReadError> {
        let known = self.markers.iter().position(|marker| &*marker.conversation == conversation);
        if known.and_then(|at| self.markers.get(at)).is_some_and(|marker| !is_newer(&marker.id)) {
            return Ok(false);
        }
        let full = self.markers.len() >= MAX_CONVERSATIONS;
        if let Some(at) = known.or_else(|| self.markers.iter().position(|marker| full && marker.sent)) {
            self.markers.remove(at);
        } else if full {
            return Err(MarkReadError::Full { limit: MAX_CONVERSATIONS as u64 });
        }
        self.markers.push(ReadMarker { conversation: conversation.into(), id: id.clone(), sent: false });
        self.revision += 1;
        Ok(true)
    }

    /// Notes that the read marker at this message was sent.
    pub(crate) fn on_sent(&mut self, id: &MessageId) {
        for marker in self.markers.iter_mut().filter(|marker| marker.id == *id) {
            marker.sent = true;
        }
    }

    /// Forgets all read markers, because their ids mean nothing on the next connection.
    pub(crate) fn forget(&mut self) {
        self.revision += u64::from(!self.markers.is_empty());
        self.markers.clear();
    }

    /// Returns the read markers for a snapshot.
    pub(crate) fn to_state(&self) -> Vec<ReadMarker> {
        self.markers.clone()
    }

    /// Restores the read markers from a snapshot; `None` where they contradict each other or a limit.
    pub(crate) fn from_state(state: Vec<ReadMarker>) -> Option<Self> {
        let conversations: BTreeSet<&str> = state.iter().map(|marker| &*marker.conversation).collect();
        let sound = |marker: &ReadMarker| marker.id.is_sound() && marker.conversation.len() as u64 <= LONGEST_ID;
        let once = conversations.len() == state.len() && state.len() <= MAX_CONVERSATIONS;
        (once && state.iter().all(sound)).then_some(Self { markers: state, revision: 0 })
    }
}
