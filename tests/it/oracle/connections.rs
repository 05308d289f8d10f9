//! Rules about connections: one at a time, named once, never too soon, and only the present one counts.

use redial::journal::{Call, Input};
use redial::{Action, Cause, ConnectionId, Duration, Event, Instant, Session, State};

use super::{Step, Verdict, rule, time_of};

/// What the oracle has seen of connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    /// The connection that has, or may soon have, a socket that the session wants.
    wanted: Option<ConnectionId>,
    /// The same once it has opened.
    open: Option<ConnectionId>,
    /// A connection that is being closed politely.
    closing: Option<ConnectionId>,
    /// The highest number that was named, and the highest that was dialed.
    named: u64,
    dialed: u64,
    last_attempt: Option<Instant>,
    /// Unstable losses in a row, as the safety floor counts them.
    unstable: u32,
    ready_since: Option<Instant>,
    useful: bool,
    /// The number of the last attempt that was scheduled or dialed; `None` while a process has named none.
    attempt: Option<u32>,
}

impl Connections {
    /// The connection whose frames count.
    pub(super) fn open(&self) -> Option<ConnectionId> {
        self.open
    }

    /// The sockets went with the process; the numbers of connections go on.
    pub(super) fn restarted(&mut self) {
        *self = Self { named: self.named, dialed: self.dialed, ..Self::default() };
    }

    /// Whether an event belongs to a connection, or a stage of it, that is over or has not begun.
    pub(super) fn is_stale(&self, event: &Event) -> bool {
        let Some(connection) = event.connection() else { return false };
        match event {
            Event::Opened { .. } => self.wanted != Some(connection) || self.open == Some(connection),
            Event::FrameIn { .. } | Event::Arriving { .. } => self.open != Some(connection),
            _ => self.wanted != Some(connection) && self.closing != Some(connection),
        }
    }

    pub(super) fn judge(&mut self, session: &Session, step: &Step, useful: bool, actions: &[Action]) -> Verdict {
        let now = session.now();
        self.useful |= useful && self.ready_since.is_some();
        self.take_in(&step.input);
        let mut opened_late = self.late_open(&step.input);
        for action in actions {
            self.follow(session, action, &mut opened_late)?;
        }
        rule!(opened_late.is_none(), "the late socket of {opened_late:?} was not aborted");
        rule!(time_of(&step.input) <= now, "the clock ran backwards to {now}");
        let live = matches!(session.state(), State::Authenticating | State::Ready);
        rule!(live == self.open.is_some(), "in {} the open connection is {:?}", session.state(), self.open);
        if matches!(session.state(), State::Idle | State::Waiting | State::Stopped) {
            rule!(self.wanted.is_none(), "in {} {:?} was neither ended nor aborted", session.state(), self.wanted);
        }
        Ok(())
    }

    /// What the event itself says about sockets.
    fn take_in(&mut self, input: &Input) {
        let event = match input {
            Input::Event { event, .. } => event,
            // The user's own `open` is exempt from the floor.
            Input::Call { call: Call::Open, .. } if self.wanted.is_none() => {
                (self.unstable, self.last_attempt) = (0, None);
                return;
            }
            _ => return,
        };
        match event {
            Event::Opened { connection } if self.wanted == Some(*connection) => self.open = Some(*connection),
            Event::Errored { connection, .. } | Event::Closed { connection, .. } => self.end(*connection),
            _ => {}
        }
    }

    /// The connection of a late `Opened` that must be aborted, once.
    fn late_open(&self, input: &Input) -> Option<ConnectionId> {
        match input {
            Input::Event { event: Event::Opened { connection }, .. } => {
                let known = (1..=self.named).contains(&connection.get());
                (known && self.wanted != Some(*connection) && self.closing != Some(*connection)).then_some(*connection)
            }
            _ => None,
        }
    }

    fn follow(&mut self, session: &Session, action: &Action, opened_late: &mut Option<ConnectionId>) -> Verdict {
        match action {
            Action::Connect { connection, attempt, .. } => {
                self.connect(session, *connection)?;
                self.attempt = Some(*attempt);
            }
            Action::ScheduleReconnect { at, attempt, cause, .. } => self.schedule(session, *at, *attempt, *cause)?,
            Action::NeedCredential { connection, .. } if connection.get() > self.named => {
                self.begin(session)?;
                self.named = connection.get();
            }
            Action::Send { connection, .. } => {
                rule!(self.open == Some(*connection), "a frame for {connection}, but open is {:?}", self.open);
            }
            Action::Close { connection, .. } => {
                rule!(self.open == Some(*connection), "a close of {connection}, but open is {:?}", self.open);
                self.end(*connection);
                self.closing = Some(*connection);
            }
            Action::Abort { connection } if *opened_late == Some(*connection) => *opened_late = None,
            Action::Abort { connection } => {
                let known = self.wanted == Some(*connection) || self.closing == Some(*connection);
                rule!(known, "an abort of {connection}, which is neither wanted nor closing");
                self.end(*connection);
            }
            Action::State { state, .. } => self.enter(session, *state),
            _ => {}
        }
        Ok(())
    }

    /// A renewal costs no attempt, and waits for the floor and the budget alone.
    fn schedule(&mut self, session: &Session, at: Instant, attempt: u32, cause: Cause) -> Verdict {
        if matches!(cause, Cause::Renewed | Cause::Deferred) {
            let before = self.attempt.unwrap_or(attempt);
            rule!(attempt <= before, "a renewal is attempt {attempt}, after attempt {before}");
            let floor = self.last_attempt.map_or(at, |last| last + Duration::from_secs(5));
            let late = session.preset().config().reconnect.budget.is_none() && at > floor.max(session.now());
            rule!(!late, "a renewal waits until {at}");
        }
        self.attempt = Some(attempt);
        Ok(())
    }

    fn connect(&mut self, session: &Session, connection: ConnectionId) -> Verdict {
        rule!(self.wanted.is_none(), "{connection} is wanted while {:?} still is", self.wanted);
        rule!(connection.get() > self.dialed, "{connection} comes after number {}", self.dialed);
        if connection.get() > self.named {
            self.begin(session)?;
        }
        (self.named, self.dialed) = (connection.get(), connection.get());
        // An attempt that waited for its credential holds the next one back from when it dials, too.
        self.last_attempt = Some(session.now());
        self.wanted = Some(connection);
        self.closing = None;
        Ok(())
    }

    /// An attempt begins, with a question for a credential or with a dial.
    fn begin(&mut self, session: &Session) -> Verdict {
        let now = session.now();
        if let Some(previous) = self.last_attempt {
            let floor = (250_u64 << self.unstable.saturating_sub(1).min(16)).min(5_000);
            let gap = now.since(previous).as_millis();
            rule!(gap >= floor || now == Instant::NEVER, "attempts {gap} ms apart, the safety floor is {floor} ms");
        }
        self.last_attempt = Some(now);
        Ok(())
    }

    fn enter(&mut self, session: &Session, state: State) {
        let now = session.now();
        match state {
            State::Ready => {
                self.ready_since.get_or_insert(now);
            }
            State::Waiting => {
                let held = self
                    .ready_since
                    .take()
                    .is_some_and(|since| now.since(since) >= session.preset().config().reconnect.stable);
                self.unstable = if held && self.useful { 0 } else { self.unstable + 1 };
                self.useful = false;
            }
            _ => {}
        }
        if state != State::Closing {
            self.closing = None;
        }
        if matches!(state, State::Connecting | State::Stopped | State::Closing) {
            (self.ready_since, self.useful) = (None, false);
        }
    }

    fn end(&mut self, connection: ConnectionId) {
        for place in [&mut self.wanted, &mut self.open, &mut self.closing] {
            place.take_if(|named| *named == connection);
        }
    }
}
