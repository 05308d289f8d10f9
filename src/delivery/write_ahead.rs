//! Write-ahead: sends, statuses and answers wait until the host has stored the state that covers them.
//!
//! 1. A version counts the changes to the durable state; `Persist` announces it at the end of every input that changed
//!    the durable state.
//! 2. A taken message is reported as `Queued`, and sent, once a version that covers the message is stored.
//! 3. A delivered message is answered once a version that covers its delivery is stored.
//! 4. On a new connection no message is sent before the host has stored that messages may be sent, so that after a
//!    crash a message that was never sent is known as such.
//! 5. Without write-ahead none of these laws applies: messages, statuses and answers go out at once.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::answers::{NEXT_VERSION, STORED};
use super::mint::{Before, Mint};
use super::{Delivery, Transfer};
use crate::action::Action;
use crate::config::{Config, Durability};
use crate::context::Context;
use crate::id::{LAST, MessageId};
use crate::inbox::{Inbox, SeenIdState};
use crate::outbox::settled::SettledEntryState;
use crate::outbox::{Outbox, OutboxEntryState};
use crate::read_markers::{ReadMarker, ReadMarkers};
use crate::rng::Rng;
use crate::sequence::{Sequence, SequenceState};
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
    /// Number of connections on which sending had to wait for storage; a part of the version.
    ready_count: u64,
    /// Version that has to be stored before messages are sent on the present connection.
    hold_until: Option<u64>,
    /// Slots of messages that took their old places again, each with the version that covers that.
    retaken: VecDeque<(u64, u64)>,
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
        if self.hold_until == Some(NEXT_VERSION) {
            self.hold_until = Some(self.announced);
        }
        for (version, _) in self.retaken.iter_mut().filter(|(version, _)| *version == NEXT_VERSION) {
            *version = self.announced;
        }
    }

    /// Holds all messages until the host has stored that a message is back in its old place.
    fn on_place_retaken(&mut self, slot: u64) {
        self.hold_until = Some(NEXT_VERSION);
        self.retaken.retain(|(_, other)| *other != slot);
        self.retaken.push_back((NEXT_VERSION, slot));
    }

    fn pop_retaken(&mut self) -> Option<u64> {
        self.retaken.front().filter(|(version, _)| *version <= self.persisted)?;
        self.retaken.pop_front().map(|(_, slot)| slot)
    }

    /// Holds messages on a ready connection, if any message `waits`, until the host has stored that it may be sent.
    fn on_ready(&mut self, waits: bool) {
        self.hold_until = waits.then_some(NEXT_VERSION);
        self.ready_count += u64::from(waits);
    }

    fn awaits_storage(&self) -> bool {
        self.hold_until.is_some_and(|version| version > self.persisted)
    }

    fn pop_watermark(&mut self) -> Option<u64> {
        self.watermarks.front().filter(|(version, _)| *version <= self.persisted)?;
        self.watermarks.pop_front().map(|(_, end)| end)
    }
}

/// Durable state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct DeliveryState {
    nonce: u64,
    made: u64,
    /// Nonces of the processes before, whose ids are own ids too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<u64>,
    /// Last version that a `Persist` announced.
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
    queue: Vec<OutboxEntryState>,
    settled: Vec<SettledEntryState>,
    seen: Vec<SeenIdState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read_markers: Vec<ReadMarker>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<Box<SequenceState>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
fn is_zero(version: &u64) -> bool {
    *version == 0
}

impl Delivery {
    /// Reports a taken message as `Queued`; with write-ahead `release_stored` reports it after it is stored.
    pub(super) fn emit_queued(cx: &mut Context<'_>, id: &MessageId) {
        if cx.config.durability == Durability::Off {
            cx.emit_status(id, Status::Queued);
        }
    }

    /// Announces, at the end of an input, the version that covers the input, and sends the cumulative ack that is due.
    /// `attempts` is the number of durable changes of the link.
    #[inline]
    pub(crate) fn settle_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        if self.write_ahead.is_some() || !matches!(self.transfer, Transfer::PerMessage) {
            self.settle_version_slow(cx, attempts);
        }
    }

    /// Slow path of `settle_version`, for write-ahead and for dialects with sequence numbers.
    fn settle_version_slow(&mut self, cx: &mut Context<'_>, attempts: u64) {
        match (&self.write_ahead, &mut self.transfer) {
            (Some(_), _) => self.announce_version(cx, attempts),
            (None, Transfer::Sequenced(sequence)) => sequence.inbound.store_all(),
            (None, Transfer::PerMessage) => {}
        }
        self.send_cumulative_ack(cx);
    }

    /// Sends the cumulative ack that is due, unless it waits for storage or for room.
    pub(super) fn send_cumulative_ack(&mut self, cx: &mut Context<'_>) {
        let ready = self.ready.filter(|_| !self.awaits_storage());
        if let (Transfer::Sequenced(sequence), Some(connection)) = (&mut self.transfer, ready) {
            sequence.send_cumulative_ack(cx, connection);
        }
    }

    fn announce_version(&mut self, cx: &mut Context<'_>, attempts: u64) {
        let version = self.version(attempts);
        let Some(write_ahead) = &mut self.write_ahead else { return };
        if version > write_ahead.announced {
            write_ahead.on_announced(version, self.outbox.end());
            if let Transfer::Sequenced(sequence) = &mut self.transfer {
                sequence.inbound.seal(version);
            }
            cx.push(Action::Persist { version });
        }
        write_ahead.cover();
        self.answers.cover(write_ahead.announced);
        self.release_stored(cx);
    }

    fn version(&self, attempts: u64) -> u64 {
        self.mint.base_version().saturating_add(self.changes(attempts))
    }

    /// Number of changes to the durable state in this process.
    fn changes(&self, attempts: u64) -> u64 {
        let transfer = self.transfer.sequence().map_or(0, Sequence::revision);
        let ready_count = self.write_ahead.as_ref().map_or(0, |write_ahead| write_ahead.ready_count);
        let (outbox, inbox, markers) = (self.outbox.revision(), self.inbox.revision(), self.read_markers.revision());
        [outbox, inbox, markers, transfer, ready_count].into_iter().fold(attempts, u64::saturating_add)
    }

    /// Holds messages on a ready connection until the host has stored that they may be sent.
    pub(super) fn hold_until_stored(&mut self) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.on_ready(!self.outbox.is_empty() || matches!(self.transfer, Transfer::Sequenced(_)));
        }
    }

    /// Handles a message that takes its old place in the outbox again.
    pub(super) fn on_place_retaken(&mut self, slot: u64) {
        if let Transfer::Sequenced(sequence) = &mut self.transfer {
            sequence.on_place_retaken(slot);
        }
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.on_place_retaken(slot);
        }
    }

    /// Whether messages wait until the host has stored that they may be sent.
    pub(super) fn awaits_storage(&self) -> bool {
        self.write_ahead.as_ref().is_some_and(|write_ahead| write_ahead.awaits_storage())
    }

    /// Releases the messages and answers that a version stored by the host covers. Versions above the last `Persist`
    /// are clamped to it.
    pub(crate) fn persisted(&mut self, cx: &mut Context<'_>, version: u64) {
        if let Some(write_ahead) = &mut self.write_ahead {
            write_ahead.persisted = write_ahead.persisted.max(version.min(write_ahead.announced));
        }
        self.release_stored(cx);
        self.flush(cx);
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
            stored.extend(released.filter(|(slot, _)| write_ahead.retaken.iter().all(|(_, other)| other != slot)));
        }
        while let Some(slot) = write_ahead.pop_retaken() {
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

    /// Whether messages that are not sent yet may be sent right after this state is stored.
    fn may_leave(&self, config: &Config) -> bool {
        config.durability == Durability::WriteAhead && self.ready.is_some()
    }

    /// Returns the durable state, as of `now`.
    pub(crate) fn to_state(&self, now: Instant, config: &Config) -> DeliveryState {
        let sequence = self.transfer.sequence().map(|sequence| sequence.to_state(|id| self.outbox.slot_of(id)));
        DeliveryState {
            nonce: self.mint.nonce,
            made: self.mint.made,
            earlier: self.mint.earlier().to_vec(),
            version: self.write_ahead.as_ref().map_or(self.mint.base_version(), |write_ahead| write_ahead.announced),
            queue: self.outbox.to_state(now, self.may_leave(config)),
            settled: self.outbox.settled().to_state(),
            seen: self.inbox.to_state(),
            read_markers: self.read_markers.to_state(),
            sequence: sequence.map(Box::new),
        }
    }

    /// Restores a delivery from a snapshot, after the process was away for `away`; message ids get a new nonce. `None`
    /// where the snapshot contradicts itself; `sequenced` says whether the dialect has sequence numbers.
    pub(crate) fn from_state(
        now: Instant,
        state: DeliveryState,
        away: Duration,
        config: &Config,
        sequenced: bool,
        rng: &mut Rng,
    ) -> Option<Self> {
        if state.made > LAST || state.sequence.is_some() != sequenced {
            return None;
        }
        // Only a forged snapshot can hold a version so high that the next ones find no numbers.
        let before = Before { nonces: state.earlier, version: state.version.min(u64::MAX / 2) };
        let mint = Mint::restored(state.nonce, state.made, before, rng);
        let mut delivery = Self::new(mint, config, false);
        delivery.outbox = Outbox::from_state(now, state.queue, state.settled, away, &config.outbox)?;
        if delivery.outbox.any_id(|id| delivery.owns(id) && id.tail() >= state.made) {
            // An id that is made later would be the id of this message.
            return None;
        }
        delivery.inbox = Inbox::from_state(state.seen, &config.inbox)?;
        delivery.read_markers = ReadMarkers::from_state(state.read_markers)?;
        if let Some(sequence) = state.sequence {
            delivery.transfer = Transfer::Sequenced(Sequence::from_state(*sequence, |id| delivery.outbox.slot_of(id))?);
        }
        if config.durability == Durability::WriteAhead {
            let end = delivery.outbox.end();
            delivery.outbox.release_before(end);
        }
        Some(delivery)
    }

    /// Settles, after a restart, each message that may have been sent and must not be sent again; reports an open gap.
    pub(crate) fn on_restored(&mut self, cx: &mut Context<'_>, attempts: u64) {
        let changes = self.changes(attempts);
        if let (Some(before), true) = (&mut self.mint.before, self.write_ahead.is_some()) {
            // The snapshot's own version covers what was restored, and the next version comes after it.
            before.version = before.version.saturating_sub(changes);
        }
        self.forget_ids(cx);
        let version = self.version(attempts);
        if let Some(write_ahead) = &mut self.write_ahead {
            (write_ahead.announced, write_ahead.persisted) = (version, version);
        }
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
