//! The oracle: what must hold after every input, whoever made the input. Stories, properties and the simulator share
//! it.
//!
//! It knows the session by its public face alone. `before` looks at the session ahead of an input, `after` judges what
//! came out. Connections, outbound messages and inbound messages each have a file; here stand the rules about the
//! whole.

mod connections;
mod counted;
mod credentials;
mod flow;
mod incoming;
mod ledger;
mod outgoing;
mod reasons;
mod sent;
pub(crate) mod stored;

use std::fmt;

use redial::dialect::{Content, Record, Side, Signal};
use redial::journal::{Call, Input};
use redial::{
    Action, ConnectionId, Duration, Event, Frame, Instant, MessageId, Purpose, Session, Snapshot, State, Status,
};

use connections::Connections;
use counted::Counted;
use credentials::Credentials;
use flow::Flow;
use incoming::Incoming;
use ledger::Ledger;
use outgoing::Outgoing;
use stored::Store;

/// A rule that was broken, in a sentence.
#[derive(Debug, Clone)]
pub(crate) struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) type Verdict = Result<(), Violation>;

/// Fails with a sentence where the rule does not hold.
macro_rules! rule {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err($crate::oracle::Violation(format!($($words)*)));
        }
    };
}
pub(crate) use rule;

/// What must hold after every input.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    connections: Connections,
    credentials: Credentials,
    outgoing: Outgoing,
    incoming: Incoming,
    counted: Counted,
    ledger: Ledger,
    flow: Flow,
    store: Store,
    /// Whether sessions are cloned and compared; without it the oracle only reads.
    thorough: bool,
    /// Whether it has a rule that does not hold, to see whether anybody notices.
    canary: bool,
    step: Option<Step>,
}

/// One input, and what was there before it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) input: Input,
    pub(crate) state: State,
    pub(crate) stopped_for_good: bool,
    pub(crate) unsettled: usize,
    pub(crate) probing: bool,
    heartbeats: u64,
    /// Whether the window may be full of positions that nobody acknowledged, though their messages have their outcome.
    pub(crate) owed: bool,
    stale: Option<ConnectionId>,
    twin: Option<Session>,
}

impl Step {
    /// Whether the input is an event of a connection that is not the present one, or an answer for one.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale.is_some()
    }
}

impl Oracle {
    /// Reads only, which is quick.
    pub(crate) fn quick(session: &Session) -> Self {
        let profile = session.preset().dialect().capabilities();
        Self {
            connections: Connections::default(),
            credentials: Credentials::default(),
            outgoing: Outgoing::new(profile.receipts),
            incoming: Incoming::default(),
            counted: Counted::default(),
            ledger: Ledger::default(),
            flow: Flow::default(),
            store: Store::holding(Snapshot::default()),
            thorough: false,
            canary: false,
            step: None,
        }
    }

    /// Also clones the session at every step and compares.
    pub(crate) fn thorough(session: &Session) -> Self {
        Self { thorough: true, ..Self::quick(session) }
    }

    /// For a session that has positions from before.
    pub(crate) fn without_a_past(session: &Session) -> Self {
        Self { counted: Counted::blind(), store: Store::default(), ..Self::thorough(session) }
    }

    /// The same for a session that begins anew.
    pub(crate) fn again(&self, session: &Session) -> Self {
        Self { thorough: self.thorough, canary: self.canary, ..Self::quick(session) }
    }

    /// Has from now on a rule that sessions break: nothing is ever sent again.
    pub(crate) fn sing(&mut self) {
        self.canary = true;
    }

    /// The session has given a message its id, which a restart must not lose once it is stored.
    pub(crate) fn taken(&mut self, id: MessageId) {
        self.outgoing.taken(id);
    }

    /// Whether the session of a dialect with sequence numbers changed, and the host has not stored that.
    pub(crate) fn is_sealed(&self) -> bool {
        self.ledger.is_sealed()
    }

    /// Looks at a session, drained of its actions, ahead of an input.
    pub(crate) fn before(&mut self, session: &Session, input: &Input) {
        let stale = match input {
            Input::Event { event, .. } if self.connections.is_stale(event) => event.connection(),
            input => self.credentials.stale(input),
        };
        self.step = Some(Step {
            input: input.clone(),
            state: session.state(),
            stopped_for_good: is_stopped_for_good(session),
            unsettled: session.unsettled(),
            probing: session.explain().probing,
            heartbeats: session.stats().heartbeats,
            owed: false,
            stale,
            twin: self.thorough.then(|| session.clone()),
        });
    }

    /// Judges what came out of it.
    pub(crate) fn after(&mut self, session: &Session, actions: &[Action]) -> Verdict {
        let Some(mut step) = self.step.take() else { return Ok(()) };
        rule!(!self.canary || session.stats().resent == 0, "the canary sings: something was sent again");
        let heard = heard(session, &step, &self.connections);
        self.connections.judge(session, &step, heard.is_some_and(|heard| heard.is_ok()), actions)?;
        self.credentials.judge(session, &step, actions)?;
        self.flow.judge(session, &step, actions)?;
        self.ledger.judge(session, &step, actions)?;
        self.store.judge(session, &step, actions)?;
        reasons::judge(session, &step, actions)?;
        self.counted.judge(session, &step, &self.ledger, actions)?;
        step.owed = self.counted.is_owed();
        let level = self.ledger.is_level();
        self.outgoing.judge(session, &step, self.connections.open(), level, &self.flow, actions)?;
        self.incoming.judge(session, &step, &self.ledger, &self.flow, actions)?;
        deadlines(session, self.flow.leaving(), self.ledger.is_sealed())?;
        // Acknowledgements that waited for the host to store leave together.
        let config = session.preset().config();
        let waits = ledger::waits(session) || self.flow.reports();
        let room = (2 * config.inbox.pending.get()).max(config.inbox.window.get());
        let answers = if waits { room } else { 0 };
        // Skipped positions, and what was held back behind a gap, are within the two windows.
        let counted = session.preset().dialect().capabilities().sequenced;
        let answers = answers + if counted { config.inbox.pending.get() + config.outbox.in_flight.get() } else { 0 };
        // Up to where messages are read is told again on each connection, for 64 conversations at most.
        let marks = actions.iter().filter(|action| is_receipt(action)).count();
        rule!(marks <= 64, "one input told {marks} read marks");
        // A write that failed may open messages again that had their outcome, and give each another one.
        let unsettled = step.unsettled.max(session.unsettled()).max(taken_back(&step.input, actions));
        rule!(
            (actions.len() - marks) as u64 <= answers + (24 + 4 * unsettled) as u64,
            "one input gave {} actions with {} messages unsettled",
            actions.len(),
            step.unsettled
        );
        if step.stopped_for_good && !matches!(step.input, Input::Call { call: Call::Open, .. }) {
            // An answer of the application is still worth storing.
            let quiet = actions.iter().all(|action| matches!(action, Action::Abort { .. } | Action::Persist { .. }));
            rule!(quiet, "after the end there was output: {actions:?}");
        }
        if let Some(twin) = &step.twin {
            same_again(twin, session, &step.input, actions)?;
            if let Some(connection) = step.stale {
                changes_nothing(twin, session, &step.input, connection, actions)?;
            }
            early_tick_changes_nothing(session)?;
        }
        Ok(())
    }

    /// The process that begins next is restored from this.
    pub(crate) fn restores(&mut self, snapshot: Snapshot) {
        self.store = Store::holding(snapshot);
    }

    /// The process has ended and another has taken over its stored state, which held all that had happened.
    pub(crate) fn restarted(&mut self, session: &Session, actions: &[Action]) -> Verdict {
        self.connections.restarted();
        self.credentials = Credentials::default();
        self.ledger.restarted();
        self.flow.restarted();
        self.incoming.restarted(session);
        self.counted.restarted(session);
        self.outgoing.restarted(session);
        let stale = self.connections.open();
        rule!(stale.is_none(), "a restarted session has the connection {stale:?}");
        self.before(session, &Input::Event { now: session.now(), event: Event::Tick });
        let Some(step) = self.step.take() else { return Ok(()) };
        self.ledger.judge(session, &step, actions)?;
        self.store.judge(session, &step, actions)?;
        self.outgoing.judge(session, &step, None, self.ledger.is_level(), &self.flow, actions)?;
        self.incoming.judge(session, &step, &self.ledger, &self.flow, actions)
    }
}

/// Whether the session has ended in a way that settles everything.
fn is_stopped_for_good(session: &Session) -> bool {
    session.state() == State::Stopped && session.explain().cause != Some(redial::Cause::Unauthorized)
}

/// What the present connection brought with this input: understood, or not.
fn heard(session: &Session, step: &Step, connections: &Connections) -> Option<Result<(), ()>> {
    match &step.input {
        Input::Event { event: Event::FrameIn { connection, frame }, .. }
            if connections.open() == Some(*connection) && is_one_record(session, frame) =>
        {
            Some(decode(session, frame).map(|_| ()).ok_or(()))
        }
        _ => None,
    }
}

/// Whether a frame is one word of the service, and nothing of another. An empty one may be a part of what is unfinished
/// in a dialect that cuts its words.
pub(crate) fn is_one_record(session: &Session, frame: &Frame) -> bool {
    let whole = |bytes: &[u8]| session.preset().dialect().record(Side::Client, bytes, 0) == Record::Whole;
    match frame {
        Frame::Text(text) => whole(text.as_bytes()),
        Frame::Binary(bytes) => whole(bytes),
        Frame::Ping(_) | Frame::Pong(_) => true,
    }
}

/// The meaning of a frame, where it has one within the limits.
pub(crate) fn decode<'a>(session: &Session, frame: &'a Frame) -> Option<Signal<Content<'a>>> {
    let limits = &session.preset().config().limits;
    if frame.len() as u64 > limits.frame_bytes.get() {
        return None;
    }
    session.preset().dialect().decode(Side::Client, frame, limits).ok().map(|signal| signal.in_frame(frame))
}

pub(crate) fn drain(session: &mut Session) -> Vec<Action> {
    std::iter::from_fn(|| session.poll_action()).collect()
}

pub(crate) fn time_of(input: &Input) -> Instant {
    match input {
        Input::Call { now, .. } | Input::Event { now, .. } => *now,
        _ => Instant::ORIGIN,
    }
}

/// Applies an input; a refusal is an answer like any other.
pub(crate) fn apply(session: &mut Session, input: Input) {
    match input {
        Input::Call { now, call } => drop(call.make(session, now)),
        Input::Event { now, event } => session.handle(now, event),
        _ => {}
    }
}

/// How many messages a failed write took back.
fn taken_back(input: &Input, actions: &[Action]) -> usize {
    let is_queued = |action: &&Action| matches!(action, Action::Status { status: Status::Queued, .. });
    match input {
        Input::Event { event: Event::SendFailed { .. }, .. } => actions.iter().filter(is_queued).count(),
        _ => 0,
    }
}

/// The next deadline is later than now, and there is one wherever the session waits for time to pass.
fn deadlines(session: &Session, leaving: usize, sealed: bool) -> Verdict {
    let deadline = session.next_deadline();
    rule!(
        deadline.is_none_or(|deadline| deadline.at > session.now()),
        "the next deadline {deadline:?} is not later than now, {}",
        session.now()
    );
    if is_stopped_for_good(session) {
        rule!(deadline.is_none(), "after the end there is still a deadline: {deadline:?}");
        rule!(session.unsettled() == 0, "after the end {} messages have no outcome", session.unsettled());
    }
    if session.state() == State::Closing {
        rule!(session.unsettled() <= leaving, "while closing {} messages have no outcome", session.unsettled());
    }
    // Near the end of the clock deadlines saturate to never.
    let far_from_the_end = session.now().as_millis() < u64::MAX / 2;
    let config = session.preset().config();
    // A time without end is none.
    let ends = |span: Option<Duration>| span.is_some_and(|span| span < Duration::MAX);
    let (first, again) = (&config.reconnect.first, &config.reconnect.again);
    let delays = [first.errored, first.closed, first.heartbeat_failed].into_iter().flatten();
    let must = match session.state() {
        State::Waiting => {
            delays.chain([first.dead, again.base, again.cap, config.heartbeat.every]).all(|delay| delay < Duration::MAX)
        }
        State::Closing => ends(Some(config.close.timeout)),
        State::Connecting => ends(config.reconnect.attempt_timeout) && ends(config.authentication.timeout),
        State::Authenticating => ends(config.authentication.timeout),
        // A heartbeat that waits for the token to be stored is not judged, and nothing else is asked.
        State::Ready if sealed => false,
        State::Ready => session.bounds().notice_dead_link.is_some_and(|notice| notice < Duration::MAX),
        State::Idle | State::Stopped => false,
        other => unreachable!("{other} is a phase nobody has told the oracle of"),
    };
    rule!(!(must && far_from_the_end) || deadline.is_some(), "in {} nothing is waited for", session.state());
    Ok(())
}

/// The same session with the same input gives the same actions and the same state.
fn same_again(twin: &Session, session: &Session, input: &Input, actions: &[Action]) -> Verdict {
    let mut twin = twin.clone();
    apply(&mut twin, input.clone());
    rule!(drain(&mut twin) == actions, "the same input gave other actions the second time");
    rule!(twin == *session, "the same input led to another state the second time");
    Ok(())
}

/// An event of a connection that is not the present one does what a tick does; a late open is aborted besides.
fn changes_nothing(
    twin: &Session,
    session: &Session,
    input: &Input,
    connection: ConnectionId,
    actions: &[Action],
) -> Verdict {
    let mut twin = twin.clone();
    twin.handle(time_of(input), Event::Tick);
    let ticked = drain(&mut twin);
    let same = match actions {
        [Action::Abort { connection: aborted }, rest @ ..] if is_opened(input) && *aborted == connection => {
            rest == ticked || actions == ticked
        }
        all => all == ticked,
    };
    rule!(same, "a stale event of {connection} did something: {actions:?}, a tick gives {ticked:?}");
    rule!(twin == *session, "a stale event of {connection} changed the state");
    Ok(())
}

fn is_receipt(action: &Action) -> bool {
    matches!(action, Action::Send { purpose: Purpose::Receipt { .. }, .. })
}

fn is_opened(input: &Input) -> bool {
    matches!(input, Input::Event { event: Event::Opened { .. }, .. })
}

/// A tick before the deadline says nothing, and the tick at the deadline is none the wiser for it.
fn early_tick_changes_nothing(session: &Session) -> Verdict {
    let now = session.now();
    let Some(deadline) = session.next_deadline() else { return Ok(()) };
    let wait = deadline.at.since(now).as_millis();
    if wait < 2 || deadline.at == Instant::NEVER {
        return Ok(());
    }
    let (mut early, mut patient) = (session.clone(), session.clone());
    for moment in [now, Instant::from_millis(now.as_millis() + wait - 1)] {
        early.handle(moment, Event::Tick);
        let actions = drain(&mut early);
        rule!(actions.is_empty(), "a tick at {moment}, before {deadline:?}, did {actions:?}");
        rule!(early.next_deadline() == Some(deadline), "a tick at {moment} moved the deadline {deadline:?}");
    }
    early.handle(deadline.at, Event::Tick);
    patient.handle(deadline.at, Event::Tick);
    rule!(drain(&mut early) == drain(&mut patient) && early == patient, "a tick before {deadline:?} left a trace");
    Ok(())
}
