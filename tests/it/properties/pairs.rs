//! A session and a peer talk over every service, whatever their settings are: each time is zero, for ever, or as it
//! was.

use std::collections::VecDeque;

use proptest::prelude::*;
use redial::config::PeerPolicy;
use redial::{Action, Config, ConnectionId, Duration, Event, Frame, Instant, Peer, Preset, Seed, Session, State};
use serde_json::Value;

use super::{cases, presets};

/// The spans that are tried in the place of each setting.
const SPANS: [u64; 4] = [0, 1, (1 << 53) - 1, u64::MAX];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Send,
    Push,
    Flow,
    Cut,
    ClientHears,
    ServerHears,
    Wait(u64),
    NextDeadline,
    Persist,
    RestartClient,
    RestartServer,
    Renew,
    Token,
    SecondDevice,
    Malformed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Send),
        5 => Just(Step::Push),
        8 => Just(Step::Flow),
        2 => Just(Step::Cut),
        1 => Just(Step::ClientHears),
        1 => Just(Step::ServerHears),
        3 => (0..100_000_u64).prop_map(Step::Wait),
        6 => Just(Step::NextDeadline),
        6 => Just(Step::Persist),
        1 => Just(Step::RestartClient),
        1 => Just(Step::RestartServer),
        2 => Just(Step::Renew),
        1 => Just(Step::Token),
        1 => Just(Step::SecondDevice),
        1 => Just(Step::Malformed),
    ]
}

/// Two ends on one clock, and the frames between them.
struct World {
    session: Session,
    peer: Peer,
    policy: PeerPolicy,
    server_preset: Preset,
    now: u64,
    seeds: u64,
    client: Option<ConnectionId>,
    server: Option<ConnectionId>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    versions: (u64, u64),
    malformed: usize,
    delivered: (usize, usize),
}

impl World {
    fn new(client: Preset, server: Preset, policy: PeerPolicy) -> Self {
        let mut world = Self {
            session: Session::new(client, Seed::from(1_u64)),
            peer: Peer::new(server.clone(), policy.clone(), Seed::from(2_u64)),
            policy,
            server_preset: server,
            now: 0,
            seeds: 2,
            client: None,
            server: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            versions: (0, 0),
            malformed: 0,
            delivered: (0, 0),
        };
        world.session.credential(world.at(), "token");
        world.session.open(world.at());
        world.settle();
        world
    }

    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Takes what both want, carries it out, and checks that each deadline is still to come.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 100, "it comes to rest");
            let mut took = 0;
            while let Some(action) = self.session.poll_action() {
                took += 1;
                self.on_client(action);
            }
            while let Some(action) = self.peer.poll_action() {
                took += 1;
                self.on_server(action);
            }
            assert!(took < 10_000, "{took} actions at once");
            for due in [self.session.next_deadline(), self.peer.next_deadline()].into_iter().flatten() {
                assert!(due.at > self.at(), "{due:?} is not later than {}", self.now);
            }
            if took == 0 {
                return;
            }
        }
    }

    fn on_client(&mut self, action: Action) {
        let now = self.at();
        match action {
            Action::Connect { connection, .. } => {
                self.client = Some(connection);
                self.up.clear();
                self.down.clear();
                self.server = Some(self.peer.accept(now));
                self.session.handle(now, Event::Opened { connection });
            }
            Action::Send { connection, frame, .. } if Some(connection) == self.client => self.up.push_back(frame),
            Action::Close { connection, .. } | Action::Abort { connection } if Some(connection) == self.client => {
                self.client = None;
                self.session.handle(now, Event::Closed { connection, code: None, reason: String::new() });
            }
            Action::NeedCredential { .. } => self.session.credential(now, "token"),
            Action::Persist { version, .. } => self.versions.0 = version,
            Action::Malformed { .. } => self.malformed += 1,
            Action::Deliver(_) => self.delivered.0 += 1,
            _ => {}
        }
    }

    fn on_server(&mut self, action: Action) {
        match action {
            Action::Send { connection, frame, .. } if Some(connection) == self.server => self.down.push_back(frame),
            Action::Close { connection, .. } | Action::Abort { connection } if Some(connection) == self.server => {
                self.server = None;
                self.hear_at_client();
            }
            Action::Persist { version, .. } => self.versions.1 = version,
            Action::Malformed { .. } => self.malformed += 1,
            Action::Deliver(_) => self.delivered.1 += 1,
            _ => {}
        }
    }

    fn hear_at_client(&mut self) {
        self.flow_down();
        if let Some(connection) = self.client.take() {
            let closed = Event::Closed { connection, code: None, reason: String::new() };
            self.session.handle(self.at(), closed);
        }
    }

    fn hear_at_server(&mut self) {
        if let Some(connection) = self.server.take() {
            self.peer.handle(self.at(), Event::Closed { connection, code: None, reason: String::new() });
        }
    }

    fn flow_down(&mut self) {
        while let (Some(connection), Some(frame)) = (self.client, self.down.pop_front()) {
            self.session.handle(self.at(), Event::FrameIn { connection, frame });
        }
    }

    fn flow(&mut self) {
        for _ in 0..200 {
            self.settle();
            if let (Some(connection), Some(frame)) = (self.server, self.up.pop_front()) {
                self.peer.handle(self.at(), Event::FrameIn { connection, frame });
            } else if let (Some(connection), Some(frame)) = (self.client, self.down.pop_front()) {
                self.session.handle(self.at(), Event::FrameIn { connection, frame });
            } else {
                return;
            }
        }
    }

    fn take(&mut self, step: &Step) {
        let now = self.at();
        match step {
            Step::Send => drop(self.session.send(now, "a message")),
            Step::Push => drop(self.peer.push(now, "a push")),
            Step::Flow => self.flow(),
            Step::Cut => {
                self.hear_at_client();
                self.hear_at_server();
            }
            Step::ClientHears => self.hear_at_client(),
            Step::ServerHears => self.hear_at_server(),
            Step::Wait(by) => self.tick_at(self.now + by),
            Step::NextDeadline => {
                let dues = [self.session.next_deadline(), self.peer.next_deadline()];
                if let Some(due) = dues.into_iter().flatten().map(|due| due.at.as_millis()).min() {
                    // A deadline that is for ever away is as good as none.
                    self.tick_at(due.min(self.now + 1_000_000_000));
                }
            }
            Step::Persist => {
                self.session.persisted(now, self.versions.0);
                self.peer.persisted(now, self.versions.1);
            }
            Step::RestartClient => {
                self.seeds += 1;
                let (preset, seed) = (self.session.preset().clone(), Seed::from(self.seeds));
                let restored = Session::restore(preset, now, self.session.snapshot(), Duration::ZERO, seed);
                self.session = restored.expect("it is sound");
                self.client = None;
                self.session.credential(now, "token");
                self.session.open(now);
            }
            Step::RestartServer => {
                self.seeds += 1;
                let (preset, policy) = (self.server_preset.clone(), self.policy.clone());
                let (snapshot, seed) = (self.peer.snapshot(), Seed::from(self.seeds));
                self.peer = Peer::restore(preset, policy, now, snapshot, Duration::ZERO, seed).expect("it is sound");
                self.server = None;
                self.hear_at_client();
            }
            Step::Renew => drop(self.session.reconnect_now(now)),
            Step::Token => self.session.credential(now, "another"),
            Step::SecondDevice => drop(self.peer.accept(now)),
            Step::Malformed => {
                if let Some(connection) = self.server {
                    self.peer.handle(now, Event::FrameIn { connection, frame: Frame::text("\u{0}{") });
                }
            }
        }
        self.settle();
    }

    fn tick_at(&mut self, at: u64) {
        self.now = at;
        self.session.handle(self.at(), Event::Tick);
        self.peer.handle(self.at(), Event::Tick);
    }

    /// The user closes, and every message has its outcome.
    fn close(&mut self) {
        self.session.close(self.at());
        self.settle();
        self.hear_at_client();
        self.settle();
        assert_eq!(self.session.unsettled(), 0, "{:?}", self.session.state());
    }
}

/// The places of all spans in a configuration, by their JSON pointers.
fn spans(of: &Value, at: &str, found: &mut Vec<String>) {
    for (name, value) in of.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if name.ends_with("_ms") {
            found.push(at.clone());
        }
        spans(value, &at, found);
    }
}

/// A value with another span in one place.
fn with_span(of: &Value, at: &str, span: u64) -> Value {
    let mut changed = of.clone();
    *changed.pointer_mut(at).expect("it is a place in it") = span.into();
    changed
}

fn places(of: &Value) -> Vec<String> {
    let mut found = Vec::new();
    spans(of, "", &mut found);
    found
}

/// A conversation over three connections; returns the world as it is then.
fn conversation(client: Preset, server: Preset, policy: PeerPolicy) -> World {
    let mut world = World::new(client, server, policy);
    for _ in 0..3 {
        for step in [Step::Flow, Step::Send, Step::Push, Step::Flow, Step::Token, Step::Flow] {
            world.take(&step);
        }
        // What is on its way when the connection is lost goes out again.
        for step in [Step::Send, Step::Push, Step::Cut, Step::Renew, Step::Flow] {
            world.take(&step);
        }
        for _ in 0..10 {
            if world.session.state() == State::Waiting {
                world.take(&Step::NextDeadline);
            }
            world.take(&Step::Flow);
        }
    }
    world
}

#[test]
fn whatever_span_a_peer_is_given_its_client_understands_it_and_everything_arrives() {
    let policy = serde_json::to_value(PeerPolicy::default()).expect("it can be written");
    let mut places = places(&policy);
    places.push("/heartbeat_ms".to_owned());
    assert!(places.len() >= 5, "{places:?}");
    for (place, span) in places.iter().flat_map(|place| SPANS.map(|span| (place, span))) {
        let mut changed = policy.clone();
        changed[&place[1..]] = span.into();
        let policy = serde_json::from_value(changed).expect("any span is a span");
        let mut world = conversation(Preset::native(), Preset::native(), policy);
        assert_eq!(world.malformed, 0, "{place} = {span}");
        assert_eq!((world.session.unsettled(), world.peer.unacknowledged()), (0, 0), "{place} = {span}");
        assert_eq!(world.delivered, (6, 6), "{place} = {span}");
        world.close();
    }
}

#[test]
fn whatever_span_a_configuration_has_no_frame_is_malformed_and_a_close_settles_everything() {
    let config = serde_json::to_value(Preset::native().config()).expect("it can be written");
    let all = places(&config);
    assert!(all.len() > 15, "{all:?}");
    for (place, span) in all.iter().flat_map(|place| SPANS.map(|span| (place, span))) {
        let config: Config = serde_json::from_value(with_span(&config, place, span)).expect("any span is a span");
        let Ok(preset) = Preset::native().with_config(config) else { continue };
        for (client, server) in [(preset.clone(), Preset::native()), (Preset::native(), preset)] {
            let mut world = conversation(client, server, PeerPolicy::default());
            assert_eq!(world.malformed, 0, "{place} = {span}");
            world.close();
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_session_and_a_peer_keep_their_rules_over_every_service_under_any_settings(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..SPANS.len()), 0..6),
        of_policy in prop::collection::vec((any::<prop::sample::Index>(), 0..SPANS.len()), 0..4),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let presets = presets::all();
        let preset = which.get(&presets).clone();
        let mut config = serde_json::to_value(preset.config()).expect("it can be written");
        let all = places(&config);
        for (place, span) in &changes {
            config = with_span(&config, place.get::<String>(&all), SPANS[*span]);
        }
        let mut policy = serde_json::to_value(PeerPolicy::default()).expect("it can be written");
        policy["heartbeat_ms"] = 20_000.into();
        let all = places(&policy);
        for (place, span) in &of_policy {
            policy = with_span(&policy, place.get::<String>(&all), SPANS[*span]);
        }
        let changed = serde_json::from_value(config).expect("any span is a span");
        let Ok(preset) = preset.with_config(changed) else { return Ok(()) };
        let policy = serde_json::from_value(policy).expect("any span is a span");
        let mut world = World::new(preset.clone(), preset, policy);
        for step in &steps {
            world.take(step);
        }
        world.close();
    }
}
