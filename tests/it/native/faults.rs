//! A session that speaks `redial.v1` with a server told frame by frame, also with one that is at fault.

use redial::config::{Acknowledge, Limit};
use redial::dialect::NotResumed;
use redial::{Action, Config, Duration, Event, Preset, Purpose, State, Status};

use crate::support::Story;

/// A session whose server has welcomed it.
fn welcomed(change: impl FnOnce(&mut Config)) -> Story {
    let mut story = Story::new(Preset::native().configure(change).expect("it is sound"));
    story.open().opened();
    story.text(&welcome("s", r#""resumed":false"#, 5_000));
    assert_eq!(story.state(), State::Ready);
    story.seen();
    story
}

fn welcome(sid: &str, resumed: &str, frame: u64) -> String {
    format!(
        r#"{{"type":"welcome","sid":"{sid}","token":"t","ttl_ms":60000,{resumed},"win_msgs":9,"win_bytes":9999,"frame_max":{frame}}}"#
    )
}

fn push(seq: u64, id: &str, body: &str) -> String {
    format!(r#"{{"type":"msg","s":{seq},"id":"{id}","b":"{body}"}}"#)
}

/// The code with which the connection was closed, if it was.
fn closed(story: &mut Story) -> Option<u16> {
    let code = |action: &Action| match action {
        Action::Close { code, .. } => *code,
        _ => None,
    };
    story.seen().all().iter().find_map(code)
}

#[test]
fn a_message_before_the_welcome_is_stale_and_a_second_welcome_changes_nothing() {
    let mut story = Story::new(Preset::native());
    story.open().opened().text(&push(1, "m1", "too early"));
    assert_eq!((story.session.stats().stale_events, story.session.stats().delivered), (1, 0));
    story.text(&welcome("s", r#""resumed":false"#, 5_000)).seen();
    story.text(&welcome("another", r#""resumed":false"#, 10));
    assert!(story.seen().is_empty());
    assert!(story.try_send("as long as before").is_ok());
}

#[test]
fn an_ack_of_what_was_never_given_is_refused_in_a_welcome_without_the_session_too() {
    for (rx, code) in [(0, None), (1, None), (2, Some(4410)), ((1_u64 << 53) - 1, Some(4410))] {
        for why in [r#""why":"expired","#, ""] {
            let mut story = welcomed(|_| {});
            let id = story.send("hello");
            story.closed(None).wait_for_connect();
            story.opened().seen();
            story.text(&welcome("s2", &format!(r#""resumed":false,{why}"dedup_ms":60000,"rx":{rx}"#), 5_000));
            let seen = story.seen();
            assert_eq!(
                seen.count(|action| matches!(action, Action::Close { code: Some(4410), .. })) == 1,
                code.is_some()
            );
            let expected = if rx == 1 { Some(Status::Accepted) } else { None };
            let accepted = story.session.status(&id).filter(|status| *status == Status::Accepted);
            assert_eq!(accepted, expected, "{why} {rx}");
        }
    }
}

#[test]
fn a_session_that_is_not_resumed_is_said_to_be_over_with_or_without_a_reason() {
    for reason in ["", r#","why":"expired""#, r#","why":"nonsense""#, r#","rx":0"#, r#","gone":3"#, r#","why":null"#] {
        let mut story = welcomed(|_| {});
        story.closed(None).wait_for_connect();
        story.opened().seen();
        story.text(&welcome("s2", &format!(r#""resumed":false{reason}"#), 5_000));
        let why = if reason.contains("expired") { NotResumed::Expired } else { NotResumed::Unknown };
        let told = story.seen().count(|action| *action == Action::NotResumed { why });
        assert_eq!(told, 1, "{reason}");
    }
}

#[test]
fn a_session_goes_on_only_under_its_own_name_and_at_a_position_that_was_given() {
    for (sid, seq, code) in [("s", 1, None), ("other", 1, Some(4410)), ("s", 2, Some(4410)), ("other", 9, Some(4410))] {
        let mut story = welcomed(|_| {});
        let id = story.send("hello");
        story.closed(None).wait_for_connect();
        story.opened().seen();
        story.text(&welcome(sid, &format!(r#""resumed":true,"rx":{seq}"#), 5_000));
        assert_eq!(closed(&mut story), code, "{sid} at {seq}");
        let status = if code.is_none() { Status::Accepted } else { Status::Sent };
        assert_eq!(story.session.status(&id), Some(status), "{sid} at {seq}");
    }
}

#[test]
fn what_a_server_takes_no_more_on_its_next_connection_is_given_up_and_skipped() {
    let mut story = welcomed(|_| {});
    let (large, small) = (story.send(&"x".repeat(2_000)), story.send("small"));
    story.closed(None).wait_for_connect();
    story.opened().seen();
    story.text(&welcome("s", r#""resumed":true,"rx":0"#, 1_000));
    let seen = story.seen();
    assert_eq!(seen.statuses(&large), [Status::Unconfirmed]);
    assert_eq!(seen.count(|action| matches!(action, Action::Send { purpose: Purpose::Skip { seq: 1 }, .. })), 1);
    assert_eq!((seen.messages().len(), story.session.status(&small)), (1, Some(Status::Sent)));
    assert_eq!(story.session.stats().resent, 1);
}

#[test]
fn a_message_fits_where_it_does_under_every_position_that_may_come() {
    let frame = |bytes: usize| {
        let mut story = welcomed(|_| {});
        story.try_send(&"x".repeat(bytes)).ok().map(|_| story.seen().messages().remove(0).len())
    };
    let longest = (4_800..5_000).map_while(frame).last();
    assert_eq!(longest, Some(5_000 - 16), "sixteen more may come with the digits of its seq");
}

#[test]
fn what_is_held_back_behind_a_gap_is_bounded_in_number_and_in_bytes() {
    for (bytes, taken) in [([10, 10, 10], 2), ([600, 600, 10], 1), ([600, 424, 10], 2), ([2_000, 10, 10], 1)] {
        let mut story = welcomed(|config| {
            config.inbox.pending = Limit::new(2);
            config.limits.frame_bytes = Limit::new(1_024);
        });
        story.closed(None).wait_for_connect();
        story.opened().text(&welcome("s2", r#""resumed":false,"why":"unknown""#, 5_000)).seen();
        for (seq, bytes) in (1..).zip(bytes).take(taken) {
            if bytes > 1_024 {
                continue;
            }
            story.text(&push(seq, &format!("m{seq}"), &"x".repeat(bytes)));
            assert_eq!(closed(&mut story), None, "{bytes} bytes at {seq}");
        }
        if bytes[0] > 1_024 {
            continue;
        }
        let seq = taken as u64 + 1;
        story.text(&push(seq, "over", &"x".repeat(bytes[taken])));
        assert_eq!(closed(&mut story), Some(4409), "{bytes:?}");
    }
}

#[test]
fn one_id_under_many_positions_takes_no_more_room_than_there_is() {
    let mut story = welcomed(|config| {
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.pending = Limit::new(3);
    });
    for seq in 1..=3 {
        story.text(&push(seq, "m1", "again and again"));
        assert_eq!(closed(&mut story), None);
    }
    story.text(&push(4, "m1", "again and again"));
    assert_eq!(closed(&mut story), Some(4409));
    assert_eq!((story.session.stats().delivered, story.session.stats().duplicates), (1, 2));
}

#[test]
fn a_login_that_is_refused_on_a_live_link_keeps_what_is_sent_from_then_on() {
    let mut story = welcomed(|_| {});
    story.text(r#"{"type":"refused","code":401}"#).seen();
    let id = story.send("kept");
    let seen = story.seen();
    assert_eq!((seen.messages().len(), seen.statuses(&id)), (0, vec![Status::Queued]));
    story.open().opened().text(&welcome("s", r#""resumed":true,"rx":0"#, 5_000));
    assert_eq!(story.seen().messages().len(), 1);
}

#[test]
fn a_session_has_a_name_and_a_token_no_longer_than_allowed_however_they_are_written() {
    let limits = Preset::native().config().limits.clone();
    let limit = usize::try_from(limits.id_bytes.get()).expect("it is small");
    let taken = |letter: &str, letters: usize| {
        let mut story = Story::new(Preset::native());
        story.open().opened();
        story.text(&welcome(&letter.repeat(letters), r#""resumed":false"#, 5_000));
        story.state() == State::Ready
    };
    for letter in ["a", r"\u0061"] {
        for (letters, fits) in [(0, false), (1, true), (limit - 1, true), (limit, true), (limit + 1, false)] {
            assert_eq!(taken(letter, letters), fits, "{letters} times {letter}");
        }
    }
}

#[test]
fn within_a_session_a_message_that_went_out_goes_out_again_however_old_it_is() {
    let mut story = welcomed(|config| config.outbox.dedup_window = Some(Duration::from_secs(60)));
    let ids = [story.send("one"), story.send("two")];
    story.closed(None).event(Event::Woke { asleep: Duration::from_secs(3_600) });
    story.wait_for_connect();
    story.opened().seen();
    story.text(&welcome("s", r#""resumed":true,"rx":0"#, 5_000));
    assert_eq!(story.seen().messages().len(), 2, "its number tells the server whether it has it");
    assert_eq!(ids.map(|id| story.session.status(&id)), [Some(Status::Sent); 2]);
}
