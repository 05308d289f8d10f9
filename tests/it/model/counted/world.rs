//! A session and a peer that count their messages, what is between them, and their applications.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use redial::config::{Acknowledge, Durability, Jitter, PeerPolicy};
use redial::{Action, Config, ConnectionId, Duration, Frame, Instant, Peer, Preset, Seed, Session, Status};

use super::super::Small;
use super::app::{App, Storing};
use super::steps::{FAULTS, STEPS};
use crate::support::with;

/// How many faults of each kind may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// The client loses the connection and hears of it; what it had sent may still reach the server, which hears
    /// nothing.
    pub(super) cuts: u8,
    pub(super) client_crashes: u8,
    pub(super) server_crashes: u8,
    /// The server's process starts over with nothing but its application's rows.
    pub(super) forgets: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) session: Session,
    pub(super) peer: Peer,
    pub(super) client: App,
    pub(super) server: App,
    pub(super) dialing: Option<ConnectionId>,
    pub(super) wire: Option<Wire>,
    /// What was on its way to the server when the client lost the connection.
    pub(super) stray: Option<(ConnectionId, VecDeque<Frame>)>,
    pub(super) faults: Faults,
    pub(super) to_send: usize,
    pub(super) to_push: usize,
    pub(super) config: Config,
    pub(super) forgot: bool,
    pub(super) seeds: u64,
    pub(super) past: Past,
}

/// The steps that led here, for whoever has to find out why; they make no difference to what a world is.
#[derive(Clone, Debug, Default)]
pub(super) struct Past(Vec<&'static str>);

impl PartialEq for Past {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Past {}

impl Hash for Past {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wire {
    pub(super) client: ConnectionId,
    pub(super) server: ConnectionId,
    pub(super) up: VecDeque<Frame>,
    pub(super) down: VecDeque<Frame>,
}

impl World {
    pub(super) fn new(to_send: usize, to_push: usize, faults: Faults, storing: Storing) -> Self {
        let mut config = Config::default();
        config.heartbeat.dead_after = None;
        config.heartbeat.every = Duration::from_secs(100_000);
        config.reconnect.jitter = Jitter::None;
        config.outbox.receipt_timeout = None;
        config.outbox.quarantine = None;
        config.authentication.credential = redial::config::CredentialSource::Optional;
        if storing == Storing::Late {
            config.durability = Durability::WriteAhead;
        }
        Self::with(config, to_send, to_push, faults)
    }

    pub(super) fn acknowledging(self, how: Acknowledge) -> Self {
        let mut config = self.config;
        config.inbox.acknowledge = how;
        Self::with(config, self.to_send, self.to_push, self.faults)
    }

    fn with(config: Config, to_send: usize, to_push: usize, faults: Faults) -> Self {
        let session = Session::new(preset(&config), Seed::from(1_u64));
        let peer = Peer::new(preset(&config), policy(&config), Seed::from(2_u64));
        let mut world = Self {
            now: Instant::ORIGIN,
            client: App::new(session.snapshot()),
            server: App::new(peer.snapshot()),
            session,
            peer,
            dialing: None,
            wire: None,
            stray: None,
            faults,
            to_send,
            to_push,
            config,
            forgot: false,
            seeds: 2,
            past: Past::default(),
        };
        world.session.open(world.now);
        world.drain();
        world
    }

    fn asks(&self) -> bool {
        self.config.inbox.acknowledge == Acknowledge::OnCall
    }

    /// Carries out what both sides want, and looks on.
    fn drain(&mut self) {
        let past = self.past.clone();
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.carry_out()));
        if let Err(reason) = told {
            println!("after {:?}", past.0);
            std::panic::resume_unwind(reason);
        }
    }

    fn carry_out(&mut self) {
        let (mut client_version, mut server_version) = (None, None);
        loop {
            if let Some(action) = self.session.poll_action() {
                self.on_client(action, &mut client_version);
            } else if let Some(action) = self.peer.poll_action() {
                self.on_server(action, &mut server_version);
            } else {
                break;
            }
        }
        if let Some(version) = client_version {
            let whole = self.session.snapshot();
            self.client.store(version, &self.session.clone().changes(), &whole, self.now);
        }
        if let Some(version) = server_version {
            let whole = self.peer.snapshot();
            self.server.store(version, &self.peer.clone().changes(), &whole, self.now);
        }
        self.judge();
    }

    fn on_client(&mut self, action: Action, version: &mut Option<u64>) {
        match action {
            Action::Connect { connection, .. } => self.dialing = Some(connection),
            Action::Send { connection, frame, .. } => {
                let wire = self.wire.as_mut().filter(|wire| wire.client == connection);
                wire.expect("frames leave on the present connection only").up.push_back(frame);
            }
            Action::Abort { .. } | Action::Close { .. } => panic!("nobody is at fault here: {action:?}"),
            Action::Persist { version: latest, changes, .. } => {
                self.client.records.apply(&changes);
                *version = Some(latest);
            }
            Action::Malformed { error, .. } => panic!("the peer writes nothing malformed: {error}"),
            Action::Status { ref id, status: Status::Accepted } => {
                let number = self.client.rows.sent.iter().position(|sent| sent == id);
                if let Some(text) = number.map(|number| format!("c{number}")) {
                    let rows = if self.config.durability == Durability::Off {
                        &self.server.rows
                    } else {
                        &self.server.disk.rows
                    };
                    assert!(rows.shown.contains(&text), "{text} is accepted, and the server does not have it for good");
                }
                self.client.hear(action, false);
            }
            action => {
                let asks = self.asks();
                self.client.hear(action, asks);
            }
        }
    }

    fn on_server(&mut self, action: Action, version: &mut Option<u64>) {
        match action {
            Action::Send { connection, frame, .. } => {
                // To a connection that the client has lost already nothing arrives.
                if let Some(wire) = self.wire.as_mut().filter(|wire| wire.server == connection) {
                    wire.down.push_back(frame);
                }
            }
            Action::Close { connection, .. } | Action::Abort { connection } => {
                let present = self.wire.as_ref().is_some_and(|wire| wire.server == connection);
                assert!(!present, "nobody is at fault here: {action:?}");
            }
            Action::Persist { version: latest, changes, .. } => {
                self.server.records.apply(&changes);
                *version = Some(latest);
            }
            Action::Malformed { error, .. } => panic!("the session writes nothing malformed: {error}"),
            action => {
                let asks = self.asks();
                self.server.hear(action, asks);
            }
        }
    }

    /// What must hold at any moment: each message at most once, and in order.
    fn judge(&self) {
        let right =
            in_order('c', &self.server.rows.shown, self.forgot) && in_order('s', &self.client.rows.shown, false);
        assert!(right, "{:?} at the server, {:?} at the client", self.server.rows.shown, self.client.rows.shown);
    }

    fn is_settled(&self) -> bool {
        self.session.unsettled() == 0
            && self.peer.unacknowledged() == 0
            && self.client.gap.is_empty()
            && self.client.rows.sent.len() == self.to_send
            && self.server.rows.sent.len() == self.to_push
    }

    fn comes_right(mut self) {
        self.faults = Faults::default();
        self.past.0.push("healing:");
        for _ in 0..300 {
            let Some((name, _)) = STEPS.iter().find(|(_, step)| step(&mut self)) else { break };
            self.past.0.push(name);
            self.drain();
        }
        assert!(self.is_settled(), "a healed network settles everything: {}", self.session.explain());
        assert_eq!(self.client.rows.shown, expected('s', self.to_push), "at the client");
        for (number, id) in self.client.rows.sent.iter().enumerate() {
            let status = self.client.rows.settled.get(id).copied();
            let there = self.server.rows.shown.contains(&format!("c{number}"));
            match status {
                Some(Status::Accepted) => assert!(there, "c{number} is accepted and not there"),
                Some(Status::Unconfirmed) => {
                    assert!(self.forgot, "c{number} is unconfirmed, and nobody forgot anything");
                }
                other => panic!("c{number} is {other:?}"),
            }
        }
        if !self.forgot {
            assert_eq!(self.server.rows.shown, expected('c', self.to_send), "at the server");
        }
    }
}

impl Small for World {
    fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        for (name, step) in STEPS.iter().chain(&FAULTS) {
            let mut world = self.clone();
            world.past.0.push(name);
            if step(&mut world) {
                world.drain();
                next.push(world);
            }
        }
        next
    }

    fn heal(self) {
        self.comes_right();
    }
}

pub(super) fn preset(config: &Config) -> Preset {
    Preset::native().with_config(config.clone()).expect("it is sound")
}

pub(super) fn policy(config: &Config) -> PeerPolicy {
    with(|policy: &mut PeerPolicy| {
        policy.silence = None;
        policy.durability = config.durability;
    })
}

fn expected(side: char, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{side}{number}")).collect()
}

/// Each at most once and in order; without holes, unless some may be missing.
fn in_order(side: char, shown: &[String], holes: bool) -> bool {
    let rising = shown.windows(2).all(|pair| pair[0] < pair[1]);
    rising && (holes || shown == expected(side, shown.len()))
}
