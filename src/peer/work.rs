//! Processing of one input to a peer: connections, frames and timers.

use alloc::string::String;

use super::PeerPolicy;
use super::receipts::Receipts;
use super::record::{Claim, ClientRecord};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::deadline::{Deadline, Respite, Timer};
use crate::delivery::{Delivery, DeliveryRequest};
use crate::dialect::{Bye, Content, LeaveSignal, Login, LoginSignal, SequenceSignal, Signal, Span};
use crate::error::{Malformed, ReceiptError};
use crate::event::Event;
use crate::failure::Reason;
use crate::frame::Frame;
use crate::id::{ConnectionId, MessageId};
use crate::link::{MalformedFrames, close_code_for};
use crate::receive::{self, Receiver};
use crate::state::{Cause, State};
use crate::status::Status;
use crate::time::{Duration, Instant};

/// Connection of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerConnection {
    pub(super) connection: ConnectionId,
    pub(super) heard: Instant,
    pub(super) stage: Stage,
    malformed: MalformedFrames,
    respite: Respite,
}

/// Stage of a connection, from accept to ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The hello is awaited.
    Greeting { until: Instant },
    /// The hello has arrived; the welcome is sent once the state of this version is stored.
    Answering { version: u64 },
    /// The connection carries messages.
    Open,
}

impl PeerConnection {
    /// When the hello is overdue, or the client has been silent for so long; a host that was late may have a respite.
    pub(super) fn deadline(&self, silence: Option<Duration>) -> Deadline {
        self.respite.hold(self.due(silence))
    }

    fn due(&self, silence: Option<Duration>) -> Deadline {
        let until = if let Stage::Greeting { until } = self.stage { until } else { Instant::NEVER };
        Deadline { at: until, timer: Timer::Authentication }
            .earlier(Deadline::perhaps(silence.map(|silence| self.heard + silence), Timer::Death))
    }

    /// Returns why the connection ends now, if it does.
    fn verdict(&mut self, now: Instant, silence: Option<Duration>) -> Option<Cause> {
        let due = self.due(silence);
        let cause = if due.timer == Timer::Death { Cause::Dead } else { Cause::AuthenticationTimeout };
        self.respite.is_over(now, due).then_some(cause)
    }
}

/// Parts of a peer, borrowed for one input.
pub(super) struct PeerCore<'a> {
    pub(super) policy: &'a PeerPolicy,
    pub(super) delivery: &'a mut Delivery,
    pub(super) current: &'a mut Option<PeerConnection>,
    pub(super) newcomer: &'a mut Option<PeerConnection>,
    pub(super) last_connection: u64,
    pub(super) receipts: &'a mut Receipts,
    pub(super) record: &'a mut ClientRecord,
}

impl PeerCore<'_> {
    /// Accepts a connection, and fences the one before. A connection that is open stays until the hello of the next
    /// one shows whose it is.
    pub(super) fn accept(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        self.record.since.get_or_insert(cx.now);
        let sequenced = cx.dialect.capabilities().sequenced;
        // No deadline may be due in the input that sets it.
        let timeout = cx.config.authentication.timeout.map(|timeout| timeout.max(Duration::from_millis(1)));
        let until = timeout.map_or(Instant::NEVER, |timeout| cx.now + timeout);
        let waits = sequenced || cx.dialect.capabilities().login == Login::First;
        let stage = if waits { Stage::Greeting { until } } else { Stage::Open };
        let (malformed, respite) = (MalformedFrames::default(), Respite::default());
        let accepted = PeerConnection { connection, heard: cx.now, stage, malformed, respite };
        if sequenced && self.is_ready() {
            if let Some(PeerConnection { connection, .. }) = self.newcomer.replace(accepted) {
                cx.push(Action::Abort { connection });
            }
        } else {
            self.fence(cx, false);
            self.begin(cx, accepted);
        }
    }

    /// Makes a connection the present one.
    fn begin(&mut self, cx: &mut Context<'_>, accepted: PeerConnection) {
        cx.backlog.on_dial(cx.stats.frames_out);
        *self.current = Some(PeerConnection { heard: cx.now, ..accepted });
        if accepted.stage == Stage::Open {
            self.open(cx, accepted.connection);
        } else {
            cx.push(Action::State { state: State::Authenticating, cause: None, reason: Reason::default() });
        }
    }

    /// Ends the present connection because a newer one of the same client replaces it; `reconnect` says whether its
    /// client may come back.
    fn fence(&mut self, cx: &mut Context<'_>, reconnect: bool) {
        let Some(PeerConnection { connection, .. }) = self.current.take() else { return };
        let code = if reconnect { 1000 } else { REPLACED };
        let said = cx.send_signal(connection, &Signal::bye(Bye::new(code).reconnect(reconnect)), Purpose::Bye);
        let code = if said { code } else { REPLACED_UNSAID };
        cx.push(Action::Close { connection, code: Some(code), reason: String::from("replaced") });
        self.on_lost(cx, Cause::Renewed);
    }

    /// Handles an event of the connection whose hello is awaited while another one is open.
    fn on_newcomer(&mut self, cx: &mut Context<'_>, newcomer: PeerConnection, event: &mut Event) {
        match event {
            Event::FrameIn { frame, .. } => self.on_newcomer_frame(cx, newcomer, frame),
            Event::Closed { .. } | Event::Errored { .. } => *self.newcomer = None,
            Event::SendFailed { connection, .. } => {
                cx.push(Action::Abort { connection: *connection });
                *self.newcomer = None;
            }
            Event::Written { .. } => on_announced(cx),
            _ => {}
        }
    }

    /// Lets the newcomer take over, unless it wants to go on with an older session than the present one.
    fn on_newcomer_frame(&mut self, cx: &mut Context<'_>, newcomer: PeerConnection, frame: &mut Frame) {
        let connection = newcomer.connection;
        match receive::read(cx, frame) {
            Ok(Signal::Sequence(SequenceSignal::Hello(hello))) => match self.claim(hello.resume.as_ref()) {
                Claim::Older => self.dismiss(cx, connection, ELSEWHERE),
                claim => {
                    *self.newcomer = None;
                    self.fence(cx, claim == Claim::Unproven);
                    self.begin(cx, newcomer);
                    self.on_hello(cx, &hello);
                }
            },
            Ok(_) => cx.stats.stale_events += 1,
            Err(error) => {
                cx.stats.malformed += 1;
                cx.push(Action::Malformed { connection, error });
                self.close_newcomer(cx, connection, close_code_for(Cause::MalformedFlood).unwrap_or(REFUSED));
            }
        }
    }

    /// Refuses the login of the newcomer.
    fn dismiss(&mut self, cx: &mut Context<'_>, connection: ConnectionId, code: u32) {
        // The figures and the backlog count the frames of the present connection, and this is one of another.
        let refused = if let Ok(frame) = cx.encode(&Signal::login_refused(code)) {
            cx.push(Action::Send { connection, frame, purpose: Purpose::Auth });
            REFUSED
        } else {
            REFUSED_UNSAID
        };
        self.close_newcomer(cx, connection, refused);
    }

    fn close_newcomer(&mut self, cx: &mut Context<'_>, connection: ConnectionId, (code, reason): (u16, &str)) {
        cx.push(Action::Close { connection, code: Some(code), reason: String::from(reason) });
        *self.newcomer = None;
    }

    /// Refuses the login on a connection, and closes it.
    pub(super) fn refuse(&mut self, cx: &mut Context<'_>, connection: ConnectionId, code: u32) {
        if self.is_current(connection) {
            let said = cx.send_signal(connection, &Signal::login_refused(code), Purpose::Auth);
            let (code, reason) = if said { REFUSED } else { REFUSED_UNSAID };
            self.end(cx, Cause::Unauthorized, code, reason);
        } else if self.newcomer.is_some_and(|newcomer| newcomer.connection == connection) {
            self.dismiss(cx, connection, code);
        } else {
            cx.stats.stale_events += 1;
        }
    }

    fn is_current(&self, connection: ConnectionId) -> bool {
        self.current.is_some_and(|current| current.connection == connection)
    }

    /// Takes a receipt for a message of the client, which every new connection gets too.
    pub(super) fn receipt(&mut self, cx: &mut Context<'_>, id: MessageId, status: Status) -> Result<(), ReceiptError> {
        cx.encode(&receipt_signal(&id, status)).map_err(|_| ReceiptError::NoWord)?;
        if !self.delivery.was_delivered(&id) {
            return Err(ReceiptError::Unknown);
        }
        let stored = self.delivery.is_stored(self.delivery.announced());
        self.receipts.push(id, status, stored, cx.config.outbox.remembered.as_count());
        Ok(())
    }

    /// Sends the receipts that the present connection has not got and whose versions are stored.
    pub(super) fn send_receipts(&mut self, cx: &mut Context<'_>) {
        let Some(PeerConnection { connection, .. }) = *self.current else { return };
        let limit = cx.config.outbox.remembered.as_count();
        while let Some((id, status)) = self.receipts.take_next(|version| self.delivery.is_stored(version), limit) {
            cx.send_signal(connection, &receipt_signal(&id, status), Purpose::Receipt { id });
        }
    }

    /// Reports `Ready`, sends all receipts again, and lets messages leave.
    pub(super) fn open(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        if matches!(cx.dialect.capabilities().login, Login::First | Login::Greeted) {
            cx.send_signal(connection, &Signal::login_accepted(), Purpose::Auth);
        }
        cx.push(Action::State { state: State::Ready, cause: None, reason: Reason::default() });
        self.receipts.on_open();
        self.send_receipts(cx);
        self.delivery.on_ready(cx, connection);
    }

    pub(super) fn on_event(&mut self, cx: &mut Context<'_>, event: &mut Event) {
        if let Event::Taken { messages } = *event {
            cx.backlog.on_taken(messages, cx.stats.delivered);
        }
        if let Event::Host { profile } = *event {
            cx.backlog.set_host(profile);
        }
        let Some(connection) = event.connection() else { return };
        let Some(current) = self.current.as_mut().filter(|current| current.connection == connection) else {
            return self.on_other_event(cx, connection, event);
        };
        match event {
            Event::FrameIn { frame, .. } => {
                current.heard = cx.now;
                cx.backlog.on_frame();
                receive::receive(self, cx, connection, frame);
            }
            Event::Arriving { .. } => {
                if cx.backlog.on_arriving(cx.now, &cx.config.limits) {
                    current.heard = cx.now;
                    self.delivery.on_arriving(cx);
                }
            }
            Event::Written { frames, .. } => self.on_written(cx, *frames),
            Event::SendFailed { purpose, .. } => {
                if let Some(purpose) = purpose.take() {
                    self.delivery.on_send_failed(cx, connection, purpose);
                }
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::SendFailed, Reason::default());
            }
            Event::Errored { failure, .. } => {
                failure.clean();
                self.lose(cx, Cause::Errored, Reason::from(core::mem::take(&mut **failure)));
            }
            Event::Closed { code, reason, .. } => {
                self.lose(cx, Cause::Closed, Reason::new(code.map(u32::from), reason));
            }
            Event::Opened { .. }
            | Event::Taken { .. }
            | Event::Tick
            | Event::Host { .. }
            | Event::Online
            | Event::Offline
            | Event::Woke { .. } => {}
        }
    }

    /// Handles an event of a connection that is not the present one.
    fn on_other_event(&mut self, cx: &mut Context<'_>, connection: ConnectionId, event: &mut Event) {
        match (self.newcomer.filter(|newcomer| newcomer.connection == connection), &event) {
            (Some(newcomer), _) => self.on_newcomer(cx, newcomer, event),
            (None, Event::Written { frames: 0, .. }) if connection.get() > self.last_connection => {
                on_announced(cx);
            }
            _ => cx.stats.stale_events += 1,
        }
    }

    /// Handles the report that the first `frames` frames of this connection are out, and uses the room.
    fn on_written(&mut self, cx: &mut Context<'_>, frames: u64) {
        cx.backlog.on_written(cx.now);
        while let Some(kind) = cx.backlog.pop_written(cx.now, frames, cx.stats.frames_out) {
            self.delivery.on_written(cx, kind);
        }
        self.delivery.on_room(cx);
    }

    /// Closes the present connection.
    pub(super) fn end(&mut self, cx: &mut Context<'_>, cause: Cause, code: u16, reason: &str) {
        if let Some(current) = *self.current {
            cx.push(Action::Close { connection: current.connection, code: Some(code), reason: String::from(reason) });
            self.lose(cx, cause, Reason::default());
        }
    }

    pub(super) fn lose(&mut self, cx: &mut Context<'_>, cause: Cause, reason: Reason) {
        *self.current = None;
        cx.push(Action::State { state: State::Waiting, cause: Some(cause), reason });
        self.on_lost(cx, cause);
        if let Some(newcomer) = self.newcomer.take() {
            self.begin(cx, newcomer);
        }
    }

    fn on_lost(&mut self, cx: &mut Context<'_>, cause: Cause) {
        cx.backlog.on_lost();
        self.record.on_left(cx.now);
        self.receipts.on_lost(cx.config.outbox.remembered.as_count());
        self.delivery.on_lost(cx, cause);
    }

    /// Announces the version that covers the present input.
    pub(super) fn settle_version(&mut self, cx: &mut Context<'_>, preset: &str) {
        let wait = matches!(self.current, Some(PeerConnection { stage: Stage::Answering { version: u64::MAX }, .. }));
        let surroundings = self.record.beside(self.receipts, preset, self.last_connection, wait);
        if self.delivery.settle_version(cx, &surroundings) {
            self.receipts.clear_changes();
            self.receipts.cover(self.delivery.announced());
        }
    }

    pub(super) fn tick(&mut self, cx: &mut Context<'_>) {
        let late = |newcomer: &mut PeerConnection| newcomer.verdict(cx.now, None).is_some();
        if let Some(PeerConnection { connection, .. }) = self.newcomer.take_if(late) {
            cx.push(Action::Abort { connection });
        }
        if cx.backlog.is_stalled(cx.now, &cx.config.limits) {
            cx.backlog.on_lost();
            if let Some(PeerConnection { connection, .. }) = *self.current {
                cx.push(Action::Abort { connection });
                self.lose(cx, Cause::WriteStalled, Reason::default());
            }
        }
        let reads = self.delivery.wants_read(cx.backlog, cx.config);
        if reads {
            self.delivery.settle_reading(cx.now, true);
        } else {
            // A peer that does not read cannot hear its client.
            if let Some(current) = self.current.as_mut() {
                current.heard = cx.now;
            }
        }
        if let Some(current) = self.current.as_mut() {
            if let Some(cause) = current.verdict(cx.now, self.policy.silence) {
                cx.push(Action::Abort { connection: current.connection });
                self.lose(cx, cause, Reason::default());
            }
        }
        while self.delivery.is_due(cx) {
            let Some(request) = self.delivery.on_due(cx) else { return };
            match request {
                DeliveryRequest::ResendOverdue => self.delivery.push_again(cx, self.policy.copies),
                DeliveryRequest::AskAgain => {
                    if let Some(PeerConnection { connection, .. }) = *self.current {
                        cx.push(Action::Abort { connection });
                        self.lose(cx, Cause::Deferred, Reason::default());
                    }
                }
                DeliveryRequest::BeginSession => {
                    self.bye(cx, Bye::new(1000));
                }
                DeliveryRequest::Nothing | DeliveryRequest::Close => {}
            }
        }
    }

    /// Closes the present connection, after a bye where the dialect has one.
    pub(super) fn bye(&mut self, cx: &mut Context<'_>, bye: Bye) {
        if let Some(PeerConnection { connection, .. }) = *self.current {
            cx.send_signal(connection, &Signal::bye(bye), Purpose::Bye);
            if !bye.resume {
                self.delivery.forget_session(cx);
            }
            self.end(cx, Cause::User, bye.code, "");
        }
    }
}

impl Receiver for PeerCore<'_> {
    fn delivery(&mut self) -> &mut Delivery {
        self.delivery
    }

    fn is_ready(&self) -> bool {
        matches!(self.current, Some(PeerConnection { stage: Stage::Open, .. }))
    }

    fn listens_to(&self, connection: ConnectionId) -> bool {
        self.current.is_some_and(|current| current.connection == connection)
    }

    fn on_understood(&mut self, signal: &Signal<Span>) {
        // A socket answers pings by itself, so a frame without meaning does not prove that the welcome has arrived.
        if self.is_ready() && !matches!(signal, Signal::Ignored) && self.record.on_heard() {
            self.delivery.on_token_proven();
        }
    }

    fn on_malformed(&mut self, cx: &mut Context<'_>, connection: ConnectionId, error: Malformed) {
        cx.stats.malformed += 1;
        let unsupported = error == Malformed::Unsupported;
        cx.push(Action::Malformed { connection, error });
        let malformed = self.current.as_mut().map(|current| &mut current.malformed);
        if unsupported {
            self.on_violation(cx, Cause::NotUnderstood);
        } else if malformed.is_some_and(|malformed| malformed.on_frame(cx.now, &cx.config.limits)) {
            self.on_violation(cx, Cause::MalformedFlood);
        }
    }

    fn on_violation(&mut self, cx: &mut Context<'_>, cause: Cause) {
        self.delivery.on_protocol_violation(cx, cause);
        let (code, reason) = close_code_for(cause).unwrap_or((1002, ""));
        self.end(cx, cause, code, reason);
    }

    fn on_login(&mut self, cx: &mut Context<'_>, connection: ConnectionId, login: LoginSignal<Span>, _: &mut Frame) {
        match login {
            LoginSignal::Proof { credential, .. } if self.is_ready() => {
                cx.push(Action::Credential { connection, credential });
            }
            LoginSignal::First { credential } if !self.is_ready() => {
                if let Some(credential) = credential {
                    cx.push(Action::Credential { connection, credential });
                }
                if let Some(current) = self.current.as_mut() {
                    current.stage = Stage::Open;
                }
                self.open(cx, connection);
            }
            _ => cx.stats.stale_events += 1,
        }
    }

    fn on_leave(&mut self, cx: &mut Context<'_>, _: ConnectionId, leave: LeaveSignal<Span>, _: &mut Frame) {
        if matches!(leave, LeaveSignal::Bye(bye) if !bye.resume) {
            // A connection cannot go on without its session, and a bye is the last frame before a close.
            self.delivery.forget_session(cx);
            self.end(cx, Cause::Closed, 1000, "");
        }
    }

    fn on_greeting(&mut self, cx: &mut Context<'_>, _: ConnectionId, greeting: SequenceSignal<Span>) {
        if let SequenceSignal::Hello(hello) = greeting {
            self.on_hello(cx, &hello);
        }
    }
}

/// Close code for a connection that a newer one of the same client replaces.
const REPLACED: u16 = 4408;
/// The same where the dialect has no bye: by default a code of this range stops a client.
const REPLACED_UNSAID: u16 = 4508;

/// Close code and reason for a client that is refused.
const REFUSED: (u16, &str) = (4403, "refused");
/// The same where the dialect has no word for it: by default a code of this range stops a client.
const REFUSED_UNSAID: (u16, &str) = (4503, "refused");
/// Code of the refusal of a client whose session is older than that of the open connection.
const ELSEWHERE: u32 = 409;

/// Notes that the host reports what its sockets take, as it says before a connection has anything to take.
fn on_announced(cx: &mut Context<'_>) {
    if !cx.backlog.reports_written() {
        cx.backlog.on_written(cx.now);
    }
}

fn receipt_signal(id: &MessageId, status: Status) -> Signal<Content<'static>> {
    match status {
        Status::Read => Signal::read(id.clone()),
        _ => Signal::delivered(id.clone()),
    }
}
