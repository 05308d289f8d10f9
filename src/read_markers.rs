//! Up to where messages are read: one mark a conversation, which only rises.
//!
//! 1. Only the newest mark of a conversation is kept, so none is ever told after a newer one.
//! 2. Nobody confirms a mark: each connection is told all of them.
//! 3. Their number is bounded; the one that has not risen for longest is forgotten first.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::MessageId;

/// Conversations whose marks are kept.
const CONVERSATIONS: usize = 64;

/// The marks of all conversations, the one that rose last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ReadMarkers {
    line: VecDeque<ReadMarker>,
    revision: u64,
}

/// Up to where one conversation is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ReadMarker {
    /// The application's name for the conversation; empty where there is only one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    conversation: Box<str>,
    id: MessageId,
}

impl ReadMarkers {
    /// Changes to what a snapshot holds, counted.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The last message that is read in each conversation.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.line.iter().map(|mark| &mark.id)
    }

    /// The user has read up to here, which `is_newer` than an earlier mark or is not; says whether the mark rose.
    pub(crate) fn on_read(
        &mut self,
        conversation: &str,
        id: &MessageId,
        is_newer: impl FnOnce(&MessageId) -> bool,
    ) -> bool {
        let known = self.line.iter().position(|mark| &*mark.conversation == conversation);
        if let Some(at) = known {
            if !self.line.get(at).is_some_and(|mark| is_newer(&mark.id)) {
                return false;
            }
            self.line.remove(at);
        } else if self.line.len() >= CONVERSATIONS {
            self.line.pop_front();
        }
        self.line.push_back(ReadMarker { conversation: conversation.into(), id: id.clone() });
        self.revision += 1;
        true
    }

    /// The marks for a snapshot.
    pub(crate) fn to_state(&self) -> Vec<ReadMarker> {
        self.line.iter().cloned().collect()
    }

    /// The marks as a snapshot held them.
    pub(crate) fn from_state(mut state: Vec<ReadMarker>) -> Self {
        state.drain(..state.len().saturating_sub(CONVERSATIONS));
        Self { line: state.into(), revision: 0 }
    }
}
