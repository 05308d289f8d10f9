//! Messages on their way in, as the rules have it.

use redial::error::AcknowledgeError;
use redial::{Action, ConnectionId, Frame, Message, MessageId, Purpose, Status};

use super::inbox::{Answer, Known};
use super::model::Model;

impl Model {
    pub(super) fn deliver(&mut self, id: Option<&MessageId>, body: &str) {
        self.figures.delivered += 1;
        self.out.push(Action::Deliver(Message::new(id.cloned(), body)));
    }

    pub(super) fn push(&mut self, connection: u64, id: &MessageId, body: &str) {
        let on_call = self.settings.inn.on_call;
        if self.defers(id) {
            return;
        }
        match self.inbox.known(id) {
            Known::Answered(answer) => {
                self.figures.duplicates += 1;
                self.owe(connection, id, answer);
            }
            Known::Waits => self.figures.duplicates += 1,
            Known::New | Known::NoRoom if self.deferring => {
                self.met.insert("nothing overtakes what was deferred");
                self.out.push(Action::Deferred { id: id.clone() });
            }
            Known::NoRoom if on_call => {
                self.deferring = true;
                self.out.push(Action::Deferred { id: id.clone() });
            }
            Known::New if on_call => {
                self.inbox.wait(id.clone());
                self.deliver(Some(id), body);
            }
            Known::New | Known::NoRoom => {
                self.deliver(Some(id), body);
                self.remember(id, Answer::Have);
                self.owe(connection, id, Answer::Have);
            }
        }
    }

    /// A message comes back to its sender: a receipt, and a push that is shown only where the message was somebody
    /// else's.
    pub(super) fn echo(&mut self, connection: u64, id: &MessageId, push: &MessageId, body: &str) {
        if !self.confirm(id, Status::Accepted) && !self.is_own(id) {
            return self.push(connection, push, body);
        }
        if self.defers(push) {
            return;
        }
        match self.inbox.known(push) {
            Known::Answered(answer) => self.owe(connection, push, answer),
            Known::Waits => {}
            Known::New | Known::NoRoom => {
                self.remember(push, Answer::Have);
                self.owe(connection, push, Answer::Have);
            }
        }
    }

    /// Whether the answer to a message could not be kept, so that the message stays with the server.
    fn defers(&mut self, id: &MessageId) -> bool {
        let defers = self.inbox.known(id) != Known::Waits && !self.can_owe(id);
        if defers {
            self.met.insert("an answer too many");
            self.deferring = true;
            self.out.push(Action::Deferred { id: id.clone() });
        }
        defers
    }

    fn remember(&mut self, id: &MessageId, answer: Answer) {
        let forgotten = self.inbox.answer(id.clone(), answer);
        if forgotten > 0 {
            self.met.insert("an id is forgotten");
        }
        self.figures.forgotten += forgotten;
        self.desk.changed = true;
    }

    pub(super) fn acknowledge(&mut self, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.decide(id, Answer::Have)
    }

    pub(super) fn reject(&mut self, id: &MessageId) -> Result<(), AcknowledgeError> {
        self.decide(id, Answer::Never)
    }

    /// The application has its say about a message that waits for it; without a link it is told when the message comes
    /// again.
    fn decide(&mut self, id: &MessageId, answer: Answer) -> Result<(), AcknowledgeError> {
        if self.inbox.known(id) != Known::Waits {
            return Err(AcknowledgeError::Unknown);
        }
        self.remember(id, answer);
        if let Some(connection) = self.link.ready {
            self.owe(connection, id, answer);
        }
        Ok(())
    }

    /// The answer itself; where the service has no word for a refusal, it is thanked, so that the message does not come
    /// for ever.
    pub(super) fn say(&mut self, connection: u64, id: &MessageId, answer: Answer) {
        let connection = ConnectionId::new(connection);
        let (text, purpose) = if answer == Answer::Never && self.settings.inn.refusals {
            (format!("never {id}"), Purpose::Nack { id: id.clone() })
        } else {
            (format!("have {id}"), Purpose::Ack { id: id.clone() })
        };
        self.out.push(Action::Send { connection, frame: Frame::text(text), purpose });
    }
}
