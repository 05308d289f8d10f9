//! Rules about what the host's socket takes: no more is handed over than there is room, and `Sent` is told of what is
//! out.

use std::collections::VecDeque;

use redial::journal::Input;
use redial::{Action, ConnectionId, Duration, Event, Frame, HostProfile, Instant, MessageId, Purpose, Session, State};

use super::{Step, Verdict, rule};

/// What the oracle has seen of frames that are handed over and unwritten.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    reports: bool,
    connection: Option<ConnectionId>,
    handed: u64,
    unwritten: VecDeque<(Purpose, u64)>,
    /// The messages that are out with this input.
    out: Vec<MessageId>,
    /// When messages left, in as far as a rate still counts them.
    departures: VecDeque<u64>,
    /// When the frame began that arrives at present.
    arriving_since: Option<Instant>,
    /// Whether this input brought a sign of life on the present connection.
    life: bool,
    /// What the host has said of itself.
    host: HostProfile,
}

/// The overhead of a frame, at most.
const HEADER: u64 = 14;

impl Flow {
    /// Whether the host reports what its socket takes.
    pub(super) fn reports(&self) -> bool {
        self.reports
    }

    /// Whether this input brought a frame, or bytes of one that may still take its time.
    pub(super) fn is_life(&self) -> bool {
        self.life
    }

    /// Whether this message is out with this input.
    pub(super) fn is_out(&self, id: &MessageId) -> bool {
        self.out.contains(id)
    }

    /// Whether a message of this length, or an answer, finds no room.
    pub(super) fn is_full(&self, session: &Session, payload: u64) -> bool {
        let bytes = self.bytes();
        bytes > 0 && bytes + payload + HEADER > session.preset().config().outbox.unwritten_bytes.get()
    }

    /// Whether a rate is set, so that messages may wait for it.
    pub(super) fn is_rated(session: &Session) -> bool {
        session.preset().config().outbox.rate.is_some()
    }

    /// How many unwritten messages there are.
    pub(super) fn leaving(&self) -> usize {
        self.unwritten.iter().filter(|(purpose, _)| matches!(purpose, Purpose::Message { .. })).count()
    }

    pub(super) fn restarted(&mut self) {
        let departures = VecDeque::new();
        *self = Self { departures, ..Self::default() };
    }

    pub(super) fn judge(&mut self, session: &Session, step: &Step, actions: &[Action]) -> Verdict {
        self.out.clear();
        self.life = false;
        if let (Input::Event { event, .. }, false) = (&step.input, step.is_stale()) {
            self.listen(session, event);
            self.take_in(event);
        }
        if let Input::Event { event: Event::Host { profile }, .. } = &step.input {
            self.host = *profile;
        }
        let heartbeats = session.stats().heartbeats - step.heartbeats;
        let is_heartbeat = |action: &&Action| matches!(action, Action::Send { purpose: Purpose::Heartbeat, .. });
        let sent = actions.iter().filter(is_heartbeat).count() as u64;
        rule!(heartbeats == sent, "{heartbeats} heartbeats were counted and {sent} were sent");
        for action in actions {
            if let Action::Send { frame: Frame::Ping(_) | Frame::Pong(_), .. } = action {
                rule!(self.host.pings, "a host that cannot send pings was asked to");
            }
            match action {
                Action::Connect { connection, .. } => {
                    (self.connection, self.handed) = (Some(*connection), 0);
                    self.unwritten.clear();
                    self.arriving_since = None;
                }
                // A late socket is aborted beside the present one.
                Action::Abort { connection } if self.connection != Some(*connection) => {}
                Action::Abort { .. } | Action::State { state: State::Waiting | State::Stopped, .. } => {
                    self.unwritten.clear();
                    self.arriving_since = None;
                }
                Action::Send { frame, purpose, .. } => self.hand_over(session, frame.len() as u64, purpose)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What an event says of the peer: a frame is life, and so are its bytes, for as long as one frame may take.
    fn listen(&mut self, session: &Session, event: &Event) {
        let now = session.now();
        match event {
            Event::FrameIn { .. } => {
                self.arriving_since = None;
                self.life = true;
            }
            Event::Arriving { .. } => {
                let since = *self.arriving_since.get_or_insert(now);
                let most = session.preset().config().limits.frame_time.max(Duration::from_millis(1));
                self.life = now.since(since) < most;
            }
            _ => {}
        }
    }

    fn take_in(&mut self, event: &Event) {
        match event {
            Event::Written { frames, .. } => {
                self.reports = true;
                while self.handed - (self.unwritten.len() as u64) < *frames {
                    let Some((purpose, _)) = self.unwritten.pop_front() else { return };
                    if let Purpose::Message { id } = purpose {
                        self.out.push(id);
                    }
                }
            }
            Event::SendFailed { purpose: failed, .. } => {
                let failed = failed.as_ref().unwrap_or(&Purpose::Heartbeat);
                if let Some(frame) = self.unwritten.iter_mut().find(|(purpose, _)| purpose == failed) {
                    *frame = (Purpose::Auth, 0);
                }
            }
            _ => {}
        }
    }

    fn hand_over(&mut self, session: &Session, payload: u64, purpose: &Purpose) -> Verdict {
        self.handed += 1;
        let bounded = is_bounded(purpose);
        if bounded {
            // An answer is short: it needs no more than any room.
            let needed = if matches!(purpose, Purpose::Message { .. }) { payload } else { 0 };
            rule!(!self.is_full(session, needed), "{purpose:?} was handed over to a full socket");
        }
        if matches!(purpose, Purpose::Message { .. }) {
            self.keeps_the_rate(session)?;
        }
        if self.reports {
            let waits = |wanted: fn(&Purpose) -> bool| self.unwritten.iter().any(|(purpose, _)| wanted(purpose));
            let beat = *purpose == Purpose::Heartbeat && waits(|purpose| *purpose == Purpose::Heartbeat);
            rule!(!beat, "two heartbeats are unwritten");
            let is_ack = |purpose: &Purpose| matches!(purpose, Purpose::CumulativeAck { .. });
            rule!(!(is_ack(purpose) && waits(is_ack)), "two cumulative acks are unwritten");
            self.unwritten.push_back((purpose.clone(), if bounded { payload + HEADER } else { 0 }));
        }
        Ok(())
    }

    fn keeps_the_rate(&mut self, session: &Session) -> Verdict {
        let Some(rate) = session.preset().config().outbox.rate else { return Ok(()) };
        // An interval of more than 139 years counts as that.
        let (now, interval) = (session.now().as_millis(), rate.interval.as_millis().clamp(1, 1 << 42));
        self.departures.retain(|at| at.saturating_add(interval) > now);
        self.departures.push_back(now);
        let most = rate.burst.get() + rate.messages.get();
        rule!(self.departures.len() as u64 <= most, "{} messages left within {interval} ms", self.departures.len());
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.unwritten.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Whether frames of this purpose stay within the room.
fn is_bounded(purpose: &Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Message { .. }
            | Purpose::Ack { .. }
            | Purpose::Nack { .. }
            | Purpose::Receipt { .. }
            | Purpose::CumulativeAck { .. }
    )
}
