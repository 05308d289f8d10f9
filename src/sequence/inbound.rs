//! Numbers of messages on their way in: what came, what is accepted, and what the other end was told.
//!
//! 1. `accepted` rises in order: a number waits until the application has answered for every one before it.
//! 2. `stored` follows `accepted` at once, or when the host has stored a version that covers it; only `stored` is told.
//! 3. A refusal is kept until the other end must know it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::dialect::Refusal;
use crate::id::MessageId;

/// The sequence numbers that came, and which of them are told as accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Inbound {
    /// Everything up to here is accepted or refused.
    accepted: u64,
    /// What came behind it, in order: it waits for the application, or for one that does.
    waiting: VecDeque<Waiting>,
    /// Everything up to here is accepted for good, and may be told.
    stored: u64,
    /// What is stored under a version that the host has not confirmed yet: the version, and the number.
    watermarks: VecDeque<(u64, u64)>,
    /// What was told on the present connection, and whether it is to be told again.
    told: u64,
    owed: bool,
    /// Refusals that the other end may not know.
    refused: VecDeque<Refusal>,
    revision: u64,
}

/// A message that came and is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Waiting {
    /// It waits for the application's word about this message.
    For(MessageId),
    Accepted,
    Refused(u32),
}

/// What a number is to this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one.
    Next,
    /// It came before, and is acknowledged again.
    Again,
    /// It came before, and the application has not answered yet.
    Pending,
    /// One or more before it are missing.
    Gap,
}

/// Versions under way at once with each its own number; beyond, a later one covers more.
const WATERMARKS: usize = 1_024;

impl Inbound {
    pub(super) fn restored(accepted: u64, refused: Vec<Refusal>) -> Self {
        Self { accepted, stored: accepted, refused: refused.into(), ..Self::default() }
    }

    /// Everything up to this number is accepted for good.
    pub(crate) fn stored_seq(&self) -> u64 {
        self.stored
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Everything up to this number came.
    pub(crate) fn received(&self) -> u64 {
        self.accepted + self.waiting.len() as u64
    }

    /// How many of those wait for the application, or for one that does.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// What a number is to this end; `ahead` more than are known here came and are held back.
    pub(super) fn arrival(&mut self, seq: u64, ahead: u64) -> Arrival {
        let received = self.received() + ahead;
        if seq <= self.accepted {
            self.owed = true;
            Arrival::Again
        } else if seq <= received {
            Arrival::Pending
        } else if seq == received + 1 {
            Arrival::Next
        } else {
            Arrival::Gap
        }
    }

    /// The next number is accepted.
    pub(super) fn on_accepted(&mut self) {
        self.waiting.push_back(Waiting::Accepted);
        self.advance();
    }

    /// The next number is refused.
    pub(super) fn on_refused(&mut self, code: u32) {
        self.waiting.push_back(Waiting::Refused(code));
        self.advance();
    }

    /// The next number waits for the application.
    pub(super) fn on_waiting(&mut self, id: MessageId) {
        self.waiting.push_back(Waiting::For(id));
    }

    /// The application has a message, or refuses it.
    pub(crate) fn on_answer(&mut self, id: &MessageId, refused: Option<u32>) {
        for waiting in self.waiting.iter_mut().filter(|waiting| matches!(waiting, Waiting::For(of) if of == id)) {
            *waiting = match refused {
                Some(code) => Waiting::Refused(code),
                None => Waiting::Accepted,
            };
        }
        self.advance();
    }

    fn advance(&mut self) {
        loop {
            match self.waiting.front() {
                None | Some(Waiting::For(_)) => return,
                Some(Waiting::Refused(code)) => {
                    self.refused.push_back(Refusal { seq: self.accepted + 1, code: *code });
                }
                Some(Waiting::Accepted) => {}
            }
            self.waiting.pop_front();
            self.accepted += 1;
            self.revision += 1;
        }
    }

    /// What is accepted is so for good.
    pub(crate) fn store_all(&mut self) {
        self.stored = self.accepted;
    }

    /// What is accepted is part of the state under this version.
    pub(crate) fn seal(&mut self, version: u64) {
        let full = self.watermarks.len() >= WATERMARKS;
        match self.watermarks.back_mut() {
            Some((_, covered)) if *covered >= self.accepted => {}
            Some(last) if full => *last = (version, self.accepted),
            _ if self.accepted > self.stored => self.watermarks.push_back((version, self.accepted)),
            _ => {}
        }
    }

    /// The host has stored the state of this version.
    pub(crate) fn on_stored(&mut self, version: u64) {
        while let Some(&(_, seq)) = self.watermarks.front().filter(|(sealed, _)| *sealed <= version) {
            self.watermarks.pop_front();
            self.stored = self.stored.max(seq);
        }
    }

    /// The number that a connection begins with; it is told by that.
    pub(crate) fn greet(&mut self) -> u64 {
        self.told = self.stored;
        self.owed = false;
        self.stored
    }

    /// What is to be told now, if anything: the number, and the refusals since the last one that was told.
    pub(super) fn news(&mut self) -> Option<(u64, Vec<Refusal>)> {
        if self.stored <= self.told && !self.owed {
            return None;
        }
        let since = core::mem::replace(&mut self.told, self.stored);
        self.owed = false;
        let fresh = |refusal: &&Refusal| refusal.seq > since && refusal.seq <= self.stored;
        Some((self.stored, self.refused.iter().filter(fresh).copied().collect()))
    }

    /// Every refusal that the other end may not know and that may be told.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refused.iter().filter(|refusal| refusal.seq <= self.stored).copied().collect()
    }

    pub(super) fn all_refusals(&self) -> Vec<Refusal> {
        self.refused.iter().copied().collect()
    }

    /// Forgets refusals that the other end must know: it sends at most `window` messages ahead of what it knows.
    pub(super) fn forget_refusals(&mut self, window: u64) {
        let known = self.received().saturating_sub(window);
        while self.refused.front().is_some_and(|refusal| refusal.seq <= known) {
            self.refused.pop_front();
        }
    }

    /// A new session: numbers start over.
    pub(super) fn start_over(&mut self) {
        *self = Self { revision: self.revision + 1, ..Self::default() };
    }
}
