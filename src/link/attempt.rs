//! From `open` to ready, and from `close` to the end.

use alloc::string::String;

use super::life::count_and_send_heartbeat;
use super::loss::{DisconnectReason, Flood};
use super::phase::{Evidence, LoginStep, Phase};
use super::{Link, LinkEvent};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::dialect::{Bye, Login, Signal};
use crate::error::CloseError;
use crate::id::ConnectionId;
use crate::link::heartbeat::Heartbeat;
use crate::link::reconnect::Reconnect;
use crate::state::{Cause, State};
use crate::time::{Duration, Instant};

/// A normal closure (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

impl Link {
    /// The user wants a connection; exempt from every wait.
    pub(crate) fn open(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        match self.phase {
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                return None;
            }
            Phase::Closing { connection, .. } => cx.push(Action::Abort { connection }),
            Phase::Idle | Phase::Waiting { .. } | Phase::GivingUp { .. } | Phase::Stopped { .. } => {}
        }
        if !matches!(self.phase, Phase::Waiting { .. } | Phase::GivingUp { .. }) {
            self.fallback.on_open(cx.now, &cx.config.fallback);
        }
        self.reconnect = Reconnect::default();
        self.too_big = 0;
        match self.restarted.take() {
            Some(restarted) => self.resume_outage(cx, restarted),
            None => self.attempt(cx),
        }
        Some(LinkEvent::Moved)
    }

    /// The user wants no connection any more.
    pub(crate) fn close(
        &mut self,
        cx: &mut Context<'_>,
        code: Option<u16>,
        reason: String,
        cause: Cause,
    ) -> Option<LinkEvent> {
        match self.phase {
            Phase::Stopped { cause: Cause::Unauthorized } => {
                self.phase = Phase::Stopped { cause };
                return Some(LinkEvent::Ended);
            }
            Phase::Closing { .. } | Phase::Stopped { .. } => return None,
            Phase::Authenticating { connection, .. } | Phase::Ready { connection, .. } => {
                if self.is_ready() {
                    let code = code.or(cx.config.close.code).unwrap_or(NORMAL);
                    let bye = Bye { code, reconnect: false, resume: true, after: Duration::ZERO };
                    cx.send_signal(connection, &Signal::Bye(bye), Purpose::Bye);
                }
                cx.push(Action::Close { connection, code: code.or(cx.config.close.code), reason });
                self.fallback.on_stop();
                self.enter(cx, Phase::Closing { connection, until: cx.now + cx.config.close.timeout, cause }, None);
                return Some(LinkEvent::Ended);
            }
            Phase::Connecting { connection, .. } => cx.push(Action::Abort { connection }),
            Phase::Idle | Phase::Preparing { .. } | Phase::Waiting { .. } | Phase::GivingUp { .. } => {}
        }
        self.stop(cx, cause, None);
        Some(LinkEvent::Ended)
    }

    /// A socket is open.
    pub(crate) fn on_opened(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Option<LinkEvent> {
        match self.phase {
            Phase::Connecting { connection: present, .. } if present == connection => {
                self.reconnect.on_opened(&cx.config.reconnect);
                match cx.dialect.capabilities().login {
                    Login::None | Login::Handshake => Some(self.ready(cx, connection, None)),
                    Login::Hello => {
                        let until = after(cx.now, cx.config.authentication.timeout);
                        let login = LoginStep::Answered;
                        self.enter(cx, Phase::Authenticating { connection, until, login }, None);
                        Some(LinkEvent::Opened(connection))
                    }
                    Login::Challenge | Login::ConfirmedChallenge => {
                        let until = after(cx.now, cx.config.authentication.timeout);
                        let login = LoginStep::Unasked;
                        self.enter(cx, Phase::Authenticating { connection, until, login }, None);
                        None
                    }
                }
            }
            _ => {
                cx.stats.stale_events += 1;
                let present = self.phase.connection() == Some(connection);
                if !present && (1..=self.last_connection).contains(&connection.get()) {
                    // Nobody waits for this socket any more, and an open one would occupy the account at the server.
                    cx.push(Action::Abort { connection });
                }
                None
            }
        }
    }

    /// The connection may carry messages from here on; where it could before, only the heartbeat starts anew.
    /// `every` is what the server asked for.
    pub(super) fn ready(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        every: Option<Duration>,
    ) -> LinkEvent {
        let (fresh, beat) = Heartbeat::start(cx.now, &cx.config.heartbeat, every);
        let news = if let Phase::Ready { heartbeat, login, .. } = &mut self.phase {
            *heartbeat = fresh;
            *login = LoginStep::Answered;
            LinkEvent::Moved
        } else {
            cx.stats.ready += 1;
            self.fallback.on_ready();
            self.flood = Flood::default();
            let (evidence, login) = (Evidence::None, LoginStep::Answered);
            self.enter(cx, Phase::Ready { connection, since: cx.now, heartbeat: fresh, evidence, login }, None);
            LinkEvent::Ready(connection)
        };
        if beat.is_some() {
            count_and_send_heartbeat(cx, connection);
        }
        news
    }

    /// Begins an attempt: asks for a credential where the handshake carries one, then dials.
    pub(super) fn attempt(&mut self, cx: &mut Context<'_>) {
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        let wants = matches!(cx.dialect.capabilities().login, Login::Handshake | Login::Hello);
        if wants && self.must_ask(cx) {
            let until = after(cx.now, cx.config.authentication.timeout);
            self.enter(cx, Phase::Preparing { connection, until }, None);
            cx.push(Action::NeedCredential { connection, challenge: None });
        } else {
            self.dial(cx, connection);
        }
    }

    pub(super) fn dial(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        let handshake = cx.dialect.handshake(self.credential.as_ref());
        let until = after(cx.now, cx.config.reconnect.attempt_timeout);
        if self.phase.state() == State::Connecting {
            self.phase = Phase::Connecting { connection, until };
        } else {
            self.enter(cx, Phase::Connecting { connection, until }, None);
        }
        self.reconnect.on_attempt(cx.now);
        cx.stats.connects += 1;
        cx.push(Action::Connect { connection, attempt: self.reconnect.failures(), handshake });
    }

    /// Changes the phase and tells it.
    pub(super) fn enter(&mut self, cx: &mut Context<'_>, phase: Phase, disconnect: Option<DisconnectReason>) {
        let DisconnectReason { code, reason, .. } = disconnect.unwrap_or_default();
        let reason = (!reason.is_empty()).then_some(reason);
        cx.push(Action::State { state: phase.state(), cause: phase.cause(), code, reason });
        self.phase = phase;
    }

    pub(super) fn stop(&mut self, cx: &mut Context<'_>, cause: Cause, disconnect: Option<DisconnectReason>) {
        self.fallback.on_stop();
        self.enter(cx, Phase::Stopped { cause }, disconnect);
    }

    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, attempts: u32) -> LinkEvent {
        cx.push(Action::GaveUp { attempts });
        self.stop(cx, Cause::GaveUp, None);
        LinkEvent::Ended
    }
}

/// Checks what an application wants to close with (RFC 6455 §7.4, §5.5).
pub(crate) fn check_close(code: Option<u16>, reason: &str) -> Result<(), CloseError> {
    match code {
        None | Some(1000 | 3000..=4999) => {}
        Some(code) => return Err(CloseError::Code { code }),
    }
    if reason.len() > 123 {
        return Err(CloseError::Reason { bytes: reason.len() as u64 });
    }
    Ok(())
}

fn after(now: Instant, span: Option<Duration>) -> Instant {
    span.map_or(Instant::NEVER, |span| now + span)
}
