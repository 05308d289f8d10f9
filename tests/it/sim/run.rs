//! One run: a session, its server and both applications, on a virtual clock, through chaos and then in peace.

use std::collections::BTreeMap;

use redial::config::Reset;
use redial::journal::Call;
use redial::{Event, Seed};

use super::client::Client;
use super::dice::Dice;
use super::figures::Figures;
use super::host::Links;
use super::line::{Deed, Line, LineId, Parcel, Post};
use super::server::Server;
use super::swarm::Swarm;
use super::{words, worlds};

/// The faults end between the first two of these times, and in so many seeds in a hundred between the last two.
const CHAOS: (u64, u64, u64) = (60_000, 200_000, 600_000);
const LONG: u64 = 20;
/// How long everything may take to arrive after that: longer than the longest fault, its discovery and the longest wait
/// for a reconnect together, some times over.
const PATIENCE: u64 = 900_000;
/// When all has come to rest where nothing is sent again: every line of old has been found out by then.
const REST: u64 = 400_000;

/// What is to be played.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    /// Whether the oracle also clones the session at every step and compares.
    pub(crate) thorough: bool,
    /// Kinds of faults that are left out.
    pub(crate) without: Vec<&'static str>,
    /// The one configuration that is played, by its name; without it each seed draws one.
    pub(crate) world: Option<&'static str>,
    /// Whether the oracle has a rule that does not hold, to see whether anybody notices.
    pub(crate) canary: bool,
}

/// One run.
pub(crate) struct Run {
    /// Whether what takes long is found out too.
    pub(super) thorough: bool,
    pub(super) swarm: Swarm,
    /// The links, where both hosts report what their sockets take.
    pub(super) links: Option<Links>,
    pub(super) dice: Dice,
    pub(super) post: Post,
    pub(super) lines: BTreeMap<LineId, Line>,
    pub(super) now: u64,
    pub(super) heal_at: u64,
    pub(super) client: Client,
    pub(super) server: Server,
    /// How much each side has to say, its last words included; and from where on those begin.
    pub(super) client_words: usize,
    pub(super) server_words: usize,
    pub(super) last_words: Option<(usize, usize)>,
    /// What ever failed or was taken back, also where a crash has undone that since.
    pub(super) failed: std::collections::BTreeSet<String>,
    /// When what was said in peace, to measure how long it takes.
    pub(super) said_at: BTreeMap<String, u64>,
    pub(crate) figures: Figures,
    pub(super) broken: Option<String>,
}

impl Run {
    pub(crate) fn new(order: &Order) -> Self {
        let mut dice = Dice::new(order.seed);
        let swarm = Swarm::draw(&mut dice, &order.without);
        let ends = worlds::draw(&mut dice, &swarm, order.world);
        let liveness = ends.client.config().heartbeat.liveness;
        let links = Links::draw(&mut dice, swarm.is_quiet(), liveness);
        let client = Client::new(&ends, Seed::from(dice.roll()), order.thorough, order.canary);
        let server = Server::new(ends.server, ends.policy, Seed::from(dice.roll()));
        let long = dice.percent(LONG);
        let chaos = if long { dice.between(CHAOS.1, CHAOS.2) } else { dice.between(CHAOS.0, CHAOS.1) };
        let mut run = Self {
            thorough: order.thorough,
            swarm,
            links,
            heal_at: chaos,
            dice,
            post: Post::default(),
            lines: BTreeMap::new(),
            now: 0,
            client,
            server,
            client_words: 0,
            server_words: 0,
            last_words: None,
            failed: std::collections::BTreeSet::new(),
            said_at: BTreeMap::new(),
            figures: Figures::default(),
            broken: None,
        };
        run.note(ends.name);
        run.plan();
        run
    }

    /// Who says what when, and the first fault.
    fn plan(&mut self) {
        (self.client_words, self.server_words) = (self.dice.few(25) + 1, self.dice.few(25) + 1);
        for number in 0..self.client_words {
            let at = self.dice.below(self.heal_at);
            self.post.at(at, Parcel::ClientSays(words::client(number)));
        }
        for number in 0..self.server_words {
            let at = self.dice.below(self.heal_at);
            self.post.at(at, Parcel::ServerSays(words::server(number)));
        }
        if self.swarm.is_quiet() {
            self.note("quiet");
        } else {
            self.post.at(1_000, Parcel::Fault);
        }
        self.post.at(self.heal_at, Parcel::Heal);
    }

    pub(super) fn note(&mut self, what: &'static str) {
        self.figures.note(what, 1);
    }

    pub(super) fn in_chaos(&self) -> bool {
        self.now < self.heal_at && !self.swarm.is_quiet()
    }

    /// Plays to the end; the error says what went wrong.
    pub(crate) fn play(&mut self) -> Result<(), String> {
        self.ask(Call::Credential { connection: None, value: "token".into() });
        self.hurry();
        self.ask(Call::Open);
        while self.now < self.heal_at + self.patience() && !self.is_done() {
            self.turn();
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        self.verdict()
    }

    /// How long what is left may take. Where nothing sets the delays back and there is room for one message, each
    /// message that the server has left may cost a connection and the longest delay.
    fn patience(&self) -> u64 {
        let config = self.client.session.preset().config();
        let longest = config.reconnect.again.cap.as_millis().min(120_000);
        let each = if config.reconnect.reset == Reset::Never { longest } else { 0 };
        PATIENCE + each * self.server_words as u64
    }

    /// The next thing that happens: a parcel, or a timer of either side.
    fn turn(&mut self) {
        let client = self.client.next_tick(self.now);
        let server = self.server.peer.next_deadline().map(|deadline| deadline.at.as_millis());
        let parcel = self.post.next_time();
        let Some(next) = [client, server, parcel].into_iter().flatten().min() else {
            let (session, stage) =
                (self.client.session.explain(), self.lines.values().next_back().map(|line| line.stage));
            let server = self.server.peer.connection();
            let what =
                format!("at {} nothing is waited for: {session}; {stage:?}, and the server is on {server:?}", self.now);
            self.broken.get_or_insert(what);
            return;
        };
        self.now = self.now.max(next);
        if parcel == Some(next) {
            if let Some((key, parcel)) = self.post.pop() {
                let asleep = self.client.asleep_until;
                match parcel {
                    Parcel::Client(..) | Parcel::ClientSays(_) if asleep > self.now => {
                        self.post.hold(key, asleep, parcel);
                    }
                    parcel => self.deliver(parcel),
                }
            }
        } else if client == Some(next) {
            self.event(Event::Tick);
            self.read_on();
        } else {
            if let Some(due) = self.server.peer.next_deadline() {
                self.note(words::timer(due.timer));
            }
            self.server.peer.handle(redial::Instant::from_millis(self.now), Event::Tick);
            self.serve();
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Client(process, deed) => {
                if process == self.client.process && self.client.running {
                    self.happen(deed);
                }
            }
            Parcel::Start => self.start(),
            Parcel::Dial(line) => self.accept(line),
            Parcel::ToServer(line, frame) => self.read(line, frame),
            Parcel::Gone(line) => self.gone(line),
            Parcel::Farewell(line) => self.farewell(line),
            Parcel::PumpUp(line) => self.pump_up(line),
            Parcel::PumpDown(line) => self.pump_down(line),
            Parcel::ServerWrote(line, frames) => self.server_wrote(line, frames),
            Parcel::ArrivingUp(line) => self.server_hears_bytes(line),
            Parcel::ServerTakes(process, id) => self.server_takes(process, &id),
            Parcel::ClientSays(name) if self.client.running => self.say(name),
            Parcel::ClientSays(name) => {
                self.post.at(self.now + 5_000, Parcel::ClientSays(name));
            }
            Parcel::ServerSays(name) => self.push(name),
            Parcel::Fault => self.fault(),
            Parcel::Heal => self.heal(),
            Parcel::LastWords => self.say_last_words(),
        }
    }

    fn happen(&mut self, deed: Deed) {
        match deed {
            Deed::Event(event) => {
                if let Some(event) = self.reads(event) {
                    self.event(event);
                }
            }
            Deed::Take(number) => self.take(number),
            Deed::Call(call) => {
                match call {
                    // The user's own wish sets all counts back, so that what is promised is promised anew.
                    Call::Open if !self.client.is_connected() => self.count_connects(),
                    Call::ReconnectNow => self.hurry(),
                    _ => {}
                }
                self.ask(call);
            }
            Deed::Resend(name) => self.resend(name),
            Deed::Consume(id) => self.consume(id),
            Deed::Stored(version, stored) => self.has_stored(version, stored),
        }
        self.read_on();
    }

    /// The faults are over. A line that is dead stays so until somebody finds out; where nobody ever would, a router
    /// does.
    fn heal(&mut self) {
        // A dial that is swallowed is noticed by nobody either, where attempts have no end.
        let endless = self.client.session.preset().config().reconnect.attempt_timeout.is_none();
        if (self.client.notice.is_none() || endless) && !self.swarm.is_quiet() {
            for line in self.lines.keys().copied().collect::<Vec<_>>() {
                if self.lines.get(&line).is_some_and(|line| line.up.dead || line.down.dead || line.unwritable) {
                    self.tell_end(line, self.now + 1_000);
                }
            }
        }
        self.client.throttled_until = self.client.throttled_until.min(self.now + 60_000);
        let rest = if self.is_reliable() { 20_000 } else { REST };
        let rest = if self.swarm.is_quiet() { 1_000 } else { rest };
        self.post.at(self.now + rest, Parcel::LastWords);
    }

    /// Whether everything that is taken arrives in the end, or is told.
    pub(super) fn is_reliable(&self) -> bool {
        let profile = self.client.session.preset().dialect().capabilities();
        profile.receipts && profile.acks
    }

    fn say_last_words(&mut self) {
        let ready = self.client.running && self.client.session.state() == redial::State::Ready;
        if !ready && !self.is_reliable() {
            self.post.at(self.now + 5_000, Parcel::LastWords);
            return;
        }
        self.last_words = Some((self.client_words, self.server_words));
        for _ in 0..3 {
            self.post.at(self.now, Parcel::ClientSays(words::client(self.client_words)));
            self.post.at(self.now, Parcel::ServerSays(words::server(self.server_words)));
            self.client_words += 1;
            self.server_words += 1;
        }
    }
}
