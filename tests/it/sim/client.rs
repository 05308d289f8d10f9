//! The client's program: its session, the clock it goes by, and what it does with each action.

use std::collections::VecDeque;

use redial::dialect::{Side, Signal};
use redial::durable::Changes;
use redial::journal::{Call, Input};
use redial::{
    Action, Cause, Duration, Event, Frame, HostProfile, Instant, MessageId, Preset, Purpose, Seed, Session, State,
    Timer,
};

use super::app::App;
use super::host::Host;
use super::line::{Deed, Parcel};
use super::run::Run;
use super::storage::Stored;
use super::worlds::Ends;
use crate::oracle::{Oracle, drain};

/// The client's program, in its present process.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) oracle: Oracle,
    /// Within how long the configuration promises to notice a dead link.
    pub(super) notice: Option<Duration>,
    /// The number of the process; what was meant for an earlier one is lost.
    pub(super) process: u64,
    pub(super) running: bool,
    /// What the client's clock shows beyond the true time.
    pub(super) skew: i64,
    /// The machine sleeps until then; or only its timers do.
    pub(super) asleep_until: u64,
    pub(super) throttled_until: u64,
    /// Since when the open connection is silent, as far as the host was awake and its clock right all the while.
    pub(super) silent_since: Option<u64>,
    /// Whether a hint came since.
    pub(super) hinted: bool,
    /// When this process was told to hurry, and when it connected, by its own clock.
    pub(super) hints: Vec<u64>,
    pub(super) connects: Vec<u64>,
    pub(super) app: App,
    pub(super) host: Host,
    /// The connection that was dialed last.
    pub(super) connection: Option<redial::ConnectionId>,
    pub(super) stored: Option<Box<Stored>>,
    /// The records that are on disk, and the changes that are not yet, with their versions.
    pub(super) disk: redial::Snapshot,
    pub(super) unstored: VecDeque<Changes>,
    pub(super) versions: VecDeque<u64>,
    /// Nothing is stored before this, so that nothing is overtaken.
    pub(super) storage_busy_until: u64,
    /// One a process.
    pub(super) chapters: Vec<Chapter>,
}

/// What one process was told, for whoever wants to repeat it.
pub(crate) struct Chapter {
    /// The session and the oracle as they were at its beginning, and what the session was made from.
    pub(crate) session: Session,
    pub(crate) oracle: Oracle,
    pub(crate) seed: Seed,
    /// The snapshot it began with, and how long after that was taken.
    pub(crate) restored: Option<(redial::Snapshot, Duration)>,
    pub(crate) inputs: Vec<Input>,
}

impl Chapter {
    /// The session as it began, made anew.
    pub(crate) fn begin(&self) -> Option<Session> {
        let preset = self.session.preset().clone();
        match &self.restored {
            Some((snapshot, away)) => {
                Session::restore(preset, Instant::ORIGIN, snapshot.clone(), *away, self.seed).ok()
            }
            None => Some(Session::new(preset, self.seed)),
        }
    }
}

impl Client {
    pub(super) fn new(ends: &Ends, seed: Seed, thorough: bool, canary: bool) -> Self {
        let session = Session::new(ends.client.clone(), seed);
        let notice = notice(&ends.client, ends.policy.heartbeat);
        let mut oracle = if thorough { Oracle::thorough(&session) } else { Oracle::quick(&session) };
        if canary {
            oracle.sing();
        }
        let first =
            Chapter { session: session.clone(), oracle: oracle.clone(), seed, restored: None, inputs: Vec::new() };
        Self {
            notice,
            session,
            oracle,
            process: 1,
            running: true,
            skew: 0,
            asleep_until: 0,
            throttled_until: 0,
            silent_since: None,
            hinted: false,
            hints: Vec::new(),
            connects: Vec::new(),
            app: App::default(),
            host: Host::default(),
            connection: None,
            stored: None,
            disk: redial::Snapshot::default(),
            unstored: VecDeque::new(),
            versions: VecDeque::new(),
            storage_busy_until: 0,
            chapters: vec![first],
        }
    }

    /// Whether there is a connection, or one on its way.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.session.state(), State::Connecting | State::Authenticating | State::Ready)
    }

    /// The true time at which a moment of the session's clock comes.
    fn true_time(&self, at: Instant) -> u64 {
        u64::try_from(i128::from(at.as_millis()) - i128::from(self.skew)).unwrap_or(0)
    }

    /// When the host calls next because time has passed.
    pub(super) fn next_tick(&self, now: u64) -> Option<u64> {
        let deadline = self.session.next_deadline().filter(|_| self.running)?;
        let at = self.true_time(deadline.at).max(self.asleep_until);
        // Throttled timers fire on the full minute.
        let throttled = at.max(now) < self.throttled_until;
        Some(if throttled { at.max(now).next_multiple_of(60_000).min(self.throttled_until) } else { at })
    }
}

/// A span of time, as one that has a direction.
pub(super) fn millis(span: u64) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX)
}

/// Within how long a session promises to notice a dead link, where the server asks for heartbeats of this period.
fn notice(preset: &Preset, asked: Option<Duration>) -> Option<Duration> {
    let mut config = preset.config().clone();
    if let Some(asked) = asked.filter(|_| preset.dialect().capabilities().sequenced) {
        config.heartbeat.every = asked.max(Duration::from_secs(5)).min(Duration::from_secs(300));
    }
    config.reconnect.stable = Duration::from_secs(3_600);
    config.bounds().notice_dead_link
}

/// The bounds, but for how many connects a server can provoke that lets connections become stable: to find that out
/// takes longer than most runs.
pub(crate) fn bounds_without_stable_connections(preset: &Preset) -> redial::config::Bounds {
    let mut config = preset.config().clone();
    config.reconnect.stable = Duration::from_secs(3_600);
    config.bounds()
}

impl Run {
    /// The session as it is now.
    #[cfg(test)]
    pub(crate) fn session(&self) -> &Session {
        &self.client.session
    }

    /// What the last process was told.
    pub(crate) fn last_chapter(&self) -> Option<&Chapter> {
        self.client.chapters.last()
    }

    /// What each process was told.
    pub(crate) fn chapters(&self) -> &[Chapter] {
        &self.client.chapters
    }

    /// The client's clock.
    pub(super) fn clock(&self) -> Instant {
        let shown = i128::from(self.now) + i128::from(self.client.skew);
        Instant::from_millis(u64::try_from(shown).unwrap_or(0))
    }

    pub(super) fn event(&mut self, event: Event) {
        let now = self.clock();
        self.note(super::words::event(&event));
        let client = &self.client;
        let (before, phase) = (client.session.stats().stale_events, client.session.state());
        let due = client.session.next_deadline().map(|due| due.timer);
        let opens = matches!(event, Event::Opened { .. });
        let ticks = event == Event::Tick;
        self.client.hinted |= matches!(event, Event::Online | Event::Offline | Event::Woke { .. });
        let live = self.is_life(&event);
        self.before(Input::Event { now, event: event.clone() });
        self.client.session.handle(now, event);
        let stale = self.client.session.stats().stale_events > before;
        if stale {
            self.note(if opens { "late open" } else { "late event" });
        } else if live {
            self.client.silent_since = self.keeps_time().then_some(self.now);
            self.client.hinted = false;
        }
        let probed = due == Some(Timer::Probe) && phase == State::Ready;
        let lost = self.client.session.state() != State::Ready;
        let still = self.client.session.next_deadline().map(|due| due.timer) == Some(Timer::Probe);
        if probed && live && !stale && !lost && !still {
            self.note("probe saved a link");
        } else if probed && ticks && lost {
            self.note("probe ended a link");
        }
        if let (true, Some(timer)) = (ticks, due) {
            self.note(super::words::timer(timer));
        }
        self.after();
        self.listen();
    }

    /// Whether the host is awake and its clock right, so that what it notices late is the session's own fault.
    fn keeps_time(&self) -> bool {
        let client = &self.client;
        let awake = self.now >= client.asleep_until && self.now >= client.throttled_until;
        awake && self.clock() >= client.session.now()
    }

    /// How long the open connection has been silent by now.
    fn listen(&mut self) {
        let keeps_time = self.keeps_time();
        let (reads, waits) = (self.client.session.wants_read(), self.client.host.waits());
        let client = &mut self.client;
        if client.session.state() != State::Ready || !keeps_time {
            client.silent_since = None;
        } else if !reads {
            // Silence proves nothing while nothing is read; a probe goes first after that.
            (client.silent_since, client.hinted) = (Some(self.now), true);
        } else if waits || client.oracle.is_sealed() {
        } else if let Some(since) = client.silent_since {
            let probe = client.session.preset().config().heartbeat.probe;
            self.figures.silence(client.notice, probe, client.hinted, self.now - since);
            self.broken = self.broken.take().or(self.figures.within().err());
        }
    }

    /// Makes a call; the answer is the id of a message, nothing, or a refusal.
    pub(super) fn call(&mut self, call: Call) -> Result<Option<MessageId>, redial::journal::CallError> {
        let now = self.clock();
        self.note(super::words::call(&call));
        self.before(Input::Call { now, call: call.clone() });
        if self.client.oracle.is_sealed() {
            // No heartbeat leaves before the token is stored, so silence counts from there.
            self.client.silent_since = self.client.silent_since.map(|_| self.now);
        }
        let answer = call.make(&mut self.client.session, now);
        // A message is known by its name before it is told of.
        if let (Ok(Some(id)), Some(name)) = (&answer, self.client.app.saying.take()) {
            self.client.app.took(name, id.clone());
        }
        if let Ok(Some(id)) = &answer {
            self.client.oracle.taken(id.clone());
        }
        self.after();
        // An answer that waits for storage may be the one too many, so that nothing is read until it is stored.
        self.listen();
        answer
    }

    /// A call whose refusal is an answer like any other.
    pub(super) fn ask(&mut self, call: Call) {
        let _ = self.call(call);
    }

    fn before(&mut self, input: Input) {
        let client = &mut self.client;
        client.oracle.before(&client.session, &input);
        if let Some(chapter) = client.chapters.last_mut() {
            chapter.inputs.push(input);
        }
    }

    fn after(&mut self) {
        let actions = drain(&mut self.client.session);
        if let Err(violation) = self.client.oracle.after(&self.client.session, &actions) {
            self.broken.get_or_insert(violation.to_string());
        }
        self.perform(actions);
    }

    /// Does what the session wants done.
    pub(super) fn perform(&mut self, actions: Vec<Action>) {
        let mut version = None;
        for action in actions {
            self.note(super::words::action(&action));
            match action {
                Action::Connect { connection, .. } => {
                    self.client.connects.push(self.client.session.now().as_millis());
                    self.begin_connection(connection);
                    self.dial(connection);
                }
                Action::Send { connection, frame, purpose } => {
                    if let Purpose::Message { id } = &purpose {
                        self.client.app.sent_on(id, connection);
                    }
                    self.handed(&purpose);
                    self.upload(connection, frame, purpose);
                }
                Action::Abort { connection } => self.hang_up(connection),
                Action::Close { connection, .. } => self.bid_farewell(connection),
                Action::NeedCredential { connection, .. } => self.answer(connection),
                Action::Poll { cause } => self.note(super::words::poll(cause)),
                Action::Persist { version: named, changes, .. } => {
                    self.client.unstored.push_back(changes);
                    self.client.versions.push_back(named);
                    version = Some(named);
                }
                Action::Deliver(message) => {
                    self.take_later();
                    self.delivered(message);
                }
                Action::Gap { from, to } => self.fetch(from, to),
                Action::Status { id, status } => self.told(&id, status),
                Action::State { state: State::Waiting, cause: Some(Cause::Deferred), .. } => self.hurry(),
                Action::State { state: State::Stopped, .. } => {
                    // At times nobody looks at it for minutes, and all else goes on.
                    let left = self.strikes("left stopped", 5_000);
                    let most = if left { 150_000 } else { 20_000 };
                    let at = self.now + self.dice.between(100, most);
                    self.deed(at, Deed::Call(Call::Open));
                }
                Action::Malformed { error, .. } if !self.figures.happened("nonsense") => {
                    self.broken.get_or_insert(error.to_string());
                }
                _ => {}
            }
        }
        if let Some(version) = version {
            self.store(version);
        }
    }

    /// Something will happen to the present process.
    pub(super) fn deed(&mut self, at: u64, deed: Deed) {
        self.post.at(at, Parcel::Client(self.client.process, deed));
    }

    /// A hint, a call of the user, or room for deferred messages may bring a connect about.
    pub(super) fn hurry(&mut self) {
        let now = self.clock().max(self.client.session.now());
        self.client.hints.push(now.as_millis());
    }

    pub(super) fn hint(&mut self) {
        self.note("hint");
        self.hurry();
        // Where a heartbeat is a text, a host that cannot send pings loses nothing.
        let asked = self.client.session.preset().dialect().encode(Side::Client, &Signal::heartbeat());
        let mut profile = HostProfile::new();
        profile.pings = matches!(asked, Ok(Frame::Ping(_)));
        let hint = match self.dice.below(5) {
            0 | 1 => Event::Online,
            2 | 3 => Event::Offline,
            _ => Event::Host { profile },
        };
        self.deed(self.now, Deed::Event(hint));
    }

    pub(super) fn sleep(&mut self) {
        self.note("suspend");
        let span = self.dice.between(1_000, 120_000);
        // Who sleeps cannot notice anything: this silence is not measured.
        self.client.silent_since = None;
        // Never shorter than a sleep that is under way: what is held for its end must not be overtaken.
        self.client.asleep_until = self.client.asleep_until.max(self.now + span);
        if self.dice.percent(50) {
            self.hurry();
            let woke = Event::Woke { asleep: Duration::ZERO };
            self.deed(self.client.asleep_until, Deed::Event(woke));
        }
    }

    /// The host's loop is busy for seconds: it neither reads nor ticks, and its clock goes on.
    pub(super) fn block(&mut self) {
        self.note("host blocks");
        self.client.silent_since = None;
        let until = self.now + self.dice.between(500, 12_000);
        self.client.asleep_until = self.client.asleep_until.max(until);
    }

    pub(super) fn throttle(&mut self) {
        self.note("throttled timers");
        self.client.silent_since = None;
        self.client.throttled_until = self.now + self.dice.between(60_000, 240_000);
    }

    /// The clock jumps ahead, up to an hour, and nobody says so.
    pub(super) fn leap(&mut self) {
        self.note("clock forward");
        self.client.silent_since = None;
        let far = if self.dice.percent(30) { 3_600_000 } else { 60_000 };
        self.client.skew += millis(self.dice.between(1, far));
    }

    /// The clock is set back; a session stands still until it has caught up.
    pub(super) fn set_back(&mut self) {
        self.note("clock back");
        self.client.silent_since = None;
        let back = millis(self.dice.between(1, 60_000));
        self.client.skew = (self.client.skew - back).max(-millis(self.now));
        // It may be set back again and again; more than two minutes in all would be another test.
        let behind = self.client.session.now().since(self.clock()).as_millis();
        self.client.skew += millis(behind.saturating_sub(120_000));
    }
}
