//! The inbox as plain lists: ids that were answered, the oldest first, and ids that wait for the application.

use redial::MessageId;

#[derive(Clone, Debug)]
pub(super) struct Inbox {
    answered: Vec<(MessageId, Answer)>,
    waiting: Vec<MessageId>,
    window: usize,
    pending: usize,
}

/// What the server is told of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Answer {
    Have,
    Never,
}

/// What is known of a message that arrives.
#[derive(Debug, PartialEq)]
pub(super) enum Known {
    New,
    NoRoom,
    Waits,
    Answered(Answer),
}

impl Inbox {
    pub(super) fn new(window: usize, pending: usize) -> Self {
        Self { answered: Vec::new(), waiting: Vec::new(), window, pending }
    }

    pub(super) fn known(&self, id: &MessageId) -> Known {
        if let Some((_, answer)) = self.answered.iter().find(|(known, _)| known == id) {
            Known::Answered(*answer)
        } else if self.waiting.contains(id) {
            Known::Waits
        } else if self.waiting.len() == self.pending {
            Known::NoRoom
        } else {
            Known::New
        }
    }

    /// Whether at most half of the room for what waits is taken.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() <= self.pending / 2
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn wait(&mut self, id: MessageId) {
        self.waiting.push(id);
    }

    /// Remembers an id; says how many were forgotten for it.
    pub(super) fn answer(&mut self, id: MessageId, answer: Answer) -> u64 {
        self.waiting.retain(|waiting| *waiting != id);
        self.answered.push((id, answer));
        let over = self.answered.len().saturating_sub(self.window);
        self.answered.drain(..over);
        over as u64
    }

    /// What still waited comes again from the server, and is shown again.
    pub(super) fn restart(&mut self) {
        self.waiting.clear();
    }
}
