//! An accepting side that speaks `redial.v1` keeps its rules whatever its client says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use redial::config::{Acknowledge, Durability, Limits, PeerPolicy};
use redial::dialect::{
    AckCarrier, Bye, Content, Credit, Dialect, Hello, RedialV1, Refusal, Resume, SequenceSignal, Side, Signal,
};
use redial::{Action, ConnectionId, Duration, Event, Frame, Instant, MessageId, Peer, Preset, Seed};

use crate::support::with;

/// One thing that happens to a peer.
#[derive(Debug, Clone)]
enum Step {
    Accept,
    Fresh,
    /// The last session again: so far accepted, so far seen, so far sent.
    Resume(u64, u64, u64),
    Message(u64, u8),
    Skip(u64),
    Ack(u64),
    Ping(u64),
    Bye(bool),
    Push,
    Acknowledge(u8),
    Reject(u8),
    Persisted,
    Closed,
    Later(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Accept),
        4 => Just(Step::Fresh),
        6 => (0..5_u64, 0..5_u64, 0..5_u64).prop_map(|(rx, seen, hi)| Step::Resume(rx, seen, hi)),
        10 => (0..6_u64, 0..6_u8).prop_map(|(seq, id)| Step::Message(seq, id)),
        2 => (0..6_u64).prop_map(Step::Skip),
        6 => (0..6_u64).prop_map(Step::Ack),
        2 => (0..6_u64).prop_map(Step::Ping),
        1 => any::<bool>().prop_map(Step::Bye),
        8 => Just(Step::Push),
        6 => (0..6_u8).prop_map(Step::Acknowledge),
        2 => (0..6_u8).prop_map(Step::Reject),
        12 => Just(Step::Persisted),
        2 => Just(Step::Closed),
        2 => (0..100_000_u64).prop_map(Step::Later),
        1 => Just(Step::Restart),
    ]
}

/// A peer, and what an onlooker knows of it.
struct World {
    peer: Peer,
    config: redial::Config,
    policy: PeerPolicy,
    now: u64,
    connection: ConnectionId,
    version: u64,
    /// The session as the last welcome named it, and which push has which position in it.
    session: Option<(String, redial::Secret)>,
    given: BTreeMap<u64, MessageId>,
    next: Option<u64>,
    came: u64,
    told: u64,
    restarts: u64,
}

impl World {
    fn new(durability: Durability, acknowledge: Acknowledge) -> Self {
        let mut config = Preset::native().config().clone();
        config.inbox.acknowledge = acknowledge;
        let policy = with(|policy: &mut PeerPolicy| policy.durability = durability);
        let peer = Peer::new(
            Preset::native().with_config(config.clone()).expect("it is sound"),
            policy.clone(),
            Seed::from(9_u64),
        );
        Self {
            peer,
            config,
            policy,
            now: 0,
            connection: ConnectionId::new(0),
            version: 0,
            session: None,
            given: BTreeMap::new(),
            next: None,
            came: 0,
            restarts: 0,
            told: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        let now = Instant::from_millis(self.now);
        match step {
            Step::Accept => self.connection = self.peer.accept(now),
            Step::Push => drop(self.peer.push(now, "a push")),
            Step::Acknowledge(id) => drop(self.peer.acknowledge(now, &named(*id))),
            Step::Reject(id) => drop(self.peer.reject(now, &named(*id), 7)),
            Step::Persisted => self.peer.persisted(now, self.version),
            Step::Closed => {
                let event = Event::Closed { connection: self.connection, code: None, reason: String::new() };
                self.peer.handle(now, event);
            }
            Step::Later(by) => {
                self.now += by;
                self.peer.handle(Instant::from_millis(self.now), Event::Tick);
            }
            Step::Restart => {
                let preset = Preset::native().with_config(self.config.clone()).expect("it is sound");
                self.restarts += 1;
                let seed = Seed::from(1_000 + self.restarts);
                let (snapshot, policy) = (self.peer.snapshot(), self.policy.clone());
                let restored = Peer::restore(preset, policy, now, snapshot, Duration::ZERO, seed);
                self.peer = restored.expect("it is sound");
                self.next = None;
            }
            said => {
                let frame = self.frame(said);
                self.peer.handle(now, Event::FrameIn { connection: self.connection, frame });
            }
        }
    }

    fn frame(&self, said: &Step) -> Frame {
        let credit = Credit::new(2, 1_000, 1_000);
        let (seq, id) = match said {
            Step::Message(seq, id) => (*seq, named(*id)),
            Step::Skip(seq) => (*seq, named(0)),
            _ => (0, named(0)),
        };
        let resume = |rx: u64, seen: u64, hi: u64| {
            let (name, token) = self.session.clone()?;
            let mut resume = Resume::new(name, token);
            (resume.seq, resume.seen, resume.highest) = (rx, seen, hi);
            resume.refused = vec![Refusal::new(1, 3)];
            Some(resume)
        };
        let signal = match said {
            Step::Resume(rx, seen, hi) => {
                let mut hello = Hello::new(credit);
                hello.resume = resume(*rx, *seen, *hi);
                Signal::hello(hello)
            }
            Step::Message(..) => Signal::sequenced(seq, id, Some(Content::Text("a body"))),
            Step::Skip(_) => Signal::sequenced(seq, id, None),
            Step::Ack(seq) => Signal::cumulative_ack(*seq, Vec::new(), AckCarrier::Alone),
            Step::Ping(seq) => Signal::cumulative_ack(*seq, Vec::new(), AckCarrier::Heartbeat),
            Step::Bye(resume) => Signal::bye(Bye::new(1000).resume(*resume)),
            _ => Signal::hello(Hello::new(credit)),
        };
        RedialV1::default().encode(Side::Client, &signal).expect("it can be said")
    }

    /// What comes out of it keeps the rules.
    fn judge(&mut self) {
        let actions: Vec<Action> = std::iter::from_fn(|| self.peer.poll_action()).collect();
        assert!(actions.len() < 100, "{} actions for one input", actions.len());
        for action in &actions {
            match action {
                Action::Persist { version, .. } => {
                    assert!(*version > self.version, "version {version} came after {}", self.version);
                    self.version = *version;
                }
                Action::Deliver(_) => self.came += 1,
                Action::Send { frame, .. } => self.follow(frame),
                _ => {}
            }
        }
        let due = self.peer.next_deadline();
        assert!(due.is_none_or(|due| due.at.as_millis() > self.now), "{due:?} is not later than {}", self.now);
    }

    fn follow(&mut self, frame: &Frame) {
        let limits = Limits::default();
        let signal = RedialV1::default().decode(Side::Client, frame, &limits).expect("what it writes can be read");
        match signal {
            Signal::Sequence(SequenceSignal::Welcome(terms)) => {
                if self.session.as_ref().is_none_or(|(sid, _)| *sid != terms.sid) {
                    self.given.clear();
                    self.told = 0;
                }
                self.session = Some((terms.sid.clone(), terms.token.clone()));
                self.next = None;
            }
            Signal::Sequence(SequenceSignal::Message { seq, id, .. }) => {
                assert!(self.next.is_none_or(|next| next == seq), "{seq} left where {:?} had to", self.next);
                let given = self.given.entry(seq).or_insert_with(|| id.clone());
                assert_eq!(*given, id, "two messages under seq {seq}");
                self.next = Some(seq + 1);
            }
            Signal::Sequence(SequenceSignal::Ack { seq, .. }) => {
                assert!(seq >= self.told, "{seq} was told after {}", self.told);
                self.told = seq;
            }
            _ => {}
        }
    }
}

fn named(id: u8) -> MessageId {
    MessageId::from(format!("m{id}"))
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn a_peer_keeps_its_rules_whatever_its_client_says(
        steps in prop::collection::vec(step(), 1..60),
        stores in any::<bool>(),
        asks in any::<bool>(),
    ) {
        let durability = if stores { Durability::WriteAhead } else { Durability::Off };
        let acknowledge = if asks { Acknowledge::OnCall } else { Acknowledge::OnDelivery };
        let mut world = World::new(durability, acknowledge);
        for step in &steps {
            world.take(step);
            if matches!(step, Step::Restart) {
                world.version = 0;
            }
            world.judge();
        }
    }
}
