//! Backlog of the host: frames that its socket has not taken, and messages that its application has not taken.
//!
//! 1. A host that never reports what its socket takes is taken to write every frame at once; the same holds for the
//!    messages that its application takes.
//! 2. The backlog belongs to one connection: a new connection begins without unwritten frames.
//! 3. Messages and answers that are handed over and unwritten stay within `outbox.unwritten_bytes`, or are one frame.
//!    Of heartbeat replies at most two are unwritten, whatever the peer asks.
//! 4. Progress is that a byte left. Without progress for `limits.write_stall`, or with one frame unwritten for
//!    `limits.frame_time`, the connection is lost. A host that is late may have reports of bytes in its queue: it gets
//!    one respite.
//! 5. Bytes of an unfinished frame are a sign of life for at most `limits.frame_time`.
//! 6. While the connection is sealed, its frames wait; of each purpose the newest one does.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::action::Purpose;
use crate::config::{Config, Limits};
use crate::deadline::{Deadline, Respite, Timer};
use crate::frame::Frame;
use crate::host_profile::HostProfile;
use crate::id::{ConnectionId, MessageId};
use crate::time::Instant;
use crate::uncompared::Uncompared;

/// Backlog of the host on the present connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Backlog {
    /// What the host has reported; `None` until its first report.
    reports: Option<Box<Reports>>,
    /// Number of frames handed over before this connection, by the counters of the session. It matters only to the
    /// reports of the host, which count as well.
    handed_before: Uncompared<u64>,
    /// Whether a message left with the present input.
    message_left: bool,
    /// Whether a message was handed over on this connection.
    carried: bool,
    /// What the host can do.
    host: HostProfile,
    /// Whether a message was confirmed or delivered since this connection was ready.
    useful: bool,
    /// Boxed, since few sessions ever have any of it.
    rare: Option<Box<Rare>>,
}

/// What few sessions ever have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Rare {
    /// Messages whose new rounds the host has not stored yet, so that these are not reported.
    unreported: BTreeSet<MessageId>,
    /// Unfinished record of this connection.
    unfinished: Option<Frame>,
    /// Frames that wait, while no frame may leave.
    sealed: Option<Vec<SealedFrame>>,
}

/// Frame that waits until a frame may leave.
pub(crate) type SealedFrame = (ConnectionId, Frame, Purpose);

/// What a host reports, and what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Reports {
    /// Whether the host reports the frames that its socket has taken.
    written: bool,
    /// Unwritten frames in order; the last one has the number of all frames handed over.
    frames: VecDeque<Unwritten>,
    /// Bytes of the messages and answers among them.
    bytes: u64,
    /// Number of heartbeat replies among them.
    replies: u32,
    /// When a byte last left, or the first unwritten frame was handed over.
    moved_at: Instant,
    /// When the first unwritten frame became the first.
    first_since: Instant,
    respite: Respite,
    /// When the frame began that arrives at present.
    arriving_since: Option<Instant>,
    /// Whether the host reports the messages that its application has taken.
    taken: bool,
    /// Number of delivered messages that the application has not taken.
    untaken: u64,
}

/// Frame that was handed to the host and not yet taken by its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Unwritten {
    kind: FrameKind,
    bytes: u64,
}

/// Kind of an unwritten frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FrameKind {
    /// A message, by its slot in the outbox.
    Message(u64),
    Heartbeat,
    HeartbeatReply,
    CumulativeAck,
    /// An acknowledgement, refusal or receipt of one message.
    Answer,
    Other,
}

/// Overhead of a frame beside its payload, at most (RFC 6455 §5.2).
const HEADER: u64 = 14;

impl FrameKind {
    fn of(purpose: &Purpose, slot: Option<u64>) -> Self {
        match (purpose, slot) {
            (Purpose::Message { .. }, Some(slot)) => Self::Message(slot),
            (Purpose::Heartbeat, _) => Self::Heartbeat,
            (Purpose::HeartbeatReply, _) => Self::HeartbeatReply,
            (Purpose::CumulativeAck { .. }, _) => Self::CumulativeAck,
            (Purpose::Ack { .. } | Purpose::Nack { .. } | Purpose::Receipt { .. }, _) => Self::Answer,
            _ => Self::Other,
        }
    }

    /// Whether frames of this kind stay within `outbox.unwritten_bytes`; the others are few and always pass.
    fn is_bounded(self) -> bool {
        matches!(self, Self::Message(_) | Self::Answer | Self::CumulativeAck)
    }
}

/// Frames to the socket.
impl Backlog {
    /// Takes the profile of the host.
    pub(crate) fn set_host(&mut self, host: HostProfile) {
        self.host = host;
    }

    /// Profile of the host.
    pub(crate) fn host(&self) -> HostProfile {
        self.host
    }

    /// Handles a new round of a message, which is reported once the host has stored it.
    pub(crate) fn on_reopened(&mut self, id: &MessageId) {
        self.rare.get_or_insert_default().unreported.insert(id.clone());
    }

    /// Notes that a message is reported; returns whether a new round of it was not.
    #[inline]
    pub(crate) fn on_reported(&mut self, id: &MessageId) -> bool {
        self.rare.is_some() && self.on_reported_slow(id)
    }

    /// Slow path of `on_reported`, for a session that has anything rare.
    #[cold]
    fn on_reported_slow(&mut self, id: &MessageId) -> bool {
        let was_unreported = self.rare.as_mut().is_some_and(|rare| rare.unreported.remove(id));
        self.tidy();
        was_unreported
    }

    /// Whether a record of this connection is unfinished.
    #[inline]
    pub(crate) fn has_unfinished(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.unfinished.is_some())
    }

    /// Keeps an unfinished record until the next frame comes.
    pub(crate) fn keep_unfinished(&mut self, record: Frame) {
        self.rare.get_or_insert_default().unfinished = Some(record);
    }

    /// Takes the unfinished record of this connection.
    pub(crate) fn take_unfinished(&mut self) -> Option<Frame> {
        let record = self.rare.as_mut()?.unfinished.take();
        self.tidy();
        record
    }

    /// Lets every frame wait until `unseal`, on later connections too.
    pub(crate) fn seal(&mut self) {
        self.rare.get_or_insert_default().sealed.get_or_insert_default();
    }

    /// Whether frames wait.
    #[inline]
    pub(crate) fn is_sealed(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.sealed.is_some())
    }

    /// Keeps a frame that waits, in place of an earlier one of its purpose.
    pub(crate) fn keep_sealed(&mut self, connection: ConnectionId, frame: Frame, purpose: Purpose) {
        let sealed = self.rare.get_or_insert_default().sealed.get_or_insert_default();
        sealed.retain(|(_, _, other)| *other != purpose);
        sealed.push((connection, frame, purpose));
    }

    /// Drops the frames that wait, because the connection ends.
    pub(crate) fn drop_sealed(&mut self) {
        self.rare.iter_mut().flat_map(|rare| &mut rare.sealed).for_each(Vec::clear);
    }

    /// Lets frames leave again, and returns those that waited.
    pub(crate) fn unseal(&mut self) -> Vec<SealedFrame> {
        let sealed = self.rare.as_mut().and_then(|rare| rare.sealed.take());
        self.tidy();
        sealed.unwrap_or_default()
    }

    fn tidy(&mut self) {
        let is_empty = |rare: &mut Box<Rare>| **rare == Rare::default();
        self.rare.take_if(is_empty);
    }

    /// Begins a connection without unwritten frames; `handed` is the number of all frames handed over before.
    pub(crate) fn on_dial(&mut self, handed: u64) {
        self.on_lost();
        *self.handed_before = handed;
        self.carried = false;
    }

    /// Whether a message was handed over on this connection.
    pub(crate) fn has_carried(&self) -> bool {
        self.carried
    }

    /// Begins a ready connection, on which no message was confirmed or delivered yet.
    pub(crate) fn on_ready(&mut self) {
        self.useful = false;
    }

    /// Notes that the peer confirmed a message.
    #[inline]
    pub(crate) fn on_confirmed(&mut self) {
        self.useful = true;
    }

    /// Whether a message was confirmed or delivered since this connection was ready.
    pub(crate) fn is_useful(&self) -> bool {
        self.useful
    }

    /// Forgets the unwritten frames of a connection that is lost.
    pub(crate) fn on_lost(&mut self) {
        self.take_unfinished();
        self.drop_sealed();
        if let Some(reports) = &mut self.reports {
            reports.frames.clear();
            (reports.bytes, reports.replies, reports.arriving_since) = (0, 0, None);
        }
    }

    /// Whether the host has reported anything; without a report nothing is ever held back for the host.
    #[inline]
    pub(crate) fn has_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// Whether the host reports what its socket or its application takes, and so does not read on unasked.
    #[inline]
    pub(crate) fn reports_flow(&self) -> bool {
        self.reports.as_ref().is_some_and(|reports| reports.written || reports.taken)
    }

    /// Whether the host reports the frames that its socket has taken.
    #[inline]
    pub(crate) fn reports_written(&self) -> bool {
        self.reports.as_ref().is_some_and(|reports| reports.written)
    }

    /// Notes a frame that is handed to the host; `slot` is that of its message.
    #[inline(never)]
    pub(crate) fn on_handed(&mut self, now: Instant, purpose: &Purpose, slot: Option<u64>, payload: usize) {
        self.carried |= slot.is_some();
        match self.reports.as_mut().filter(|reports| reports.written) {
            None => self.message_left |= slot.is_some(),
            Some(reports) => reports.push(now, FrameKind::of(purpose, slot), payload),
        }
    }

    /// Notes a message that is handed to a host which reports nothing, and so has left.
    #[inline]
    pub(crate) fn on_message_handed(&mut self) {
        (self.message_left, self.carried) = (true, true);
    }

    /// Whether another message or answer of so many bytes may be handed over; a single frame always may.
    #[inline]
    pub(crate) fn has_room(&self, payload: usize, config: &Config) -> bool {
        self.reports.as_ref().is_none_or(|reports| reports.has_room(payload, config))
    }

    /// Whether another heartbeat reply may be handed over. Two may be unwritten: the socket may have taken the first
    /// before the heartbeat came, and then the second answers it.
    #[inline]
    pub(crate) fn has_room_for_reply(&self) -> bool {
        self.reports.as_ref().is_none_or(|reports| reports.replies < 2)
    }

    /// Whether a frame of this kind is unwritten.
    pub(crate) fn holds(&self, kind: FrameKind) -> bool {
        self.reports.as_ref().is_some_and(|reports| reports.frames.iter().any(|frame| frame.kind == kind))
    }

    /// Notes that bytes left; the frames that are out follow from [`Backlog::pop_written`].
    pub(crate) fn on_written(&mut self, now: Instant) {
        let reports = self.reports.get_or_insert_default();
        (reports.written, reports.moved_at) = (true, now);
    }

    /// Removes the first unwritten frame, if it is among the first `frames` of this connection; to be called until it
    /// returns `None`. `handed` is the number of all frames handed over by now.
    pub(crate) fn pop_written(&mut self, now: Instant, frames: u64, handed: u64) -> Option<FrameKind> {
        let reports = self.reports.as_mut()?;
        let before = handed.saturating_sub(*self.handed_before).saturating_sub(reports.frames.len() as u64);
        if frames <= before {
            return None;
        }
        let frame = reports.frames.pop_front()?;
        reports.first_since = now;
        reports.forget(frame);
        self.message_left |= matches!(frame.kind, FrameKind::Message(_));
        Some(frame.kind)
    }

    /// Whether a message left with the present input.
    #[inline]
    pub(crate) fn message_left(&self) -> bool {
        self.message_left
    }

    /// Returns whether a message left with the present input, once.
    #[inline]
    pub(crate) fn take_message_left(&mut self) -> bool {
        core::mem::take(&mut self.message_left)
    }

    /// Notes that not one byte of a frame of this kind will be written; the host still counts the frame.
    pub(crate) fn on_failed(&mut self, purpose: &Purpose, slot: Option<u64>) {
        let Some(reports) = &mut self.reports else { return };
        let kind = FrameKind::of(purpose, slot);
        if let Some(frame) = reports.frames.iter_mut().find(|frame| frame.kind == kind) {
            let failed = core::mem::replace(frame, Unwritten { kind: FrameKind::Other, bytes: 0 });
            reports.forget(failed);
        }
    }

    /// When the connection counts as stalled unless a byte leaves.
    #[inline]
    pub(crate) fn deadline(&self, limits: &Limits) -> Deadline {
        self.reports.as_ref().map_or(Deadline::NEVER, |reports| reports.respite.hold(reports.deadline(limits)))
    }

    /// Whether the connection counts as stalled now.
    pub(crate) fn is_stalled(&mut self, now: Instant, limits: &Limits) -> bool {
        self.reports.as_mut().is_some_and(|reports| {
            let due = reports.deadline(limits);
            reports.respite.is_over(now, due)
        })
    }
}

impl Reports {
    fn push(&mut self, now: Instant, kind: FrameKind, payload: usize) {
        let bytes = if kind.is_bounded() { (payload as u64).saturating_add(HEADER) } else { 0 };
        if self.frames.is_empty() {
            (self.moved_at, self.first_since) = (now, now);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.replies = self.replies.saturating_add(u32::from(kind == FrameKind::HeartbeatReply));
        self.frames.push_back(Unwritten { kind, bytes });
    }

    /// Takes an unwritten frame out of the sums.
    fn forget(&mut self, frame: Unwritten) {
        self.bytes = self.bytes.saturating_sub(frame.bytes);
        self.replies = self.replies.saturating_sub(u32::from(frame.kind == FrameKind::HeartbeatReply));
    }

    fn has_room(&self, payload: usize, config: &Config) -> bool {
        let bytes = self.bytes.saturating_add(payload as u64).saturating_add(HEADER);
        self.bytes == 0 || bytes <= config.outbox.unwritten_bytes.get()
    }

    fn deadline(&self, limits: &Limits) -> Deadline {
        if self.frames.is_empty() {
            return Deadline::NEVER;
        }
        let at = (self.moved_at + limits.write_stall()).min(self.first_since + limits.frame_time());
        Deadline { at, timer: Timer::Stall }
    }
}

/// Frames and messages that come in.
impl Backlog {
    /// Notes bytes of an unfinished frame; returns whether they count as a sign of life.
    pub(crate) fn on_arriving(&mut self, now: Instant, limits: &Limits) -> bool {
        let since = *self.reports.get_or_insert_default().arriving_since.get_or_insert(now);
        now.since(since) < limits.frame_time()
    }

    /// Notes that a whole frame has arrived.
    #[inline]
    pub(crate) fn on_frame(&mut self) {
        if let Some(reports) = &mut self.reports {
            reports.arriving_since = None;
        }
    }

    /// Notes a message that is delivered to the application.
    #[inline]
    pub(crate) fn on_delivered(&mut self) {
        self.useful = true;
        if let Some(reports) = &mut self.reports {
            reports.untaken += u64::from(reports.taken);
        }
    }

    /// Notes how many of all `delivered` messages the application has taken.
    pub(crate) fn on_taken(&mut self, messages: u64, delivered: u64) {
        let untaken = delivered.saturating_sub(messages);
        let reports = self.reports.get_or_insert_default();
        // A number lower than the one before takes nothing back.
        reports.untaken = if reports.taken { reports.untaken.min(untaken) } else { untaken };
        reports.taken = true;
    }

    /// Number of delivered messages that the application has not taken; zero for a host that does not report it.
    #[inline]
    pub(crate) fn untaken(&self) -> u64 {
        self.reports.as_ref().map_or(0, |reports| reports.untaken)
    }
}
