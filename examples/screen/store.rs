//! What a chat page shows: messages in order, each under a key that never changes, each with its state words.
//!
//! 1. Adding, finding and removing cost O(log n); the order is that of the first appearance.
//! 2. A message that appears again, by a resend or a second copy, keeps its place.
//! 3. Statuses and deliveries come from actions alone. What the user typed is the page's own: an action names it by id.

use std::collections::BTreeMap;

use redial::services::{ReadState, SendState};
use redial::{Action, Body, MessageId, Status};

/// The name of an entry, for as long as the store lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

impl Key {
    /// The number, for a command line.
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

/// Whose message it is, and how it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Written here.
    Mine(Status),
    /// Written elsewhere, and read here or not.
    Theirs(ReadState),
}

/// One message on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The id, where the service names messages.
    pub(crate) id: Option<MessageId>,
    /// The content; nothing yet for an own message before [`Store::write`] has told it.
    pub(crate) body: Body,
    /// Whose it is.
    pub(crate) side: Side,
}

impl Entry {
    /// How the sending goes; nothing for a message from elsewhere.
    pub(crate) fn send_state(&self) -> Option<SendState> {
        match self.side {
            Side::Mine(status) => Some(status.into()),
            Side::Theirs(_) => None,
        }
    }

    /// Whether it was read: by the other side if it is our own, by us if it is not.
    pub(crate) fn read_state(&self) -> ReadState {
        match self.side {
            Side::Mine(status) => status.into(),
            Side::Theirs(read) => read,
        }
    }
}

/// The messages of one conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<Key, Entry>,
    mine: BTreeMap<MessageId, Key>,
    theirs: BTreeMap<MessageId, Key>,
    last: u64,
}

impl Store {
    /// Takes in what an action says of a message; the key of the entry that is new or has changed.
    pub(crate) fn on_action(&mut self, action: &Action) -> Option<Key> {
        match action {
            Action::Status { id, status } => Some(self.status(id, *status)),
            Action::Deliver(message) => {
                if let Some(key) = message.id.as_ref().and_then(|id| self.theirs.get(id)) {
                    return Some(*key);
                }
                let entry =
                    Entry { id: message.id.clone(), body: message.body.clone(), side: Side::Theirs(ReadState::Unread) };
                let key = self.append(entry);
                if let Some(id) = &message.id {
                    self.theirs.insert(id.clone(), key);
                }
                Some(key)
            }
            _ => None,
        }
    }

    /// Says what an own message reads; to be called with the id that `send` returned, before or after its first status.
    pub(crate) fn write(&mut self, id: &MessageId, body: impl Into<Body>) -> Key {
        let key = self.mine.get(id).copied().unwrap_or_else(|| self.status(id, Status::Queued));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.body = body.into();
        }
        key
    }

    /// Marks a message from elsewhere as read; says whether there was one to mark.
    pub(crate) fn mark_read(&mut self, key: Key) -> bool {
        match self.entries.get_mut(&key) {
            Some(Entry { side: Side::Theirs(read), .. }) => {
                *read = ReadState::Read;
                true
            }
            _ => false,
        }
    }

    /// Takes a message off the page.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        if let Some(id) = &entry.id {
            let index = if matches!(entry.side, Side::Mine(_)) { &mut self.mine } else { &mut self.theirs };
            index.remove(id);
        }
        Some(entry)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Key, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn status(&mut self, id: &MessageId, status: Status) -> Key {
        if let Some(key) = self.mine.get(id).copied() {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.side = Side::Mine(status);
            }
            return key;
        }
        let key = self.append(Entry { id: Some(id.clone()), body: Body::from(""), side: Side::Mine(status) });
        self.mine.insert(id.clone(), key);
        key
    }

    fn append(&mut self, entry: Entry) -> Key {
        self.last += 1;
        let key = Key(self.last);
        self.entries.insert(key, entry);
        key
    }
}
