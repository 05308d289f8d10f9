//! The ends of the clock, and what must not show.

use std::collections::VecDeque;
use std::fmt::Write as _;

use redial::config::{Backoff, FirstDelay};
use redial::{Config, Duration, Event, Instant, MessageId, Preset, Purpose, Seed, Session, State, TransportError};

use crate::oracle::drain;
use crate::support::Story;

#[test]
fn at_the_end_of_the_clock_nothing_overflows() {
    for now in [u64::MAX - 1, u64::MAX] {
        for mut story in [Story::plain(), Story::uni_app()] {
            story.clock(now).ready();
            story.send("hello");
            story.send_for("brief", u64::MAX);
            story.text("noise").pong().tick().event(Event::Woke { asleep: Duration::MAX }).event(Event::Online);
            story.errored(TransportError::Io).tick().drain_within(u64::MAX).open().close();
            assert!(story.deadline().is_none_or(|deadline| deadline.at > Instant::from_millis(now)));
        }
    }
}

#[test]
fn a_clock_that_runs_backwards_is_held_where_it_was() {
    let mut story = Story::plain();
    story.clock(100_000).ready();
    let deadline = story.deadline();
    story.clock(5).tick().seen();
    assert_eq!(story.session.now(), Instant::from_millis(100_000));
    assert_eq!(story.deadline(), deadline);
    story.send("hello");
    assert_eq!(story.seen().messages(), ["hello"]);
    story.clock(100_001).closed(None);
    assert!(story.deadline().expect("it waits").at > Instant::from_millis(100_001));
}

#[test]
fn neither_bodies_nor_credentials_show_in_debug_output() {
    const MARK: &str = "mArKeR";
    let mut config = Config::default();
    config.outbox.in_flight = redial::config::Limit::new(1);
    let mut session = Session::new(Preset::uni_app().with_config(config).expect("it is sound"), Seed::from(7_u64));
    let now = Instant::ORIGIN;
    let connection = redial::ConnectionId::new(1);
    let mut shown = String::new();
    let mut show = |session: &mut Session| {
        let explained = session.explain();
        write!(shown, "{session:?} {explained} {explained:?} {:?}", drain(session)).expect("a string takes it");
    };
    session.credential(now, MARK);
    session.open(now);
    show(&mut session);
    session.handle(now, Event::Opened { connection });
    for _ in 0..2 {
        session.send(now, MARK).expect("it is taken");
    }
    show(&mut session);
    let frames = [
        format!(r#"{{"type":"MESSAGE","messageId":"m1","content":"{MARK}"}}"#),
        format!(r#"{{"type":"{MARK}"}}"#),
        format!(r#"{{"{MARK}":{MARK}}}"#),
        format!(r#"{{"type":"MESSAGE","messageId":["{MARK}"]}}"#),
    ];
    for text in frames {
        let event = Event::FrameIn { connection, frame: redial::Frame::text(text) };
        shown_event(&event, MARK);
        session.handle(now, event);
        show(&mut session);
    }
    let too_large = session.send(now, MARK.repeat(20_000)).expect_err("it is too large");
    write!(shown, "{too_large:?} {too_large}").expect("a string takes it");
    assert!(shown.len() > 1_000 && !shown.contains(MARK), "{shown}");
}

fn shown_event(event: &Event, mark: &str) {
    let shown = format!("{event:?}");
    assert!(!shown.contains(mark), "{shown}");
}

#[test]
fn shifting_all_times_shifts_the_deadlines_and_nothing_else() {
    let run = |origin: u64| {
        let mut story = Story::uni_app();
        story.clock(origin).ready();
        story.send("hello");
        story.wait(30_000).closed(1006).wait_for_connect();
        story.opened().wait(100_000);
        let connects: Vec<u64> = story.connects.iter().map(|at| at - origin).collect();
        (connects, story.state(), story.now() - origin)
    };
    assert_eq!(run(0), run(1 << 40));
}

#[test]
fn ids_of_one_seed_never_repeat_and_seeds_do_not_share_them() {
    let ids = |seed| {
        let mut story = Story::seeded(Preset::plain(), seed);
        (0..50).map(|at| story.send(&at.to_string())).collect::<Vec<MessageId>>()
    };
    let mut all: Vec<MessageId> = ids(1).into_iter().chain(ids(2)).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 100);
}

#[test]
fn a_write_that_failed_after_its_message_was_settled_does_not_reopen_it() {
    let mut story = Story::uni_app_with(|config| config.outbox.send_failure = redial::config::SendFailure::Tell);
    story.ready();
    let id = story.send_for("brief", 1_000);
    story.wait(1_000).seen();
    story.send_failed(Purpose::Message { id: id.clone() });
    assert_eq!(story.seen().statuses(&id), []);
    assert_eq!((story.session.unsettled(), story.state()), (0, State::Ready));
}

#[test]
fn a_write_of_an_earlier_life_that_is_said_to_have_failed_changes_nothing() {
    let mut story = Story::plain_with(|config| config.outbox.send_failure = redial::config::SendFailure::Tell);
    story.ready();
    let id = story.send("sent");
    story.close().closed(1000).ready().seen();
    story.send_failed(Purpose::Message { id: id.clone() });
    assert_eq!(story.seen().statuses(&id), []);
    assert_eq!(story.session.status(&id), Some(redial::Status::Sent));
}

#[test]
fn a_hint_is_believed_again_when_the_stable_time_is_exactly_over() {
    for (after, state) in [(29_999, State::Waiting), (30_000, State::Connecting)] {
        let mut story = Story::plain_with(|config| {
            let hour = Duration::from_secs(3_600);
            config.reconnect.first = FirstDelay::all(hour);
            config.reconnect.again = Backoff::constant(hour);
        });
        story.open().errored(TransportError::Refused).wait(6_000).event(Event::Online);
        assert_eq!(story.state(), State::Connecting);
        story.errored(TransportError::Refused).wait(after).event(Event::Online);
        assert_eq!(story.state(), state, "{after} ms after the first hint");
    }
}

#[test]
fn of_many_messages_that_nobody_took_before_the_link_was_lost_each_goes_out_on_one_link_or_the_other() {
    let two = |config: &mut Config| config.outbox.in_flight = redial::config::Limit::new(2);
    let preset = Preset::plain().configure(two).expect("it is sound");
    let mut session = Session::new(preset, Seed::from(7_u64));
    for body in ["a", "b", "c", "d", "e"] {
        session.send(Instant::ORIGIN, body).expect("it is taken");
    }
    session.open(Instant::ORIGIN);
    let connection = redial::ConnectionId::new(1);
    session.handle(Instant::ORIGIN, Event::Opened { connection });
    session.handle(Instant::ORIGIN, Event::Closed { connection, code: None, reason: String::new() });
    let connect = session.next_deadline().expect("it connects again").at;
    session.handle(connect, Event::Tick);
    session.handle(connect, Event::Opened { connection: redial::ConnectionId::new(2) });
    let seen = crate::support::Seen::new(drain(&mut session));
    assert_eq!(seen.messages(), ["a", "b", "c", "d", "e"], "{seen:?}");
    assert_eq!(session.unsettled(), 0);
}

#[test]
fn a_message_that_expires_as_room_is_made_for_it_and_its_link_is_lost_was_never_sent() {
    let mut story = Story::uni_app_with(|config| config.outbox.in_flight = redial::config::Limit::new(2));
    story.ready();
    story.send("first");
    let second = story.send("second");
    let brief = story.send_for("brief", 9_000);
    story.seen();
    // The receipt makes room for the third one, its time is over, and the first was not confirmed in time, all at once.
    story.sleep(20_000).text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{second}"}}"#));
    let seen = story.seen();
    assert_eq!(seen.messages().len(), 0, "{seen:?}");
    assert_eq!(seen.losses().len(), 1, "{seen:?}");
    assert_eq!(story.session.status(&brief), Some(redial::Status::NotSent), "{seen:?}");
}

#[test]
fn what_is_taken_in_one_piece_is_what_would_have_been_polled_and_goes_behind_what_was_taken_before() {
    let mut polled = Session::new(Preset::plain(), Seed::from(7_u64));
    polled.open(Instant::ORIGIN);
    let mut taken = polled.clone();
    let (mut actions, mut one_by_one) = (VecDeque::new(), Vec::new());
    for at in [0, 10_000, 30_000] {
        let now = Instant::from_millis(at);
        polled.handle(now, Event::Tick);
        one_by_one.extend(drain(&mut polled));
        taken.handle(now, Event::Tick);
        taken.take_actions(&mut actions);
        assert_eq!(taken.poll_action(), None, "nothing is given twice");
    }
    assert!(one_by_one.len() > 3, "an attempt, its end and the wait for the next one");
    assert_eq!(actions, one_by_one);
    assert_eq!(taken, polled);
}
