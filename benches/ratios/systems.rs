//! The operations in every dialect, under each preset's own timings: a push, a message, a heartbeat round.

use std::hint::black_box;
use std::iter::from_fn;
use std::sync::Arc;

use redial::dialect::{Content, Login, Side, Signal};
use redial::services::Service;
use redial::{ConnectionId, Event, Frame, Instant, MessageId, Preset, Secret, Seed, Session};

use crate::measure::{Cost, measured};

/// Rounds before the measured ones.
const WARM: u32 = 6_000;

/// The services that redial only speaks to; the crate's own protocol has operations of its own.
pub(crate) fn all() -> impl Iterator<Item = &'static Service> {
    let foreign = |service: &&Service| made(service).dialect().capabilities().login != Login::Hello;
    Service::all().iter().filter(foreign)
}

fn made(service: &Service) -> Preset {
    service.sample().expect("its sample works")
}

/// A content of 128 bytes that every dialect can carry.
fn body() -> String {
    format!(r#"{{"message":"{}"}}"#, "0123456789abcde".repeat(8).split_at(114).0)
}

/// A session that is ready, and how its server spells things.
struct Line {
    session: Session,
    connection: ConnectionId,
    preset: Arc<Preset>,
}

impl Line {
    fn ready(service: &Service) -> Self {
        let preset = Arc::new(made(service));
        let mut session = Session::new(Arc::clone(&preset), Seed::from(7_u64));
        session.credential(Instant::ORIGIN, Secret::new("token"));
        session.open(Instant::ORIGIN);
        let mut line = Self { session, connection: ConnectionId::new(1), preset };
        line.session.handle(Instant::ORIGIN, Event::Opened { connection: line.connection });
        if line.preset.dialect().capabilities().login == Login::Challenge {
            let challenge = Signal::challenge(Some(Content::Text("seed")), Some(Content::Json("1")));
            let challenge = line.says(&challenge).expect("the dialect has challenges");
            line.hear(Instant::ORIGIN, challenge);
            line.session.credential(Instant::ORIGIN, Secret::new("answer"));
        }
        assert_eq!(line.session.state(), redial::State::Ready);
        line.drain();
        line
    }

    /// What the server says, where it has a word for it.
    fn says(&self, signal: &Signal<Content<'_>>) -> Option<Frame> {
        self.preset.dialect().encode(Side::Server, signal).ok()
    }

    fn hear(&mut self, now: Instant, frame: Frame) {
        self.session.handle(now, Event::FrameIn { connection: self.connection, frame });
    }

    fn drain(&mut self) {
        from_fn(|| self.session.poll_action()).for_each(|action| drop(black_box(action)));
    }
}

/// A push arrives, is delivered, and acknowledged where the service wants that.
pub(crate) fn push(service: &Service, rounds: u32) -> Cost {
    let mut line = Line::ready(service);
    let content = body();
    let push = |number: u32| {
        let id = Some(MessageId::from(format!("m-{number:08}")));
        line.says(&Signal::message(id, Content::Text(&content)))
            .or_else(|| line.says(&Signal::message(None, Content::Text(&content))))
            .expect("the service pushes messages")
    };
    let mut frames: Vec<Frame> = (0..WARM + rounds).map(push).collect();
    let counted = frames.split_off(WARM as usize);
    let mut round = |frame: Frame| {
        line.hear(Instant::ORIGIN, frame);
        line.drain();
    };
    frames.into_iter().for_each(&mut round);
    let cost = measured(|| counted.into_iter().for_each(round));
    assert_eq!(line.session.stats().delivered, u64::from(WARM + rounds));
    cost
}

/// A message is sent, and confirmed where the service does that.
pub(crate) fn send(service: &Service, rounds: u32) -> Cost {
    let mut line = Line::ready(service);
    let mut answers = receipts(&mut Line::ready(service), WARM + rounds);
    let counted = answers.split_off(WARM as usize);
    let mut round = |(body, receipt): (String, Option<Frame>)| {
        line.session.send(Instant::ORIGIN, body).expect("there is room");
        line.drain();
        if let Some(receipt) = receipt {
            line.hear(Instant::ORIGIN, receipt);
            line.drain();
        }
    };
    answers.into_iter().for_each(&mut round);
    let cost = measured(|| counted.into_iter().for_each(round));
    assert_eq!(line.session.unsettled(), 0, "every message is settled");
    cost
}

/// What the server will answer to the messages of a session with the same seed.
fn receipts(twin: &mut Line, count: u32) -> Vec<(String, Option<Frame>)> {
    let receipt = |_| {
        let id = twin.session.send(Instant::ORIGIN, body()).expect("there is room");
        let receipt = twin.says(&Signal::accepted(id));
        if let Some(receipt) = &receipt {
            twin.hear(Instant::ORIGIN, receipt.clone());
        }
        twin.drain();
        (body(), receipt)
    };
    (0..count).map(receipt).collect()
}

/// A heartbeat is due, is sent, and is answered where the service answers.
pub(crate) fn heartbeat(service: &Service, rounds: u32) -> Cost {
    let mut line = Line::ready(service);
    // Where the beats are pings, it is the server's socket that answers.
    let answer = line.says(&Signal::heartbeat_reply()).or(Some(Frame::Pong(Vec::new())));
    // Some greet with a heartbeat, and one waits for the answer.
    if let Some(answer) = &answer {
        line.hear(Instant::ORIGIN, answer.clone());
    }
    line.drain();
    let mut round = |answer: Option<Frame>| {
        let due = line.session.next_deadline().expect("a beat is due").at;
        line.session.handle(due, Event::Tick);
        line.drain();
        if let Some(answer) = answer {
            line.hear(due, answer);
            line.drain();
        }
    };
    (0..WARM).for_each(|_| round(answer.clone()));
    let answers = vec![answer; rounds as usize];
    let cost = measured(|| answers.into_iter().for_each(round));
    assert!(
        line.session.stats().heartbeats > u64::from(rounds),
        "{}: {} heartbeats",
        line.preset.name(),
        line.session.stats().heartbeats
    );
    cost
}

/// A tick with nothing due.
pub(crate) fn tick(service: &Service, rounds: u32) -> Cost {
    let mut line = Line::ready(service);
    measured(|| {
        for _ in 0..rounds {
            line.session.handle(black_box(Instant::ORIGIN), Event::Tick);
            line.drain();
        }
    })
}

/// Asking when the next tick is due.
pub(crate) fn deadline(service: &Service, rounds: u32) -> Cost {
    let line = Line::ready(service);
    measured(|| {
        for _ in 0..rounds {
            black_box(black_box(&line.session).next_deadline());
        }
    })
}
