//! The half that knows connections and no messages: it connects, listens for life, finds out about death, and waits.
//!
//! 1. At most one connection is wanted at any time; its id never repeats.
//! 2. Events of any other connection change nothing.
//! 3. Error and close of one connection are one loss.
//! 4. After `Stopped` there is no action and no deadline until `open`.

mod login;
mod loss;
mod phase;

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Cause, PollCause, Purpose, State};
use crate::config::Config;
use crate::cx::Cx;
use crate::error::CloseError;
use crate::event::Failure;
use crate::fallback::{self, Fallback};
use crate::heartbeat::{self, Heartbeat};
use crate::id::ConnectionId;
use crate::profile::Login;
use crate::reconnect::Reconnect;
use crate::secret::Secret;
use crate::signal::{Payload, Signal};
use crate::time::{Duration, Instant};
use crate::timer::{Deadline, Timer};

pub(crate) use loss::Ending;
use loss::Flood;
pub(crate) use phase::Phase;
use phase::{Evidence, LoginStep};

/// What the other half must hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Something moved that concerns the link alone.
    Moved,
    /// Messages may flow on this connection.
    Ready(ConnectionId),
    /// The connection is lost, and another will be tried.
    Lost(Cause),
    /// Nothing more happens until `open`; every message gets its outcome.
    Ended,
    /// Nothing more happens until `open`; messages are kept for it.
    Refused,
}

/// The link of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    phase: Phase,
    last_connection: u64,
    reconnect: Reconnect,
    fallback: Fallback,
    credential: Option<Secret>,
    flood: Flood,
    /// Closes with code 1009 in a row: the third one stops.
    too_big: u8,
    /// Set by a restart in the middle of an outage, until the first `open`.
    restarted: Option<Restarted>,
}

/// An outage that a restart carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Restarted {
    failures: u32,
    away: Duration,
}

/// The durable state of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FrozenLink {
    connections: u64,
    failures: u32,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            last_connection: 0,
            reconnect: Reconnect::default(),
            fallback: Fallback::default(),
            credential: None,
            flood: Flood::default(),
            too_big: 0,
            restarted: None,
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Attempts begun, which a snapshot must not forget: their ids never come again.
    pub(crate) fn attempts(&self) -> u64 {
        self.last_connection
    }

    /// The durable state. An attempt that has proved nothing counts as failed: a process that crashes at each start is a
    /// loop of attempts like any other.
    pub(crate) fn freeze(&self, now: Instant, config: &Config) -> FrozenLink {
        let failures = match &self.phase {
            Phase::Idle | Phase::Closing { .. } | Phase::Stopped { .. } => 0,
            Phase::Ready { .. } if self.is_stable(now, config) => 0,
            Phase::Waiting { .. } | Phase::GivingUp { .. } => self.reconnect.failures(),
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                self.reconnect.failures().saturating_add(1)
            }
        };
        FrozenLink { connections: self.last_connection, failures }
    }

    /// A link as a snapshot held it: it opens after the wait its failures have earned, less the time it was away.
    pub(crate) fn thaw(frozen: &FrozenLink, away: Duration) -> Self {
        let mut link = Self::new();
        link.last_connection = frozen.connections;
        // One attempt that was cut short by the restart itself is no outage.
        link.restarted = (frozen.failures > 1).then_some(Restarted { failures: frozen.failures, away });
        link
    }

    /// Attempts that failed in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.reconnect.failures()
    }

    /// Whether a user's `send` can ever lead anywhere without another `open`.
    pub(crate) fn is_ended(&self) -> bool {
        match self.phase {
            Phase::Stopped { cause } => cause != Cause::Unauthorized,
            Phase::Closing { .. } => true,
            _ => false,
        }
    }

    /// Whether frames of this connection count.
    pub(crate) fn listens_to(&self, connection: ConnectionId) -> bool {
        self.phase.listening() == Some(connection)
    }

    /// Whether the login is done.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// The next moment at which the link wants a tick.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let poll = self.fallback.deadline().map(|at| Deadline { at, timer: Timer::Poll });
        Deadline::earlier(self.phase.deadline(), poll)
    }

    /// The user wants a connection; exempt from every wait.
    pub(crate) fn open(&mut self, cx: &mut Cx<'_>) -> Option<News> {
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
        Some(News::Moved)
    }

    /// The user wants no connection any more.
    pub(crate) fn close(&mut self, cx: &mut Cx<'_>, code: Option<u16>, reason: String, cause: Cause) -> Option<News> {
        match self.phase {
            Phase::Stopped { cause: Cause::Unauthorized } => {
                self.phase = Phase::Stopped { cause };
                return Some(News::Ended);
            }
            Phase::Closing { .. } | Phase::Stopped { .. } => return None,
            Phase::Authenticating { connection, .. } | Phase::Ready { connection, .. } => {
                cx.push(Action::Close { connection, code: code.or(cx.config.close.code), reason });
                self.fallback.on_stop();
                self.enter(cx, Phase::Closing { connection, until: cx.now + cx.config.close.timeout, cause }, None);
                return Some(News::Ended);
            }
            Phase::Connecting { connection, .. } => cx.push(Action::Abort { connection }),
            Phase::Idle | Phase::Preparing { .. } | Phase::Waiting { .. } | Phase::GivingUp { .. } => {}
        }
        self.stop(cx, cause, None);
        Some(News::Ended)
    }

    /// A socket is open.
    pub(crate) fn on_opened(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) -> Option<News> {
        match self.phase {
            Phase::Connecting { connection: present, .. } if present == connection => {
                self.reconnect.on_opened(&cx.config.reconnect);
                match cx.dialect.profile().login {
                    Login::None | Login::Handshake => Some(self.ready(cx, connection)),
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
    fn ready(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) -> News {
        let (fresh, beat) = Heartbeat::start(cx.now, &cx.config.heartbeat);
        let news = if let Phase::Ready { heartbeat, login, .. } = &mut self.phase {
            *heartbeat = fresh;
            *login = LoginStep::Answered;
            News::Moved
        } else {
            cx.stats.ready += 1;
            self.fallback.on_ready();
            self.flood = Flood::default();
            let (evidence, login) = (Evidence::None, LoginStep::Answered);
            self.enter(cx, Phase::Ready { connection, since: cx.now, heartbeat: fresh, evidence, login }, None);
            News::Ready(connection)
        };
        if beat.is_some() {
            beat_now(cx, connection);
        }
        news
    }

    /// Bytes have arrived on the present connection, whatever they mean.
    pub(crate) fn on_bytes(&mut self, cx: &mut Cx<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.on_frame(cx.now, &cx.config.heartbeat);
        }
    }

    /// They could be understood: the connection is of use.
    pub(crate) fn on_evidence(&mut self) {
        if let Phase::Ready { evidence, .. } = &mut self.phase {
            *evidence = Evidence::Heard;
        }
    }

    /// A signal that concerns the link.
    pub(crate) fn on_signal(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        signal: &Signal<'_>,
        whole: impl FnOnce(Payload<'_>) -> crate::frame::Body,
    ) -> Option<News> {
        match *signal {
            Signal::Beat => {
                cx.say(connection, &Signal::BeatReply, Purpose::HeartbeatReply);
                None
            }
            Signal::BeatReply => {
                if let Phase::Ready { heartbeat, .. } = &mut self.phase {
                    let rtt = heartbeat.on_reply(cx.now, &cx.config.heartbeat);
                    cx.push(Action::Alive { connection, rtt });
                }
                None
            }
            Signal::Challenge { challenge, reference } => self.on_challenge(cx, connection, challenge, reference),
            Signal::Welcome => self.on_welcome(cx, connection),
            Signal::Refused { .. } => Some(self.refuse(cx)),
            Signal::Kick { body } => {
                cx.push(Action::Kicked { body: whole(body) });
                cx.push(Action::Close { connection, code: cx.config.close.code, reason: String::new() });
                self.stop(cx, Cause::Kicked, None);
                Some(News::Ended)
            }
            _ => None,
        }
    }

    /// A message has arrived: polls start anew, and where polling is on the data is pulled.
    pub(crate) fn on_push(&mut self, cx: &mut Cx<'_>) {
        if self.fallback.on_push(cx.now, &cx.config.fallback) {
            cx.push(Action::Poll { cause: PollCause::Push });
        }
    }

    /// The network is said to be back, or the machine woke: find out now.
    pub(crate) fn on_hint(&mut self, cx: &mut Cx<'_>) {
        match &mut self.phase {
            Phase::Ready { connection, heartbeat, .. } => {
                let connection = *connection;
                if let Some(heartbeat::Verdict::Beat) = heartbeat.on_wake(cx.now, &cx.config.heartbeat) {
                    beat_now(cx, connection);
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

    /// Time has passed; to be called until it has nothing more to say.
    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>) -> Option<News> {
        if let Some(verdict) = self.fallback.on_tick(cx.now, &cx.config.fallback) {
            let cause = match verdict {
                fallback::Verdict::Silence => PollCause::Silence,
                fallback::Verdict::Down => PollCause::Down,
            };
            cx.push(Action::Poll { cause });
            return Some(News::Moved);
        }
        let due = self.phase.deadline().filter(|deadline| deadline.at.is_due(cx.now))?;
        match (&mut self.phase, due.timer) {
            (Phase::Ready { connection, heartbeat, .. }, _) => {
                let connection = *connection;
                match heartbeat.on_tick(cx.now, &cx.config.heartbeat) {
                    Some(heartbeat::Verdict::Beat) => beat_now(cx, connection),
                    Some(heartbeat::Verdict::Dead) => return Some(self.lose(cx, Cause::Dead, Ending::default())),
                    None => {}
                }
                Some(News::Moved)
            }
            (Phase::Preparing { .. }, _) => Some(self.lose(cx, Cause::CredentialUnavailable, Ending::default())),
            (Phase::Connecting { .. }, _) => Some(self.lose(cx, Cause::AttemptTimeout, Ending::default())),
            (Phase::Authenticating { .. }, _) => Some(self.lose(cx, Cause::AuthenticationTimeout, Ending::default())),
            (Phase::Closing { connection, cause, .. }, _) => {
                let (connection, cause) = (*connection, *cause);
                cx.push(Action::Abort { connection });
                self.stop(cx, cause, None);
                Some(News::Moved)
            }
            (Phase::Waiting { .. }, _) => {
                self.attempt(cx);
                Some(News::Moved)
            }
            (Phase::GivingUp { attempts, .. }, _) => {
                let attempts = *attempts;
                Some(self.give_up(cx, attempts))
            }
            (Phase::Idle | Phase::Stopped { .. }, _) => None,
        }
    }

    /// Begins an attempt: asks for a credential where the handshake carries one, then dials.
    fn attempt(&mut self, cx: &mut Cx<'_>) {
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        let wants = cx.dialect.profile().login == Login::Handshake;
        if wants && self.must_ask(cx) {
            let until = after(cx.now, cx.config.authentication.timeout);
            self.enter(cx, Phase::Preparing { connection, until }, None);
            cx.push(Action::NeedCredential { connection, challenge: None });
        } else {
            self.dial(cx, connection);
        }
    }

    fn dial(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) {
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
    fn enter(&mut self, cx: &mut Cx<'_>, phase: Phase, ending: Option<Ending>) {
        let Ending { code, reason, .. } = ending.unwrap_or_default();
        let reason = (!reason.is_empty()).then_some(reason);
        cx.push(Action::State { state: phase.state(), cause: phase.cause(), code, reason });
        self.phase = phase;
    }

    fn stop(&mut self, cx: &mut Cx<'_>, cause: Cause, ending: Option<Ending>) {
        self.fallback.on_stop();
        self.enter(cx, Phase::Stopped { cause }, ending);
    }

    fn give_up(&mut self, cx: &mut Cx<'_>, attempts: u32) -> News {
        cx.push(Action::GaveUp { attempts });
        self.stop(cx, Cause::GaveUp, None);
        News::Ended
    }

    /// The host could not connect, or the connection broke.
    pub(crate) fn on_errored(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        failure: Failure,
        retry_after: Option<Duration>,
    ) -> Option<News> {
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, None);
            return Some(News::Moved);
        }
        if failure == Failure::Unauthorized {
            self.credential = None;
            if cx.config.authentication.unauthorized == crate::config::Unauthorized::Stop {
                self.stop(cx, Cause::Unauthorized, None);
                return Some(News::Refused);
            }
        }
        Some(self.lose(cx, Cause::Errored, Ending { retry_after, ..Ending::default() }))
    }

    /// The connection is closed.
    pub(crate) fn on_closed(
        &mut self,
        cx: &mut Cx<'_>,
        connection: ConnectionId,
        code: Option<u16>,
        reason: String,
    ) -> Option<News> {
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, Some(Ending { code, reason, retry_after: None }));
            return Some(News::Moved);
        }
        Some(self.lose(cx, Cause::Closed, Ending { code, reason, retry_after: None }))
    }

    /// A heartbeat could not be written: a loss, or only told.
    pub(crate) fn on_beat_failed(&mut self, cx: &mut Cx<'_>, connection: ConnectionId) -> Option<News> {
        if cx.config.reconnect.first.beat_failed.is_none() {
            cx.push(Action::Unsent { connection, purpose: Purpose::Heartbeat });
            return None;
        }
        Some(self.lose(cx, Cause::BeatFailed, Ending::default()))
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

fn beat_now(cx: &mut Cx<'_>, connection: ConnectionId) {
    cx.stats.beats += 1;
    cx.say(connection, &Signal::Beat, Purpose::Heartbeat);
}

fn after(now: Instant, span: Option<Duration>) -> Instant {
    span.map_or(Instant::NEVER, |span| now + span)
}
