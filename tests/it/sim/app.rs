//! What the client's application knows: what its user said and how that stands, and what it was shown.

use std::collections::{BTreeMap, BTreeSet};

use redial::{ConnectionId, MessageId, Status};

/// What the application knows, and stores with the session.
#[derive(Debug, Clone, Default)]
pub(crate) struct App {
    words: BTreeMap<String, Word>,
    names: BTreeMap<MessageId, String>,
    /// What was said, in the order in which the session took it.
    pub(super) order: Vec<String>,
    /// The name of what is being said right now, and whether it may go out once only or for a while only.
    pub(super) saying: Option<(String, bool, bool)>,
    /// What was shown to the user, in order.
    pub(super) shown: Vec<String>,
    /// What waits for the user: it was delivered, and is acknowledged when it is dealt with.
    pub(super) waiting: BTreeMap<MessageId, String>,
}

/// Something the user said.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Word {
    pub(super) id: MessageId,
    pub(super) status: Status,
    /// Whether the user has let it go: what becomes of it does not matter any more.
    pub(super) let_go: bool,
    /// Whether it must not go out twice, or is worth nothing after a while.
    pub(super) once: bool,
    pub(super) mortal: bool,
    /// Whether it was ever sent again by hand, so out of turn.
    pub(super) again: bool,
    /// How often it was sent again by hand while nobody knew what had become of it: more copies are out then, and the
    /// server may refuse the one and take the other.
    pub(super) doubts: u32,
    /// The connections it went out on.
    sent_on: BTreeSet<ConnectionId>,
}

impl App {
    /// The session has taken what is being said.
    pub(super) fn took(&mut self, (name, once, mortal): (String, bool, bool), id: MessageId) {
        self.names.insert(id.clone(), name.clone());
        let again = self.words.contains_key(&name);
        if !again {
            self.order.push(name.clone());
        }
        let (status, sent_on) = (Status::Queued, BTreeSet::new());
        let word = Word { id, status, let_go: false, once, mortal, again, doubts: 0, sent_on };
        self.words.insert(name, word);
    }

    pub(super) fn word(&mut self, name: &str) -> Option<&mut Word> {
        self.words.get_mut(name)
    }

    pub(super) fn name_of(&self, id: &MessageId) -> Option<&String> {
        self.names.get(id)
    }

    pub(super) fn sent_on(&mut self, id: &MessageId, connection: ConnectionId) {
        if let Some(word) = self.names.get(id).and_then(|name| self.words.get_mut(name)) {
            word.sent_on.insert(connection);
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.words.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.words.keys()
    }

    pub(super) fn words(&self) -> impl Iterator<Item = (&String, &Word)> {
        self.words.iter()
    }
}

impl Word {
    /// Whether it has gone out on more than one connection.
    pub(super) fn has_travelled(&self) -> bool {
        self.sent_on.len() > 1
    }
}
