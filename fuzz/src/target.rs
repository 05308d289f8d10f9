//! One function a target: bytes in, a panic where a rule is broken.

use std::sync::{Arc, OnceLock};

use redial::dialect::{Content, Dialect, MessageSignal, ReceiptSignal, SequenceSignal, Side, Signal};
use redial::journal::{Input, Output, Player};
use redial::services::Service;
use redial::{Action, Duration, Event, Frame, Instant, Preset, Seed, Session, Snapshot};

use super::scenario;
use crate::sealed;

/// The preset of every service, in the order of the registry, which only grows at its end.
pub fn presets() -> &'static [Preset] {
    static PRESETS: OnceLock<Vec<Preset>> = OnceLock::new();
    PRESETS.get_or_init(|| Service::all().iter().map(|service| service.sample().expect("its sample works")).collect())
}

/// A frame of the peer, into every dialect: never a panic, and what was understood means the same when it is written again.
///
/// The first byte picks the dialect, the side and the kind of frame.
pub fn decode(data: &[u8]) {
    let Some((&pick, payload)) = data.split_first() else { return };
    let Some(preset) = presets().get(usize::from(pick >> 3)) else { return };
    let reader = if pick & 1 == 0 { Side::Client } else { Side::Server };
    let frame = match ((pick >> 1) & 3, std::str::from_utf8(payload)) {
        (0 | 1, Ok(text)) => Frame::text(text.to_owned()),
        (2, _) => Frame::Pong(payload.to_vec()),
        _ => Frame::Binary(payload.to_vec()),
    };
    let limits = &preset.config().limits;
    let dialect = preset.dialect();
    if let Ok(signal) = dialect.decode(reader, &frame, limits) {
        again(dialect, reader, &signal.in_frame(&frame), limits);
    }
}

/// What encodes is read back as what it was.
fn again(dialect: &dyn Dialect, reader: Side, signal: &Signal<Content<'_>>, limits: &redial::config::Limits) {
    let Ok(written) = dialect.encode(reader.other(), signal) else { return };
    let read = dialect.decode(reader, &written, limits);
    let read = read.unwrap_or_else(|error| panic!("{}: what was written cannot be read: {error}", dialect.name()));
    assert_eq!(meaning(signal), meaning(&read.in_frame(&written)), "{}", dialect.name());
}

/// A signal without the spelling of its content.
fn meaning(signal: &Signal<Content<'_>>) -> String {
    match signal {
        Signal::Message(MessageSignal { id, content: body, .. }) => {
            format!("message {id:?} {:?}", body.to_body().as_text())
        }
        Signal::Receipt(ReceiptSignal::Accepted { id, echo, .. }) => {
            let echo = echo.as_ref().map(|echo| (echo.id.clone(), echo.content.to_body()));
            format!("ack {id:?} {:?}", echo.map(|(id, body)| (id, body.as_text().map(str::to_owned))))
        }
        Signal::Sequence(SequenceSignal::Message { seq, id, content: body, .. }) => {
            let body = body.map(Content::to_body);
            format!("numbered {seq} {id:?} {:?}", body.as_ref().map(|body| body.as_text()))
        }
        other => format!("{other:?}"),
    }
}

/// Lines of a journal: every line gets an answer that ends with the deadline, and what can be read can be written again.
pub fn journal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut player = Player::new(Session::new(Preset::plain(), Seed::from(1_u64)));
    for line in text.lines().take(64) {
        if let Ok(input) = Input::from_line(line) {
            let written = input.to_line();
            let again = Input::from_line(&written);
            // A configuration may hold any number, and a fraction of many digits is not read as exactly itself.
            let same = again.as_ref() == Ok(&input) || (again.is_ok() && matches!(input, Input::Header(_)));
            assert!(same, "{written}");
        }
        let outputs = player.play(line);
        let deadlines = outputs.iter().filter(|output| matches!(output, Output::Deadline { .. })).count();
        assert_eq!(deadlines, 1, "one deadline for every line");
        assert!(matches!(outputs.last(), Some(Output::Deadline { .. })), "and it comes last");
    }
}

/// A stored snapshot: damage is refused, what is forged may be, and what is accepted is a session like any other.
pub fn snapshot(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Snapshot>(data) else {
        // Most bytes are no snapshot, so they become a history instead: a session that lived it must survive a restart.
        return scenario::restart(data, scenario::is_sample(data));
    };
    // The checksum finds damage and not forgery, so neither may be able to do harm.
    for snapshot in [forged(&read), Some(read)].into_iter().flatten() {
        take_over(snapshot);
    }
}

/// The same content with the check that it ought to have.
fn forged(snapshot: &Snapshot) -> Option<Snapshot> {
    serde_json::from_value(sealed::sealed(serde_json::to_value(snapshot).ok()?)?).ok()
}

/// Restores a session and has it work a little.
fn take_over(snapshot: Snapshot) {
    static PRESET: OnceLock<Arc<Preset>> = OnceLock::new();
    let preset =
        PRESET.get_or_init(|| Arc::new(Preset::uni_app().with_config(redial::Config::default()).expect("it is sound")));
    let start = Instant::from_millis(1_000);
    let restored = Session::restore(Arc::clone(preset), start, snapshot, Duration::from_secs(1), Seed::from(8_u64));
    let Ok(mut session) = restored else { return };
    session.credential(start, "token");
    session.open(start);
    for _ in 0..8 {
        while let Some(action) = session.poll_action() {
            if let Action::Connect { connection, .. } = action {
                session.handle(session.now(), Event::Opened { connection });
            }
        }
        let Some(deadline) = session.next_deadline() else { break };
        assert!(deadline.at > session.now(), "{deadline:?} is not later than {}", session.now());
        session.handle(deadline.at, Event::Tick);
    }
    let snapshot = session.snapshot();
    let again = Session::restore(Arc::clone(preset), Instant::ORIGIN, snapshot, Duration::ZERO, Seed::from(9_u64));
    assert!(again.is_ok(), "what a session stores can be restored: {:?}", again.err());
}

/// A history of events and calls, with the oracle listening.
pub fn session(data: &[u8]) {
    scenario::run(data, scenario::is_sample(data));
}
