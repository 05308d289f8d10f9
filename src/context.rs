//! Context of one input: time, configuration, dialect, randomness, counters, and the one queue of actions.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::action::{Action, Message, Purpose};
use crate::backlog::Backlog;
use crate::config::Config;
use crate::dialect::{Content, Dialect, Side, Signal, encode};
use crate::error::Unencodable;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::settled::Confirmed;
use crate::rng::Rng;
use crate::stats::Stats;
use crate::status::Status;
use crate::time::Instant;

/// Context of one input, borrowed from the session or the peer.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) side: Side,
    pub(crate) rng: &'a mut Rng,
    pub(crate) out: &'a mut VecDeque<Action>,
    pub(crate) stats: &'a mut Stats,
    pub(crate) backlog: &'a mut Backlog,
}

impl Context<'_> {
    /// Whether the other end confirms the messages of this end.
    pub(crate) fn expects_receipts(&self) -> bool {
        let capabilities = self.dialect.capabilities();
        match self.side {
            Side::Client => capabilities.receipts,
            Side::Server => capabilities.acks,
        }
    }

    /// Whether this end acknowledges the messages of the other end.
    pub(crate) fn sends_acks(&self) -> bool {
        let capabilities = self.dialect.capabilities();
        match self.side {
            Side::Client => capabilities.acks,
            Side::Server => capabilities.receipts,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, action: Action) {
        self.out.push_back(action);
    }

    /// Reports the status of a message to the application.
    pub(crate) fn emit_status(&mut self, id: &MessageId, status: Status) {
        self.report(id.clone(), status);
    }

    /// Reports the statuses of several messages to the application, in order.
    pub(crate) fn emit_statuses(&mut self, settled: impl IntoIterator<Item = (MessageId, Status)>) {
        settled.into_iter().for_each(|(id, status)| self.report(id, status));
    }

    /// Reports a status. A new round that ends before the host has stored its beginning is reported as begun first.
    fn report(&mut self, id: MessageId, status: Status) {
        if self.backlog.on_reported(&id) && status != Status::Queued {
            self.push(Action::Status { id: id.clone(), status: Status::Queued });
        }
        self.push(Action::Status { id, status });
    }

    /// Reports the effect of a confirmation to the application: a new status, or a receipt that came after the outcome.
    pub(crate) fn emit_confirmed(&mut self, id: &MessageId, status: Status, confirmed: Confirmed) {
        match confirmed {
            Confirmed::Settled | Confirmed::Raised => {
                if !matches!(status, Status::Rejected { .. }) {
                    self.backlog.on_confirmed();
                }
                self.emit_status(id, status);
            }
            Confirmed::Late => self.push(Action::LateReceipt { id: id.clone() }),
            Confirmed::Known | Confirmed::Unknown => {}
        }
    }

    /// Delivers a message to the application.
    pub(crate) fn deliver(&mut self, id: Option<&MessageId>, body: Body) {
        self.stats.delivered += 1;
        self.backlog.on_delivered();
        self.push(Action::Deliver(Message { id: id.cloned(), body }));
    }

    /// Removes messages for this connection from the action queue, each with its `Sent`, where `may` allows it; returns
    /// their ids in order. Skipped sequence numbers go with them: one that left without those before it would be a gap.
    pub(crate) fn withdraw(&mut self, connection: ConnectionId, may: impl Fn(&MessageId) -> bool) -> Vec<MessageId> {
        let (mut withdrawn, mut unsent) = (Vec::new(), BTreeSet::new());
        self.out.retain(|action| match action {
            Action::Send { connection: of, purpose: Purpose::Message { id }, .. } if *of == connection && may(id) => {
                withdrawn.push(id.clone());
                unsent.insert(id.clone());
                false
            }
            Action::Send { connection: of, purpose: Purpose::Skip { .. }, .. } => *of != connection,
            Action::Status { id, status: Status::Sent } => !unsent.contains(id),
            _ => true,
        });
        withdrawn
    }

    pub(crate) fn encode(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        encode(self.dialect, self.backlog.host(), self.side, signal)
    }

    /// Encodes and sends a signal; returns false, and sends nothing, when the dialect cannot encode it.
    #[inline]
    pub(crate) fn send_signal(
        &mut self,
        connection: ConnectionId,
        signal: &Signal<Content<'_>>,
        purpose: Purpose,
    ) -> bool {
        let frame = self.encode(signal).ok();
        frame.map(|frame| self.send(connection, frame, purpose)).is_some()
    }

    /// Encodes and sends a signal; returns false, and reports `Unsent`, when the dialect cannot encode it.
    pub(crate) fn send_or_report(
        &mut self,
        connection: ConnectionId,
        signal: &Signal<Content<'_>>,
        purpose: Purpose,
    ) -> bool {
        let Ok(frame) = self.encode(signal) else {
            self.push(Action::Unsent { connection, purpose });
            return false;
        };
        self.send(connection, frame, purpose);
        true
    }

    #[inline]
    pub(crate) fn send(&mut self, connection: ConnectionId, frame: Frame, purpose: Purpose) {
        if self.backlog.is_sealed() {
            return self.backlog.keep_sealed(connection, frame, purpose);
        }
        if self.backlog.has_reports() {
            self.backlog.on_handed(self.now, &purpose, None, frame.len());
        }
        self.hand_over(connection, frame, purpose);
    }

    /// Sends a message of the outbox, by its slot.
    #[inline]
    pub(crate) fn send_message(&mut self, connection: ConnectionId, frame: Frame, id: MessageId, slot: u64) {
        let purpose = Purpose::Message { id };
        if self.backlog.has_reports() {
            self.backlog.on_handed(self.now, &purpose, Some(slot), frame.len());
        } else {
            self.backlog.on_message_handed();
        }
        self.hand_over(connection, frame, purpose);
    }

    #[inline]
    fn hand_over(&mut self, connection: ConnectionId, frame: Frame, purpose: Purpose) {
        self.stats.frames_out += 1;
        self.stats.bytes_out += frame.len() as u64;
        self.push(Action::Send { connection, frame, purpose });
    }
}
