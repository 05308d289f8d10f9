//! Losing connections, and getting others.

use redial::config::{Bounds, CredentialSource};
use redial::journal::Call;
use redial::{
    Action, Cause, Config, ConnectionId, CredentialFailure, Duration, Event, Failure, Frame, Instant, Preset, Seed,
    Session, State, Timer, TransportError,
};

use crate::support::Story;

#[test]
fn a_server_that_accepts_and_drops_is_not_hammered() {
    let mut story = Story::plain();
    story.open();
    while story.now() < 200_000 {
        story.opened().closed(None).wait_for_connect();
    }
    let first_minute = story.connects.iter().filter(|at| **at < 60_000).count();
    assert!(first_minute <= 14, "{:?}", story.connects);
    let (mut cap, mut floor) = (500, 250);
    for pair in story.connects.windows(2) {
        let delay = pair[1] - pair[0];
        assert!(
            (floor.max(cap / 2)..=floor.max(cap)).contains(&delay),
            "{delay} ms of {cap} ms in {:?}",
            story.connects
        );
        // 5 s at most in the first 30 s of the outage, and then twice as much each time, up to 20 s.
        cap = (cap * 2).min(if pair[1] < 30_000 { 5_000 } else { 20_000 });
        floor = (floor * 2).min(5_000);
    }
    assert_eq!((cap, floor), (20_000, 5_000));
}

#[test]
fn no_seed_hammers_a_server_that_accepts_and_drops() {
    let promised = Config::default().bounds().connects_in_120_s;
    for seed in 0..200 {
        let mut story = Story::seeded(Preset::plain(), seed);
        story.open();
        while story.now() < 240_000 {
            story.opened().closed(None).wait_for_connect();
        }
        let within = |span: u64| {
            let from = |at: &u64| story.connects.iter().filter(|other| (*at..*at + span).contains(other)).count();
            story.connects.iter().map(from).max().unwrap_or_default()
        };
        assert!(within(60_000) <= 14, "seed {seed}: {:?}", story.connects);
        assert!(within(120_000) <= promised as usize, "seed {seed}: {:?}", story.connects);
    }
}

#[test]
fn a_server_that_accepts_tcp_and_never_answers_is_given_up_and_tried_again() {
    let mut story = Story::plain();
    story.open();
    let first = story.connection();
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((10_000, Timer::Attempt))
    );
    story.wait(9_999);
    assert_eq!(story.state(), State::Connecting);
    story.seen();
    story.wait(1);
    let seen = story.seen();
    assert_eq!(seen.losses()[0].0, Cause::AttemptTimeout);
    assert!(seen.all().contains(&Action::Abort { connection: first }), "the socket that dials is dropped");
    let wait = story.wait_for_connect();
    assert!((250..=500).contains(&wait), "{wait}");
    assert_ne!(story.connection(), first);
}

#[test]
fn close_during_the_wait_for_a_reconnect_stays_closed() {
    let mut story = Story::plain();
    story.ready().closed(1006);
    assert_eq!(story.state(), State::Waiting);
    story.close().seen();
    assert_eq!((story.state(), story.deadline()), (State::Stopped, None));
    story.wait(1_000_000).event(Event::Online).event(Event::Woke { asleep: Duration::from_secs(9) });
    assert!(story.seen().is_empty());
    assert_eq!(story.connects.len(), 1);
}

#[test]
fn error_and_close_of_one_connection_count_once() {
    let mut story = Story::plain();
    story.ready().seen();
    story.errored(TransportError::Io).closed(1006).errored(TransportError::Other);
    let seen = story.seen();
    assert_eq!(seen.losses().len(), 1);
    assert_eq!(seen.states(), [State::Waiting]);
    assert_eq!(story.session.explain().failures, 1);
    assert_eq!(story.session.stats().stale_events, 2);
    story.wait(500).opened().wait(20_000);
    assert_eq!(story.connects.len(), 2, "{:?}", story.connects);
}

#[test]
fn late_events_of_an_old_connection_change_nothing() {
    let mut story = Story::plain();
    story.ready();
    let old = story.connection();
    story.closed(1006).wait_for_connect();
    story.opened().seen();
    let before = story.session.clone();
    story.event(Event::FrameIn { connection: old, frame: Frame::text("late") });
    story.event(Event::SendFailed { connection: old, purpose: None });
    story.event(Event::errored(old, TransportError::Unauthorized));
    story.event(Event::Closed { connection: old, code: Some(1008), reason: String::new() });
    assert!(story.seen().is_empty());
    assert_eq!(story.session, before);
    assert_eq!(story.session.stats().stale_events, 4);
}

#[test]
fn the_late_socket_of_an_old_connection_is_aborted_once_and_changes_nothing() {
    let mut story = Story::plain();
    story.open();
    let old = story.connection();
    story.wait(10_000).wait_for_connect();
    story.opened().seen();
    let before = story.session.clone();
    story.event(Event::Opened { connection: old });
    assert_eq!(story.seen().all(), [Action::Abort { connection: old }]);
    assert_eq!(story.session, before);
    for stranger in [0, 77] {
        story.event(Event::Opened { connection: ConnectionId::new(stranger) });
    }
    story.opened();
    assert!(story.seen().is_empty(), "a socket nobody asked for, and the present one again, are no news");
}

#[test]
fn ten_thousand_sessions_cut_at_one_instant_spread_their_attempts() {
    for (losses, cap) in [(1, 500), (30, 20_000)] {
        let mut delays: Vec<u64> = (0..10_000).map(|seed| delay_after(losses, seed)).collect();
        delays.sort_unstable();
        assert!(delays[0] >= cap / 2 && delays[9_999] <= cap);
        let buckets = 10;
        for bucket in 0..buckets {
            let from = cap / 2 + bucket * cap / 2 / buckets;
            let count = delays.iter().filter(|delay| (from..from + cap / 2 / buckets).contains(delay)).count();
            assert!((800..1_200).contains(&count), "{count} of 10,000 in tenth {bucket} after {losses} losses");
        }
    }
}

/// The delay after so many refused attempts in a row.
fn delay_after(losses: u32, seed: u64) -> u64 {
    let mut session = Session::new(Preset::plain(), Seed::from(seed));
    let mut now = Instant::ORIGIN;
    session.open(now);
    let mut delay = 0;
    for connection in 1..=u64::from(losses) {
        let connection = ConnectionId::new(connection);
        session.handle(now, Event::errored(connection, TransportError::Refused));
        let at = session.next_deadline().expect("it waits").at;
        delay = at.since(now).as_millis();
        now = at;
        session.handle(now, Event::Tick);
    }
    delay
}

#[test]
fn a_connection_that_was_stable_and_useful_sets_the_count_back() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..3 {
        story.closed(None).wait_for_connect();
        story.opened();
    }
    assert_eq!(story.session.explain().failures, 3);
    story.wait(20_000).pong().wait(9_999).closed(None);
    assert_eq!(story.session.explain().failures, 4, "a millisecond short of stable");
    story.wait_for_connect();
    story.opened().pong().wait(30_000).closed(None);
    assert_eq!(story.session.explain().failures, 1, "stable, and heard");
    story.wait_for_connect();
    story.opened().closed(None).wait_for_connect();
    story.opened().text("hello").closed(None);
    assert_eq!(story.session.explain().failures, 1, "a message was delivered");
}

#[test]
fn a_connection_that_never_said_anything_is_not_stable_however_long_it_lasted() {
    let mut story = Story::plain();
    story.ready().closed(None).wait_for_connect();
    story.opened().wait(32_000).closed(None);
    assert_eq!(story.session.explain().failures, 2);
}

#[test]
fn what_the_server_asks_for_with_retry_after_is_added_to() {
    let mut story = Story::plain();
    story.open();
    let connection = story.connection();
    let asks = |span| Failure::new(TransportError::Refused).with_retry_after(span);
    story.event(Event::errored(connection, asks(Duration::from_secs(30))));
    let wait = story.wait_for_connect();
    assert!((30_250..=30_500).contains(&wait), "{wait}");
    let connection = story.connection();
    story.event(Event::errored(connection, asks(Duration::MAX)));
    let wait = story.wait_for_connect();
    assert!((3_600_500..=3_601_000).contains(&wait), "an hour at most, not {wait}");
}

#[test]
fn a_hint_does_not_shorten_what_the_server_asked_for() {
    let mut story = Story::plain();
    story.open();
    let connection = story.connection();
    let failure = Failure::new(TransportError::Refused).with_retry_after(Duration::from_secs(30));
    story.event(Event::errored(connection, failure));
    story.wait(10_000).event(Event::Online);
    assert_eq!(story.wait_for_connect(), 20_000);
}

#[test]
fn a_hint_that_the_network_is_back_ends_the_wait_once_in_the_stable_time() {
    let mut story = Story::plain_with(|config| {
        config.reconnect.early = None;
        config.reconnect.again.cap = Duration::from_secs(60);
    });
    story.open();
    for _ in 0..8 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    story.errored(TransportError::Refused).wait(6_000);
    story.event(Event::Offline);
    assert_eq!(story.state(), State::Waiting);
    story.event(Event::Online);
    assert_eq!(story.state(), State::Connecting, "the floor of 5 s has passed");
    story.errored(TransportError::Refused).wait(6_000).event(Event::Online);
    assert_eq!(story.state(), State::Waiting, "one hint was believed, the next comes too soon");
    story.wait(14_000).errored(TransportError::Refused);
    while story.now() < 800_000 {
        story.wait_for_connect();
        story.errored(TransportError::Refused);
    }
    story.wait(6_000).event(Event::Online);
    assert_eq!(story.state(), State::Connecting, "after the stable time a hint is believed again");
}

#[test]
fn opening_twice_dials_once() {
    let mut story = Story::plain();
    story.open().open().opened().open();
    assert_eq!(story.connects.len(), 1);
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn renewals_that_were_asked_for_cost_no_attempt_and_no_step() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..8 {
        story.text("hello").wait(20_000);
        story.call(Call::ReconnectNow).expect("it is open");
        story.opened();
    }
    story.text("hello").wait(20_000).closed(Some(1001));
    assert_eq!(story.session.explain().failures, 1);
    let wait = story.wait_for_connect();
    assert!((250..=500).contains(&wait), "{wait}");
}

#[test]
fn a_server_that_flaps_and_confirms_each_time_is_tried_again_as_soon_as_the_floor_allows() {
    let mut story = Story::uni_app();
    story.ready();
    for _ in 0..20 {
        let id = story.send("hello");
        story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#)).wait(4_000).closed(None);
        let wait = story.wait_for_connect();
        assert!(wait <= 1_000, "{wait}: what was confirmed is proof");
        story.opened();
    }
}

#[test]
fn an_application_that_answers_each_loss_with_open_meets_the_floor() {
    let mut story = Story::plain();
    story.open();
    while story.now() < 10_000 {
        story.errored(TransportError::Refused).open();
        story.wait(1);
    }
    assert!(story.connects.len() <= 7, "{:?}", story.connects);
}

#[test]
fn asking_for_a_connection_in_the_last_slot_dials_once_more() {
    let mut story = Story::new(Preset::live_chat(1, 2).expect("both are there"));
    story.open();
    story.opened().text(r#"{"cmd":"auth1","msg_id":1,"result":{"seed":"s"}}"#).wait(20_000).closed(None);
    story.errored(TransportError::Refused);
    for _ in 0..2 {
        story.wait_for_connect();
        story.errored(TransportError::Refused);
    }
    let dialled = story.connects.len();
    assert_eq!(story.deadline().map(|deadline| deadline.timer), Some(Timer::GiveUp));
    story.call(Call::ReconnectNow).expect("it is open");
    story.wait(5_000);
    assert_eq!(story.connects.len(), dialled + 1);
}

#[test]
fn a_hint_during_a_question_for_a_credential_is_served_when_the_attempt_is_lost() {
    for hint in [false, true] {
        let mut story = Story::uni_app_with(|config| config.authentication.credential = CredentialSource::Asked);
        story.open();
        for _ in 0..4 {
            story.must(Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable });
            let next = story.deadline().expect("it tries again").at.as_millis();
            story.wait(next - story.now());
        }
        story.wait(1_000);
        if hint {
            story.event(Event::Online);
        }
        story.wait(1_000).must(Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable });
        let wait = story.deadline().expect("it tries again").at.as_millis() - story.now();
        assert_eq!(wait < 2_500, hint, "{wait} ms");
    }
}

#[test]
fn a_hint_restarts_an_attempt_that_hangs_once_it_has_hung_for_a_second() {
    for (hint, restart) in [(200, 1_000), (1_000, 1_000), (3_000, 3_000)] {
        let mut story = Story::plain();
        story.open();
        story.wait(hint).event(Event::Online);
        if restart > hint {
            assert_eq!(story.deadline().map(|deadline| deadline.timer), Some(Timer::Reconnect));
            story.wait(restart - hint);
        }
        assert_eq!(story.connects, [0, restart]);
        assert_eq!(story.session.explain().failures, 0, "a restart is no attempt");
        story.wait(9_999);
        assert_eq!(story.connects.len(), 2, "one hint restarts one attempt");
        story.wait(1);
        assert_eq!(story.session.explain().failures, 1);
    }
}

#[test]
fn the_count_of_restarts_is_set_back_by_a_connection_that_was_heard_and_by_every_loss_of_another_kind() {
    let mut story = Story::plain();
    story.open();
    story.wait(500).event(Event::Online).wait(500);
    assert_eq!(story.connects, [0, 1_000]);
    story.wait(100).opened().wait(100).text("hello").wait(20_000).text("hello");
    story.call(Call::ReconnectNow).expect("it is open");
    let dialled = story.now();
    story.wait(100).event(Event::Online).wait(10_000);
    assert_eq!(story.connects[2..], [dialled, dialled + 1_000], "the connection was ready, and heard");
    // A connection that heard nothing ends no row, and a loss that is no renewal does.
    let mut story = Story::plain();
    story.open();
    story.event(Event::Online).wait(1_000).event(Event::Online).wait(2_000).opened();
    story.call(Call::ReconnectNow).expect("it is open");
    story.wait_for_connect();
    story.event(Event::Online).wait(4_000);
    assert_eq!(story.connects, [0, 1_000, 3_000, 4_000, 8_000]);
    story.errored(TransportError::Refused).wait_for_connect();
    let dialled = story.now();
    story.event(Event::Online).wait(5_000);
    assert_eq!(story.connects.last(), Some(&(dialled + 5_000)), "the floor alone, and not 8 s");
}

#[test]
fn a_hint_waits_for_the_floor_and_is_served_by_an_attempt_that_opens() {
    let mut story = Story::plain();
    story.open();
    for _ in 0..8 {
        story.errored(TransportError::Refused).wait_for_connect();
    }
    let dialled = story.now();
    story.wait(1_000).event(Event::Online).wait(3_999);
    assert_eq!(story.connects.last(), Some(&dialled), "the floor is 5 s by now");
    story.wait(1);
    assert_eq!(story.connects.last(), Some(&(dialled + 5_000)));
    story.event(Event::Online).opened().wait(20_000);
    assert_eq!(story.state(), State::Ready, "the attempt has opened since the hint");
}

#[test]
fn a_budget_of_connects_holds_in_every_window() {
    let budget = |config: &mut Config| {
        config.reconnect.budget = Some(redial::config::Budget::new(10, Duration::from_secs(3_600)));
    };
    let mut story = Story::plain_with(budget);
    assert_eq!(story.session.preset().bounds().connects_in_120_s, 5);
    story.open();
    while story.now() < 20 * 3_600_000 {
        story.opened().text("hello").closed(None).wait_for_connect();
    }
    for (at, from) in story.connects.iter().enumerate() {
        let within = story.connects[at..].iter().take_while(|connect| **connect - from <= 3_600_000).count();
        assert!(within <= 10, "{within} in an hour from {from} on");
    }
    assert!(story.connects.len() >= 115, "{} in 20 hours", story.connects.len());
}

/// Runs a session against a server that accepts each connection and drops it, every n-th one after it was stable and
/// the others at once, while hints and calls ask for the next one at once. Returns the most connects in any window of
/// `span` milliseconds, within `until`, and the bounds. Without the oracle, which needs seconds for the connects of a
/// day.
fn asked_for(change: impl FnOnce(&mut Config), nth: usize, until: u64, span: u64) -> (usize, Bounds) {
    let mut session = Session::new(Preset::plain().configure(change).expect("it is sound"), Seed::from(7_u64));
    let (mut connects, mut now) = (Vec::new(), 0);
    session.open(Instant::ORIGIN);
    while now <= until {
        let at = Instant::from_millis(now);
        let dialled = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
            Action::Connect { connection, .. } => Some(connection),
            _ => None,
        });
        let Some(connection) = dialled else {
            now = session.next_deadline().expect("it waits to connect").at.as_millis().max(now);
            session.handle(Instant::from_millis(now), Event::Tick);
            continue;
        };
        connects.push(now);
        session.handle(at, Event::Opened { connection });
        session.handle(at, Event::FrameIn { connection, frame: Frame::text("hello") });
        while session.poll_action().is_some() {}
        now += if connects.len() % nth == 0 { session.preset().config().reconnect.stable.as_millis() } else { 0 };
        let at = Instant::from_millis(now);
        session.handle(at, Event::Closed { connection, code: None, reason: String::new() });
        session.handle(at, Event::Online);
        session.reconnect_now(at).expect("it is open");
    }
    let mut first = 0;
    let within = connects.iter().enumerate().map(|(at, connect)| {
        first += connects[first..].iter().take_while(|from| *connect - **from > span).count();
        at + 1 - first
    });
    (within.max().unwrap_or_default(), session.bounds())
}

#[test]
fn hints_and_calls_provoke_as_many_connects_as_promised_in_120_s_and_no_more() {
    let rows = [30_000, 5_000, 1_000, 100].map(|stable| {
        let change = |config: &mut Config| config.reconnect.stable = Duration::from_millis(stable);
        let servers = (1..=8).chain([usize::MAX]);
        let runs = servers.map(|nth| asked_for(change, nth, 300_000, 120_000));
        let (most, bounds) = runs.max_by_key(|(most, _)| *most).expect("there are some");
        assert!(most <= bounds.connects_in_120_s_at_most as usize, "{most} connects, {bounds:?}");
        (stable, most, bounds.connects_in_120_s_at_most)
    });
    assert_eq!(
        rows,
        [(30_000, 28, 28), (5_000, 72, 74), (1_000, 207, 207), (100, 481, 481)],
        "time, reached, promised"
    );
}

#[test]
fn a_budget_of_any_size_is_used_up_in_a_day_and_never_passed() {
    let day = 86_400_000;
    for (connects, hours) in [(200, 24), (1_000, 24), (1, 24), (10, 1)] {
        let budget = redial::config::Budget::new(connects, Duration::from_secs(hours * 3_600));
        let (most, bounds) = asked_for(|config| config.reconnect.budget = Some(budget), usize::MAX, 3 * day, day);
        let promised = bounds.connects_in_a_day as usize;
        assert!(most <= promised, "{most} connects of {promised}, budget {connects} in {hours} h");
        assert!(most * 100 >= promised * 97, "{most} connects of {promised}, budget {connects} in {hours} h");
    }
}

#[test]
fn connections_that_are_lost_in_one_pattern_come_back_ever_more_slowly_where_that_is_set() {
    let mut story = Story::plain_with(|config| {
        config.reconnect.jitter = redial::config::Jitter::None;
        config.reconnect.repeated = Some(Duration::from_secs(600));
    });
    story.ready();
    let mut waits = Vec::new();
    for lasted in [50_000, 50_300, 49_900, 50_000, 50_000, 50_000, 80_000, 50_000] {
        story.text("hello");
        for _ in 0..4 {
            story.wait(lasted / 4).pong();
        }
        story.closed(Some(1000));
        waits.push(story.wait_for_connect());
        story.opened();
    }
    assert_eq!(waits, [500, 500, 1_000, 2_000, 4_000, 8_000, 500, 500]);
}

#[test]
fn the_bounds_of_a_session_are_those_of_the_connection_at_hand() {
    let mut story = Story::plain();
    assert_eq!(story.session.bounds(), story.session.preset().bounds());
    story.ready();
    assert_eq!(story.session.bounds(), story.session.preset().bounds());
}

#[test]
fn where_nothing_can_be_asked_offlines_doubt_lasts_as_long_as_a_probe_and_ends_no_link() {
    let mut story = Story::plain_with(|config| config.heartbeat.probe = None);
    story.ready().event(Event::Offline);
    let id = story.send("what can wait waits");
    story.wait(4_999);
    assert_eq!(story.session.status(&id), Some(redial::Status::Queued));
    assert!(story.session.explain().probing);
    story.wait(1);
    assert_eq!(story.session.status(&id), Some(redial::Status::Sent));
    assert_eq!((story.seen().beats(), story.state()), (0, State::Ready));
    story.event(Event::Offline).wait(1_000).text("a byte");
    let id = story.send("the doubt is over");
    assert_eq!(story.session.status(&id), Some(redial::Status::Sent));
}

#[test]
fn where_messages_do_not_wait_offline_changes_nothing_that_nobody_can_be_asked_about() {
    let mut story = Story::new(Preset::uni_app());
    story.ready();
    let before = story.session.clone();
    story.event(Event::Offline);
    assert!(story.session == before, "the documents of such systems know no such hint");
}

#[test]
fn offline_puts_a_ready_link_in_doubt_until_a_byte_comes() {
    let mut story = Story::plain();
    story.ready();
    story.event(Event::Offline);
    assert!(story.session.explain().probing, "a probe is out");
    story.seen();
    let id = story.send("what can wait waits");
    assert!(!story.seen().all().iter().any(|action| matches!(action, Action::Send { .. })));
    story.wait(1_000).pong();
    assert_eq!(story.session.status(&id), Some(redial::Status::Sent), "the doubt is over");
    story.event(Event::Offline);
    let id = story.send("kept for the next connection");
    let wait = story.wait_for_connect();
    assert!((5_250..=5_500).contains(&wait), "{wait}");
    assert_eq!(story.session.status(&id), Some(redial::Status::Queued));
    story.opened();
    assert_eq!(story.session.status(&id), Some(redial::Status::Sent));
}

#[test]
fn what_a_budget_of_connects_has_spent_stays_spent_over_a_restart_until_it_is_earned_again() {
    let budget = redial::config::Budget::new(10, Duration::from_secs(3_600));
    let mut story = Story::plain_with(|config| config.reconnect.budget = Some(budget));
    let earned = |story: &mut Story| {
        let records: serde_json::Value = serde_json::from_str(&story.snapshot()).expect("it is JSON");
        records["s/link"]["earned"].as_u64()
    };
    story.open();
    for _ in 0..8 {
        story.opened().text("hello").closed(None).wait_for_connect();
    }
    let spent = earned(&mut story);
    assert!(spent.is_some());
    story.restart(1_000);
    assert_eq!(earned(&mut story), spent, "the moment is on a clock that goes on");
    story.restart(24 * 3_600_000);
    assert_eq!(earned(&mut story), None);
}
