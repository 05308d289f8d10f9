//! The operations, each on a warm session and each beside its floor.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

use redial::config::{Limit, PeerPolicy};
use redial::dialect::{AckCarrier, Side, Signal};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, Peer, Preset, Secret, Seed, Session, State,
};

use crate::floor;
use crate::measure::{Cost, measured};
use crate::pair::Pair;

/// Rounds before the measured ones: the dedup window (4,096) and the memory of settled messages (1,024) are full by then.
const WARM: u32 = 6_000;
const SEED: u64 = 7;

/// A body of 128 bytes, like nothing that needs an escape.
fn body() -> String {
    "0123456789abcdef".repeat(8)
}

/// A preset with ids, receipts and acknowledgements, under the default timings and limits.
pub(crate) fn with_receipts() -> Preset {
    Preset::uni_app().with_config(Config::default()).expect("it is sound")
}

/// A session whose connection is ready, with nothing left to be done.
pub(crate) fn ready(preset: impl Into<Arc<Preset>>) -> (Session, ConnectionId) {
    let mut session = Session::new(preset, Seed::from(SEED));
    session.credential(Instant::ORIGIN, Secret::new("token"));
    session.open(Instant::ORIGIN);
    let mut opened = None;
    while let Some(action) = session.poll_action() {
        if let Action::Connect { connection, .. } = action {
            opened = Some(connection);
        }
    }
    let connection = opened.expect("open connects");
    session.handle(Instant::ORIGIN, Event::Opened { connection });
    drain(&mut session);
    (session, connection)
}

fn drain(session: &mut Session) {
    while let Some(action) = session.poll_action() {
        black_box(action);
    }
}

fn hear(session: &mut Session, connection: ConnectionId, frame: String) {
    session.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(frame) });
    drain(session);
}

fn a_push(number: u32, content: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"m-{number:08}","content":"{content}"}}"#)
}

/// Pushes of these numbers; made when they are wanted, so that they are as near to the processor as what a socket has just read.
fn pushes(numbers: Range<u32>) -> Vec<String> {
    let content = body();
    numbers.map(|number| a_push(number, &content)).collect()
}

/// A push arrives, is delivered and acknowledged.
pub(crate) fn push(rounds: u32) -> Cost {
    let (mut session, connection) = ready(with_receipts());
    for frame in pushes(0..WARM) {
        hear(&mut session, connection, frame);
    }
    let frames = pushes(WARM..WARM + rounds);
    measured(|| frames.into_iter().for_each(|frame| hear(&mut session, connection, frame)))
}

/// The same by hand.
pub(crate) fn push_floor(rounds: u32) -> Cost {
    let frames = pushes(WARM..WARM + rounds);
    measured(|| {
        for frame in frames {
            let taken = floor::take_push(&frame).expect("the push is sound");
            black_box((taken.id, taken.content, taken.acknowledgement));
        }
    })
}

/// The nonce of the ids that a session with the benchmarks' seed mints.
fn nonce() -> u64 {
    let (mut session, _) = ready(with_receipts());
    let id = session.send(Instant::ORIGIN, "x").expect("an empty outbox takes it").to_string();
    let (nonce, _) = id.split_once('-').expect("an id is nonce-counter");
    u64::from_str_radix(nonce, 16).expect("the nonce is hexadecimal")
}

/// Messages of these numbers with their receipts; made when they are wanted, as pushes are.
fn receipts(nonce: u64, numbers: Range<u32>) -> Vec<(String, String)> {
    let receipt = |number| format!(r#"{{"type":"MESSAGE","clientMessageId":"{nonce:016x}-{number}"}}"#);
    numbers.map(|number| (body(), receipt(number))).collect()
}

/// A message is sent, and its receipt arrives.
pub(crate) fn send(rounds: u32) -> Cost {
    let (mut session, connection) = ready(with_receipts());
    let mut exchange = |(body, receipt): (String, String)| {
        let id = session.send(Instant::ORIGIN, body).expect("there is room");
        drain(&mut session);
        hear(&mut session, connection, receipt);
        black_box(id);
    };
    receipts(nonce(), 0..WARM).into_iter().for_each(&mut exchange);
    let exchanges = receipts(nonce(), WARM..WARM + rounds);
    measured(|| exchanges.into_iter().for_each(exchange))
}

/// The same by hand.
pub(crate) fn send_floor(rounds: u32) -> Cost {
    let nonce = nonce();
    let exchanges = receipts(nonce, WARM..WARM + rounds);
    measured(|| {
        for (number, (body, receipt)) in (u64::from(WARM)..).zip(exchanges) {
            let (id, text) = floor::write_message(nonce, number, &body).expect("text is writable");
            assert!(floor::is_receipt_for(black_box(&receipt), &id));
            black_box((id, text));
        }
    })
}

/// A push where the window holds so many ids, each push forgetting the oldest.
pub(crate) fn push_into(window: u32, rounds: u32) -> Cost {
    let preset = with_receipts().configure(|config| config.inbox.window = Limit::from(window)).expect("it is sound");
    let (mut session, connection) = ready(preset);
    (0..window).for_each(|number| hear(&mut session, connection, a_push(number, "")));
    let content = body();
    let frames: Vec<String> = (window..window + rounds).map(|number| a_push(number, &content)).collect();
    let cost = measured(|| frames.into_iter().for_each(|frame| hear(&mut session, connection, frame)));
    assert_eq!(session.stats().forgotten, u64::from(rounds));
    cost
}

/// A preset under which so many messages are outstanding, half of them in flight where a configuration allows that.
fn with_room(preset: Preset, outstanding: u32) -> Preset {
    let roomy = preset.configure(|config| {
        config.outbox.messages = Limit::new(1_000_000);
        config.outbox.bytes = Limit::new(1 << 30);
        config.outbox.in_flight = Limit::from((outstanding / 2).clamp(1, 65_536));
        // What a peer under this configuration lets the session have on its way.
        config.inbox.pending = Limit::new(10_000);
        config.limits.frame_bytes = Limit::new(16 << 20);
    });
    roomy.expect("it is sound")
}

/// Acknowledging one of so many messages that are outstanding, upon which the next one in line is sent, by a receipt with its id.
pub(crate) fn acknowledge(outstanding: u32, rounds: u32) -> Cost {
    let (session, connection) = ready(with_room(with_receipts(), outstanding));
    let receipts = receipts(nonce(), 0..WARM + rounds).into_iter().map(|(_, receipt)| receipt);
    acknowledged(session, connection, outstanding, receipts)
}

/// The same in the native dialect, by acknowledging everything up to its position.
pub(crate) fn acknowledge_natively(outstanding: u32, rounds: u32) -> Cost {
    let preset = Arc::new(with_room(Preset::native(), outstanding));
    let (session, connection) = greeted(&preset);
    let ack = |seq| {
        let signal = Signal::cumulative_ack(seq, Vec::new(), AckCarrier::Alone);
        let frame = preset.dialect().encode(Side::Server, &signal).expect("the dialect counts");
        frame.as_text().expect("it is JSON").to_owned()
    };
    let acks: Vec<String> = (1..=u64::from(WARM + rounds)).map(ack).collect();
    acknowledged(session, connection, outstanding, acks.into_iter())
}

/// A session that is ready after the talk it takes with its peer.
fn greeted(preset: &Arc<Preset>) -> (Session, ConnectionId) {
    let now = Instant::ORIGIN;
    let mut peer = Peer::new(Preset::clone(preset), PeerPolicy::default(), Seed::from(SEED + 1));
    let there = peer.accept(now);
    let mut session = Session::new(Arc::clone(preset), Seed::from(SEED));
    session.open(now);
    let mut here = None;
    for _ in 0..10 {
        while let Some(action) = session.poll_action() {
            match action {
                Action::Connect { connection, .. } => {
                    here = Some(connection);
                    session.handle(now, Event::Opened { connection });
                }
                Action::Send { frame, .. } => peer.handle(now, Event::FrameIn { connection: there, frame }),
                _ => {}
            }
        }
        while let Some(action) = peer.poll_action() {
            if let (Action::Send { frame, .. }, Some(connection)) = (action, here) {
                session.handle(now, Event::FrameIn { connection, frame });
            }
        }
    }
    assert_eq!(session.state(), State::Ready);
    (session, here.expect("open connects"))
}

/// Hears acknowledgements in batches of five, so many as are certain to be in flight; the outbox is filled up in between, which
/// is not measured.
fn acknowledged(
    mut session: Session,
    connection: ConnectionId,
    outstanding: u32,
    mut acks: impl Iterator<Item = String>,
) -> Cost {
    let now = session.now();
    for _ in 0..outstanding {
        session.send(now, body()).expect("the limits are raised");
        drain(&mut session);
    }
    let (mut cost, mut settled) = (Cost::default(), 0);
    loop {
        let batch: Vec<String> = acks.by_ref().take(5).collect();
        if batch.is_empty() {
            return cost;
        }
        let refill = batch.len();
        let part = measured(|| batch.into_iter().for_each(|ack| hear(&mut session, connection, ack)));
        assert_eq!(session.unsettled(), outstanding as usize - refill, "each settles one");
        settled += refill;
        if settled > WARM as usize {
            cost.time += part.time;
            cost.allocations += part.allocations;
        }
        for _ in 0..refill {
            session.send(now, body()).expect("one was settled");
            drain(&mut session);
        }
    }
}

/// A session with so many messages waiting, and a full window and memory.
fn laden(waiting: u32) -> Session {
    let (mut session, connection) = ready(with_receipts());
    for frame in pushes(0..WARM) {
        hear(&mut session, connection, frame);
    }
    for (body, receipt) in receipts(nonce(), 0..WARM) {
        session.send(Instant::ORIGIN, body).expect("there is room");
        hear(&mut session, connection, receipt);
    }
    (0..waiting).for_each(|_| drop(session.send(Instant::ORIGIN, body()).expect("there is room")));
    drain(&mut session);
    session
}

/// The snapshot of a session with 1,000 messages waiting and everything else full, as JSON.
pub(crate) fn snapshot(rounds: u32) -> Cost {
    let session = laden(1_000);
    measured(|| (0..rounds).for_each(|_| drop(black_box(serde_json::to_string(&session.snapshot())))))
}

/// The way back.
pub(crate) fn restore(rounds: u32) -> Cost {
    let stored = serde_json::to_string(&laden(1_000).snapshot()).expect("a snapshot is JSON");
    let preset = Arc::new(with_receipts());
    measured(|| {
        for _ in 0..rounds {
            let snapshot = serde_json::from_str::<redial::Snapshot>(&stored).expect("it was written by serde");
            let session =
                Session::restore(Arc::clone(&preset), Instant::ORIGIN, snapshot, Duration::ZERO, Seed::from(8_u64));
            assert_eq!(black_box(session.expect("it is whole")).unsettled(), 1_000);
        }
    })
}

/// A message all the way in memory, so many at a time.
pub(crate) fn pair(preset: fn() -> Preset, window: u64, rounds: u32) -> Cost {
    let (mut pair, content) = (Pair::new(preset(), window), body());
    let turns = (u64::from(rounds) / window).max(1);
    let cost = measured(|| {
        for _ in 0..turns {
            assert_eq!(pair.exchange(window, &content), (window, window));
        }
    });
    // A turn of the largest window is more than the rounds that were asked for.
    let factor = f64::from(rounds) / f64::from(u32::try_from(turns * window).unwrap_or(u32::MAX));
    Cost { time: cost.time.mul_f64(factor), ..cost }
}

/// The inline part of an outbox (`rustc -Zprint-type-sizes`), which is no part of an idle session.
const OUTBOX: f64 = 200.0;

/// Bytes of an idle session that is connected and has beaten: inline and heap, the shared preset and the outbox left out.
pub(crate) fn idle_bytes() -> f64 {
    let preset = Arc::new(Preset::plain());
    let mut kept = None;
    let heap = allocation_counter::measure(|| {
        let (mut session, connection) = ready(Arc::clone(&preset));
        let due = session.next_deadline().expect("a beat is due").at;
        session.handle(due, Event::Tick);
        session.handle(due, Event::FrameIn { connection, frame: Frame::Pong(Vec::new()) });
        drain(&mut session);
        kept = Some(session);
    });
    let inline = size_of_val(&kept.expect("a session was made"));
    let heap = u32::try_from(heap.bytes_current).unwrap_or(u32::MAX);
    f64::from(u32::try_from(inline).unwrap_or(u32::MAX)) + f64::from(heap) - OUTBOX
}
