//! Flow: what the host's socket takes, what arrives in pieces, and what the application takes.

use redial::config::{DeadAfter, Durability, HeartbeatSchedule, Limit, Liveness, Probe, Rate, Suspicion};
use redial::dialect::{HeartbeatFrame, Plain};
use redial::{
    Action, Cause, Config, ConnectionId, Duration, Event, Frame, Instant, Preset, Purpose, Seed, Session, State,
    Status, Timer,
};

use crate::support::{Seen, Story, with};

/// A host that reports what its socket takes, on an open connection.
fn reporting(mut story: Story) -> Story {
    story.open().written(0).opened();
    assert_eq!(story.state(), State::Ready);
    story.seen();
    story
}

fn plain() -> Story {
    reporting(Story::plain())
}

fn with_receipts() -> Story {
    reporting(Story::uni_app())
}

fn confirm(story: &mut Story, id: &redial::MessageId) {
    story.text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#));
}

fn bodies(count: usize, length: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{number:04}{}", "x".repeat(length - 4)))
}

/// How many messages were handed over.
fn handed(seen: &Seen) -> usize {
    seen.messages().len()
}

/// Why connections were lost.
fn causes(seen: &Seen) -> Vec<Cause> {
    seen.losses().into_iter().map(|(cause, _)| cause).collect()
}

/// How many messages were told as sent.
fn sent(seen: &Seen) -> usize {
    seen.count(|action| matches!(action, Action::Status { status: Status::Sent, .. }))
}

fn last(seen: &Seen, id: &redial::MessageId) -> Option<Status> {
    seen.statuses(id).pop()
}

#[test]
fn a_server_that_confirms_in_order_one_a_second_costs_no_connection() {
    let mut story = Story::uni_app();
    story.ready();
    let ids: Vec<_> = (0..100).map(|number| story.send(&number.to_string())).collect();
    let mut frames = 0;
    for id in &ids {
        story.wait(1_000);
        confirm(&mut story, id);
        let seen = story.seen();
        frames += handed(&seen);
        assert_eq!(causes(&seen), [], "at {} ms", story.now());
    }
    assert_eq!((story.session.unsettled(), frames), (0, 100));
    assert!(ids.iter().all(|id| story.session.status(id) == Some(Status::Delivered)));
}

#[test]
fn the_first_in_line_that_is_not_confirmed_is_overdue_though_others_behind_it_are() {
    let mut story = Story::uni_app();
    story.ready();
    let ids: Vec<_> = (0..30).map(|number| story.send(&number.to_string())).collect();
    for id in &ids[1..20] {
        story.wait(1_000);
        confirm(&mut story, id);
    }
    assert_eq!(causes(&story.seen()), []);
    story.wait(1_000);
    assert_eq!(causes(&story.seen()), [Cause::ReceiptOverdue]);
}

#[test]
fn a_full_socket_keeps_messages_in_the_outbox_until_send_says_full() {
    let mut story = plain();
    let taken = bodies(100, 60_000).take_while(|body| story.try_send(body).is_ok()).count();
    // 4 MiB of bodies may wait, whatever the socket holds.
    assert_eq!(taken, (4 << 20) / 60_000);
    let seen = story.seen();
    assert_eq!(handed(&seen), 1, "one message fits into 64 KiB");
    assert_eq!(sent(&seen), 0, "nothing is out");
    story.written(1);
    let seen = story.seen();
    assert_eq!(handed(&seen), 1);
    assert_eq!(sent(&seen), 1);
}

#[test]
fn small_messages_fill_the_room_and_no_more() {
    let mut story = plain();
    for body in bodies(100, 1_000) {
        story.send(&body);
    }
    let room = (64 << 10) / (1_000 + 14);
    assert_eq!(handed(&story.seen()), room);
    story.written(10);
    assert_eq!(handed(&story.seen()), 10);
    story.written(10);
    assert_eq!(handed(&story.seen()), 0, "progress of a frame makes no room yet");
}

#[test]
fn a_message_longer_than_the_room_goes_alone() {
    let mut story = reporting(Story::plain_with(|config| config.limits.message_bytes = Limit::new(1 << 20)));
    story.send(&"x".repeat(1 << 20));
    story.send("behind");
    assert_eq!(handed(&story.seen()), 1);
    story.written(1);
    assert_eq!(story.seen().messages(), ["behind"]);
}

#[test]
fn a_slow_socket_that_moves_costs_no_connection_and_a_stalled_one_does_after_20_s() {
    let mut story = reporting(Story::plain_with(|config| config.limits.message_bytes = Limit::new(1 << 20)));
    story.send(&"x".repeat(1_000_000));
    // 20 kB/s: 50 s for 1 MB.
    for _ in 0..50 {
        story.wait(1_000).written(0);
    }
    assert_eq!(causes(&story.seen()), []);
    assert_eq!(story.deadline().map(|due| due.timer), Some(Timer::Stall));
    story.wait(20_000);
    assert_eq!(causes(&story.seen()), [Cause::WriteStalled]);
}

#[test]
fn a_peer_that_takes_a_byte_every_19_s_holds_no_link_for_ever() {
    let mut story = plain();
    story.send("hello");
    for _ in 0..6 {
        story.wait(19_000).written(0);
    }
    assert_eq!(causes(&story.seen()), []);
    story.wait(6_000);
    assert_eq!(causes(&story.seen()), [Cause::WriteStalled], "one frame may take 120 s");
}

#[test]
fn a_server_that_drips_a_frame_holds_no_link_for_ever() {
    let mut story = plain();
    story.prompt();
    let begin = story.now();
    while story.state() == State::Ready {
        story.wait(1_000);
        if story.state() == State::Ready {
            story.arriving();
        }
        assert!(story.now() - begin < 600_000, "it is held for ever");
    }
    assert_eq!(causes(&story.seen()), [Cause::Dead]);
    // 120 s for the frame, and after that the 33 s of any silence.
    assert_eq!(story.now() - begin, 1_000 + 119_000 + 33_000);
}

#[test]
fn a_frame_of_100_s_that_arrives_evenly_is_life() {
    let mut story = plain();
    for _ in 0..100 {
        story.wait(1_000).arriving();
    }
    story.text("the whole frame");
    let seen = story.seen();
    assert_eq!((causes(&seen), seen.beats()), (vec![], 0), "{seen:?}");
}

#[test]
fn a_receipt_behind_a_frame_that_arrives_is_waited_for() {
    let mut story = with_receipts();
    let id = story.send("hello");
    story.written(1);
    for _ in 0..60 {
        story.wait(1_000).arriving();
    }
    assert_eq!(causes(&story.seen()), []);
    confirm(&mut story, &id);
    assert_eq!(story.session.status(&id), Some(Status::Delivered));
}

#[test]
fn a_receipt_is_awaited_from_when_the_last_byte_left() {
    let mut story = with_receipts();
    story.send("hello");
    for _ in 0..40 {
        story.wait(1_000).written(0);
    }
    story.prompt();
    let since = story.now();
    story.wait(5_000).pong().wait(14_999);
    assert_eq!(causes(&story.seen()), []);
    story.wait(1);
    assert_eq!(causes(&story.seen()), [Cause::ReceiptOverdue], "out at {since}");
}

#[test]
fn a_heartbeat_behind_bytes_is_unanswered_only_from_when_it_left() {
    let mut story = plain();
    for body in bodies(1, 60_000) {
        story.send(&body);
    }
    // One heartbeat is queued behind the message, and no more.
    for _ in 0..100 {
        story.wait(1_000).written(0);
    }
    let seen = story.seen();
    assert_eq!((causes(&seen), seen.beats()), (vec![], 1));
    story.written(2);
    let since = story.now();
    while story.state() == State::Ready {
        let due = story.deadline().expect("silence is judged").at.as_millis();
        story.wait(due - story.now());
        story.written(3);
    }
    assert_eq!(causes(&story.seen()), [Cause::Dead]);
    assert_eq!(story.now() - since, 8_000, "the heartbeat is out and unanswered: a probe after 3 s, dead after 5 more");
}

#[test]
fn a_probe_that_is_queued_past_a_place_in_the_grid_counts_for_that_place() {
    let mut story = reporting(Story::plain_with(|config| {
        config.heartbeat.every = Duration::from_secs(15);
        config.heartbeat.schedule = HeartbeatSchedule::Grid;
        config.heartbeat.dead_after = DeadAfter::after(2, Duration::from_secs(1));
        config.heartbeat.suspicion = Some(with(|suspicion: &mut Suspicion| {
            suspicion.after = Duration::from_secs(5);
            suspicion.wait = Duration::from_secs(20);
        }));
    }));
    let promised = story.session.bounds().notice_dead_link.expect("silence ends this link").as_millis();
    story.wait(15_000).written(1).wait(5_000);
    let queued = story.now();
    for _ in 0..11 {
        story.wait(1_000).written(1);
    }
    let unwritten = story.now() - queued;
    story.prompt();
    while story.state() == State::Ready {
        let due = story.deadline().expect("silence is judged").at.as_millis();
        story.wait(due - story.now());
    }
    assert_eq!(causes(&story.seen()), [Cause::Dead]);
    assert!(story.now() <= promised + unwritten, "{} ms of silence, {unwritten} of them unwritten", story.now());
}

#[test]
fn a_heartbeat_behind_bytes_makes_the_suspicion_of_unanswered_messages_no_late_tick() {
    let mut story = reporting(Story::plain_with(|config| {
        config.heartbeat.suspicion = None;
        config.heartbeat.probe = Some(Probe::new(Duration::from_secs(5), Duration::from_secs(60)));
        config.heartbeat.unanswered = Some(Duration::from_secs(30));
    }));
    story.wait(24_000);
    story.send("unanswered");
    story.written(1).wait(1_000);
    for _ in 0..40 {
        story.wait(1_000).written(1);
    }
    story.prompt();
    assert_eq!(story.seen().count(|action| matches!(action, Action::Suspected { .. })), 1);
}

/// Sends a message a second to a server that is gone; says how long it took to notice.
fn noticed_under_traffic(mut story: Story) -> u64 {
    story.open().opened();
    let begin = story.now();
    let mut seen = Vec::new();
    while story.state() == State::Ready {
        let _ = story.try_send("anybody?");
        story.wait(1_000);
        seen.extend(story.seen().losses());
        assert!(story.now() - begin < 120_000, "nobody notices");
    }
    assert_eq!(seen[0].0, Cause::Dead);
    story.now() - begin
}

#[test]
fn a_half_open_link_under_traffic_is_noticed_within_15_s_in_every_dialect() {
    for story in [Story::plain(), Story::uni_app()] {
        let promised = story.session.preset().config().bounds().notice_dead_link_under_traffic;
        assert_eq!(promised, Some(Duration::from_secs(15)));
        assert_eq!(noticed_under_traffic(story), 15_000);
    }
}

#[test]
fn where_silence_never_ends_a_link_unanswered_messages_do_not_either() {
    let mut story = Story::unsuspicious_with(|config| config.heartbeat.dead_after = None);
    story.ready();
    story.send("anybody?");
    story.wait(600_000);
    assert_eq!(causes(&story.seen()), []);
}

#[test]
fn one_byte_that_comes_back_answers_all_messages_before_it() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..100 {
        story.send("hello");
        story.wait(9_000).text("hi");
    }
    assert_eq!(story.seen().beats(), 0);
    story.send("hello");
    story.wait(9_999);
    assert_eq!(story.seen().beats(), 0);
    story.wait(1);
    let seen = story.seen();
    assert_eq!((seen.beats(), seen.count(|action| matches!(action, Action::Suspected { .. }))), (1, 1));
}

#[test]
fn logins_and_heartbeats_pass_a_full_socket_and_answers_wait_in_order() {
    let mut story = with_receipts();
    story.send(&"x".repeat(60_000));
    story.send(&"y".repeat(60_000));
    story.seen();
    for number in 0..5_000 {
        story.text(&push(number));
    }
    let seen = story.seen();
    let first = seen.acks().len();
    assert!(first > 0 && first < 100, "{first} acks found room beside the message");
    assert!(!story.session.wants_read(), "256 answers wait");
    story.written(1 + first as u64);
    let seen = story.seen();
    let ack = |action: &Action| matches!(action, Action::Send { purpose: Purpose::Ack { .. }, .. });
    assert!(seen.all().first().is_some_and(ack), "answers go before messages");
    assert!(handed(&seen) <= 1);
}

fn push(number: usize) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"p{number}","content":"hi"}}"#)
}

#[test]
fn a_close_waits_for_what_moves_and_tells_the_truth_of_the_rest() {
    let mut story = plain();
    let ids: Vec<_> = bodies(3, 60_000).map(|body| story.send(&body)).collect();
    story.seen();
    story.close();
    let seen = story.seen();
    assert_eq!(last(&seen, &ids[1]), Some(Status::NotSent));
    assert_eq!(last(&seen, &ids[0]), None, "its bytes are leaving");
    // The close handshake may take 3 s, but not while the message moves.
    for _ in 0..10 {
        story.wait(2_000).written(0);
    }
    assert_eq!(story.state(), State::Closing);
    story.written(1);
    assert_eq!(last(&story.seen(), &ids[0]), Some(Status::Sent));
    story.closed(1_000);
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn a_close_ends_in_time_though_bytes_drip_and_what_is_not_out_is_unconfirmed() {
    let mut story = plain();
    let id = story.send(&"x".repeat(60_000));
    story.seen();
    story.close();
    let begin = story.now();
    while story.state() == State::Closing {
        story.wait(1_000).written(0);
    }
    assert_eq!(story.now() - begin, 120_000);
    let seen = story.seen();
    assert_eq!(last(&seen, &id), Some(Status::Unconfirmed));
    assert!(seen.aborts() == 1);
}

#[test]
fn what_is_not_out_when_the_connection_is_lost_is_unconfirmed_where_nothing_confirms() {
    let mut story = plain();
    let out = story.send("out");
    let partly = story.send("partly");
    story.written(1).closed(1_006);
    let seen = story.seen();
    assert_eq!(last(&seen, &out), Some(Status::Sent));
    assert_eq!(last(&seen, &partly), Some(Status::Unconfirmed));
    assert_eq!(story.session.unsettled(), 0);
}

#[test]
fn a_frame_that_failed_counts_among_those_that_are_done() {
    let mut story = reporting(Story::plain_with(|config| {
        config.outbox.send_failure = redial::config::SendFailure::Tell;
    }));
    let (first, second) = (story.send("first"), story.send("second"));
    story.send_failed(Purpose::Message { id: first.clone() });
    story.written(2);
    let seen = story.seen();
    assert_eq!(last(&seen, &first), Some(Status::NotSent));
    assert_eq!(last(&seen, &second), Some(Status::Sent));
}

#[test]
fn a_report_of_more_frames_than_there_are_or_of_fewer_than_before_changes_nothing_else() {
    let mut story = plain();
    let first = story.send("first");
    story.written(99).written(0);
    assert_eq!(last(&story.seen(), &first), Some(Status::Sent));
    let second = story.send("second");
    assert_eq!(last(&story.seen(), &second), Some(Status::Queued));
    story.written(1);
    assert_eq!(story.session.status(&second), Some(Status::Queued));
    story.written(2);
    assert_eq!(story.session.status(&second), Some(Status::Sent));
}

#[test]
fn a_session_whose_messages_nobody_takes_does_not_want_to_read_and_judges_no_silence() {
    let mut story = reporting(Story::plain_with(|config| config.inbox.pending = Limit::new(10)));
    story.taken(0);
    for number in 0..10 {
        assert!(story.session.wants_read());
        story.text(&number.to_string());
    }
    assert!(!story.session.wants_read());
    // Heartbeats go on, so that the server does not take the client for dead; none counts as unanswered.
    story.prompt().wait(59_000);
    let seen = story.seen();
    assert_eq!((causes(&seen), seen.beats()), (vec![], 2), "{seen:?}");
    story.taken(1);
    assert!(story.session.wants_read());
    let seen = story.seen();
    assert_eq!(seen.beats(), 1, "a probe goes first when reading resumes");
    story.prompt().pong().wait(20_000);
    assert_eq!(causes(&story.seen()), []);
}

#[test]
fn the_answer_to_a_probe_that_went_out_in_a_pause_is_waited_for_once_reading_resumes() {
    let mut story = reporting(Story::plain_with(|config| config.inbox.pending = Limit::new(1)));
    story.taken(0).text("one");
    assert!(!story.session.wants_read());
    story.wait(1_000).event(Event::Online).written(1).wait(19_000);
    assert_eq!(causes(&story.seen()), []);
    story.taken(1);
    assert_eq!(causes(&story.seen()), [], "the pong waits in the socket");
    story.pong().wait(10_000);
    assert_eq!(causes(&story.seen()), []);
}

#[test]
fn heartbeats_of_a_server_that_reads_no_replies_take_no_memory() {
    let heartbeats = HeartbeatFrame::Text { heartbeat: "ping".into(), reply: "pong".into() };
    let mut plain = Plain::default();
    plain.heartbeats = heartbeats;
    let preset = Preset::new(plain, Config::default()).expect("a preset");
    let mut session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (now, connection) = (Instant::ORIGIN, ConnectionId::new(1));
    session.open(now);
    session.handle(now, Event::Written { connection, frames: 0 });
    session.handle(now, Event::Opened { connection });
    let ask = |session: &mut Session| {
        session.handle(now, Event::FrameIn { connection, frame: Frame::text("ping") });
        std::iter::from_fn(|| session.poll_action()).filter(|action| matches!(action, Action::Send { .. })).count()
    };
    let replies: usize = (0..10_000).map(|_| ask(&mut session)).sum();
    assert_eq!(replies, 2, "the second may not have left when the heartbeat came");
    session.handle(now, Event::Written { connection, frames: 1 });
    assert_eq!((ask(&mut session), ask(&mut session)), (1, 0));
}

#[test]
fn a_message_whose_write_fails_while_the_session_closes_is_never_told_as_sent() {
    let mut story = plain();
    let (first, second) = (story.send("first"), story.send("second"));
    story.close();
    story.send_failed(Purpose::Message { id: second.clone() });
    story.written(2);
    let seen = story.seen();
    assert_eq!((last(&seen, &first), last(&seen, &second)), (Some(Status::Sent), Some(Status::NotSent)));
}

#[test]
fn pauses_of_a_moment_cost_no_heartbeats() {
    let mut story = reporting(Story::plain_with(|config| config.inbox.pending = Limit::new(1)));
    story.prompt().taken(0);
    for number in 1..=100 {
        story.text("hello");
        assert!(!story.session.wants_read());
        story.wait(100).taken(number);
        assert!(story.session.wants_read());
    }
    assert_eq!(story.seen().beats(), 0);
}

#[test]
fn a_pause_of_a_moment_after_the_last_heartbeat_of_a_chain_hides_no_dead_link() {
    let mut story = reporting(Story::unsuspicious_with(|config| {
        config.inbox.pending = Limit::new(1);
        config.heartbeat.schedule = HeartbeatSchedule::LockStep;
        config.heartbeat.liveness = Liveness::Reply;
    }));
    story.prompt().taken(0).wait(51_000);
    assert_eq!(story.seen().beats(), 1, "the first heartbeat got no reply, so no other follows");
    story.text("hello");
    assert!(!story.session.wants_read());
    story.wait(100).taken(1);
    assert!(story.session.wants_read());
    let notice = story.session.preset().config().bounds().notice_dead_link.expect("it counts heartbeats");
    story.wait(notice.as_millis());
    assert_eq!(causes(&story.seen()), [Cause::Dead]);
}

#[test]
fn a_pause_for_answers_that_wait_behind_a_slow_message_costs_no_connection() {
    let mut story = reporting(Story::uni_app_with(|config| {
        config.inbox.pending = Limit::new(1);
        config.outbox.unwritten_bytes = Limit::new(1_000);
    }));
    story.send(&"x".repeat(60_000));
    story.text(&push(1));
    assert!(!story.session.wants_read(), "the answer waits for room");
    for _ in 0..100 {
        story.wait(1_000).written(0);
    }
    assert_eq!(causes(&story.seen()), []);
    story.written(1);
    assert!(story.session.wants_read());
}

#[test]
fn a_session_that_does_not_read_for_a_minute_gives_its_connection_up() {
    let mut story = reporting(Story::plain_with(|config| config.inbox.pending = Limit::new(1)));
    story.taken(0).text("one").prompt();
    let since = story.now();
    story.wait(60_000);
    assert_eq!(causes(&story.seen()), [Cause::ReadPaused]);
    assert_eq!(story.now() - since, 60_000);
}

#[test]
fn a_rate_keeps_messages_back_and_heartbeats_go_on() {
    let rate = Rate::new(5, Duration::from_secs(1)).burst(10);
    let mut story = Story::plain_with(|config| config.outbox.rate = Some(rate));
    for number in 0..300 {
        story.send(&number.to_string());
    }
    story.ready();
    assert_eq!(handed(&story.seen()), 10);
    assert_eq!(story.deadline().map(|due| due.timer), Some(Timer::Rate));
    for second in 1..=58 {
        story.wait(1_000);
        assert_eq!(handed(&story.seen()), 5, "in second {second}");
        story.pong();
    }
    assert_eq!(story.session.unsettled(), 0);
    assert_ne!(story.deadline().map(|due| due.timer), Some(Timer::Rate));
}

#[test]
fn what_has_left_counts_for_the_rate_over_a_restart() {
    let rate = Rate::new(1, Duration::from_secs(60)).burst(10);
    for (durability, stored) in
        [(Durability::Off, true), (Durability::WriteAhead, true), (Durability::WriteAhead, false)]
    {
        let mut story = Story::uni_app_with(|config| {
            config.outbox.rate = Some(rate);
            config.durability = durability;
        });
        story.back();
        for _ in 0..40 {
            story.send("hello");
        }
        if durability == Durability::WriteAhead {
            story.persist();
        }
        assert_eq!(story.seen().messages().len(), 10);
        for _ in 0..3 {
            // What leaves after the last storing may have left, and counts as well.
            if stored {
                story.restart(1_000)
            } else {
                story.crash(1_000)
            };
            story.back();
            assert_eq!(story.seen().messages().len(), 0, "{durability:?}, stored: {stored}");
        }
        for _ in 0..4 {
            story.wait(15_000).pong();
        }
        assert_eq!(story.seen().messages().len(), 1);
        story.restart(600_000).back();
        assert_eq!(story.seen().messages().len(), if durability == Durability::Off { 10 } else { 0 });
    }
}

#[test]
fn a_rate_counts_what_is_sent_again() {
    let rate = Rate::new(1, Duration::from_secs(1)).burst(2);
    let mut story = Story::uni_app_with(|config| config.outbox.rate = Some(rate));
    story.ready();
    for number in 0..4 {
        story.send(&number.to_string());
    }
    story.wait(3_000);
    assert_eq!(handed(&story.seen()), 4);
    story.closed(1_006);
    story.wait_for_connect();
    story.opened();
    let begin = story.now();
    let mut left = handed(&story.seen());
    assert!(left <= 2, "{left} at once");
    while left < 4 {
        story.wait(1_000);
        left += handed(&story.seen());
        assert!(story.now() - begin <= 4_000);
    }
}

#[test]
fn events_of_flow_that_name_another_connection_change_nothing() {
    let mut story = plain();
    story.send("hello");
    let (before, stale) = (story.session.clone(), story.session.stats().stale_events);
    let connection = ConnectionId::new(99);
    story.event(Event::Written { connection, frames: 1 });
    story.event(Event::Arriving { connection });
    assert_eq!(story.session, before);
    assert_eq!(story.session.stats().stale_events, stale + 2);
}

#[test]
fn a_heartbeat_that_failed_with_a_report_alone_is_followed_by_others() {
    for (life, named) in [(Liveness::AnyFrame, true), (Liveness::AnyFrame, false), (Liveness::Reply, true)] {
        let mut story = reporting(Story::plain_with(|config| {
            config.reconnect.first.heartbeat_failed = None;
            config.heartbeat.every = Duration::from_secs(10);
            config.heartbeat.liveness = life;
        }));
        story.wait(10_000);
        assert_eq!(story.seen().beats(), 1);
        let connection = story.connection();
        let purpose = named.then_some(Purpose::Heartbeat);
        story.event(Event::SendFailed { connection, purpose }).wait(10_000);
        assert_eq!(story.seen().beats(), 1, "the failed one is not unwritten: {life:?}, {named}");
        story.written(2).prompt().wait(300_000);
        assert_eq!(causes(&story.seen()).first(), Some(&Cause::Dead), "a silent link is noticed all the same");
    }
}

#[test]
fn a_hint_asks_with_the_heartbeat_that_is_unwritten() {
    let mut story = plain();
    story.wait(25_000);
    assert_eq!(story.seen().beats(), 1);
    story.event(Event::Online);
    assert_eq!(story.seen().beats(), 0, "one heartbeat is unwritten at most");
    story.written(1).wait(20_000);
    assert_eq!(causes(&story.seen()).first(), Some(&Cause::Dead), "it was the probe");
}

#[test]
fn messages_behind_a_failed_write_were_not_written_either() {
    let mut story = plain();
    let (first, second) = (story.send("first"), story.send("second"));
    story.send_failed(Purpose::Message { id: first.clone() });
    let seen = story.seen();
    assert_eq!(causes(&seen).len(), 1);
    for id in [&first, &second] {
        assert_eq!(story.session.status(id), Some(Status::Queued), "no byte of it left");
    }
}

#[test]
fn a_receipt_that_is_not_read_is_not_overdue() {
    let mut story = reporting(Story::uni_app_with(|config| {
        config.inbox.pending = Limit::new(1);
        config.outbox.receipt_timeout = Some(Duration::from_secs(20));
    }));
    story.taken(0).send("a message");
    story.prompt().text(&push(0));
    assert!(!story.session.wants_read());
    story.prompt().wait(50_000);
    assert_eq!(causes(&story.seen()), []);
}

#[test]
fn a_pause_for_messages_that_nobody_takes_ends_in_time_though_bytes_leave() {
    let mut story = reporting(Story::plain_with(|config| config.inbox.pending = Limit::new(1)));
    story.send(&"x".repeat(60_000));
    story.taken(0).text("one");
    for _ in 0..60 {
        story.wait(1_000).written(0);
    }
    assert_eq!(causes(&story.seen()), [Cause::ReadPaused]);
}

#[test]
fn several_writes_that_fail_while_the_session_closes_are_told_one_by_one() {
    let mut story = plain();
    let ids: Vec<_> = ["first", "second", "third"].map(|body| story.send(body)).into();
    story.close();
    for id in &ids[..2] {
        story.send_failed(Purpose::Message { id: id.clone() });
    }
    story.written(3);
    let seen = story.seen();
    assert_eq!(last(&seen, &ids[0]), Some(Status::NotSent));
    assert_eq!(last(&seen, &ids[1]), Some(Status::NotSent));
    assert_eq!(last(&seen, &ids[2]), Some(Status::Sent));
}

#[test]
fn a_skip_behind_a_message_that_is_taken_back_does_not_leave_without_it() {
    let welcome = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":RESUMED,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;
    let preset = Preset::native().configure(|config| {
        config.outbox.rate = Some(Rate::new(1, Duration::from_secs(2)).burst(3));
        config.outbox.receipt_timeout = Some(Duration::from_secs(5));
    });
    let mut story = Story::new(preset.expect("it is sound"));
    story.open().opened().text(&welcome.replace("RESUMED", "false"));
    story.send("a");
    story.send("b");
    story.send_for("c", 1_500);
    assert_eq!(handed(&story.seen()), 3);
    story.closed(1_006);
    story.wait_for_connect();
    story.opened().text(&welcome.replace("RESUMED", "true,\"rx\":0"));
    story.wait(2_000 - story.now());
    assert_eq!(handed(&story.seen()), 1, "the rate lets one go");
    // So late that the next may leave, the third is skipped and the first is overdue, all in one input.
    story.sleep(6_000).tick();
    let seen = story.seen();
    assert_eq!(causes(&seen), [Cause::ReceiptOverdue]);
    assert_eq!((handed(&seen), seen.sends(|purpose| matches!(purpose, Purpose::Skip { .. })).len()), (0, 0));
}

#[test]
fn the_room_is_used_to_its_last_byte_and_not_beyond() {
    for (room, fit) in [(2 * (100 + 14), 2), (2 * (100 + 14) - 1, 1)] {
        let mut story = reporting(Story::plain_with(|config| config.outbox.unwritten_bytes = Limit::new(room)));
        for body in bodies(3, 100) {
            story.send(&body);
        }
        assert_eq!(handed(&story.seen()), fit, "of three messages in {room} bytes");
    }
}

#[test]
fn bytes_of_a_frame_end_a_probe_and_what_waited_for_the_answer_leaves() {
    let mut story = with_receipts();
    story.sleep(120_000).tick();
    assert!(story.session.explain().probing);
    story.send("hello");
    assert_eq!(handed(&story.seen()), 0, "it waits for a sign of life");
    story.wait(1_000).arriving();
    assert!(!story.session.explain().probing);
    assert_eq!(handed(&story.seen()), 1);
}

#[test]
fn a_pause_of_reading_ends_no_doubt_and_what_waits_for_the_answer_leaves_with_the_first_frame() {
    let mut story = reporting(Story::uni_app_with(|config| config.inbox.pending = Limit::new(1)));
    story.text(&push(0)).prompt();
    story.sleep(120_000).tick().prompt();
    story.send("hello");
    assert_eq!(handed(&story.seen()), 0, "a probe is unanswered");
    // Nobody has taken the message yet, so nothing is read from now on.
    story.taken(0);
    assert!(!story.session.wants_read());
    assert!(story.session.explain().probing);
    story.wait(20_000).taken(1);
    assert!(story.session.wants_read() && story.session.explain().probing);
    assert_eq!(handed(&story.seen()), 0, "the answer may be among what is read now");
    story.text(&push(1));
    assert_eq!(handed(&story.seen()), 1, "a frame is the answer");
}
