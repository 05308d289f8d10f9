//! One run: a session, its server and both applications, on a virtual clock, through chaos and then in peace.

use std::collections::{BTreeMap, BTreeSet};

use redial::journal::{Call, Header, Input};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Failure, Frame, Instant, MessageId, Peer, PeerPolicy, Preset, Seed,
    Session, State, Status,
};

use super::dice::Dice;
use super::figures::Figures;
use super::line::{Line, Parcel, Post};
use crate::oracle::{Oracle, drain};

/// When the faults end.
const HEAL: u64 = 600_000;
/// How long everything may take to arrive after that: to notice a dead link on either side, and to back off, some times over.
const PATIENCE: u64 = 900_000;

/// One run.
pub(crate) struct Run {
    pub(super) session: Session,
    pub(super) peer: Peer,
    oracle: Oracle,
    pub(super) dice: Dice,
    pub(super) post: Post,
    pub(super) lines: BTreeMap<ConnectionId, Line>,
    pub(super) now: u64,
    pub(super) asleep_until: u64,
    /// When the session was told to hurry, and when it connected.
    pub(super) hints: Vec<u64>,
    pub(crate) connects: Vec<u64>,
    /// Since when the open connection is silent, as far as the host was awake all the while.
    silent_since: Option<u64>,
    /// Whether a hint came since.
    hinted: bool,
    /// Kinds of faults that are left out.
    pub(super) without: Vec<&'static str>,
    pub(super) client: Side,
    pub(super) server: Side,
    /// Messages that the session gave up as unknown and the application sent again, out of turn.
    pub(super) again: BTreeSet<String>,
    bodies: BTreeMap<MessageId, String>,
    header: Header,
    pub(crate) inputs: Vec<Input>,
    pub(crate) figures: Figures,
    broken: Option<String>,
}

/// What one application said, and what it was shown.
#[derive(Default)]
pub(super) struct Side {
    pub(super) to_say: usize,
    pub(super) said: Vec<String>,
    pub(super) shown: Vec<String>,
}

impl Run {
    pub(crate) fn new(seed: u64, thorough: bool, without: &[&'static str]) -> Self {
        let mut dice = Dice::new(seed);
        let preset = Preset::uni_app().with_config(Config::default());
        let own = Seed::from(dice.roll());
        let header = Header::new(&preset, own);
        let session = Session::new(preset.clone(), own);
        let peer = Peer::new(preset, PeerPolicy::default(), Seed::from(dice.roll()));
        let oracle = if thorough { Oracle::thorough(&session) } else { Oracle::quick(&session) };
        let mut run = Self {
            session,
            peer,
            oracle,
            dice,
            post: Post::default(),
            lines: BTreeMap::new(),
            now: 0,
            asleep_until: 0,
            hints: Vec::new(),
            connects: Vec::new(),
            silent_since: None,
            hinted: false,
            without: without.to_vec(),
            client: Side::default(),
            server: Side::default(),
            again: BTreeSet::new(),
            bodies: BTreeMap::new(),
            header,
            inputs: Vec::new(),
            figures: Figures::default(),
            broken: None,
        };
        run.plan();
        run
    }

    /// Who says what when, and the first fault. Some runs have none.
    fn plan(&mut self) {
        let (ours, theirs) = (self.dice.between(1, 30), self.dice.between(1, 30));
        let mut times = |count: u64| (0..count).map(|_| self.dice.below(HEAL)).collect::<BTreeSet<u64>>();
        let (mine, yours) = (times(ours), times(theirs));
        (self.client.to_say, self.server.to_say) = (mine.len(), yours.len());
        for (at, time) in mine.into_iter().enumerate() {
            self.post.at(time, Parcel::ClientSays(format!("c{at}")));
        }
        for (at, time) in yours.into_iter().enumerate() {
            self.post.at(time, Parcel::ServerSays(format!("s{at}")));
        }
        if self.dice.percent(97) {
            self.post.at(1_000, Parcel::Fault);
        }
    }

    pub(super) fn note(&mut self, what: &'static str) {
        self.figures.note(what, 1);
    }

    /// All that the session was told, as lines that `examples/replay` plays.
    pub(crate) fn journal(&self) -> String {
        let header = Input::Header(self.header.clone());
        std::iter::once(&header).chain(&self.inputs).map(|input| input.to_line() + "\n").collect()
    }

    pub(super) fn in_chaos(&self) -> bool {
        self.now < HEAL
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Plays to the end; the error says what went wrong.
    pub(crate) fn play(&mut self) -> Result<(), String> {
        self.call(Call::Credential { value: "token".into() });
        self.call(Call::Open);
        while self.now < HEAL + PATIENCE && !self.is_done() {
            self.turn();
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        self.verdict()
    }

    /// The next thing that happens: a parcel, or a timer of either side.
    fn turn(&mut self) {
        let late = self.asleep_until;
        let client = self.session.next_deadline().map(|deadline| deadline.at.as_millis().max(late));
        let server = self.peer.next_deadline().map(|deadline| deadline.at.as_millis());
        let parcel = self.post.next_time();
        let Some(next) = [client, server, parcel].into_iter().flatten().min() else {
            self.broken = Some("nothing is waited for".to_owned());
            return;
        };
        self.now = self.now.max(next);
        if parcel == Some(next) {
            if let Some((key, parcel)) = self.post.pop() {
                match parcel {
                    Parcel::ToClient(_) | Parcel::ClientSays(_) if late > self.now => self.post.hold(key, late, parcel),
                    parcel => self.deliver(parcel),
                }
            }
        } else if client == Some(next) {
            self.event(Event::Tick);
        } else {
            self.peer.handle(self.instant(), Event::Tick);
            self.serve();
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::ToClient(event) => self.event(event),
            Parcel::Dial(connection) => self.accept(connection),
            Parcel::ToServer(connection, frame) => {
                if let Some(connection) = self.accepted(connection) {
                    self.peer.handle(self.instant(), Event::FrameIn { connection, frame });
                    self.serve();
                }
            }
            Parcel::Gone(connection) => {
                if let Some(connection) = self.accepted(connection) {
                    let gone = Event::Closed { connection, code: None, reason: String::new() };
                    self.peer.handle(self.instant(), gone);
                    self.serve();
                }
            }
            Parcel::ClientSays(body) => {
                let call = Call::Send { body: body.as_str().into(), id: None, time_to_live: None, once: false };
                self.client.said.push(body.clone());
                if let Some(id) = self.call(call) {
                    self.bodies.insert(id, body);
                }
            }
            Parcel::ServerSays(body) => {
                self.server.said.push(body.clone());
                if let Err(error) = self.peer.push(self.instant(), body) {
                    self.broken = Some(format!("the server could not push: {error}"));
                }
                self.serve();
            }
            Parcel::Fault => self.fault(),
        }
    }

    fn accepted(&self, connection: ConnectionId) -> Option<ConnectionId> {
        self.lines.get(&connection)?.accepted
    }

    /// The dial of a connection has reached the server.
    fn accept(&mut self, connection: ConnectionId) {
        let opens = self.now + self.dice.latency();
        let accepted = self.peer.accept(self.instant());
        if let Some(line) = self.lines.get_mut(&connection) {
            line.accepted = Some(accepted);
            line.down.send(&mut self.post, opens, Parcel::ToClient(Event::Opened { connection }));
        }
        if self.in_chaos() && self.dice.percent(5) && self.strikes("duplicate event") {
            let later = opens + self.dice.tardiness();
            self.post.at(later, Parcel::ToClient(Event::Opened { connection }));
        }
        self.serve();
    }

    fn event(&mut self, event: Event) {
        let now = self.instant();
        let stale = self.session.stats().stale_events;
        let live = matches!(event, Event::FrameIn { .. } | Event::Opened { .. });
        self.hinted |= matches!(event, Event::Online | Event::Woke { .. });
        self.before(Input::Event { now, event: event.clone() });
        let opens = matches!(event, Event::Opened { .. });
        self.session.handle(now, event);
        if self.session.stats().stale_events > stale {
            self.note(if opens { "late open" } else { "late event" });
        } else if live {
            (self.silent_since, self.hinted) = (Some(self.now), false);
        }
        self.after();
        self.listen();
    }

    /// How long the open connection has been silent by now.
    fn listen(&mut self) {
        if self.session.state() != State::Ready {
            self.silent_since = None;
        } else if let Some(since) = self.silent_since {
            let figures = &mut self.figures;
            let longest = if self.hinted { &mut figures.hinted_silence_ms } else { &mut figures.silence_ms };
            *longest = (*longest).max(self.now - since);
        }
    }

    pub(super) fn call(&mut self, call: Call) -> Option<MessageId> {
        let now = self.instant();
        self.before(Input::Call { now, call: call.clone() });
        let answer = call.make(&mut self.session, now);
        self.after();
        answer.ok().flatten()
    }

    fn before(&mut self, input: Input) {
        self.oracle.before(&self.session, &input);
        self.inputs.push(input);
    }

    fn after(&mut self) {
        let actions = drain(&mut self.session);
        if let Err(violation) = self.oracle.after(&self.session, &actions) {
            self.broken = Some(violation.to_string());
        }
        let mut failed = Vec::new();
        for action in actions {
            match action {
                Action::Connect { connection, .. } => {
                    self.connects.push(self.now);
                    self.dial(connection);
                }
                Action::Send { connection, frame, purpose } => self.upload(connection, frame, purpose),
                Action::Abort { connection } => self.hang_up(connection),
                Action::Deliver(message) => {
                    self.client.shown.push(message.body.as_text().unwrap_or_default().to_owned());
                }
                Action::Status { id, status } if status.may_resend() => failed.push((id, status)),
                Action::Malformed { error, .. } => self.broken = Some(error.to_string()),
                _ => {}
            }
        }
        for (id, status) in failed {
            if status != Status::Unconfirmed {
                self.broken = Some(format!("{id} is {status:?}"));
            }
            self.note("sent again by hand");
            self.again.extend(self.bodies.get(&id).cloned());
            self.call(Call::Resend { id });
        }
    }

    /// What the server wants done.
    fn serve(&mut self) {
        while let Some(action) = self.peer.poll_action() {
            match action {
                Action::Send { connection: accepted, frame, .. } => self.download(accepted, frame),
                Action::Abort { connection: accepted } => {
                    self.note("fenced off");
                    if let Some(connection) = self.line_of(accepted) {
                        self.break_line(connection, true, false);
                    }
                }
                Action::Deliver(message) => {
                    self.server.shown.push(message.body.as_text().unwrap_or_default().to_owned());
                    if let (Some(id), true) = (message.id, self.dice.percent(50)) {
                        self.peer.delivered(self.instant(), id);
                    }
                }
                _ => {}
            }
        }
    }

    fn line_of(&self, accepted: ConnectionId) -> Option<ConnectionId> {
        self.lines.iter().find(|(_, line)| line.accepted == Some(accepted)).map(|(connection, _)| *connection)
    }

    fn download(&mut self, accepted: ConnectionId, frame: Frame) {
        let Some(connection) = self.line_of(accepted) else { return };
        let arrives = self.now + self.dice.latency();
        if let Some(line) = self.lines.get_mut(&connection) {
            line.down.send(&mut self.post, arrives, Parcel::ToClient(Event::FrameIn { connection, frame }));
        }
    }

    fn upload(&mut self, connection: ConnectionId, frame: Frame, purpose: redial::Purpose) {
        if self.in_chaos() && self.dice.below(1_000) < 8 && self.strikes("failed write") {
            let event = Event::SendFailed { connection, purpose: Some(purpose) };
            // The socket is broken from here on, and its host says so at once.
            self.break_line(connection, false, true);
            self.post.at(self.now, Parcel::ToClient(event));
            return;
        }
        let arrives = self.now + self.dice.latency();
        if let Some(line) = self.lines.get_mut(&connection) {
            line.up.send(&mut self.post, arrives, Parcel::ToServer(connection, frame));
        }
    }

    pub(super) fn sleep(&mut self) {
        let span = self.dice.between(1_000, 120_000);
        // Who sleeps cannot notice anything: this silence is not measured.
        self.silent_since = None;
        // Never shorter than a sleep that is under way: what is held for its end must not be overtaken.
        self.asleep_until = self.asleep_until.max(self.now + span);
        if self.dice.percent(50) {
            self.hints.push(self.asleep_until);
            let woke = Event::Woke { asleep: Duration::ZERO };
            self.post.at(self.asleep_until, Parcel::ToClient(woke));
        }
    }

    pub(super) fn refuse(&mut self, connection: ConnectionId) {
        let at = self.now + self.dice.latency();
        let refused = Event::Errored { connection, cause: Failure::Refused, retry_after: None };
        self.post.at(at, Parcel::ToClient(refused));
    }
}
