//! The end of a session, and which ends are final.

use redial::config::CloseCodes;
use redial::error::CloseError;
use redial::journal::Call;
use redial::{Action, Cause, Duration, State, Status};

use crate::support::Story;

#[test]
fn close_codes_that_forbid_another_attempt_stop_and_all_others_retry() {
    let stops = |code: u16| matches!(code, 1002 | 1003 | 1007 | 1008 | 1010 | 3500..=3999 | 4500..=4999);
    for code in (1000..=1015).chain([2999, 3000, 3499, 3500, 3999, 4000, 4499, 4500, 4999, 5000]) {
        let mut story = Story::plain();
        story.ready().closed(code);
        let expected = if stops(code) { State::Stopped } else { State::Waiting };
        assert_eq!(story.state(), expected, "code {code}");
        let mut story = Story::plain_with(|config| config.close.codes = CloseCodes::RetryAll);
        story.ready().closed(code);
        assert_eq!(story.state(), State::Waiting, "code {code} where all retry");
    }
}

#[test]
fn a_final_close_settles_everything_and_says_why() {
    let mut story = Story::plain_with(|config| config.outbox.in_flight = redial::config::Limit::new(1));
    story.open();
    let id = story.send("never sent");
    story.seen();
    story.closed(4_999);
    let seen = story.seen();
    assert_eq!(seen.statuses(&id), [Status::NotSent]);
    let told = |action: &Action| {
        matches!(action, Action::State { state: State::Stopped, cause: Some(Cause::Terminal), reason, .. }
            if reason.code == Some(4_999))
    };
    assert_eq!(seen.count(told), 1);
}

#[test]
fn a_frame_too_big_for_the_server_is_final_at_the_third_close_in_a_row() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..2 {
        story.closed(1009).wait_for_connect();
        story.opened();
    }
    story.closed(1006).wait_for_connect();
    story.opened();
    for _ in 0..2 {
        story.closed(1009);
        assert_eq!(story.state(), State::Waiting, "another code came between");
        story.wait_for_connect();
        story.opened();
    }
    story.closed(1009);
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn a_polite_close_waits_three_seconds_for_the_peer() {
    let mut story = Story::plain();
    story.ready().seen();
    story.close();
    let connection = story.connection();
    let seen = story.seen();
    assert_eq!(seen.all()[0], Action::Close { connection, code: Some(1000), reason: String::new() });
    assert_eq!(story.state(), State::Closing);
    story.text("too late").wait(2_999);
    assert!(story.seen().is_empty());
    story.wait(1);
    assert_eq!(story.seen().all()[0], Action::Abort { connection });
    assert_eq!((story.state(), story.deadline()), (State::Stopped, None));
}

#[test]
fn the_peers_close_ends_the_wait() {
    let mut story = Story::plain();
    story.ready().close().closed(1000);
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::User)));
}

#[test]
fn open_during_a_polite_close_drops_the_old_socket_and_dials() {
    let mut story = Story::plain();
    story.ready().close().seen();
    let old = story.connection();
    story.open();
    assert_eq!(story.seen().all()[0], Action::Abort { connection: old });
    assert_ne!(story.connection(), old);
    story.opened();
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn closing_while_the_host_dials_aborts_the_dial() {
    let mut story = Story::plain();
    story.open().seen();
    story.close();
    assert_eq!(story.seen().aborts(), 1);
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn the_application_closes_with_its_own_code_and_reason_or_learns_why_not() {
    let mut story = Story::plain();
    story.ready().seen();
    let close = |code: u16, reason: &str| Call::Close { code: Some(code), reason: reason.to_owned() };
    for code in [999, 1001, 1005, 1006, 2999, 5000] {
        assert_eq!(story.call(close(code, "")), Err(CloseError::Code { code }.into()));
    }
    assert_eq!(story.call(close(1000, &"x".repeat(124))), Err(CloseError::Reason { bytes: 124 }.into()));
    assert_eq!(story.state(), State::Ready);
    let reason = "x".repeat(123);
    story.call(close(3000, &reason)).expect("3000 is the application's");
    let connection = story.connection();
    assert_eq!(story.seen().all()[0], Action::Close { connection, code: Some(3000), reason });
}

#[test]
fn a_dead_link_is_closed_with_a_frame_where_the_service_counts_those() {
    let mut story =
        Story::plain_with(|config| config.close.dead = redial::config::DeadLink::Close { code: Some(3001) });
    story.ready().wait(54_999).seen();
    story.wait(1);
    let connection = story.connection();
    let seen = story.seen();
    assert_eq!(seen.all()[0], Action::Close { connection, code: Some(3001), reason: String::new() });
    assert_eq!(seen.states(), [State::Waiting], "it counts as ended at once");
}

#[test]
fn a_drain_lets_everything_settle_and_then_closes() {
    let mut story = Story::uni_app();
    story.ready();
    let id = story.send("the last one");
    story.drain_within(30_000);
    assert_eq!(story.state(), State::Ready);
    assert_eq!(story.try_send("too late"), Err(redial::SendError::Draining));
    story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#));
    assert_eq!(story.session.status(&id), Some(Status::Accepted));
    assert_eq!((story.state(), story.session.explain().cause), (State::Closing, Some(Cause::Drained)));
}

#[test]
fn a_drain_that_takes_too_long_closes_and_tells_what_is_unknown() {
    let mut story = Story::uni_app();
    story.ready();
    let sent = story.send("sent");
    story.drain_within(5_000).wait(4_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(story.session.status(&sent), Some(Status::Unconfirmed));
    assert_eq!(story.state(), State::Closing);
    story.wait(3_000);
    assert_eq!(story.state(), State::Stopped);
    assert!(story.call(Call::Drain { within: Duration::ZERO }).is_err(), "what is stopped cannot be drained");
}

#[test]
fn an_empty_session_drains_at_once_and_a_held_one_lets_its_messages_go() {
    let mut story = Story::plain();
    story.ready().drain_within(1_000);
    assert_eq!(story.state(), State::Closing);
    let mut story = Story::plain();
    story.ready().hold();
    story.send("held");
    story.seen();
    story.drain_within(1_000);
    assert_eq!(story.seen().messages(), ["held"]);
    assert_eq!(story.state(), State::Closing);
}
