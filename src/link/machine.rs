//! Link of one session: the state machine with every phase and every transition.
//!
//! 1. At most one connection is wanted at any time, and no connection id repeats.
//! 2. Events of any other connection leave the phase unchanged.
//! 3. An error and a close of one connection count as one loss.
//! 4. A stopped link has no action and no deadline until `open`; messages that it keeps have their own.
//! 5. A phase owns its deadline: leaving the phase drops the deadline, and a timer is stopped before it fires.
//! 6. `Link::enter` alone changes the phase, and reports every change of the public state.
//!
//! # Transitions
//!
//! Inputs that are not in this table keep the phase. Inputs in quotes are frames, inputs in capitals are timers. With
//! "nothing left" the input settles the last message of a drain. A delay of zero passes `Waiting` within one input.
//!
//! | phase | input | next phase |
//! |---|---|---|
//! | `Idle`, `Waiting`, `GivingUp`, `Closing`, `Stopped` | `open` | `Connecting` |
//! | `Idle`, `Waiting`, `GivingUp`, `Closing`, `Stopped` | `open`, a credential is needed | `Preparing` |
//! | `Idle` | `open`, restarted in an outage | `Waiting` |
//! | `Idle`, `Preparing`, `Connecting`, `Waiting`, `GivingUp` | `close`, `DRAIN` | `Stopped` |
//! | `Idle`, `Preparing`, `Connecting`, `Waiting`, `GivingUp` | `drain`, `cancel`, `abandon`, `EXPIRY`, nothing left | `Stopped` |
//! | `Preparing` | `credential` | `Connecting` |
//! | `Preparing` | `credential_failed`, `reconnect_now`, `CREDENTIAL` | `Waiting` |
//! | `Preparing` | `credential_failed`, refused | `Stopped` |
//! | `Idle`, `Waiting`, `GivingUp`, `Closing` | `open`, the only credential is void | `Stopped` |
//! | `Waiting` | `RECONNECT`, the only credential is void | `Stopped` |
//! | `Connecting` | `opened` | `Ready` |
//! | `Connecting` | `opened`, the dialect has a login | `Authenticating` |
//! | `Connecting` | `opened`, the credential for the first signal is void | `Waiting` |
//! | `Connecting` | `errored`, `closed`, `reconnect_now`, `ATTEMPT` | `Waiting` |
//! | `Authenticating` | "login accepted", "welcome", "challenge", `credential` | `Ready` |
//! | `Authenticating` | `credential_failed`, `AUTHENTICATION` | `Waiting` |
//! | `Authenticating`, `Ready` | `errored`, `closed`, `send_failed`, `reconnect_now`, "bye", "malformed" | `Waiting` |
//! | `Authenticating`, `Ready` | "login refused", another attempt can help | `Waiting` |
//! | `Authenticating`, `Ready` | "challenge", the only credential is void | `Stopped` |
//! | `Ready` | `PROBE`, `DEATH`, `PAUSE`, `RECEIPT`, `credential_failed` | `Waiting` |
//! | `Ready` | `acknowledge`, `reject`, room for deferred messages | `Waiting` |
//! | `Authenticating`, `Ready` | `STALL` | `Waiting` |
//! | `Ready` | "cumulative ack", "sequenced", a rule of the sequence is broken | `Waiting` |
//! | `Authenticating`, `Ready` | `close`, `DRAIN` | `Closing` |
//! | `Authenticating`, `Ready` | `drain`, `cancel`, `abandon`, `EXPIRY`, "receipt", nothing left | `Closing` |
//! | `Authenticating`, `Ready` | "login refused", "kick", "bye" for good, `credential_failed`, refused | `Stopped` |
//! | `Connecting`, `Authenticating`, `Ready` | `errored`, unauthorized or permanent | `Stopped` |
//! | `Connecting`, `Authenticating`, `Ready` | `closed`, a final code or one that refuses the credential | `Stopped` |
//! | `Preparing`, `Connecting`, `Authenticating`, `Ready` | any loss, the attempts used up | `GivingUp`, or `Stopped` |
//! | `Ready` | any loss, a drain has nothing left | `Stopped` |
//! | `Preparing` | `reconnect_now` | `Waiting` |
//! | `Authenticating` | `RECONNECT`, a hint came while the attempt hung | `Connecting` |
//! | `GivingUp` | `open`, `reconnect_now` | `Waiting` |
//! | `Waiting` | `open`, the floor holds | `Waiting` |
//! | `Waiting` | `RECONNECT`, `reconnect_now`, `online`, `woke` | `Connecting`, or `Preparing` |
//! | `GivingUp` | `GIVE_UP` | `Stopped` |
//! | `Closing` | `errored`, `closed`, `CLOSE`, `STALL` | `Stopped` |
//!
//! This file is long because the table above is one machine, and all its transitions stand in one place.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::fallback::{self, Fallback};
use super::heartbeat::{Heartbeat, HeartbeatDecision};
use super::login::{Credentials, LoginStep, Reference, Supply};
use super::malformed::MalformedFrames;
use super::network::Progress;
use super::reconnect::{ConnectionHistory, Merit, Reconnect, ReconnectDecision};
use crate::action::{Action, PollCause, Purpose};
use crate::config::{CloseCodes, CloseVerdict, Config, DeadLink, WhileDown, may_be_received, may_be_sent};
use crate::context::Context;
use crate::deadline::{Deadline, Respite, Timer};
use crate::dialect::{Again, Bye, CloseAdvice, Content, Greeting, Login, LoginSignal, Signal, Span, role};
use crate::durable::{AgeClock, Batch, Damaged, Kind, Records, is_default};
use crate::error::{CloseError, Malformed};
use crate::event::CredentialFailure;
use crate::failure::{Failure, Reason, TransportError};
use crate::frame::{Body, Frame};
use crate::id::{ConnectionId, LAST};
use crate::secret::Secret;
use crate::state::{Cause, State};
use crate::time::{Duration, Instant};

/// Phase of the link, with its data and its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Not opened yet.
    Idle,
    /// The handshake waits for a credential; no socket exists.
    Preparing {
        connection: ConnectionId,
        until: Instant,
        /// Whether a hint came, which is served when the attempt is lost; a dial that follows comes after it.
        hinted: bool,
    },
    /// The host opens a socket.
    Connecting { connection: ConnectionId, until: Instant, progress: Progress },
    /// The socket is open, the login is not done.
    Authenticating { connection: ConnectionId, until: Instant, progress: Progress, login: LoginStep },
    /// The connection carries messages.
    Ready { connection: ConnectionId, since: Instant, heartbeat: Heartbeat, evidence: Evidence, login: LoginStep },
    /// The session was closed or drained; the peer's close is awaited.
    Closing { connection: ConnectionId, until: Instant, latest: Instant, cause: Cause },
    /// The next attempt is scheduled.
    Waiting { until: Instant, cause: Cause },
    /// The attempts are used up; `GaveUp` is reported when the delay of the next attempt would have ended.
    GivingUp { until: Instant, attempts: u32, cause: Cause },
    /// The link does nothing until `open`.
    Stopped { cause: Cause },
}

/// Evidence that a connection is of use: a frame that could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Evidence {
    None,
    Heard,
}

/// Event of the link that the session handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// A change that concerns the link alone.
    Moved,
    /// A heartbeat is due on this connection, on schedule or as a probe.
    Heartbeat(ConnectionId),
    /// The socket is open, and delivery sends the hello.
    Opened(ConnectionId),
    /// The connection may carry messages; `heartbeat` says whether a heartbeat goes out first.
    Ready { connection: ConnectionId, heartbeat: bool },
    /// The connection is lost, and another attempt or giving up follows.
    Lost(Cause),
    /// The session closes: every message gets its outcome, but for those that the socket is taking.
    Closing,
    /// The connection that closed is gone: what its socket had not taken gets its outcome.
    Closed,
    /// The link does nothing until `open`; every message gets its outcome.
    Ended,
    /// The credential was refused: the link does nothing until `open`, and the messages are kept.
    Refused,
}

/// Reason and wait that the server or the host gave when the connection ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisconnectReason {
    pub(crate) reason: Reason,
    pub(crate) retry_after: Option<Duration>,
}

/// Link of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    phase: Phase,
    last_connection: u64,
    reconnect: Reconnect,
    fallback: Fallback,
    credentials: Credentials,
    malformed: MalformedFrames,
    /// Outage that a restart interrupted; taken by the first `open`.
    restarted: Option<Box<Restarted>>,
    /// Reason of the last loss or end, until a connection is ready.
    reason: Option<Box<Reason>>,
    /// Respite of the timers that end a connection or an attempt.
    respite: Respite,
}

/// Outage that a restart carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Restarted {
    failures: u32,
    away: Duration,
}

/// Record of a link.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkRecord {
    connections: u64,
    /// When the budget of connects is earned again, on the clock of ages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earned: Option<Instant>,
    #[serde(default, skip_serializing_if = "is_default")]
    failures: u32,
    /// When the rate of messages allows a whole burst again, on the clock of ages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<Instant>,
}

/// Close code of a normal closure (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// Codes with which a host says that no close frame gave one; no close frame carries them (RFC 6455 §7.4.1).
const MEANS_NO_CODE: [u16; 3] = [1005, 1006, 1015];

/// Whether a close code speaks of a message: of its kind, its text or its length (RFC 6455 §7.4.1).
fn speaks_of_message(code: u32) -> bool {
    matches!(code, 1003 | 1007 | 1009)
}

impl Phase {
    /// Public state of this phase.
    #[inline]
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Ready { .. } => State::Ready,
            other => other.state_slow(),
        }
    }

    /// Slow path of `state`: nearly every input arrives in `Ready`.
    #[inline(never)]
    fn state_slow(&self) -> State {
        match self {
            Self::Ready { .. } => State::Ready,
            Self::Idle => State::Idle,
            Self::Preparing { .. } | Self::Connecting { .. } => State::Connecting,
            Self::Authenticating { .. } => State::Authenticating,
            Self::Closing { .. } => State::Closing,
            Self::Waiting { .. } | Self::GivingUp { .. } => State::Waiting,
            Self::Stopped { .. } => State::Stopped,
        }
    }

    /// Connection that has a socket, or whose socket is being opened.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Connecting { connection, .. }
            | Self::Authenticating { connection, .. }
            | Self::Ready { connection, .. }
            | Self::Closing { connection, .. } => Some(*connection),
            Self::Idle
            | Self::Preparing { .. }
            | Self::Waiting { .. }
            | Self::GivingUp { .. }
            | Self::Stopped { .. } => None,
        }
    }

    /// Connection whose frames are processed.
    fn listening(&self) -> Option<ConnectionId> {
        match self {
            Self::Authenticating { connection, .. } | Self::Ready { connection, .. } => Some(*connection),
            _ => None,
        }
    }

    /// Cause for which the phase was entered, if any.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Closing { cause, .. }
            | Self::Waiting { cause, .. }
            | Self::GivingUp { cause, .. }
            | Self::Stopped { cause } => Some(*cause),
            _ => None,
        }
    }

    /// Deadline of this phase.
    #[inline]
    fn deadline(&self) -> Deadline {
        match self {
            Self::Ready { heartbeat, .. } => heartbeat.deadline(),
            other => other.deadline_slow(),
        }
    }

    /// Slow path of `deadline`: nearly every input arrives in `Ready`.
    #[inline(never)]
    fn deadline_slow(&self) -> Deadline {
        let (at, timer) = match self {
            Self::Idle | Self::Stopped { .. } | Self::Ready { .. } => return Deadline::NEVER,
            Self::Preparing { until, .. } => (*until, Timer::Credential),
            Self::Connecting { until, progress, .. } => return progress.earlier(*until, Timer::Attempt),
            Self::Authenticating { until, progress, .. } => return progress.earlier(*until, Timer::Authentication),
            Self::Closing { until, .. } => (*until, Timer::Close),
            Self::Waiting { until, .. } => (*until, Timer::Reconnect),
            Self::GivingUp { until, .. } => (*until, Timer::GiveUp),
        };
        Deadline { at, timer }
    }

    /// Stops the timer of the phase itself; a heartbeat stops its own timers.
    fn stop_timer(&mut self) {
        match self {
            Self::Preparing { until, .. }
            | Self::Connecting { until, .. }
            | Self::Authenticating { until, .. }
            | Self::Closing { until, .. }
            | Self::Waiting { until, .. }
            | Self::GivingUp { until, .. } => *until = Instant::NEVER,
            Self::Idle | Self::Ready { .. } | Self::Stopped { .. } => {}
        }
    }

    /// Connection for which the host was asked for a credential, and has not answered.
    fn asking(&self) -> Option<ConnectionId> {
        match self {
            Self::Preparing { connection, .. }
            | Self::Authenticating { connection, login: LoginStep::Asked { .. }, .. }
            | Self::Ready { connection, login: LoginStep::Asked { .. }, .. } => Some(*connection),
            _ => None,
        }
    }

    /// Whether a hint waits for the attempt under way.
    fn keeps_hint(&self) -> bool {
        match self {
            Self::Preparing { hinted, .. } => *hinted,
            Self::Connecting { progress, .. } | Self::Authenticating { progress, .. } => progress.keeps_hint(),
            _ => false,
        }
    }

    /// Connection and progress of the login, while the socket is open.
    fn login(&mut self) -> Option<(ConnectionId, &mut LoginStep)> {
        match self {
            Self::Authenticating { connection, login, .. } | Self::Ready { connection, login, .. } => {
                Some((*connection, login))
            }
            _ => None,
        }
    }
}

/// Construction, queries and durable state.
impl Link {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            last_connection: 0,
            reconnect: Reconnect::default(),
            fallback: Fallback::new(),
            credentials: Credentials::default(),
            malformed: MalformedFrames::default(),
            restarted: None,
            reason: None,
            respite: Respite::default(),
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Reason of the last loss or end, where one was given and no connection has been ready since.
    pub(crate) fn reason(&self) -> Option<&Reason> {
        self.reason.as_deref()
    }

    /// Number of attempts begun. Snapshots keep it, because the connection ids of past attempts must not repeat.
    pub(crate) fn attempts(&self) -> u64 {
        self.last_connection
    }

    /// Losses in a row since the attempt counter was last reset.
    pub(crate) fn failures(&self) -> u32 {
        self.reconnect.failures()
    }

    /// Whether messages are refused until `open`: the session is closing, or stopped by anything but a refused
    /// credential.
    pub(crate) fn is_ended(&self) -> bool {
        match self.phase {
            Phase::Stopped { cause } => cause != Cause::Unauthorized,
            Phase::Closing { .. } => true,
            _ => false,
        }
    }

    /// Whether frames of this connection are processed.
    pub(crate) fn listens_to(&self, connection: ConnectionId) -> bool {
        self.phase.listening() == Some(connection)
    }

    /// Whether the connection is ready to carry messages.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// Whether a probe is unanswered or nothing could be asked in a doubt, so that the link may be dead.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(&self.phase, Phase::Ready { heartbeat, .. } if heartbeat.is_in_doubt())
    }

    /// Whether the hello or the proof was sent and the server has not answered.
    pub(crate) fn awaits_welcome(&self) -> bool {
        matches!(self.phase, Phase::Authenticating { login: LoginStep::Answered, .. })
    }

    /// Takes the credential for a hello, if one is held.
    pub(crate) fn tell_credential(&mut self) -> Option<Secret> {
        self.credentials.tell()
    }

    /// Whether the present connection was ready for the stable time and brought a frame that could be understood.
    fn is_stable(&self, now: Instant, config: &Config) -> bool {
        match &self.phase {
            Phase::Ready { since, evidence, .. } => {
                *evidence == Evidence::Heard && now.since(*since) >= config.reconnect.stable
            }
            _ => false,
        }
    }

    /// Writes the record; `rate` is when the rate of messages allows a whole burst again. An attempt or a connection
    /// that is not stable yet counts as failed, so that a process which crashes at every start backs off like any other
    /// series of failed attempts.
    pub(crate) fn write(
        &self,
        batch: &mut Batch<'_>,
        now: Instant,
        (ages, rate): (AgeClock, Option<Instant>),
        config: &Config,
    ) {
        let failures = match &self.phase {
            Phase::Idle => self.restarted.as_ref().map_or(0, |restarted| restarted.failures),
            Phase::Closing { .. } | Phase::Stopped { .. } => 0,
            Phase::Ready { .. } if self.is_stable(now, config) => 0,
            Phase::Waiting { .. } | Phase::GivingUp { .. } => self.reconnect.failures(),
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                self.reconnect.failures().saturating_add(1)
            }
        };
        let earned = self.reconnect.earned_at(now).map(|at| ages.at(at));
        let (connections, rate) = (self.last_connection.min(LAST), rate.map(|at| ages.at(at)));
        batch.put(Kind::Link.key(), &LinkRecord { connections, earned, failures, rate });
    }

    /// Restores a link from its record, and returns what the rate of messages has spent: the first `open` waits for the
    /// backoff of its failures, less `away`. `moved` is how far moments move back on the clock of ages. Damaged where
    /// the number of connections is one that no session reaches.
    pub(crate) fn restored(
        now: Instant,
        records: &Records,
        (ages, moved): (AgeClock, Duration),
        away: Duration,
    ) -> Result<(Self, Duration), Damaged> {
        let LinkRecord { connections, earned, failures, rate } = records.one(Kind::Link)?.ok_or(Damaged)?;
        if connections > LAST {
            return Err(Damaged);
        }
        let restarted = (failures != 0).then(|| Box::new(Restarted { failures, away }));
        let spent = |earned: Option<Instant>| earned.map_or(Duration::ZERO, |at| (at - moved).since(ages.at(now)));
        let reconnect = Reconnect::restored(now, spent(earned));
        Ok((Self { last_connection: connections, restarted, reconnect, ..Self::new() }, spent(rate)))
    }
}

/// Transitions from `open` to `Ready`.
impl Link {
    /// Starts an attempt for the user's `open`. Out of `Idle` and `Stopped` it is exempt from every wait but that of a
    /// restored outage; a wait under way it ends as early as the safety floor and the budget allow.
    pub(crate) fn open(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        match self.phase {
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                return None;
            }
            Phase::Closing { connection, .. } => {
                cx.push(Action::Abort { connection });
                self.restart(cx);
                return Some(LinkEvent::Closed);
            }
            Phase::Idle | Phase::Waiting { .. } | Phase::GivingUp { .. } | Phase::Stopped { .. } => {}
        }
        Some(self.restart(cx))
    }

    /// Begins anew for the user's `open`.
    fn restart(&mut self, cx: &mut Context<'_>) -> LinkEvent {
        self.reconnect.on_user_open();
        self.reconnect.refused_messages = 0;
        if matches!(self.phase, Phase::Waiting { .. } | Phase::GivingUp { .. }) {
            self.hasten(cx);
            return LinkEvent::Moved;
        }
        self.fallback.on_open(cx.now, &cx.config.fallback);
        match self.restarted.take() {
            Some(restarted) => self.resume_outage(cx, *restarted),
            None => self.attempt(cx),
        }
    }

    /// Continues the backoff of an outage after a restart, so that a crash loop causes no connect storm.
    fn resume_outage(&mut self, cx: &mut Context<'_>, Restarted { failures, away }: Restarted) -> LinkEvent {
        let at = self.reconnect.on_restarted(cx.now, away, failures, &cx.config.reconnect, cx.rng);
        if at <= cx.now {
            if away >= cx.config.reconnect.stable {
                // A process that was away for the stable time is in no crash loop.
                self.reconnect.forget_outage();
            }
            return self.attempt(cx);
        }
        let cause = Cause::Restarted;
        *cx.stats.losses.entry(cause).or_default() += 1;
        self.enter(cx, Phase::Waiting { until: at, cause }, Reason::default());
        self.push_schedule(cx, at, self.reconnect.failures(), cause);
        LinkEvent::Moved
    }

    /// Begins an attempt. When the handshake or the hello carries a credential, the host may have to give that first;
    /// where the only credential is void and nobody is asked, the link stops.
    fn attempt(&mut self, cx: &mut Context<'_>) -> LinkEvent {
        let login = cx.dialect.capabilities().login;
        let supply = self.credentials.supply(cx.config.authentication.credential);
        if supply == Supply::Void && login != Login::None {
            let again = matches!(self.phase, Phase::Stopped { cause: Cause::Unauthorized });
            let reason = self.reason.take().filter(|_| again).unwrap_or_default();
            self.stop(cx, Cause::Unauthorized, *reason);
            return LinkEvent::Refused;
        }
        self.last_connection = self.last_connection.saturating_add(1);
        let connection = ConnectionId::new(self.last_connection);
        self.reconnect.on_begun(cx.now);
        if supply == Supply::Ask && login.is_told_at_once() {
            let until = after(cx.now, cx.config.authentication.timeout);
            self.enter(cx, Phase::Preparing { connection, until, hinted: false }, Reason::default());
            cx.push(Action::NeedCredential { connection, challenge: None });
        } else {
            self.dial(cx, connection);
        }
        LinkEvent::Moved
    }

    fn dial(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.credentials.on_accepted();
        let handshake = cx.dialect.handshake(self.credentials.tell().as_ref());
        let until = after(cx.now, cx.config.reconnect.attempt_timeout());
        let progress = Progress::begin(cx.now);
        self.enter(cx, Phase::Connecting { connection, until, progress }, Reason::default());
        self.reconnect.on_attempt(cx.now, &cx.config.reconnect);
        cx.backlog.on_dial(cx.stats.frames_out);
        cx.stats.connects += 1;
        cx.push(Action::Connect { connection, attempt: self.reconnect.failures(), handshake });
    }

    /// Starts the login on an open socket, or makes the connection ready when there is no login.
    pub(crate) fn on_opened(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Option<LinkEvent> {
        match self.phase {
            Phase::Connecting { connection: present, .. } if present == connection => {}
            _ => {
                self.on_stale_socket(cx, connection);
                return None;
            }
        }
        self.reconnect.on_opened(&cx.config.reconnect);
        self.malformed = MalformedFrames::default();
        let kind = cx.dialect.capabilities().login;
        let login = match kind {
            Login::None | Login::Handshake => return Some(self.on_login_done(cx, connection, None)),
            Login::Hello | Login::First | Login::Greeted => LoginStep::Answered,
            Login::Challenge | Login::ConfirmedChallenge => LoginStep::Unasked,
        };
        if kind != Login::Greeted {
            self.credentials.on_accepted();
        }
        if login == LoginStep::Answered && self.credentials.is_void() {
            return Some(self.lose(cx, Cause::CredentialUnavailable, DisconnectReason::default()));
        }
        let until = after(cx.now, cx.config.authentication.timeout);
        let progress = Progress::begin(cx.now);
        self.enter(cx, Phase::Authenticating { connection, until, progress, login }, Reason::default());
        match kind {
            Login::Hello => Some(LinkEvent::Opened(connection)),
            Login::First => self.log_in(cx, connection),
            _ => None,
        }
    }

    /// Says who the client is, in a dialect whose client says so first.
    fn log_in(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Option<LinkEvent> {
        let credential = self.credentials.tell();
        let said = cx.send_or_report(connection, &Signal::login_first(credential), Purpose::Auth);
        (!said).then(|| self.lose(cx, Cause::SendFailed, DisconnectReason::default()))
    }

    /// Aborts a socket that opened after its attempt was lost: left open, it would occupy the account at the server.
    fn on_stale_socket(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        cx.stats.stale_events += 1;
        let present = self.phase.connection() == Some(connection);
        if !present && (1..=self.last_connection).contains(&connection.get()) {
            cx.push(Action::Abort { connection });
        }
    }

    /// Makes the connection ready; on a connection that was ready before, only the heartbeat starts anew.
    ///
    /// `every` is the heartbeat period that the server asked for.
    fn on_login_done(&mut self, cx: &mut Context<'_>, connection: ConnectionId, every: Option<Duration>) -> LinkEvent {
        self.credentials.on_accepted();
        let role = role(cx.dialect, cx.backlog.host());
        let (fresh, send_now) = Heartbeat::start(cx.now, &cx.config.heartbeat, every, role);
        if let Phase::Ready { heartbeat, login, .. } = &mut self.phase {
            (*heartbeat, *login) = (fresh, LoginStep::Answered);
            return if send_now { LinkEvent::Heartbeat(connection) } else { LinkEvent::Moved };
        }
        cx.stats.ready += 1;
        cx.backlog.on_ready();
        self.fallback.on_ready();
        let (evidence, login) = (Evidence::None, LoginStep::Answered);
        self.enter(
            cx,
            Phase::Ready { connection, since: cx.now, heartbeat: fresh, evidence, login },
            Reason::default(),
        );
        self.renew_login(cx, connection);
        LinkEvent::Ready { connection, heartbeat: send_now }
    }
}

/// Credentials and logins: in the handshake, in the hello and in answer to a challenge.
impl Link {
    /// Handles the host's answer to a question for a credential, or a credential that nobody asked for. An answer for a
    /// `connection` that does not wait for one is stale.
    pub(crate) fn on_answer(
        &mut self,
        cx: &mut Context<'_>,
        connection: Option<ConnectionId>,
        answer: Result<Secret, CredentialFailure>,
    ) -> Option<LinkEvent> {
        if connection.is_some() && connection != self.phase.asking() {
            cx.stats.stale_events += 1;
            return None;
        }
        match answer {
            Ok(value) => self.credential(cx, value),
            Err(failure) => self.credential_failed(cx, failure),
        }
    }

    /// Holds a credential of the host, and uses it for the attempt or the challenge that waits for one.
    fn credential(&mut self, cx: &mut Context<'_>, value: Secret) -> Option<LinkEvent> {
        self.credentials.hold(value);
        if let Phase::Preparing { connection, .. } = self.phase {
            self.dial(cx, connection);
            return Some(LinkEvent::Moved);
        }
        let (connection, login) = self.phase.login()?;
        if let LoginStep::Asked { .. } = login {
            let LoginStep::Asked { reference } = core::mem::replace(login, LoginStep::Answered) else { return None };
            return self.answer_challenge(
                cx,
                connection,
                reference.as_ref().map(|reference| Content::Json(&reference.0)),
            );
        }
        self.renew_login(cx, connection);
        None
    }

    /// Sends a credential that the server was not told on a ready connection, where the dialect has a signal for that.
    fn renew_login(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if self.is_ready() && self.credentials.is_untold() && cx.dialect.renews_login() {
            if let Some(credential) = self.credentials.tell() {
                cx.send_or_report(connection, &Signal::proof(credential, None), Purpose::Auth);
            }
        }
    }

    /// Ends the attempt, or refuses the login, when the host has no credential.
    fn credential_failed(&mut self, cx: &mut Context<'_>, failure: CredentialFailure) -> Option<LinkEvent> {
        let policy = &cx.config.authentication;
        self.credentials.on_failed(failure, policy.credential, policy.unauthorized);
        self.phase.asking()?;
        Some(match failure {
            CredentialFailure::Refused => self.refuse(cx, Cause::Unauthorized, Reason::default()),
            CredentialFailure::Expired | CredentialFailure::Unavailable => {
                self.lose(cx, Cause::CredentialUnavailable, DisconnectReason::default())
            }
        })
    }

    /// Answers a challenge with the credential that is held, or asks the host for one.
    fn on_challenge(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        challenge: Option<Content<'_>>,
        reference: Option<Content<'_>>,
    ) -> Option<LinkEvent> {
        match self.credentials.supply(cx.config.authentication.credential) {
            Supply::Held => return self.answer_challenge(cx, connection, reference),
            Supply::Void => return Some(self.refuse(cx, Cause::Unauthorized, Reason::default())),
            Supply::Ask => {}
        }
        if let Some((_, login)) = self.phase.login() {
            let kept = |reference| Box::new(Reference(as_written(reference).into()));
            *login = LoginStep::Asked { reference: reference.map(kept) };
        }
        let challenge = challenge.and_then(|content| content.to_body().as_text().map(ToOwned::to_owned));
        cx.push(Action::NeedCredential { connection, challenge });
        None
    }

    /// Sends the proof. In a dialect whose server does not confirm it, the connection is then ready.
    fn answer_challenge(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        reference: Option<Content<'_>>,
    ) -> Option<LinkEvent> {
        let credential = self.credentials.tell().unwrap_or_else(|| Secret::new(""));
        if !cx.send_or_report(connection, &Signal::proof(credential, reference), Purpose::Auth) {
            return Some(self.lose(cx, Cause::SendFailed, DisconnectReason::default()));
        }
        if cx.dialect.capabilities().login == Login::Challenge {
            return Some(self.on_login_done(cx, connection, None));
        }
        if let Phase::Authenticating { login, .. } = &mut self.phase {
            *login = LoginStep::Answered;
        }
        None
    }

    /// Makes the connection ready when the server accepts the login.
    pub(crate) fn on_welcome(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        every: Option<Duration>,
    ) -> Option<LinkEvent> {
        self.awaits_welcome().then(|| self.on_login_done(cx, connection, every))
    }

    /// Handles the server's refusal of the credential that it was told: the link tries again where another attempt can
    /// help, and stops otherwise.
    fn on_refused(&mut self, cx: &mut Context<'_>, cause: Cause, disconnect: DisconnectReason) -> LinkEvent {
        if self.credentials.on_refused(cx.config.authentication.unauthorized) {
            return self.lose(cx, cause, disconnect);
        }
        self.refuse(cx, cause, disconnect.reason)
    }

    /// Stops because the credential was refused; the messages are kept until `open` or `close`.
    fn refuse(&mut self, cx: &mut Context<'_>, cause: Cause, reason: Reason) -> LinkEvent {
        self.end_socket(cx, cause);
        self.stop(cx, Cause::Unauthorized, reason);
        LinkEvent::Refused
    }
}

/// Frames on an open connection, and hints of the host.
impl Link {
    /// Takes a frame of the present connection as a sign of life, whether or not it can be understood.
    #[inline]
    pub(crate) fn on_bytes(&mut self, cx: &mut Context<'_>) {
        if let Phase::Ready { connection, heartbeat, .. } = &mut self.phase {
            if heartbeat.on_frame(cx.now, &cx.config.heartbeat) {
                cx.push(Action::Alive { connection: *connection, rtt: None });
            }
        } else if let Phase::Authenticating { progress, .. } = &mut self.phase {
            *progress = Progress::begin(cx.now);
        }
    }

    /// Takes bytes of an unfinished frame as a sign of life, and gives a login under way more time.
    pub(crate) fn on_arriving(&mut self, cx: &mut Context<'_>) {
        self.on_bytes(cx);
        if let Phase::Authenticating { until, .. } = &mut self.phase {
            *until = (*until).max(after(cx.now, cx.config.authentication.timeout));
        }
    }

    /// Begins the heartbeats anew where the host can send other ones than before.
    pub(crate) fn on_host(&mut self, cx: &Context<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.set_role(cx.now, &cx.config.heartbeat, role(cx.dialect, cx.backlog.host()));
        }
    }

    /// Time between heartbeats on the present connection, once it is ready.
    pub(crate) fn heartbeat_period(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Ready { heartbeat, .. } => Some(heartbeat.every()),
            _ => None,
        }
    }

    /// Takes back a heartbeat that the dialect could not encode or the socket could not write.
    pub(crate) fn on_heartbeat_unsent(&mut self, cx: &Context<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.on_unsent(cx.now, &cx.config.heartbeat);
        }
    }

    /// Starts the deadlines of a heartbeat that the socket has taken completely.
    pub(crate) fn on_heartbeat_written(&mut self, cx: &Context<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.on_written(cx.now, &cx.config.heartbeat);
        }
    }

    /// Holds the deadlines of a heartbeat that the socket has not taken yet.
    pub(crate) fn on_heartbeat_handed(&mut self, cx: &Context<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.on_unwritten(cx.now);
        }
    }

    /// Notes that a message left on the present connection.
    pub(crate) fn on_asked(&mut self, cx: &Context<'_>) {
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            heartbeat.on_asked(cx.now, &cx.config.heartbeat);
        }
    }

    /// Gives a close more time, because bytes leave that were handed over before; also a pause of reading, where it is
    /// answers that wait behind those bytes.
    pub(crate) fn on_progress(&mut self, cx: &Context<'_>) {
        match &mut self.phase {
            Phase::Closing { until, latest, .. } => {
                *until = after(cx.now, Some(cx.config.close.timeout)).min(*latest).max(*until);
            }
            Phase::Ready { heartbeat, .. } if cx.backlog.untaken() < cx.config.inbox.pending.get() => {
                heartbeat.extend_pause(cx.now + cx.config.limits.read_pause());
            }
            _ => {}
        }
    }

    /// Stops or starts to judge silence, as the session reads or not.
    pub(crate) fn set_reading(&mut self, cx: &Context<'_>, reads: bool) -> Option<LinkEvent> {
        let Phase::Ready { connection, heartbeat, .. } = &mut self.phase else { return None };
        if heartbeat.is_paused() != reads {
            return None;
        }
        if !reads {
            heartbeat.pause(cx.now, &cx.config.heartbeat, cx.config.limits.read_pause());
            return Some(LinkEvent::Moved);
        }
        let connection = *connection;
        Some(if heartbeat.resume(cx.now, &cx.config.heartbeat, cx.config.limits.read_pause()) {
            LinkEvent::Heartbeat(connection)
        } else {
            LinkEvent::Moved
        })
    }

    /// Notes that a frame could be understood, so that the connection can count as stable.
    #[inline]
    pub(crate) fn on_evidence(&mut self) {
        if let Phase::Ready { evidence, .. } = &mut self.phase {
            *evidence = Evidence::Heard;
        }
    }

    /// Handles a login signal.
    pub(crate) fn on_login(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        login: LoginSignal<Span>,
        frame: &Frame,
    ) -> Option<LinkEvent> {
        match login {
            LoginSignal::Challenge { challenge, reference } => {
                let content = |span: Span| span.content(frame);
                self.on_challenge(cx, connection, challenge.map(content), reference.map(content))
            }
            LoginSignal::Accepted { greeting } => self.on_greeted(cx, connection, greeting, frame),
            LoginSignal::Refused { code, content, again } => {
                let text = content.map(|span| as_written(span.content(frame))).unwrap_or_default();
                let reason = Reason::new((code != 0).then_some(code), self.credentials.mask(&text));
                Some(match again {
                    Again::WithAnotherCredential => {
                        self.on_refused(cx, Cause::Unauthorized, DisconnectReason { reason, retry_after: None })
                    }
                    Again::Later { after } => {
                        let retry_after = Some(after).filter(|after| !after.is_zero());
                        self.lose(cx, Cause::Unauthorized, DisconnectReason { reason, retry_after })
                    }
                    Again::Never => self.refuse(cx, Cause::Unauthorized, reason),
                })
            }
            // They go from the client to the server.
            LoginSignal::First { .. } | LoginSignal::Proof { .. } => None,
        }
    }

    /// Makes the connection ready when the server accepts the login, and tells the application what else it says.
    fn on_greeted(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        greeting: Option<Box<Greeting<Span>>>,
        frame: &Frame,
    ) -> Option<LinkEvent> {
        if !self.awaits_welcome() {
            return None;
        }
        let greeting = greeting.map(|greeting| *greeting).unwrap_or_default();
        if let Some(content) = greeting.content {
            cx.push(Action::Greeted { connection, body: content.content(frame).to_body() });
        }
        self.on_welcome(cx, connection, greeting.heartbeat)
    }

    /// Closes and stops because the account is connected elsewhere.
    pub(crate) fn on_kick(&mut self, cx: &mut Context<'_>, connection: ConnectionId, body: Body) -> LinkEvent {
        cx.push(Action::Kicked { body });
        cx.push(Action::Close { connection, code: cx.config.close.code, reason: String::new() });
        self.stop(cx, Cause::Kicked, Reason::default());
        LinkEvent::Ended
    }

    /// Reports a heartbeat reply, with the round-trip time when it is known.
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

    /// Restarts the poll timer after a message, and asks for a poll when polling is on.
    pub(crate) fn on_push(&mut self, cx: &mut Context<'_>) {
        if self.fallback.on_push(cx.now, &cx.config.fallback) {
            cx.push(Action::Poll { cause: PollCause::Push });
        }
    }

    /// Probes a ready link, shortens a wait, or restarts an attempt that hangs, after a hint: the network is back or
    /// the machine woke.
    pub(crate) fn on_hint(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        let policy = &cx.config.reconnect;
        match &mut self.phase {
            Phase::Ready { connection, heartbeat, .. } => {
                let connection = *connection;
                heartbeat.on_wake(cx.now, &cx.config.heartbeat).then_some(LinkEvent::Heartbeat(connection))
            }
            Phase::Waiting { until, .. } => {
                let at = self.reconnect.on_hint(cx.now, *until, policy)?;
                Some(self.reschedule(cx, at))
            }
            Phase::Connecting { progress, .. } | Phase::Authenticating { progress, .. } => {
                progress.on_hint(|moved| self.reconnect.restart_at(cx.now, moved, policy));
                Some(LinkEvent::Moved)
            }
            Phase::Preparing { hinted, .. } => {
                *hinted = true;
                Some(LinkEvent::Moved)
            }
            _ => None,
        }
    }

    /// Puts a ready link in doubt: a probe goes out, and messages that can wait do so until a byte comes; where
    /// nothing can be asked, for the time that a probe has. Attempts go on.
    pub(crate) fn on_offline(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        let event = if self.is_ready() { self.on_hint(cx) } else { None };
        if let Phase::Ready { heartbeat, .. } = &mut self.phase {
            if cx.config.outbox.while_down == WhileDown::Queue {
                heartbeat.doubt(cx.now);
            }
        }
        event
    }

    /// Closes on the server's bye, then waits or stops as the bye says.
    pub(crate) fn on_bye(&mut self, cx: &mut Context<'_>, connection: ConnectionId, bye: Bye) -> LinkEvent {
        cx.push(Action::Close { connection, code: cx.config.close.code, reason: String::new() });
        let reason = Reason::new(Some(u32::from(bye.code)), "");
        let disconnect = DisconnectReason { reason, retry_after: Some(bye.after) };
        if bye.reconnect {
            return self.lose(cx, Cause::Closed, disconnect);
        }
        self.stop(cx, Cause::Terminal, disconnect.reason);
        LinkEvent::Ended
    }

    /// Reports and counts a malformed frame; more than `limits.malformed` of them in 10 s end the connection.
    pub(crate) fn on_malformed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        error: Malformed,
    ) -> Option<LinkEvent> {
        cx.stats.malformed += 1;
        let unsupported = error == Malformed::Unsupported;
        cx.push(Action::Malformed { connection, error });
        if unsupported {
            return Some(self.lose(cx, Cause::NotUnderstood, DisconnectReason::default()));
        }
        self.malformed
            .on_frame(cx.now, &cx.config.limits)
            .then(|| self.lose(cx, Cause::MalformedFlood, DisconnectReason::default()))
    }

    /// Loses the connection when a heartbeat could not be written, or only reports that, as the policy says.
    pub(crate) fn on_heartbeat_failed(&mut self, cx: &mut Context<'_>, connection: ConnectionId) -> Option<LinkEvent> {
        if cx.config.reconnect.first.heartbeat_failed.is_none() {
            cx.push(Action::Unsent { connection, purpose: Purpose::Heartbeat });
            return None;
        }
        Some(self.lose(cx, Cause::HeartbeatFailed, DisconnectReason::default()))
    }
}

/// Timers of the link.
impl Link {
    /// Earliest deadline of the link.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        self.phase_deadline().earlier(self.fallback.deadline())
    }

    /// Whether a timer is due, but for a respite; every input asks.
    #[inline]
    pub(crate) fn may_be_due(&self, now: Instant) -> bool {
        self.phase.deadline().is_due(now) || self.fallback.deadline().is_due(now)
    }

    /// Returns the timer that fires first of those that are due.
    pub(crate) fn due(&self, now: Instant) -> Option<Deadline> {
        let (poll, phase) = (self.fallback.deadline(), self.phase_deadline());
        if poll.is_due(now) { Some(poll) } else { phase.is_due(now).then_some(phase) }
    }

    /// Deadline of the phase; one that ends a connection or an attempt may have a respite.
    #[inline]
    fn phase_deadline(&self) -> Deadline {
        let due = self.phase.deadline();
        if self.respite.holds(due) && self.ends_attempt(due.timer) { self.respite.hold(due) } else { due }
    }

    /// Whether this timer of the phase ends a connection or an attempt.
    fn ends_attempt(&self, timer: Timer) -> bool {
        match timer {
            Timer::Reconnect => self.phase.connection().is_some(),
            Timer::Probe => matches!(&self.phase, Phase::Ready { heartbeat, .. } if heartbeat.is_probing()),
            Timer::Death | Timer::Pause | Timer::Credential | Timer::Attempt | Timer::Authentication => true,
            // The link has none of the last six.
            Timer::Poll
            | Timer::Heartbeat
            | Timer::Suspicion
            | Timer::Close
            | Timer::GiveUp
            | Timer::Stall
            | Timer::Expiry
            | Timer::Drain
            | Timer::Receipt
            | Timer::Rate
            | Timer::Push => false,
        }
    }

    /// Gives a timer that is due a respite, where it would end a connection or an attempt and the host is late; returns
    /// whether it does. A death that is later than `heartbeat.probe.late` is asked about instead.
    pub(crate) fn gives_respite(&mut self, cx: &Context<'_>, timer: Timer) -> bool {
        if !self.ends_attempt(timer) {
            return false;
        }
        let due = self.phase.deadline();
        let asks = match &self.phase {
            Phase::Ready { heartbeat, .. } if timer == Timer::Death => {
                heartbeat.late_probe(cx.now, due.at, &cx.config.heartbeat).is_some()
            }
            _ => false,
        };
        !asks && !self.respite.is_over(cx.now, due)
    }

    /// Asks the host for the poll that is due, and arms the next poll.
    pub(crate) fn on_poll_timer(&mut self, cx: &mut Context<'_>) {
        let cause = match self.fallback.on_tick(cx.now, &cx.config.fallback) {
            Some(fallback::PollDecision::Silence) => PollCause::Silence,
            Some(fallback::PollDecision::Down) => PollCause::Down,
            None => return,
        };
        cx.push(Action::Poll { cause });
    }

    /// Fires a timer of the heartbeat.
    pub(crate) fn on_heartbeat_timer(&mut self, cx: &mut Context<'_>, due: Deadline) -> LinkEvent {
        let Phase::Ready { connection, heartbeat, .. } = &mut self.phase else { return LinkEvent::Moved };
        let connection = *connection;
        match heartbeat.on_timer(cx.now, due, &cx.config.heartbeat) {
            Some(HeartbeatDecision::Send) => LinkEvent::Heartbeat(connection),
            Some(HeartbeatDecision::Suspect) => {
                cx.push(Action::Suspected { connection });
                LinkEvent::Heartbeat(connection)
            }
            Some(HeartbeatDecision::Dead) => self.lose(cx, Cause::Dead, DisconnectReason::default()),
            Some(HeartbeatDecision::Unread) => self.lose(cx, Cause::ReadPaused, DisconnectReason::default()),
            None => LinkEvent::Moved,
        }
    }

    /// Fires the timer of the phase itself.
    pub(crate) fn on_phase_timer(&mut self, cx: &mut Context<'_>, timer: Timer) -> LinkEvent {
        if timer == Timer::Reconnect && self.phase.connection().is_some() {
            // A hint restarts the attempt, which is no failure.
            self.reconnect.on_restart();
            return self.lose(cx, Cause::Renewed, DisconnectReason::default());
        }
        self.phase.stop_timer();
        let cause = match self.phase {
            Phase::Preparing { .. } => Cause::CredentialUnavailable,
            Phase::Connecting { .. } => Cause::AttemptTimeout,
            Phase::Authenticating { .. } => Cause::AuthenticationTimeout,
            Phase::Closing { connection, cause, .. } => {
                cx.push(Action::Abort { connection });
                self.stop(cx, cause, Reason::default());
                return LinkEvent::Closed;
            }
            Phase::Waiting { .. } => return self.attempt(cx),
            Phase::GivingUp { attempts, .. } => {
                let reason = self.reason.take().map(|reason| *reason).unwrap_or_default();
                return self.give_up(cx, attempts, reason);
            }
            Phase::Idle | Phase::Ready { .. } | Phase::Stopped { .. } => return LinkEvent::Moved,
        };
        self.lose(cx, cause, DisconnectReason::default())
    }

    /// Gives up a connection whose socket takes no more bytes.
    pub(crate) fn on_stalled(&mut self, cx: &mut Context<'_>) -> LinkEvent {
        if matches!(self.phase, Phase::Closing { .. }) {
            return self.on_phase_timer(cx, Timer::Close);
        }
        self.lose(cx, Cause::WriteStalled, DisconnectReason::default())
    }
}

/// Loss, close and stop.
impl Link {
    /// Closes an open connection, or stops at once where none is open.
    pub(crate) fn close(
        &mut self,
        cx: &mut Context<'_>,
        code: Option<u16>,
        reason: String,
        cause: Cause,
    ) -> Option<LinkEvent> {
        match self.phase {
            Phase::Authenticating { connection, .. } | Phase::Ready { connection, .. } => {
                if self.is_ready() {
                    let code = code.or(cx.config.close.code).unwrap_or(NORMAL);
                    let bye = Bye { reconnect: false, ..Bye::new(code) };
                    cx.send_signal(connection, &Signal::bye(bye), Purpose::Bye);
                }
                cx.backlog.drop_sealed();
                cx.push(Action::Close { connection, code: code.or(cx.config.close.code), reason });
                self.fallback.on_stop();
                let until = after(cx.now, Some(cx.config.close.timeout));
                let latest = cx.now + cx.config.limits.frame_time();
                self.enter(cx, Phase::Closing { connection, until, latest, cause }, Reason::default());
                return Some(LinkEvent::Closing);
            }
            Phase::Connecting { connection, .. } => cx.push(Action::Abort { connection }),
            // A link that stopped for a refused credential kept the messages; a close settles them.
            Phase::Idle
            | Phase::Preparing { .. }
            | Phase::Waiting { .. }
            | Phase::GivingUp { .. }
            | Phase::Stopped { cause: Cause::Unauthorized } => {}
            Phase::Closing { .. } | Phase::Stopped { .. } => return None,
        }
        self.stop(cx, cause, Reason::default());
        Some(LinkEvent::Ended)
    }

    /// Replaces the connection, or connects as early as the safety floor and the budget allow.
    pub(crate) fn renew(&mut self, cx: &mut Context<'_>) -> Option<LinkEvent> {
        match self.phase {
            Phase::Idle | Phase::Closing { .. } | Phase::Stopped { .. } => None,
            Phase::Waiting { .. } | Phase::GivingUp { .. } => {
                self.hasten(cx);
                Some(LinkEvent::Moved)
            }
            Phase::Preparing { .. } | Phase::Connecting { .. } | Phase::Authenticating { .. } | Phase::Ready { .. } => {
                Some(self.lose(cx, Cause::Renewed, DisconnectReason::default()))
            }
        }
    }

    /// Moves the next attempt to the earliest moment that the safety floor and the budget allow; a session that would
    /// give up attempts once more.
    fn hasten(&mut self, cx: &mut Context<'_>) {
        let at = self.reconnect.earliest(&cx.config.reconnect).max(cx.now);
        match self.phase {
            Phase::Waiting { until, .. } if at < until => _ = self.reschedule(cx, at),
            Phase::GivingUp { cause, .. } => {
                self.phase = Phase::Waiting { until: at, cause };
                self.push_schedule(cx, at, self.reconnect.failures(), cause);
            }
            _ => {}
        }
    }

    /// Moves the next attempt to another time.
    fn reschedule(&mut self, cx: &mut Context<'_>, at: Instant) -> LinkEvent {
        if let Phase::Waiting { until, cause } = &mut self.phase {
            *until = at;
            let cause = *cause;
            self.push_schedule(cx, at, self.reconnect.failures(), cause);
        }
        LinkEvent::Moved
    }

    /// Handles an error of the host: the attempt failed, or the connection broke.
    pub(crate) fn on_errored(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        mut failure: Failure,
    ) -> Option<LinkEvent> {
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        failure.detail = self.credentials.mask(&failure.detail);
        failure.clean();
        cx.stats.count_failure(&failure);
        let (error, retry_after) = (failure.cause, failure.retry_after);
        let reason = Reason::from(failure);
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, reason);
            return Some(LinkEvent::Closed);
        }
        match error {
            TransportError::Unauthorized if cx.dialect.capabilities().login != Login::None => {
                return Some(self.on_refused(cx, Cause::Errored, DisconnectReason { reason, retry_after }));
            }
            TransportError::Permanent => {
                self.stop(cx, Cause::Permanent, reason);
                return Some(LinkEvent::Ended);
            }
            _ => {}
        }
        Some(self.lose(cx, Cause::Errored, DisconnectReason { reason, retry_after }))
    }

    /// Handles a close of the connection; `suspect` says that a message in flight may be what the peer closed for.
    pub(crate) fn on_closed(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        code: Option<u16>,
        text: &str,
        suspect: bool,
    ) -> Option<LinkEvent> {
        let code = code.filter(|code| !MEANS_NO_CODE.contains(code));
        if let Some(code) = code.filter(|code| !may_be_received(*code)) {
            let failure = Failure::new(TransportError::Protocol).with_detail(format!("close code {code}"));
            return self.on_errored(cx, connection, failure);
        }
        if self.phase.connection() != Some(connection) {
            cx.stats.stale_events += 1;
            return None;
        }
        let reason = Reason::new(code.map(u32::from), self.credentials.mask(text));
        if let Phase::Closing { cause, .. } = self.phase {
            self.stop(cx, cause, reason);
            return Some(LinkEvent::Closed);
        }
        let advice = code.map_or(CloseAdvice::AsConfigured, |code| cx.dialect.on_close(code, text));
        let retry_after = if let CloseAdvice::Retry { after } = advice { Some(after) } else { None };
        let retry_after = retry_after.filter(|after| !after.is_zero());
        let verdict = code.map_or(CloseVerdict::Retry, |code| self.verdict(cx, code, advice, suspect));
        let disconnect = DisconnectReason { reason, retry_after };
        Some(match verdict {
            CloseVerdict::Retry => self.lose(cx, Cause::Closed, disconnect),
            CloseVerdict::Expired => {
                let policy = &cx.config.authentication;
                self.credentials.on_failed(CredentialFailure::Expired, policy.credential, policy.unauthorized);
                self.lose(cx, Cause::Closed, disconnect)
            }
            CloseVerdict::Credential => self.on_refused(cx, Cause::Closed, disconnect),
            CloseVerdict::Stop => {
                cx.stats.lost += u64::from(self.is_ready());
                self.stop(cx, Cause::Terminal, disconnect.reason);
                LinkEvent::Ended
            }
        })
    }

    /// Decides what the peer's close code means (RFC 6455 §7.4): the configuration's lists first, then the dialect. A
    /// code that speaks of a message is no verdict on the session while a message is under suspicion. Where one that
    /// left cannot be named, because the peer confirms none, it is a verdict at the third close in a row.
    fn verdict(&mut self, cx: &Context<'_>, code: u16, advice: CloseAdvice, suspect: bool) -> CloseVerdict {
        let before = if self.merit(cx) >= Merit::Useful { 0 } else { self.reconnect.refused_messages };
        let refuses = speaks_of_message(code.into()) && !suspect;
        self.reconnect.refused_messages = if refuses { before.saturating_add(1) } else { 0 };
        let unnamed = cx.backlog.has_carried() && !cx.expects_receipts();
        let classified = || match code {
            _ if cx.config.close.codes == CloseCodes::RetryAll => false,
            code if speaks_of_message(code.into()) && suspect => false,
            1009 => self.reconnect.refused_messages >= 3,
            1003 | 1007 if unnamed => self.reconnect.refused_messages >= 3,
            code => matches!(code, 1002 | 1003 | 1007 | 1008 | 1010 | 3500..=3999 | 4500..=4999),
        };
        cx.config.close.listed(code).unwrap_or_else(|| match advice {
            CloseAdvice::AsConfigured if classified() => CloseVerdict::Stop,
            CloseAdvice::AsConfigured | CloseAdvice::Retry { .. } => CloseVerdict::Retry,
            CloseAdvice::Stop => CloseVerdict::Stop,
            CloseAdvice::CredentialRefused => CloseVerdict::Credential,
            CloseAdvice::CredentialExpired => CloseVerdict::Expired,
        })
    }

    /// Ends the present connection or attempt; `Waiting`, `GivingUp` or `Stopped` follows.
    pub(crate) fn lose(&mut self, cx: &mut Context<'_>, cause: Cause, disconnect: DisconnectReason) -> LinkEvent {
        self.end_socket(cx, cause);
        let was_ready = self.is_ready();
        if was_ready {
            cx.stats.lost += 1;
        }
        if cause != Cause::Closed || !disconnect.reason.code.is_some_and(speaks_of_message) {
            self.reconnect.refused_messages = 0;
        }
        let hint_is_kept = self.phase.keeps_hint();
        let history = self.history(cx, disconnect.retry_after);
        let decision = self.reconnect.on_lost(cx.now, &cx.config.reconnect, cause, history, cx.rng);
        let was_good = history.merit >= Merit::Useful || (was_ready && self.reconnect.failures() <= 1);
        self.fallback.on_lost(cx.now, &cx.config.fallback, cause, was_good);
        *cx.stats.losses.entry(cause).or_default() += 1;
        match decision {
            ReconnectDecision::ConnectAt(at, attempt) => {
                self.enter(cx, Phase::Waiting { until: at, cause }, disconnect.reason);
                self.push_schedule(cx, at, attempt, cause);
                if hint_is_kept && !cause.is_renewal() {
                    self.on_hint(cx);
                }
                LinkEvent::Lost(cause)
            }
            ReconnectDecision::GiveUpAt(at, attempts) if at > cx.now => {
                self.enter(cx, Phase::GivingUp { until: at, attempts, cause }, disconnect.reason);
                LinkEvent::Lost(cause)
            }
            ReconnectDecision::GiveUpAt(_, attempts) => self.give_up(cx, attempts, disconnect.reason),
        }
    }

    /// Closes or aborts the socket, unless the loss came from the host or the peer.
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

    fn history(&self, cx: &Context<'_>, retry_after: Option<Duration>) -> ConnectionHistory {
        let none = ConnectionHistory { merit: Merit::None, lasted: None, death_if_silent: None, retry_after };
        let Phase::Ready { since, heartbeat, .. } = &self.phase else { return none };
        let death_if_silent = heartbeat.death_if_silent(&cx.config.heartbeat);
        ConnectionHistory { merit: self.merit(cx), lasted: Some(cx.now.since(*since)), death_if_silent, retry_after }
    }

    /// What the present connection has proven so far.
    fn merit(&self, cx: &Context<'_>) -> Merit {
        match &self.phase {
            Phase::Ready { .. } if self.is_stable(cx.now, cx.config) => Merit::Stable,
            Phase::Ready { .. } if cx.backlog.is_useful() => Merit::Useful,
            Phase::Ready { evidence: Evidence::Heard, .. } => Merit::Heard,
            _ => Merit::None,
        }
    }

    fn give_up(&mut self, cx: &mut Context<'_>, attempts: u32, reason: Reason) -> LinkEvent {
        cx.push(Action::GaveUp { attempts });
        self.stop(cx, Cause::GaveUp, reason);
        LinkEvent::Ended
    }

    fn stop(&mut self, cx: &mut Context<'_>, cause: Cause, reason: Reason) {
        self.fallback.on_stop();
        self.enter(cx, Phase::Stopped { cause }, reason);
    }

    /// Changes the phase, and reports a change of the public state. The reason of a loss or an end is kept until a
    /// connection is ready.
    fn enter(&mut self, cx: &mut Context<'_>, phase: Phase, reason: Reason) {
        if phase.connection().is_none() {
            cx.backlog.on_lost();
        }
        if phase.cause().is_some() || matches!(phase, Phase::Ready { .. }) {
            self.reason = (!reason.is_empty()).then(|| Box::new(reason.clone()));
        }
        let state = phase.state();
        if state != self.phase.state() {
            cx.push(Action::State { state, cause: phase.cause(), reason });
        }
        self.phase = phase;
    }

    fn push_schedule(&self, cx: &mut Context<'_>, at: Instant, attempt: u32, cause: Cause) {
        let reason = self.reason.as_deref().cloned().unwrap_or_default();
        cx.push(Action::ScheduleReconnect { at, attempt, cause, reason });
    }
}

/// Returns the close code and reason for a peer that broke the protocol; `None` for other causes.
pub(crate) fn close_code_for(cause: Cause) -> Option<(u16, &'static str)> {
    match cause {
        Cause::MalformedFlood => Some((4400, "too many malformed frames")),
        Cause::NotUnderstood => Some((4406, "a frame that must be understood was not")),
        Cause::Gap => Some((4409, "a message is missing")),
        Cause::AckAboveSent => Some((4410, "an acknowledgement of what was not sent")),
        _ => None,
    }
}

/// Checks an application's close code and reason (RFC 6455 §7.4, §5.5).
pub(crate) fn check_close(code: Option<u16>, reason: &str) -> Result<(), CloseError> {
    match code {
        Some(code) if !may_be_sent(code) => return Err(CloseError::Code { code }),
        _ => {}
    }
    if reason.len() > 123 {
        return Err(CloseError::Reason { bytes: reason.len() as u64 });
    }
    Ok(())
}

/// Returns the reference of a challenge as it was written, for the proof to carry back.
fn as_written(reference: Content<'_>) -> String {
    match reference {
        Content::Text(text) | Content::Json(text) => text.to_owned(),
        Content::Binary(_) => String::new(),
    }
}

/// Returns the end of a span; no deadline is due in the input that sets it.
fn after(now: Instant, span: Option<Duration>) -> Instant {
    span.map_or(Instant::NEVER, |span| now + span.max(Duration::from_millis(1)))
}
