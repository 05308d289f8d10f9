//! The outbox as plain lists: what is not settled, and what is remembered of what was.

use std::collections::BTreeSet;

use redial::{MessageId, Status};

/// A message that is not settled.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: MessageId,
    pub(super) body: String,
    /// Its place in line.
    pub(super) place: u64,
    pub(super) once: bool,
    pub(super) expires: Option<u64>,
    /// Copies handed over, in all rounds and in this one, and when the first of this round was.
    pub(super) copies: u32,
    pub(super) round: u32,
    pub(super) first: Option<u64>,
    /// Since when it is in flight.
    pub(super) flying: Option<u64>,
    /// When it was last handed over without the user's asking.
    pub(super) own: u64,
    pub(super) losses: u32,
    pub(super) stored: Stored,
    /// Whether this round follows one that has its outcome.
    pub(super) again: bool,
    /// Whether another copy was asked for on this connection.
    pub(super) asked: bool,
}

/// Whether a message has to wait until it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stored {
    Yes,
    /// With this version.
    With(u64),
    /// With the one that this input will name.
    Unnamed,
}

impl Letter {
    pub(super) fn failed(&self) -> Status {
        if self.copies == 0 { Status::NotSent } else { Status::Unconfirmed }
    }
}

/// A settled message, its body only where it may be needed again.
#[derive(Clone, Debug)]
pub(super) struct Old {
    pub(super) id: MessageId,
    pub(super) status: Status,
    pub(super) body: Option<String>,
    pub(super) place: u64,
    pub(super) once: bool,
    pub(super) copies: u32,
}

impl Old {
    fn may_resend(&self) -> bool {
        matches!(self.status, Status::Rejected { .. } | Status::NotSent | Status::Unconfirmed | Status::Cancelled)
    }
}

/// How high a success stands.
fn height(status: Status) -> u8 {
    match status {
        Status::Accepted => 1,
        Status::Delivered => 2,
        Status::Read => 3,
        _ => 0,
    }
}

/// What a word of the server about a settled message means.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    Rose,
    Late,
    Nothing,
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Outbox {
    pub(super) letters: Vec<Letter>,
    pub(super) past: Vec<Old>,
    /// When the first in flight was last confirmed.
    pub(super) renewed: u64,
    /// The places of failed messages that hold those behind them.
    pub(super) failures: BTreeSet<u64>,
    pub(super) receipts: bool,
    /// The next place in line.
    places: u64,
    room: usize,
    remembered: usize,
    in_flight: usize,
}

impl Outbox {
    pub(super) fn new(room: usize, remembered: usize, in_flight: usize, receipts: bool) -> Self {
        let (letters, past, failures) = (Vec::new(), Vec::new(), BTreeSet::new());
        let (renewed, places) = (0, 0);
        Self { letters, past, renewed, failures, receipts, places, room, remembered, in_flight }
    }

    pub(super) fn letter(&mut self, id: &MessageId) -> Option<&mut Letter> {
        self.letters.iter_mut().find(|letter| letter.id == *id)
    }

    pub(super) fn old(&self, id: &MessageId) -> Option<&Old> {
        self.past.iter().find(|old| old.id == *id)
    }

    pub(super) fn status(&self, id: &MessageId) -> Option<Status> {
        match self.letters.iter().find(|letter| letter.id == *id) {
            Some(letter) if letter.round > 0 && self.receipts => Some(Status::Sent),
            Some(_) => Some(Status::Queued),
            None => self.old(id).map(|old| old.status),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.letters.iter().map(|letter| letter.body.len()).sum()
    }

    /// The ids of the messages of which something is true, in order.
    pub(super) fn ids(&self, wanted: impl Fn(&Letter) -> bool) -> Vec<MessageId> {
        self.letters.iter().filter(|letter| wanted(letter)).map(|letter| letter.id.clone()).collect()
    }

    pub(super) fn flying(&self) -> Vec<MessageId> {
        self.ids(|letter| letter.flying.is_some())
    }

    /// What is in flight, or was just sent without anybody to confirm it.
    pub(super) fn out(&self) -> Vec<MessageId> {
        let sent = self.past.iter().filter(|old| old.status == Status::Sent && old.body.is_some());
        sent.map(|old| old.id.clone()).chain(self.flying()).collect()
    }

    /// What may be sent again by hand.
    pub(super) fn failed(&self) -> Vec<MessageId> {
        self.past.iter().filter(|old| old.may_resend()).map(|old| old.id.clone()).collect()
    }

    /// A message takes its place: a new one at the end, one whose write failed where it was.
    pub(super) fn take(&mut self, mut letter: Letter, place: Option<u64>) {
        letter.place = place.unwrap_or(self.places);
        self.places += u64::from(place.is_none());
        self.letters.push(letter);
        self.letters.sort_by_key(|letter| letter.place);
        self.make_room();
    }

    /// A failed message no longer holds those behind it; says whether it did. From then on it is remembered as any
    /// other.
    pub(super) fn pass(&mut self, place: u64) -> bool {
        let held = self.failures.remove(&place);
        if held && let Some(at) = self.past.iter().position(|old| old.place == place) {
            let old = self.past.remove(at);
            self.past.push(old);
            self.forget();
        }
        held
    }

    pub(super) fn pass_all(&mut self) -> bool {
        let any = !self.failures.is_empty();
        while let Some(place) = self.failures.first().copied() {
            self.pass(place);
        }
        any
    }

    /// The bytes of the messages that hold the line.
    fn failed_bytes(&self) -> usize {
        let failed = self.past.iter().filter(|old| self.failures.contains(&old.place));
        failed.flat_map(|old| &old.body).map(String::len).sum()
    }

    /// Only so many are remembered that hold no line.
    fn forget(&mut self) {
        let holds = |old: &Old| self.failures.contains(&old.place);
        if self.past.iter().filter(|old| !holds(old)).count() > self.remembered {
            let oldest = self.past.iter().position(|old| !holds(old));
            self.past.remove(oldest.expect("there are some"));
        }
        self.make_room();
    }

    /// Whether a message of so many bytes finds room by count, and by bytes, beside those that are there or hold the
    /// line.
    pub(super) fn has_room(&self, messages: usize, bytes: usize, more: usize) -> (bool, bool) {
        let room = self.letters.len() + self.failures.len() < messages;
        (room, self.bytes() + self.failed_bytes() + more <= bytes)
    }

    /// A message has its outcome.
    pub(super) fn settle(&mut self, id: &MessageId, status: Status) {
        let at = self.letters.iter().position(|letter| letter.id == *id).expect("only what is there is settled");
        let Letter { id, body, place, once, copies, .. } = self.letters.remove(at);
        let mut old = Old { id, status, body: Some(body), place, once, copies };
        if !old.may_resend() && status != Status::Sent {
            old.body = None;
        }
        self.past.push(old);
        self.forget();
        // Of those that nobody confirms only the last can still turn out not to have been written.
        let sent = |old: &&mut Old| old.status == Status::Sent && old.body.is_some();
        if self.past.iter_mut().filter(sent).count() > self.in_flight {
            self.past.iter_mut().find(sent).expect("there are some").body = None;
        }
        self.make_room();
    }

    /// Bodies of settled messages have the room that is left over: those that failed give way first, the oldest of them
    /// first, and those that hold the line never.
    fn make_room(&mut self) {
        let left = self.room.saturating_sub(self.bytes());
        let holds = |old: &Old| self.failures.contains(&old.place);
        while self.past.iter().flat_map(|old| &old.body).map(String::len).sum::<usize>() > left {
            let spare = |old: &Old| old.body.is_some() && !holds(old);
            let failed = self.past.iter().position(|old| spare(old) && old.status != Status::Sent);
            let Some(oldest) = failed.or_else(|| self.past.iter().position(spare)) else { return };
            self.past[oldest].body = None;
        }
    }

    /// No write of the past can be reported as failed any more.
    pub(super) fn forget_sent_bodies(&mut self) {
        self.past.iter_mut().filter(|old| old.status == Status::Sent).for_each(|old| old.body = None);
    }

    /// A settled message opens another round, where its body is still there.
    pub(super) fn reopen(&mut self, id: &MessageId) -> Option<(Letter, u64)> {
        let at = self.past.iter().position(|old| old.id == *id && old.body.is_some())?;
        let Old { id, body, place, once, copies, .. } = self.past.remove(at);
        let body = body.expect("it is there");
        let letter = Letter { copies, again: true, ..Letter::new(id, body, once) };
        Some((letter, place))
    }

    /// The server says something about a settled message.
    pub(super) fn on_word(&mut self, id: &MessageId, status: Status) -> News {
        let Some(old) = self.past.iter_mut().find(|old| old.id == *id) else { return News::Unknown };
        let success = height(old.status) > 0;
        if success && height(status) > height(old.status) {
            old.status = status;
            News::Rose
        } else if old.status == Status::Unconfirmed && height(status) > 0 {
            News::Late
        } else {
            News::Nothing
        }
    }

    pub(super) fn may_resend(&self, id: &MessageId) -> bool {
        self.old(id).is_some_and(Old::may_resend)
    }
}

impl Letter {
    /// One that was never handed over.
    pub(super) fn new(id: MessageId, body: String, once: bool) -> Self {
        Self {
            id,
            body,
            place: 0,
            once,
            expires: None,
            copies: 0,
            round: 0,
            first: None,
            flying: None,
            own: 0,
            losses: 0,
            stored: Stored::Unnamed,
            again: false,
            asked: false,
        }
    }
}
