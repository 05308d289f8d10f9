//! The end of a connection: told once, classified, and answered with a wait, a stop or the last attempt's slot.

use alloc::string::String;

use super::phase::{Evidence, Phase};
use super::{Link, LinkEvent, Restarted};
use crate::action::Action;
use crate::config::{CloseCodes, Config, DeadLink, Unauthorized};
use crate::context::Context;
use crate::dialect::Bye;
use crate::error::Malformed;
use crate::event::TransportError;
use crate::id::ConnectionId;
use crate::link::reconnect::{ConnectionHistory, Reconnect, ReconnectDecision};
use crate::state::Cause;
use crate::time::{Duration, Instant};

/// What is known of how a connection ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisconnectReason {
    pub(crate) code: Option<u16>,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
}

/// Malformed frames of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flood {
    since: Option<Instant>,
    frames: u32,
}

const FLOOD_WINDOW: Duration = Duration::from_secs(10);

impl Link {
    /// The host could not connect, or the connection broke.
    pub(crate) fn on_errored(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        failure: TransportError,
        retry_after: Option<Duration>,
    ) -> Option<LinkEvent> {
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, None);
            return Some(LinkEvent::Moved);
        }
        if failure == TransportError::Unauthorized {
            self.credential = None;
            if cx.config.authentication.unauthorized == Unauthorized::Stop {
                self.stop(cx, Cause::Unauthorized, None);
                return Some(LinkEvent::Refused);
            }
        }
        Some(self.lose(cx, Cause::Errored, DisconnectReason { retry_after, ..DisconnectReason::default() }))
    }

    /// The connection is closed.
    pub(crate) fn on_closed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        code: Option<u16>,
        reason: String,
    ) -> Option<LinkEvent> {
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, Some(DisconnectReason { code, reason, retry_after: None }));
            return Some(LinkEvent::Moved);
        }
        let retry_after = code.and_then(|code| cx.dialect.retry_after(code, &reason));
        Some(self.lose(cx, Cause::Closed, DisconnectReason { code, reason, retry_after }))
    }

    /// The present connection is over: the one place where that is decided.
    pub(crate) fn lose(&mut self, cx: &mut Context<'_>, cause: Cause, disconnect: DisconnectReason) -> LinkEvent {
        self.end_socket(cx, cause);
        let was_ready = self.is_ready();
        if was_ready {
            cx.stats.lost += 1;
        }
        if cause == Cause::Closed && self.is_terminal(cx, disconnect.code) {
            self.stop(cx, Cause::Terminal, Some(disconnect));
            return LinkEvent::Ended;
        }
        let history = self.history(cx, disconnect.retry_after);
        let policy = &cx.config.reconnect;
        let decision = self.reconnect.on_lost(cx.now, policy, cause, history, cx.rng);
        let was_good = history.stable || (was_ready && self.reconnect.failures() == 1);
        self.fallback.on_lost(cx.now, &cx.config.fallback, was_good);
        *cx.stats.losses.entry(cause).or_default() += 1;
        match decision {
            ReconnectDecision::ConnectAt(at, attempt) => {
                self.enter(cx, Phase::Waiting { until: at, cause }, Some(disconnect));
                cx.push(Action::ScheduleReconnect { at, attempt, cause });
                LinkEvent::Lost(cause)
            }
            ReconnectDecision::GiveUpAt(at, attempts) if at > cx.now => {
                self.enter(cx, Phase::GivingUp { until: at, attempts, cause }, Some(disconnect));
                LinkEvent::Lost(cause)
            }
            ReconnectDecision::GiveUpAt(_, attempts) => self.give_up(cx, attempts),
        }
    }

    /// The process was restarted in the middle of an outage: its count goes on, so that a crash loop is no connect storm.
    pub(super) fn resume_outage(&mut self, cx: &mut Context<'_>, restarted: Restarted) {
        let wait = self.reconnect.on_restarted(restarted.failures, &cx.config.reconnect, cx.rng);
        let left = wait - restarted.away;
        if left == Duration::ZERO {
            if restarted.away >= cx.config.reconnect.stable {
                // Whoever was away for so long is in no loop of crashes.
                self.reconnect = Reconnect::default();
            }
            self.attempt(cx);
            return;
        }
        let at = cx.now + left;
        let cause = Cause::Restarted;
        *cx.stats.losses.entry(cause).or_default() += 1;
        self.enter(cx, Phase::Waiting { until: at, cause }, None);
        cx.push(Action::ScheduleReconnect { at, attempt: self.reconnect.failures(), cause });
    }

    /// Whether the present connection was ready for the stable time and heard something useful.
    pub(super) fn is_stable(&self, now: Instant, config: &Config) -> bool {
        match &self.phase {
            Phase::Ready { since, evidence, .. } => {
                *evidence == Evidence::Heard && now.since(*since) >= config.reconnect.stable
            }
            _ => false,
        }
    }

    /// The application wants another connection now; only the safety floor stands against it.
    pub(crate) fn renew(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        match &mut self.phase {
            Phase::Idle | Phase::Closing { .. } | Phase::Stopped { .. } => None,
            Phase::Waiting { until, cause } => {
                let at = self.reconnect.floor().max(cx.now);
                if at < *until {
                    *until = at;
                    cx.push(Action::ScheduleReconnect { at, attempt: self.reconnect.failures(), cause: *cause });
                }
                Some(LinkEvent::Moved)
            }
            Phase::GivingUp { .. } | Phase::Preparing { .. } => Some(LinkEvent::Moved),
            Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                Some(self.lose(cx, Cause::Renewed, DisconnectReason::default()))
            }
        }
    }

    /// A frame could not be understood: told, counted, and ended where they come in floods.
    pub(crate) fn on_malformed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        error: Malformed,
    ) -> Option<LinkEvent> {
        cx.stats.malformed += 1;
        let must = error == Malformed::Unsupported;
        cx.push(Action::Malformed { connection, error });
        if must {
            return Some(self.lose(cx, Cause::NotUnderstood, DisconnectReason::default()));
        }
        if self.flood.since.is_none_or(|since| cx.now.since(since) >= FLOOD_WINDOW) {
            self.flood = Flood { since: Some(cx.now), frames: 0 };
        }
        self.flood.frames = self.flood.frames.saturating_add(1);
        let limit = cx.config.limits.malformed?;
        (self.flood.frames > limit.get()).then(|| self.lose(cx, Cause::MalformedFlood, DisconnectReason::default()))
    }

    /// What happens to the socket itself, where the loss is our own verdict.
    fn end_socket(&mut self, cx: &mut Context<'_>, cause: Cause) {
        let Some(connection) = self.phase.connection() else { return };
        match (cause, cx.config.close.dead) {
            (Cause::Errored | Cause::Closed, _) => {}
            (Cause::Dead, DeadLink::Close { code }) => {
                cx.push(Action::Close { connection, code, reason: String::new() });
            }
            (cause, _) => match close_code_for(cause) {
                Some((code, reason)) => {
                    cx.push(Action::Close { connection, code: Some(code), reason: String::from(reason) });
                }
                None => cx.push(Action::Abort { connection }),
            },
        }
    }

    /// The server has said its last word on this connection, and what to do next.
    pub(crate) fn on_bye(&mut self, cx: &mut Context<'_>, connection: ConnectionId, bye: Bye) -> LinkEvent {
        cx.push(Action::Close { connection, code: cx.config.close.code, reason: String::new() });
        let disconnect = DisconnectReason { code: Some(bye.code), reason: String::new(), retry_after: Some(bye.after) };
        if bye.reconnect {
            return self.lose(cx, Cause::Closed, disconnect);
        }
        self.stop(cx, Cause::Terminal, Some(disconnect));
        LinkEvent::Ended
    }

    fn history(&self, cx: &Context<'_>, retry_after: Option<Duration>) -> ConnectionHistory {
        let death_if_silent = match &self.phase {
            Phase::Ready { heartbeat, .. } => heartbeat.death_if_silent(&cx.config.heartbeat),
            _ => None,
        };
        ConnectionHistory { stable: self.is_stable(cx.now, cx.config), death_if_silent, retry_after }
    }

    /// Whether the peer's close code forbids another attempt (RFC 6455 §7.4).
    fn is_terminal(&mut self, cx: &Context<'_>, code: Option<u16>) -> bool {
        self.too_big = if code == Some(1009) { self.too_big.saturating_add(1) } else { 0 };
        let Some(code) = code else { return false };
        if let Some(forbids) = cx.dialect.forbids_retry(code) {
            return forbids;
        }
        match (cx.config.close.codes, code) {
            (CloseCodes::RetryAll, _) => false,
            (CloseCodes::Classified, 1009) => self.too_big >= 3,
            (CloseCodes::Classified, _) => matches!(code, 1002 | 1003 | 1007 | 1008 | 1010 | 3500..=3999 | 4500..=4999),
        }
    }
}

/// The code and the reason with which a peer is left that is at fault.
pub(crate) fn close_code_for(cause: Cause) -> Option<(u16, &'static str)> {
    match cause {
        Cause::MalformedFlood => Some((4400, "too many malformed frames")),
        Cause::NotUnderstood => Some((4406, "a frame that must be understood was not")),
        Cause::Gap => Some((4409, "a message is missing")),
        Cause::AckAboveSent => Some((4410, "an acknowledgement of what was not sent")),
        _ => None,
    }
}
