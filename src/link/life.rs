//! Signs of life, and what time brings: heartbeats, polls, and the end of waits.

use alloc::string::String;

use super::loss::DisconnectReason;
use super::phase::{Evidence, Phase};
use super::{Link, LinkEvent};
use crate::action::{Action, PollCause, Purpose};
use crate::context::Context;
use crate::dialect::{AckCarrier, Payload, Signal};
use crate::frame::Body;
use crate::id::ConnectionId;
use crate::link::{fallback, heartbeat};
use crate::state::Cause;
use crate::time::Instant;

impl Link {
    /// Bytes have arrived on the present connection, whatever they mean.
    #[inline]
    pub(crate) fn on_bytes(&mut self, cx: &mut Context<'_>) {
        if let Phase::Ready { connection, heartbeat, .. } = &mut self.phase {
            if heartbeat.on_frame(cx.now, &cx.config.heartbeat) {
                cx.push(Action::Alive { connection: *connection, rtt: None });
            }
        }
    }

    /// They could be understood: the connection is of use.
    #[inline]
    pub(crate) fn on_evidence(&mut self) {
        if let Phase::Ready { evidence, .. } = &mut self.phase {
            *evidence = Evidence::Heard;
        }
    }

    /// A signal that concerns the link.
    #[inline]
    pub(crate) fn on_signal(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
        whole: impl FnOnce(Payload<'_>) -> Body,
    ) -> Option<LinkEvent> {
        match *signal {
            Signal::Challenge { challenge, reference } => self.on_challenge(cx, connection, challenge, reference),
            Signal::LoginAccepted => self.on_welcome(cx, connection, None),
            Signal::Refused { .. } => Some(self.refuse(cx)),
            Signal::Kick { body } => {
                cx.push(Action::Kicked { body: whole(body) });
                cx.push(Action::Close { connection, code: cx.config.close.code, reason: String::new() });
                self.stop(cx, Cause::Kicked, None);
                Some(LinkEvent::Ended)
            }
            _ => None,
        }
    }

    /// A heartbeat was answered.
    #[inline]
    pub(crate) fn on_reply(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            let rtt = heartbeat.on_reply(cx.now, &cx.config.heartbeat);
            if let Some(rtt) = rtt {
                cx.stats.round_trip.add(rtt);
            }
            cx.push(Action::Alive { connection, rtt });
        }
    }

    /// A message has arrived: polls start anew, and where polling is on the data is pulled.
    pub(crate) fn on_push(&mut self, cx: &mut Context<'_>) {
        if self.fallback.on_push(cx.now, &cx.config.fallback) {
            cx.push(Action::Poll { cause: PollCause::Push });
        }
    }

    /// The network is said to be back, or the machine woke: find out now.
    pub(crate) fn on_hint(&mut self, cx: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Ready { connection, heartbeat, .. } => {
                let connection = *connection;
                if let Some(heartbeat::HeartbeatDecision::Send) = heartbeat.on_wake(cx.now, &cx.config.heartbeat) {
                    count_and_send_heartbeat(cx, connection);
                }
            }
            Phase::Waiting { until, cause } => {
                let hinted = self.reconnect.on_hint(cx.now, &cx.config.reconnect);
                if let Some(at) = hinted.filter(|at| *at < *until) {
                    *until = at;
                    cx.push(Action::ScheduleReconnect { at, attempt: self.reconnect.failures(), cause: *cause });
                }
            }
            _ => {}
        }
    }

    /// Whether a moment has come that the link waited for.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_due(now)
    }

    /// Such a moment has come; to be called until there is none.
    #[inline]
    pub(crate) fn on_due(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        if let Some(verdict) = self.fallback.on_tick(cx.now, &cx.config.fallback) {
            let cause = match verdict {
                fallback::PollDecision::Silence => PollCause::Silence,
                fallback::PollDecision::Down => PollCause::Down,
            };
            cx.push(Action::Poll { cause });
            return Some(LinkEvent::Moved);
        }
        match &mut self.phase {
            Phase::Ready { connection, heartbeat, .. } => {
                let connection = *connection;
                match heartbeat.on_tick(cx.now, &cx.config.heartbeat) {
                    Some(heartbeat::HeartbeatDecision::Send) => count_and_send_heartbeat(cx, connection),
                    Some(heartbeat::HeartbeatDecision::Suspect) => {
                        cx.push(Action::Suspected { connection });
                        count_and_send_heartbeat(cx, connection);
                    }
                    Some(heartbeat::HeartbeatDecision::Dead) => {
                        return Some(self.lose(cx, Cause::Dead, DisconnectReason::default()));
                    }
                    None => {}
                }
                Some(LinkEvent::Moved)
            }
            Phase::Preparing { .. } => Some(self.lose(cx, Cause::CredentialUnavailable, DisconnectReason::default())),
            Phase::Connecting { .. } => Some(self.lose(cx, Cause::AttemptTimeout, DisconnectReason::default())),
            Phase::Authenticating { .. } => {
                Some(self.lose(cx, Cause::AuthenticationTimeout, DisconnectReason::default()))
            }
            Phase::Closing { connection, cause, .. } => {
                let (connection, cause) = (*connection, *cause);
                cx.push(Action::Abort { connection });
                self.stop(cx, cause, None);
                Some(LinkEvent::Moved)
            }
            Phase::Waiting { .. } => {
                self.attempt(cx);
                Some(LinkEvent::Moved)
            }
            Phase::GivingUp { attempts, .. } => {
                let attempts = *attempts;
                Some(self.give_up(cx, attempts))
            }
            Phase::Idle | Phase::Stopped { .. } => None,
        }
    }

    /// A heartbeat could not be written: a loss, or only told.
    pub(crate) fn on_heartbeat_failed(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Option<LinkEvent> {
        if cx.config.reconnect.first.heartbeat_failed.is_none() {
            cx.push(Action::Unsent { connection, purpose: Purpose::Heartbeat });
            return None;
        }
        Some(self.lose(cx, Cause::HeartbeatFailed, DisconnectReason::default()))
    }
}

/// A heartbeat, or a probe out of turn.
#[inline]
pub(super) fn count_and_send_heartbeat(cx: &mut Context<'_>, connection: ConnectionId) {
    cx.stats.heartbeats += 1;
    cx.send_heartbeat(connection, AckCarrier::Heartbeat);
}
