//! What every step works with: the time, the configuration, the dialect, and the one queue of actions.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::action::{Action, Message, Purpose};
use crate::config::Config;
use crate::dialect::{Content, Dialect, Side, Signal};
use crate::error::Unencodable;
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, MessageId};
use crate::outbox::settled::Confirmed;
use crate::rng::Rng;
use crate::stats::Stats;
use crate::status::Status;
use crate::time::Instant;

/// The surroundings of one input.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) side: Side,
    pub(crate) rng: &'a mut Rng,
    pub(crate) out: &'a mut VecDeque<Action>,
    pub(crate) stats: &'a mut Stats,
}

impl Context<'_> {
    /// Whether the other end confirms what this end sends.
    pub(crate) fn expects_receipts(&self) -> bool {
        let profile = self.dialect.capabilities();
        match self.side {
            Side::Client => profile.receipts,
            Side::Server => profile.acks,
        }
    }

    /// Whether this end acknowledges what it gets.
    pub(crate) fn sends_acks(&self) -> bool {
        let profile = self.dialect.capabilities();
        match self.side {
            Side::Client => profile.acks,
            Side::Server => profile.receipts,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, action: Action) {
        self.out.push_back(action);
    }

    /// Tells the application a message's status.
    pub(crate) fn emit_status(&mut self, id: &MessageId, status: Status) {
        self.push(Action::Status { id: id.clone(), status });
    }

    /// Tells the application the statuses of several messages, in order.
    pub(crate) fn emit_statuses(&mut self, settled: impl IntoIterator<Item = (MessageId, Status)>) {
        for (id, status) in settled {
            self.push(Action::Status { id, status });
        }
    }

    /// Tells the application what a confirmation changed: a new status, or that it came after the message's outcome.
    pub(crate) fn emit_confirmed(&mut self, id: &MessageId, status: Status, confirmed: Confirmed) {
        match confirmed {
            Confirmed::Settled | Confirmed::Raised => self.emit_status(id, status),
            Confirmed::Late => self.push(Action::LateReceipt { id: id.clone() }),
            Confirmed::Known | Confirmed::Unknown => {}
        }
    }

    /// Hands a message that arrived to the application.
    pub(crate) fn deliver(&mut self, id: Option<&MessageId>, body: Body) {
        self.stats.delivered += 1;
        self.push(Action::Deliver(Message { id: id.cloned(), body }));
    }

    /// Takes back the messages to this connection that nobody has polled yet, each with its `Sent`, as far as they `may` be;
    /// gives their ids in order.
    pub(crate) fn withdraw(&mut self, connection: ConnectionId, may: impl Fn(&MessageId) -> bool) -> Vec<MessageId> {
        let mut withdrawn = Vec::new();
        self.out.retain(|action| match action {
            Action::Send { connection: of, purpose: Purpose::Message { id }, .. } if *of == connection && may(id) => {
                withdrawn.push(id.clone());
                false
            }
            Action::Status { id, status: Status::Sent } => !withdrawn.contains(id),
            _ => true,
        });
        withdrawn
    }

    pub(crate) fn encode(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        self.dialect.encode(self.side, signal)
    }

    /// Writes `signal`; a dialect without a word for it says nothing.
    #[inline]
    pub(crate) fn send_signal(
        &mut self,
        connection: ConnectionId,
        signal: &Signal<Content<'_>>,
        purpose: Purpose,
    ) -> bool {
        match self.encode(signal) {
            Ok(frame) => {
                self.send(connection, frame, purpose);
                true
            }
            Err(_) => false,
        }
    }

    #[inline]
    pub(crate) fn send(&mut self, connection: ConnectionId, frame: Frame, purpose: Purpose) {
        self.stats.frames_out += 1;
        self.stats.bytes_out += frame.len() as u64;
        self.push(Action::Send { connection, frame, purpose });
    }
}
