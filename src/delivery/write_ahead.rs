//! Write-ahead: sends, `Queued` and answers wait until the host has stored the state that covers them.
//!
//! 1. Each input that changed the durable state announces a version at its end: `Persist` names it, and carries the
//!    records that changed since the version before. Versions go on over a restart.
//! 2. A taken message is reported as `Queued`, and sent, once a version that covers the message is stored. A new round
//!    by `resend` that ends before that is reported as `Queued` right before its end.
//! 3. A delivered message is answered once a version that covers its delivery is stored.
//! 4. On a new connection no message is sent before the host has stored that messages may be sent, so that after a
//!    crash a message that was never sent is known as such.
//! 5. A client sends no frame between a change of its session and the storing of that change: the server takes the
//!    first frame as proof that the client has the new token, which makes the one in the store worthless.
//! 6. Other statuses come at once. Without write-ahead none of these laws applies, and all goes out at once.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::answers::{NEXT_VERSION, STORED};
use super::mint::Mint;
use super::{Delivery, Transfer};
use crate::action::{Action, Purpose};
use crate::config::{Config, Durability};
use crate::context::Context;
use crate::dialect::Side;
use crate::durable::{AgeClock, Batch, Changes, Damaged, Head, Meta, Records, Stored};
use crate::id::{LAST, MessageId};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::read_markers::ReadMarkers;
use crate::rng::Rng;
use crate::sequence::Sequence;
use crate::status::Status;
use crate::time::{Duration, Instant};

/// Versions of the durable state, and the sends and answers that wait for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct WriteAhead {
    /// Last version that a `Persist` announced.
    announced: u64,
    /// Last version that the host has stored.
    persisted: u64,
    /// Watermarks: a version, and the first outbox slot that the version does not cover.
    watermarks: VecDeque<(u64, u64)>,
    /// Whether the present input has to be stored, though it may have changed no record.
    loud: bool,
    /// Number of changes of the link that are announced.
    attempts: u64,
    /// What the host has stored once the last announced version is.
    stored: Stored,
    /// Whether that came from an earlier process, whose records may say the same in other words.
    inherited: bool,
    /// Version that has to be stored before messages are sent on the present connection.
    hold_until: Option<u64>,
    /// Version that has to be stored before any frame of a client leaves: the one of its newest token.
    sealed_until: Option<u64>,
    /// Messages that took their old places again.
    retaken: Retaken,
}

/// Messages that took their old places again and are not stored there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Retaken {
    /// Version that covers each message, by slot.
    versions: BTreeMap<u64, u64>,
    /// Versions and slots, in the order in which they are stored.
    slots: BTreeSet<(u64, u64)>,
}

impl Retaken {
    fn insert(&mut self, slot: u64, version: u64) {
        if let Some(before) = self.versions.insert(slot, version) {
            self.slots.remove(&(before, slot));
        }
        self.slots.insert((version, slot));
    }

    /// Removes the first message whose version is stored; to be called until it returns `None`.
    fn pop(&mut self, persisted: u64) -> Option<u64> {
        let (_, slot) = self.slots.first().copied().filter(|(version, _)| *version <= persisted)?;
        self.slots.pop_first();
        self.versions.remove(&slot);
        Some(slot)
    }
}

/// Number of announced versions that have watermarks of their own; beyond it messages wait for a later version.
const MAX_WATERMARKS: usize = 1_024;

impl WriteAhead {
    /// Records a newly announced version, which covers the messages before outbox slot `end`.
    fn on_announced(&mut self, version: u64, end: u64) {
        self.announced = version;
        let full = self.watermarks.len() >= MAX_WATERMARKS;
        match self.watermarks.back_mut() {
            Some((_, covered)) if *covered >= end => {}
            Some(last) if full => *last = (version, end),
            _ => self.watermarks.push_back((version, end)),
        }
    }

    /// Assigns the last announced version to the hold that the present input left waiting.
    fn cover(&mut self) {
        for until in [&mut self.hold_until, &mut self.sealed_until] {
            *until = until.map(|version| version.min(self.announced));
        }
    }

    /// Holds all messages until the host has stored that a message is back in its old place.
    fn on_place_retaken(&mut self, slot: u64) {
        self.hold_until = Some(NEXT_VERSION);
        // The present input changes the outbox, so it announces that version.
        self.retaken.insert(slot, self.announced + 1);
    }

    /// Holds messages on a ready connection, if any message `waits`, until the host has stored that it may be sent.
    fn on_ready(&mut self, waits: bool) {
        self.hold_until = waits.then_some(NEXT_VERSION);
        self.loud |= waits;
    }

    /// Whether messages, or all frames, wait for the version that covers the present input.
    fn holds_for_next(&self) -> bool {
        [self.hold_until, self.sealed_until].contains(&Some(NEXT_VERSION))
    }

    fn awaits_storage(&self) -> bool {
        self.hold_until.is_some_and(|version| version > self.persisted)
    }

    fn pop_watermark(&mut self) -> Option<u64> {
        self.watermarks.front().filter(|(version, _)| *version <= self.persisted)?;
        self.watermarks.pop_front().map(|(_, end)| end)
    }
}

/// Part of the durable state that is not delivery's: the link's of a session, or what a peer knows of its client.
pub(crate) trait Surroundings {
    /// Number of changes that have to be stored.
    fn attempts(&self) -> u64;

    /// Whether an answer of this input waits for its version.
    fn wait(&self) -> bool {
        false
    }

    /// Writes the records that were touched, or `all` of them.
    fn write(&self, batch: &mut Batch<'_>, outbox: &Outbox, all: bool);
}

impl Delivery {
    /// Reports a taken message as `Queued`; with write-ahead `release_stored` reports it after it is stored.
    pub(super) fn emit_queued(cx: &mut Context<'_>, id: &MessageId) {
        if cx.config.durability == Durability::Off {
            cx.emit_status(id, Status::Queued);
        }
    }

    /// Announces, at the end of an input, the version that covers the input, and sends the cumulative ack that is due.
    /// Returns whether a version was announced.
    #[inline]
    pub(crate) fn settle_version(&mut self, cx: &mut Context<'_>, surroundings: &impl Surroundings) -> bool {
        let any = self.write_ahead.is_some() || !matches!(self.transfer, Transfer::PerMessage);
        any && self.settle_version_slow(cx, surroundings)
    }

    /// Slow path of `settle_version`, for write-ahead and for dialects with sequence numbers.
    #[inline(never)]
    fn settle_version_slow(&mut self, cx: &mut Context<'_>, surroundings: &impl Surroundings) -> bool {
        let before = self.announced();
        match (&self.write_ahead, &mut self.transfer) {
            (Some(_), _) => self.announce_version(cx, surroundings),
            (None, Transfer::Sequenced(sequence)) => sequence.inbound.store_all(),
            (None, Transfer::PerMessage) => {}
        }
        self.send_cumulative_ack(cx);
        self.announced() > before
    }

    /// Sends the cumulative ack that is due, unless it waits for storage or for room.
    pub(super) fn send_cumulative_ack(&mut self, cx: &mut Context<'_>) {
        let ready = self.ready.filter(|_| !self.awaits_storage());
        if let (Transfer::Sequenced(sequence), Some(connection)) = (&mut self.transfer, ready) {
            sequence.send_cumulative_ack(cx, connection);
        }
    }

    fn announce_version(&mut self, cx: &mut Context<'_>, surroundings: &impl Surroundings) {
        self.number_messages(cx.config);
        let is_new = self.has_changed();
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if is_new || write_ahead.loud || surroundings.attempts() != write_ahead.attempts {
            let version = write_ahead.announced + 1;
            write_ahead.on_announced(version, self.outbox.end());
            (write_ahead.loud, write_ahead.attempts) = (false, surroundings.attempts());
            let sealed = match &mut self.transfer {
                Transfer::Sequenced(sequence) => sequence.inbound.seal(version),
                Transfer::PerMessage => false,
            };
            let answers = surroundings.wait() || self.answers.wait_for_next();
            let urgent = sealed || answers || write_ahead.holds_for_next() || self.outbox.has_unstored();
            let changes = self.take_changes(cx.now, surroundings);
            cx.push(Action::Persist { version, changes, urgent });
        }
        let Some(write_ahead) = &mut self.write_ahead else { return };
        write_ahead.cover();
        self.answers.cover(write_ahead.announced);
        self.release_stored(cx);
    }

    /// Gives sequence numbers to the messages that have none; those that were stored before wait until the numbers are.
    fn number_messages(&mut self, config: &Config) {
        let Transfer::Sequenced(sequence) = &mut self.transfer else { return };
        let numbered = sequence.number(&self.outbox, config);
        let released = !numbered.is_empty() && !self.outbox.is_unstored(numbered.start);
        if let Some(write_ahead) = self.write_ahead.as_mut().filter(|_| released) {
            write_ahead.hold_until = Some(NEXT_VERSION);
        }
    }

    /// Whether a change of the records begins a new version.
    fn has_changed(&mut self) -> bool {
        let transfer = self.sequence().is_some_and(Sequence::has_changed);
        transfer
            || self.outbox.has_changed()
            || self.inbox.log().is_loud()
            || self.read_markers.as_mut().is_some_and(|markers| markers.log().is_loud())
    }

    /// Returns the changes that no version has carried, as carried from now on; without write-ahead all records.
    pub(crate) fn take_changes(&mut self, now: Instant, surroundings: &impl Surroundings) -> Changes {
        let Some(write_ahead) = &self.write_ahead else { return self.all_records(now, surroundings) };
        let mut batch = Batch::new(&write_ahead.stored);
        self.write(&mut batch, surroundings, write_ahead.inherited);
        if write_ahead.inherited {
            batch.delete_others();
        }
        let difference = batch.finish(self.head(now));
        self.clear_changes();
        let Some(write_ahead) = &mut self.write_ahead else { return Changes::default() };
        write_ahead.inherited = false;
        write_ahead.stored.apply(difference)
    }

    /// Writes the records that were touched, or `all` of them.
    fn write(&self, batch: &mut Batch<'_>, surroundings: &impl Surroundings, all: bool) {
        surroundings.write(batch, &self.outbox, all);
        self.mint.write(batch, all);
        self.outbox.write(batch, all);
        self.inbox.write(batch, all);
        self.read_markers.iter().for_each(|markers| markers.write(batch, all));
        if let Transfer::Sequenced(sequence) = &self.transfer {
            sequence.write(batch, all);
        }
    }

    fn clear_changes(&mut self) {
        self.outbox.clear_changes();
        self.inbox.log().clear();
        self.read_markers.iter_mut().for_each(|markers| markers.log().clear());
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.clear_changes();
        }
    }

    fn head(&self, now: Instant) -> Head {
        Head {
            made: self.mint.made.min(LAST),
            // Messages that are not sent yet may be sent right after this state is stored.
            ready: self.write_ahead.is_some() && self.ready.is_some(),
            time: self.outbox.ages().at(now).as_millis(),
            version: self.announced(),
        }
    }

    /// Returns all records, as changes to an empty store.
    pub(crate) fn all_records(&self, now: Instant, surroundings: &impl Surroundings) -> Changes {
        let empty = Stored::default();
        let mut batch = Batch::new(&empty);
        self.write(&mut batch, surroundings, true);
        batch.finish(self.head(now)).changes
    }

    /// Holds messages on a ready connection until the host has stored that they may be sent.
    pub(super) fn hold_until_stored(&mut self) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.on_ready(!self.outbox.is_empty() || matches!(self.transfer, Transfer::Sequenced(_)));
        }
    }

    /// Handles a message that takes its old place in the outbox again.
    pub(super) fn on_place_retaken(&mut self, slot: u64, id: &MessageId) {
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.on_place_retaken(slot, id, self.write_ahead.is_some());
        }
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.on_place_retaken(slot);
        }
    }

    /// Holds all messages until the host has stored that those behind a failed or a skipped one may leave: until then
    /// the next process takes it that none of them was sent.
    pub(super) fn hold_for_next(&mut self) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.hold_until = Some(NEXT_VERSION);
        }
    }

    /// Whether messages wait until the host has stored that they may be sent.
    pub(super) fn awaits_storage(&self) -> bool {
        self.write_ahead.as_ref().is_some_and(|write_ahead| write_ahead.awaits_storage())
    }

    /// Lets every frame of a client wait until the host has stored the change of its session.
    pub(super) fn seal(&mut self, cx: &mut Context<'_>) {
        if let (Some(write_ahead), Side::Client) = (&mut self.write_ahead, cx.side) {
            write_ahead.sealed_until = Some(NEXT_VERSION);
            cx.backlog.seal();
        }
    }

    /// Releases the frames, messages and answers that a version stored by the host covers, and returns whether a
    /// heartbeat was among the frames. Versions above the last `Persist` are clamped to it.
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, version: u64) -> bool {
        let mut heartbeat = false;
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.persisted = write_ahead.persisted.max(version.min(write_ahead.announced));
            let persisted = write_ahead.persisted;
            if write_ahead.sealed_until.take_if(|version| *version <= persisted).is_some() {
                for (connection, frame, purpose) in cx.backlog.unseal() {
                    heartbeat |= purpose == Purpose::Heartbeat;
                    cx.send(connection, frame, purpose);
                }
            }
        }
        self.release_stored(cx);
        self.flush(cx);
        heartbeat
    }

    /// Releases the messages, statuses and answers that the stored version covers.
    fn release_stored(&mut self, cx: &mut Context<'_>) {
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.inbound.on_stored(write_ahead.persisted);
        }
        let mut stored = Vec::new();
        while let Some(end) = write_ahead.pop_watermark() {
            let released = self.outbox.release_before(end).into_iter();
            stored.extend(released.filter(|(slot, _)| !write_ahead.retaken.versions.contains_key(slot)));
        }
        while let Some(slot) = write_ahead.retaken.pop(write_ahead.persisted) {
            stored.extend(self.outbox.entry(slot).map(|entry| (slot, entry.id.clone())));
        }
        stored.sort_unstable();
        cx.emit_statuses(stored.into_iter().map(|(_, id)| (id, Status::Queued)));
        self.release_answers(cx);
    }

    /// Sends the answers that are stored, as far as the socket has room.
    pub(super) fn release_answers(&mut self, cx: &mut Context<'_>) {
        let persisted = self.write_ahead.as_ref().map_or(STORED, |write_ahead| write_ahead.persisted);
        while cx.backlog.has_room(0, cx.config) {
            let Some(answer) = self.answers.pop(persisted) else { return };
            self.send_answer(cx, &answer);
        }
    }

    /// Restores a delivery from its records; message ids get a new nonce. Damaged where the records contradict each
    /// other. `sequenced` says whether the dialect has sequence numbers; `moved` is how far moments move back on the
    /// clock of ages.
    pub(crate) fn restored(
        now: Instant,
        (records, meta, stored): (&Records, &Meta, Stored),
        (ages, moved): (AgeClock, Duration),
        config: &Config,
        sequenced: bool,
        rng: &mut Rng,
    ) -> Result<Self, Damaged> {
        let logs = config.durability == Durability::WriteAhead;
        let mint = Mint::restored(records, meta.made, rng)?;
        let mut delivery = Self::new(mint, config, false);
        let sent = meta.ready.then_some(Instant::from_millis(meta.t));
        delivery.outbox = Outbox::restored(now, records, (ages, moved), sent, &config.outbox, logs)?;
        if meta.made < LAST && delivery.outbox.any_id(|id| delivery.owns(id) && id.tail() >= meta.made) {
            // More ids were made than that; a count that is used up counts no more.
            return Err(Damaged);
        }
        delivery.inbox = Inbox::restored(records, &config.inbox, logs)?;
        delivery.read_markers = ReadMarkers::restored(records, logs)?;
        if sequenced {
            let sequence = Sequence::restored(records, &delivery.outbox, meta.ready, logs)?;
            delivery.transfer = Transfer::Sequenced(sequence);
        }
        if let Some(write_ahead) = &mut delivery.write_ahead {
            let end = delivery.outbox.end();
            delivery.outbox.release_before(end);
            // Only a forged snapshot can hold a version so high that the next ones find no numbers.
            let version = meta.v.min(u64::MAX / 2);
            (write_ahead.announced, write_ahead.persisted) = (version, version);
            (write_ahead.stored, write_ahead.inherited) = (stored, true);
        }
        Ok(delivery)
    }

    /// Goes on with a rate of messages that has spent so much; `ready` says whether messages may have left since.
    pub(crate) fn restore_rate(&mut self, now: Instant, spent: Duration, ready: bool, config: &Config) {
        self.outbox.restore_rate(now, spent, ready, &config.outbox);
    }

    /// Settles, after a restart, each message that may have been sent and must not be sent again; reports an open gap.
    pub(crate) fn on_restored(&mut self, cx: &mut Context<'_>, attempts: u64) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.attempts = attempts;
        }
        self.forget_ids(cx);
        let settled = self.outbox.on_restored(&cx.config.outbox);
        cx.emit_statuses(settled);
        if let Some((from, to)) = self.sequence().and_then(|sequence| sequence.missing()) {
            cx.push(Action::Gap { from, to });
        }
    }

    /// Last announced version, which covers everything up to the end of the last input; 0 without write-ahead.
    pub(crate) fn announced(&self) -> u64 {
        self.write_ahead.as_ref().map_or(0, |write_ahead| write_ahead.announced)
    }

    /// Whether the state of `version` is stored; always `true` without write-ahead.
    pub(crate) fn is_stored(&self, version: u64) -> bool {
        self.write_ahead.as_ref().is_none_or(|write_ahead| write_ahead.persisted >= version)
    }
}
