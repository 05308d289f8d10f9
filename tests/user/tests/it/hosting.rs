//! An adapter of a user's own, made of the parts that every host needs.

use std::time::Duration as Span;

use redial::dialect::Handshake;
use redial::host::{
    DialOrder, Ending, Flow, Host, HostClock, JournalWriter, RecordedSession, Target, TargetError, Turn, WaitFor,
};
use redial::journal::Call;
use redial::{Action, Event, Frame, Instant, Preset, Seed, Status};

/// The sentence for a refused URL; `None` for a reason that a later version adds.
fn advice(error: TargetError) -> Option<&'static str> {
    Some(match error {
        TargetError::Scheme => "begin with ws:// or wss://",
        TargetError::EmptyHost | TargetError::Host => "name a host",
        TargetError::Port => "mend the port",
        TargetError::UserInfo => "mend user and password",
        TargetError::Path | TargetError::Fragment | TargetError::TooLong => "mend the path",
        TargetError::Subprotocol => "mend the dialect",
        TargetError::NoTls => "use a host with TLS",
        _ => return None,
    })
}

/// Until when a loop waits; `None` where it waits for its socket alone, or not at all.
fn wakes_at(turn: Turn) -> Option<Instant> {
    match turn {
        Turn::Wait { until } => until,
        _ => None,
    }
}

#[test]
fn a_url_becomes_a_dial() {
    let target: Target = "ws://user:pass@chat.example:8080/room".parse().expect("a URL");
    let handshake = Handshake::default().query(Some("token=abc".to_owned()));
    let dialed = target.without_tls().and_then(|target| target.with_handshake(&handshake)).expect("a request");
    assert_eq!(dialed.url(), "ws://chat.example:8080/room?token=abc");
    assert_eq!(dialed.headers().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["Authorization"]);

    let mut order = DialOrder::new(["[::1]:8080", "127.0.0.1:8080"], |address| address.starts_with('['));
    assert_eq!(order.start(Instant::ORIGIN), Some("[::1]:8080"));
    order.failed();
    assert_eq!(order.start(Instant::ORIGIN), Some("127.0.0.1:8080"));
    order.opened();
    assert!(!order.has_failed());
}

#[test]
fn a_url_that_cannot_work_is_answered_with_advice() {
    let refused = |url: &str| url.parse::<Target>().err().and_then(advice);
    assert_eq!(refused("http://chat.example"), Some("begin with ws:// or wss://"));
    assert_eq!(refused("ws://chat.example:99999"), Some("mend the port"));
}

#[test]
fn a_loop_of_a_users_own_sends_hears_and_ends() {
    let writer = JournalWriter::new(|line| !line.is_empty()).with_outputs();
    let session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer));
    let mut host = Host::new(session, HostClock::new().speed(2));
    let now = host.read_clocks(Span::from_millis(50), None);
    assert_eq!(now, Instant::from_millis(100));
    host.call(Call::Open).expect("it opens");
    let id = host.send("hello", Some("caller")).expect("the outbox has room");

    let (mut told, mut flow, mut written) = (Vec::new(), Flow::new(), 0);
    while let Some(action) = host.poll_action(&mut told) {
        match action {
            Action::Connect { connection, .. } => host.handle(Event::Opened { connection }),
            Action::Send { connection, frame, .. } => {
                written += frame.len() as u64;
                flow.on_queued(written);
                host.handle(Event::FrameIn { connection, frame: Frame::text("hello yourself") });
            }
            Action::Deliver(_) => host.close(),
            Action::Close { connection, code, reason } => host.handle(Event::Closed { connection, code, reason }),
            _ => {}
        }
    }
    assert_eq!(told, [("caller", Status::Sent)]);
    assert_eq!(flow.on_written(now, written), Some(1));
    assert_eq!(host.wait(id.id(), WaitFor::Outcome, "late").map(drop), Err(("late", Some(Status::Sent))));
    assert_eq!(wakes_at(host.turn(true)), Some(now + Ending::LINGER));
    assert_eq!(host.turn(false), Turn::Return);
    assert_eq!(host.finish(), []);
}
