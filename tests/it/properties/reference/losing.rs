//! What becomes of messages when a write fails, a connection is lost, or the session ends.

use redial::{Action, ConnectionId, MessageId, Purpose, Status};

use super::model::{Flow, Model, Over};
use super::outbox::{Letter, Stored};

/// A message that ends connections does so within this time where connections count as stable at once.
pub(super) const SOON: u64 = 5_000;

impl Model {
    /// Not a byte of this was written.
    pub(super) fn write_failed(&mut self, connection: u64, purpose: &Purpose) {
        if let Purpose::Message { id } = purpose {
            let tells = self.settings.out.tells();
            for id in self.undo(id, !tells) {
                if tells {
                    self.fail(&id);
                } else if self.outbox.letter(&id).is_some_and(|letter| letter.round == 0) {
                    self.out.push(Action::Status { id, status: Status::Queued });
                }
            }
        }
        if self.settings.out.tells() {
            self.out.push(Action::Unsent { connection: ConnectionId::new(connection), purpose: purpose.clone() });
            self.flush();
        } else {
            self.lose(0);
        }
    }

    /// Undoes that a message was handed over, and where its link ends with that, those behind it that were settled by
    /// it; gives all of them.
    fn undo(&mut self, id: &MessageId, ends_link: bool) -> Vec<MessageId> {
        let Some(place) = self.ground(id) else { return Vec::new() };
        let mut grounded = vec![id.clone()];
        if ends_link {
            let behind = self.outbox.past.iter().filter(|old| old.status == Status::Sent && old.place > place);
            let behind: Vec<MessageId> = behind.filter(|old| old.body.is_some()).map(|old| old.id.clone()).collect();
            grounded.extend(behind.into_iter().filter(|id| self.ground(id).is_some()));
            if grounded.len() > 1 {
                self.met.insert("what was behind a failed write did not go out");
            }
        }
        for id in &grounded {
            self.uncount(id);
        }
        grounded
    }

    /// Takes a message out of flight; gives its place in line.
    fn ground(&mut self, id: &MessageId) -> Option<u64> {
        if let Some(letter) = self.outbox.letter(id) {
            letter.asked = false;
            return letter.flying.take().map(|_| letter.place);
        }
        self.outbox.old(id).filter(|old| old.status == Status::Sent)?;
        let (mut letter, place) = self.outbox.reopen(id)?;
        letter.stored = Stored::Yes;
        self.outbox.take(letter, Some(place));
        self.desk.changed = true;
        Some(place)
    }

    fn uncount(&mut self, id: &MessageId) {
        let letter = self.outbox.letter(id).expect("it is back in line");
        letter.copies = letter.copies.saturating_sub(1);
        letter.round = letter.round.saturating_sub(1);
        if letter.round == 0 {
            letter.first = None;
        }
    }

    /// The connection is lost; the first message in flight may be what ended it if it was out for less than that.
    pub(super) fn lose(&mut self, suspicious_for: u64) {
        self.deferring = false;
        let Some(connection) = self.link.down() else { return };
        self.drop_answers();
        self.withdraw(connection);
        self.outbox.forget_sent_bodies();
        let letters = &mut self.outbox.letters;
        let first = letters.iter().position(|letter| letter.flying.is_some()).unwrap_or_default();
        if let Some(first) = letters.get_mut(first) {
            let suspected = first.flying.is_some() && self.now - first.own < suspicious_for;
            first.losses = if suspected { first.losses + 1 } else { 0 };
        }
        let (resends, quarantine) = (self.settings.out.resends(), self.settings.out.quarantine);
        // A message waits as well whose second copy could not be written.
        let ends = |letter: &&Letter| letter.flying.is_some() || (letter.round > 0 && (letter.once || !resends));
        let ending: Vec<MessageId> = self.outbox.letters.iter().filter(ends).map(|letter| letter.id.clone()).collect();
        for id in ending {
            let letter = self.outbox.letter(&id).expect("it has no outcome");
            let flew = letter.flying.is_some();
            (letter.flying, letter.asked) = (None, false);
            let poison = flew && quarantine.is_some_and(|most| letter.losses >= most);
            let gone_for_good = [
                (!resends, "what was in flight is not sent again"),
                (letter.once, "what goes out once is not sent again"),
                (poison, "what keeps ending the link is set aside"),
            ];
            if let Some((_, why)) = gone_for_good.into_iter().find(|(applies, _)| *applies) {
                self.met.insert(why);
                self.settle(&id, Status::Unconfirmed);
            }
        }
        if !self.settings.out.queues() {
            self.fail_all();
        }
    }

    /// What the host has not taken when its connection is lost was never handed over.
    fn withdraw(&mut self, connection: u64) {
        let mut withdrawn: Vec<MessageId> = Vec::new();
        let untaken = std::mem::take(&mut self.out);
        for action in untaken {
            match &action {
                Action::Send { connection: of, purpose: Purpose::Message { id }, .. }
                    if of.get() == connection && self.can_undo(id) =>
                {
                    withdrawn.push(id.clone());
                }
                Action::Status { id, status: Status::Sent } if withdrawn.contains(id) => {}
                _ => self.out.push(action),
            }
        }
        if !withdrawn.is_empty() {
            self.met.insert("what nobody took was never sent");
        }
        for id in withdrawn {
            let copied = self.outbox.letter(&id).is_some_and(|letter| letter.flying.is_none() && letter.round > 0);
            if self.undo(&id, true).is_empty() && copied {
                self.uncount(&id);
            }
        }
    }

    fn can_undo(&self, id: &MessageId) -> bool {
        let flies = self.outbox.flying().contains(id);
        flies || self.outbox.old(id).is_some_and(|old| old.status == Status::Sent && old.body.is_some())
    }

    /// The session has ended: everything gets its outcome at once.
    pub(super) fn end(&mut self) {
        if self.link.over == Over::Ended {
            return;
        }
        self.link.over = Over::Ended;
        self.deferring = false;
        self.link.down();
        self.drop_answers();
        self.flow = Flow::Open;
        self.outbox.forget_sent_bodies();
        self.fail_all();
        self.desk.changed |= self.outbox.pass_all();
    }

    pub(super) fn fail_all(&mut self) {
        for id in self.outbox.ids(|_| true) {
            self.fail(&id);
        }
    }
}
