//! Messages on their way out, as the rules have it.

use redial::error::{AbandonError, CancelError, ResendError, Unencodable};
use redial::{Action, Body, ConnectionId, Frame, MessageId, Purpose, SendError, Status};

use super::model::{Flow, Model, Over};
use super::outbox::{Letter, News, Stored};
use super::settings::ID_BYTES;
use super::words::Word;

impl Model {
    pub(super) fn tell(&mut self, id: &MessageId, status: Status) {
        self.out.push(Action::Status { id: id.clone(), status });
    }

    pub(super) fn settle(&mut self, id: &MessageId, status: Status) {
        let failed = matches!(status, Status::Rejected { .. } | Status::NotSent | Status::Unconfirmed);
        let place = self.outbox.letter(id).map(|letter| letter.place);
        self.outbox.failures.extend(place.filter(|_| failed && self.settings.out.holds()));
        if self.outbox.letter(id).is_some_and(|letter| letter.again && letter.stored != Stored::Yes) {
            self.met.insert("a new round ends before it is stored");
            self.tell(id, Status::Queued);
        }
        self.outbox.settle(id, status);
        self.desk.changed = true;
        self.tell(id, status);
    }

    /// Settles a message as failed: `NotSent` where no byte of it was ever handed over.
    pub(super) fn fail(&mut self, id: &MessageId) {
        let status = self.outbox.letter(id).expect("it is there").failed();
        self.settle(id, status);
    }

    fn refuses(&self) -> bool {
        !self.settings.out.queues() && self.link.ready.is_none()
    }

    pub(super) fn send(
        &mut self,
        body: &Body,
        id: Option<&MessageId>,
        ttl: Option<u64>,
        once: bool,
    ) -> Result<MessageId, SendError> {
        let limits = &self.settings.out;
        if self.link.over == Over::Ended {
            return Err(SendError::Stopped);
        } else if matches!(self.flow, Flow::Draining(_)) {
            return Err(SendError::Draining);
        } else if self.refuses() {
            return Err(SendError::NotReady);
        } else if body.len() > limits.longest {
            return Err(SendError::TooLarge { bytes: body.len() as u64, limit: limits.longest as u64 });
        }
        let (by_count, by_bytes) = self.outbox.has_room(limits.messages, limits.bytes, body.len());
        if !by_count {
            return Err(SendError::Full { limit: limits.messages as u64 });
        } else if !by_bytes {
            return Err(SendError::FullBytes { limit: limits.bytes as u64 });
        }
        if let Some(id) = id {
            let text = id.as_text().unwrap_or("a number");
            if text.is_empty() || text.len() > ID_BYTES {
                return Err(SendError::BadId { limit: ID_BYTES as u64 });
            } else if self.is_own(id) || self.outbox.status(id).is_some() {
                return Err(SendError::DuplicateId);
            }
        }
        let Body::Text(text) = body else { return Err(SendError::Unencodable(Unencodable::Binary)) };
        let id = id.cloned().unwrap_or_else(|| self.mint());
        let mut letter = Letter::new(id.clone(), text.clone(), once);
        letter.expires = ttl.or(self.settings.out.time_to_live).map(|ttl| self.age() + ttl);
        self.take(letter);
        Ok(id)
    }

    fn mint(&mut self) -> MessageId {
        let nonce = self.nonce.as_deref().unwrap_or("unknown");
        let id = MessageId::from(format!("{nonce}-{}", self.made));
        self.made += 1;
        id
    }

    /// Whether an id is of this session's own making, in an earlier process too.
    pub(super) fn is_own(&self, id: &MessageId) -> bool {
        let nonce = id.as_text().and_then(|text| text.split_once('-')).map(|(nonce, _)| nonce);
        nonce.is_some_and(|nonce| self.nonce.iter().chain(&self.earlier).any(|own| own == nonce))
    }

    fn take(&mut self, letter: Letter) {
        self.take_at(letter, None);
    }

    fn take_at(&mut self, letter: Letter, place: Option<u64>) {
        let id = letter.id.clone();
        self.outbox.take(letter, place);
        self.desk.changed = true;
        if !self.settings.stores {
            self.outbox.letter(&id).expect("it was taken").stored = Stored::Yes;
            self.tell(&id, Status::Queued);
        }
        self.flush();
    }

    pub(super) fn resend(&mut self, id: &MessageId) -> Result<(), ResendError> {
        let limits = &self.settings.out;
        if self.link.over == Over::Ended {
            return Err(ResendError::Stopped);
        } else if self.outbox.letter(id).is_some_and(|letter| letter.copies > 0) {
            self.repeat(id);
            return Ok(());
        } else if matches!(self.flow, Flow::Draining(_)) {
            return Err(ResendError::Draining);
        } else if self.refuses() {
            return Err(ResendError::NotReady);
        } else if self.outbox.letter(id).is_some() {
            return Err(ResendError::NotFailed);
        }
        let old = self.outbox.old(id).ok_or(ResendError::Unknown)?;
        if !self.outbox.may_resend(id) {
            return Err(ResendError::NotFailed);
        }
        let Some(bytes) = old.body.as_ref().map(String::len) else {
            self.met.insert("a failed body had to give way");
            return Err(ResendError::Unknown);
        };
        let held = self.outbox.failures.contains(&old.place);
        if !held && self.outbox.has_room(limits.messages, limits.bytes, bytes) != (true, true) {
            return Err(ResendError::Full);
        }
        let (mut letter, place) = self.outbox.reopen(id).expect("its body is there");
        letter.expires = self.settings.out.time_to_live.map(|ttl| self.age() + ttl);
        let place = Some(place).filter(|place| self.outbox.pass(*place));
        if place.is_some() {
            self.met.insert("a failed message takes its old place");
            if self.settings.stores {
                self.desk.wait_for_all();
            }
        }
        self.take_at(letter, place);
        Ok(())
    }

    /// Another copy of what is in flight leaves on this connection; what waits keeps its place.
    fn repeat(&mut self, id: &MessageId) {
        let letter = self.outbox.letter(id).expect("it is there");
        letter.asked = letter.flying.is_some();
        if letter.asked {
            self.met.insert("another copy is asked for");
            self.flush();
        } else {
            self.met.insert("what waits to be sent again keeps its place");
        }
    }

    /// What may have arrived is let go of, or a failed message no longer holds those behind it.
    pub(super) fn abandon(&mut self, id: &MessageId) -> Result<(), AbandonError> {
        match self.outbox.letter(id).map(|letter| (letter.place, letter.copies)) {
            Some((_, 0)) => return Err(AbandonError::NotSent),
            Some((place, _)) => {
                self.settle(id, Status::Unconfirmed);
                self.outbox.pass(place);
            }
            None => {
                let place = self.outbox.old(id).map(|old| old.place);
                if !place.is_some_and(|place| self.outbox.pass(place)) {
                    return Err(AbandonError::Unknown);
                }
                self.desk.changed = true;
                self.line_passed();
                self.met.insert("a failed message no longer holds the line");
            }
        }
        self.flush();
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: &MessageId) -> Result<(), CancelError> {
        match self.outbox.letter(id) {
            None => Err(CancelError::Unknown),
            Some(letter) if letter.copies > 0 => Err(CancelError::Sent),
            Some(_) => {
                self.settle(id, Status::Cancelled);
                Ok(())
            }
        }
    }

    /// Hands over what may leave, in order, while the window has room.
    pub(super) fn flush(&mut self) {
        let Some(connection) = self.link.ready else { return };
        let held_while_probing = self.doubting && self.settings.out.queues();
        let waits = [
            (self.flow == Flow::Held, "messages are held"),
            (held_while_probing, "messages wait for a sign of life"),
            (self.desk.is_gated(), "messages wait until it is stored that they leave"),
        ];
        if let Some((_, why)) = waits.into_iter().find(|(waits, _)| *waits) {
            self.met.insert(why);
            return;
        }
        while let Some(id) = self.outbox.ids(|letter| letter.asked).first() {
            self.hand_over_again(connection, id);
        }
        self.flush_waiting(connection);
        // A drain is not held back by what has just failed.
        while matches!(self.flow, Flow::Draining(_)) && !self.outbox.failures.is_empty() {
            self.pass_all();
            if self.desk.is_gated() {
                return;
            }
            self.flush_waiting(connection);
        }
    }

    /// Nothing that failed holds the line any more.
    pub(super) fn pass_all(&mut self) {
        if self.outbox.pass_all() {
            self.desk.changed = true;
            self.line_passed();
        }
    }

    /// What waited behind a failed message leaves once that is stored, so that the next process knows.
    fn line_passed(&mut self) {
        if self.settings.stores {
            self.desk.wait_for_all();
        }
    }

    fn flush_waiting(&mut self, connection: u64) {
        while let Some(letter) = self.next() {
            let id = letter.id.clone();
            let over = letter.expires.is_some_and(|at| at <= self.age());
            let forgets = |first: u64| self.settings.out.dedup.is_some_and(|span| first + span <= self.age());
            let forgotten = letter.first.is_some_and(forgets);
            if over || forgotten {
                self.met.insert(if over { "over before it left" } else { "older than the server remembers" });
                self.fail(&id);
            } else {
                self.hand_over(connection, &id);
            }
        }
    }

    /// The first that waits, if the window has room for it.
    fn next(&mut self) -> Option<Letter> {
        let letters = &self.outbox.letters;
        let next = letters.iter().find(|letter| letter.flying.is_none())?;
        let first = letters.iter().find(|letter| letter.flying.is_some()).unwrap_or(next);
        let window = if first.losses >= 2 { 1 } else { self.settings.out.in_flight };
        if first.losses >= 2 && self.settings.out.in_flight > 1 && letters.len() > 1 {
            self.met.insert("a suspect travels alone");
        }
        if self.outbox.failures.first().is_some_and(|failed| *failed < next.place) {
            return None;
        }
        (next.stored == Stored::Yes && self.outbox.flying().len() < window).then(|| next.clone())
    }

    fn hand_over(&mut self, connection: u64, id: &MessageId) {
        let (now, age) = (self.now, self.age());
        let letter = self.outbox.letter(id).expect("it waits");
        let again = letter.copies > 0;
        letter.copies += 1;
        letter.round += 1;
        letter.first.get_or_insert(age);
        (letter.flying, letter.own) = (Some(now), now);
        let frame = Frame::text(format!("send {id} {}", letter.body));
        self.figures.resent += u64::from(again);
        let connection = ConnectionId::new(connection);
        self.out.push(Action::Send { connection, frame, purpose: Purpose::Message { id: id.clone() } });
        if self.settings.out.receipts {
            self.tell(id, Status::Sent);
        } else {
            self.settle(id, Status::Sent);
        }
    }

    fn hand_over_again(&mut self, connection: u64, id: &MessageId) {
        let (now, age) = (self.now, self.age());
        let letter = self.outbox.letter(id).expect("it is in flight");
        letter.asked = false;
        if letter.expires.is_some_and(|at| at <= age) {
            return;
        }
        letter.copies += 1;
        letter.round += 1;
        letter.flying = Some(now);
        let frame = Frame::text(format!("send {id} {}", letter.body));
        self.figures.resent += 1;
        let connection = ConnectionId::new(connection);
        self.out.push(Action::Send { connection, frame, purpose: Purpose::Message { id: id.clone() } });
    }

    /// The server has said something about a message of ours.
    pub(super) fn on_receipt(&mut self, word: &Word) {
        let (id, status) = match word {
            Word::Receipt(id) => (id, Status::Accepted),
            Word::Refusal(id, code) => (id, Status::Rejected { code: *code }),
            Word::Delivered(id) => (id, Status::Delivered),
            Word::Read(id) => (id, Status::Read),
            other => panic!("{other:?} is about no message of ours"),
        };
        let known = self.confirm(id, status);
        // A receipt for a message that was not sent yet can only be somebody else's; of its own ids a session knows
        // that they are its own.
        let excused = matches!(word, Word::Receipt(_)) && self.is_own(id);
        self.figures.unknown_receipts += u64::from(!known && !excused);
    }

    pub(super) fn confirm(&mut self, id: &MessageId, status: Status) -> bool {
        let mut settled = false;
        // Whoever's device has it, the server had it before.
        if matches!(status, Status::Delivered | Status::Read) {
            match self.confirm_as(id, Status::Accepted) {
                Some(News::Late) => return true,
                answer => settled = answer.is_none(),
            }
        }
        let answer = self.confirm_as(id, status);
        if settled || answer.is_none() {
            self.flush();
        }
        answer != Some(News::Unknown)
    }

    /// `None` where that settled the message.
    fn confirm_as(&mut self, id: &MessageId, status: Status) -> Option<News> {
        if let Some(letter) = self.outbox.letter(id) {
            if letter.copies == 0 {
                return Some(News::Unknown);
            }
            if self.outbox.flying().first() == Some(id) {
                self.outbox.renewed = self.now;
                self.met.insert("a confirmation in order starts the next wait anew");
            }
            self.settle(id, status);
            return None;
        }
        let news = self.outbox.on_word(id, status);
        match news {
            News::Rose => {
                self.desk.changed = true;
                self.tell(id, status);
            }
            News::Late => self.out.push(Action::LateReceipt { id: id.clone() }),
            News::Nothing | News::Unknown => {}
        }
        Some(news)
    }

    /// Settles what has been here for too long; says whether there was any.
    pub(super) fn expire(&mut self) -> bool {
        let age = self.age();
        let over = |letter: &&Letter| letter.expires.is_some_and(|at| at <= age);
        let mut due: Vec<&Letter> = self.outbox.letters.iter().filter(over).collect();
        due.sort_by_key(|letter| letter.expires);
        let ids: Vec<MessageId> = due.into_iter().map(|letter| letter.id.clone()).collect();
        for id in &ids {
            self.fail(id);
        }
        !ids.is_empty()
    }

    /// When the first in flight has been waited for too long.
    pub(super) fn receipt_due(&self) -> Option<u64> {
        self.link.ready?;
        let first = self.outbox.letters.iter().find_map(|letter| letter.flying)?;
        Some(first.max(self.outbox.renewed) + self.settings.out.receipt_timeout?)
    }

    /// A confirmation is overdue: it costs the link where messages are sent again, else the message.
    pub(super) fn give_up_overdue(&mut self) -> bool {
        let overdue = self.receipt_due().is_some_and(|at| self.respites[1].is_over(at, self.now));
        if overdue && self.settings.out.resends() {
            self.met.insert("an overdue receipt costs the link");
            self.lose(u64::MAX);
        } else if overdue {
            self.met.insert("an overdue receipt costs the message");
            let first = self.outbox.flying()[0].clone();
            self.fail(&first);
            self.flush();
        }
        overdue
    }
}
