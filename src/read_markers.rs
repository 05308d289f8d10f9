//! Read markers: the last message that the user has read in each conversation. A read marker only rises.
//!
//! 1. Only the newest read marker of a conversation is kept, so no read marker is sent after a newer one.
//! 2. The peer never confirms a read marker: every new connection is sent all of them.
//! 3. The number of read markers is bounded. The read marker that has not risen for longest makes room for another one
//!    once it was sent; while none of them was sent, another one is refused.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::LONGEST_ID;
use crate::durable::{Batch, Damaged, Kind, Log, Records};
use crate::error::MarkReadError;
use crate::id::{LAST, MessageId};

/// Number of conversations whose read markers are kept.
const MAX_CONVERSATIONS: usize = 64;

/// Read markers of all conversations, the one that rose last at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReadMarkers {
    markers: Vec<ReadMarker>,
    /// Number of the next read marker.
    end: u64,
    /// Read markers that came and went since records were last announced.
    log: Log,
}

/// Read marker: the last message that the user has read in one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ReadMarker {
    /// The application's name for the conversation; empty where there is only one conversation.
    conversation: Box<str>,
    id: MessageId,
    /// Whether the marker was sent on any connection of this process.
    sent: bool,
    /// Number of its record, which rises with the markers.
    number: u64,
}

/// Record of a read marker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadMarkerRecord<'a> {
    #[serde(default, skip_serializing_if = "str::is_empty")]
    conversation: Cow<'a, str>,
    id: Cow<'a, MessageId>,
}

impl ReadMarkers {
    /// Creates an empty list; `logs` says whether it notes the changes of its records.
    pub(crate) fn new(logs: bool) -> Self {
        Self { markers: Vec::new(), end: 0, log: Log::new(logs) }
    }

    /// Changes of the records since they were last announced.
    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Writes the records where any was touched, or where `all` are asked for: there are few.
    pub(crate) fn write(&self, batch: &mut Batch<'_>, all: bool) {
        if !all && !self.log.is_loud() {
            return;
        }
        self.log.numbers().for_each(|number| batch.delete(Kind::ReadMarker.at(number)));
        for ReadMarker { conversation, id, number, .. } in &self.markers {
            let record = ReadMarkerRecord { conversation: Cow::Borrowed(conversation), id: Cow::Borrowed(id) };
            batch.put(Kind::ReadMarker.at(*number), &record);
        }
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
            let ReadMarker { number, .. } = self.markers.remove(at);
            self.log.touch(number);
        } else if full {
            return Err(MarkReadError::Full { limit: MAX_CONVERSATIONS as u64 });
        }
        let number = self.end;
        self.markers.push(ReadMarker { conversation: conversation.into(), id: id.clone(), sent: false, number });
        self.end += 1;
        self.log.touch(number);
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
        for marker in self.markers.drain(..) {
            self.log.touch(marker.number);
        }
    }

    /// Restores the read markers from their records; damaged where they contradict each other or a limit.
    /// `None` where there are none.
    pub(crate) fn restored(records: &Records, logs: bool) -> Result<Option<Box<Self>>, Damaged> {
        let mut markers = Self::new(logs);
        for (number, ReadMarkerRecord { conversation, id }) in records.all(Kind::ReadMarker)? {
            let (conversation, id) = (conversation.into(), id.into_owned());
            markers.markers.push(ReadMarker { conversation, id, sent: false, number });
            markers.end = number.saturating_add(1);
        }
        let conversations: BTreeSet<&str> = markers.newest().map(|(conversation, _)| conversation).collect();
        let sound = |(conversation, id): (&str, &MessageId)| id.is_sound() && conversation.len() as u64 <= LONGEST_ID;
        let once = conversations.len() == markers.markers.len() && conversations.len() <= MAX_CONVERSATIONS;
        if !once || markers.end > LAST || !markers.newest().all(sound) {
            return Err(Damaged);
        }
        Ok(Some(Box::new(markers)).filter(|markers| !markers.markers.is_empty()))
    }
}
