//! What a session hears in a dialect that has positions.

use super::SessionCore;
use crate::context::Context;
use crate::dialect::{AckCarrier, Content, Signal};
use crate::error::FetchedError;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::{DisconnectReason, LinkEvent};
use crate::state::Cause;

impl SessionCore<'_> {
    /// A message under a position, or word that it does not come.
    pub(super) fn on_sequenced_message(
        &mut self,
        cx: &mut Context<'_>,
        seq: u64,
        id: MessageId,
        content: Option<Content>,
        frame: &mut Frame,
    ) -> Option<LinkEvent> {
        let body = content.map(|content| || content.into_body(frame));
        match self.delivery.on_sequenced_message(cx, seq, id, body) {
            Ok(new) => {
                if new {
                    self.link.on_push(cx);
                }
                None
            }
            Err(cause) => Some(self.protocol_violation(cx, cause)),
        }
    }

    pub(super) fn on_sequence_signal(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
    ) -> Option<LinkEvent> {
        let judged = match signal {
            Signal::Welcome(terms) if self.link.awaits_welcome() => match self.delivery.on_session_terms(cx, terms) {
                Ok(()) => return self.link.on_welcome(cx, connection, terms.heartbeat),
                refused => refused,
            },
            Signal::CumulativeAck { seq, refused, carrier } => {
                match carrier {
                    AckCarrier::Alone => {}
                    AckCarrier::Heartbeat => cx.send_heartbeat(connection, AckCarrier::HeartbeatReply),
                    AckCarrier::HeartbeatReply => self.link.on_reply(cx, connection),
                }
                self.delivery.on_cumulative_ack(cx, *seq, refused)
            }
            Signal::Bye(bye) => {
                if !bye.resume {
                    self.delivery.forget_session();
                }
                return Some(self.link.on_bye(cx, connection, *bye));
            }
            _ => Ok(()),
        };
        judged.err().map(|cause| self.protocol_violation(cx, cause))
    }

    /// The host has fetched what was missing. What finds no room is not taken, so the server sends it again on another connection.
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Context<'_>,
        from: u64,
        to: Option<u64>,
        ids: &[MessageId],
    ) -> Result<(), FetchedError> {
        if !self.delivery.fetched(cx, from, to, ids)? {
            let news = self.protocol_violation(cx, Cause::Gap);
            self.pass_on(cx, Some(news));
        }
        Ok(())
    }

    /// The server is at fault: its connection is closed with a code that says so.
    fn protocol_violation(&mut self, cx: &mut Context<'_>, cause: Cause) -> LinkEvent {
        self.delivery.on_protocol_violation(cause);
        self.link.lose(cx, cause, DisconnectReason::default())
    }
}
