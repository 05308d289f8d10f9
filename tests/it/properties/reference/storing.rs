//! Store, then act: what waits until the host has stored it, and what a restart leaves, as the rules have it.

use redial::{MessageId, Status};

use super::inbox::Answer;
use super::model::{Figures, Flow, Link, Model};
use super::outbox::Stored;

/// What waits to be stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    /// Whether this input changed what a snapshot holds.
    pub(super) changed: bool,
    announced: u64,
    persisted: u64,
    /// The version from which on messages may leave on this connection.
    gate: Option<Stored>,
    owed: Vec<Owed>,
}

#[derive(Clone, Debug)]
struct Owed {
    version: Option<u64>,
    connection: u64,
    id: MessageId,
    answer: Answer,
}

impl Desk {
    /// Whether what waited for this connection has to wait until it is stored that it may have left.
    pub(super) fn is_gated(&self) -> bool {
        match self.gate {
            Some(Stored::With(version)) => version > self.persisted,
            Some(Stored::Unnamed) => true,
            Some(Stored::Yes) | None => false,
        }
    }
}

impl Desk {
    /// Nothing leaves until what this input changed is stored.
    pub(super) fn wait_for_all(&mut self) {
        self.gate = Some(Stored::Unnamed);
    }
}

impl Model {
    pub(super) fn gate(&mut self) {
        self.desk.gate = None;
        if self.settings.stores && !self.outbox.letters.is_empty() {
            self.desk.gate = Some(Stored::Unnamed);
            self.desk.changed = true;
        }
    }

    /// The server is to be told about a message, at once or when that is stored.
    pub(super) fn owe(&mut self, connection: u64, id: &MessageId, answer: Answer) {
        if !self.settings.stores {
            return self.say(connection, id, answer);
        }
        match self.desk.owed.iter().position(|owed| owed.id == *id) {
            Some(at) if self.desk.owed[at].answer == answer => {
                self.met.insert("an answer is owed already");
                return;
            }
            Some(at) => drop(self.desk.owed.remove(at)),
            None => {}
        }
        self.desk.owed.push(Owed { version: None, connection, id: id.clone(), answer });
    }

    /// Whether there is room for the answer to a message, beside those to all messages that wait for the application.
    pub(super) fn can_owe(&self, id: &MessageId) -> bool {
        let most = self.settings.inn.window.max(2 * self.settings.inn.pending);
        let room = self.desk.owed.len() + self.inbox.waiting() < most;
        !self.settings.stores || room || self.desk.owed.iter().any(|owed| owed.id == *id)
    }

    /// Whether no answer is owed.
    pub(super) fn owes_nothing(&self) -> bool {
        self.desk.owed.is_empty()
    }

    /// Whether the input that is done has to name a version.
    pub(super) fn must_persist(&self) -> bool {
        self.settings.stores && self.desk.changed
    }

    /// The end of an input: a version may have been named, and covers everything up to here.
    pub(super) fn finish(&mut self, version: Option<u64>) {
        self.desk.changed = false;
        self.desk.announced = version.unwrap_or(self.desk.announced);
        let named = self.desk.announced;
        let letters = self.outbox.letters.iter_mut().map(|letter| &mut letter.stored);
        for stored in letters.chain(self.desk.gate.as_mut()).filter(|stored| **stored == Stored::Unnamed) {
            *stored = Stored::With(named);
        }
        for owed in &mut self.desk.owed {
            owed.version.get_or_insert(named);
        }
        self.release();
    }

    pub(super) fn persisted(&mut self, version: u64) {
        if self.settings.stores {
            self.desk.persisted = self.desk.persisted.max(version.min(self.desk.announced));
            self.release();
            self.flush();
        }
    }

    fn release(&mut self) {
        let persisted = self.desk.persisted;
        let covered = |stored: Stored| matches!(stored, Stored::With(version) if version <= persisted);
        for id in self.outbox.ids(|letter| covered(letter.stored)) {
            self.outbox.letter(&id).expect("it is there").stored = Stored::Yes;
            self.tell(&id, Status::Queued);
        }
        let due = |owed: &Owed| owed.version.is_some_and(|version| version <= persisted);
        let (ready, later) = std::mem::take(&mut self.desk.owed).into_iter().partition(due);
        self.desk.owed = later;
        for Owed { connection, id, answer, .. } in ready {
            self.met.insert("an answer waited until it was stored");
            self.say(connection, &id, answer);
        }
    }

    /// The connection is gone; on another one the server asks again.
    pub(super) fn drop_answers(&mut self) {
        if !std::mem::take(&mut self.desk.owed).is_empty() {
            self.met.insert("an answer came too late for its connection");
        }
    }

    /// What another process makes of the state that this one had when it was stored, so long after that, by its own
    /// clock.
    pub(super) fn restarted(mut self, now: u64, away: u64) -> Self {
        // What could leave right after the storing may have left.
        let may_have_left = self.settings.stores && self.link.ready.is_some();
        let age = self.age();
        let end = self.outbox.failures.first().copied().unwrap_or(u64::MAX);
        for letter in &mut self.outbox.letters {
            if may_have_left && letter.place < end {
                letter.copies = letter.copies.max(1);
                letter.first.get_or_insert(age);
            }
            letter.round = u32::from(letter.first.is_some());
            (letter.flying, letter.asked) = (None, false);
            letter.stored = Stored::Yes;
        }
        self.outbox.forget_sent_bodies();
        self.outbox.renewed = 0;
        self.respites = Model::new(self.settings.clone()).respites;
        let failures = &self.outbox.failures;
        let passed = self.outbox.past.iter_mut().filter(|old| !failures.contains(&old.place));
        passed.for_each(|old| old.place = u64::MAX);
        self.inbox.restart();
        self.deferring = false;
        (self.slept, self.now) = (age + away - now, now);
        (self.link, self.flow, self.desk) = (Link::new(), Flow::Open, Desk::default());
        (self.figures, self.out) = (Figures::default(), Vec::new());
        self
    }

    /// After a restart: what may have been sent in its round and must not be sent again is told as unknown, and where
    /// nothing waits for a connection, everything is settled.
    pub(super) fn settle_unrepeatable(&mut self) {
        if !self.settings.out.queues() {
            self.met.insert("where nothing waits, nothing does over a restart");
            return self.fail_all();
        }
        let resends = self.settings.out.resends();
        for id in self.outbox.ids(|letter| letter.first.is_some() && (!resends || letter.once)) {
            self.met.insert("what may have left before the restart is not sent again");
            self.settle(&id, Status::Unconfirmed);
        }
    }
}
