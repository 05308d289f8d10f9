//! The end of a session, and which ends are final.

use redial::config::{CloseCodes, CodeRange, Unauthorized};
use redial::error::CloseError;
use redial::journal::Call;
use redial::{Action, Cause, Duration, Reason, State, Status, TransportError};

use crate::support::Story;

#[test]
fn close_codes_that_forbid_another_attempt_stop_and_all_others_retry() {
    // What no close frame may carry is a breach of the protocol, or says that none came.
    let stops = |code: u16| matches!(code, 1002 | 1003 | 1007 | 1008 | 1010 | 3500..=3999 | 4500..=4999);
    for code in (0..=1016).chain([2999, 3000, 3499, 3500, 3999, 4000, 4499, 4500, 4999, 5000, u16::MAX]) {
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
fn the_count_of_frames_that_were_too_big_is_set_back_by_other_losses_by_a_stable_connection_and_by_success() {
    let between: [fn(&mut Story); 6] = [
        |story| {
            story.text("hello").closed(1009);
        },
        |story| {
            story.errored(TransportError::Io);
        },
        |story| {
            story.wait(33_000);
        },
        |story| {
            story.call(Call::ReconnectNow).expect("it is open");
        },
        |story| {
            story.closed(1006);
        },
        |story| {
            story.text("hello").wait(30_000).closed(1009);
        },
    ];
    for (which, between) in between.into_iter().enumerate() {
        let mut story = Story::plain();
        story.ready();
        for _ in 0..2 {
            story.closed(1009).wait_for_connect();
            story.opened();
        }
        between(&mut story);
        assert_eq!(story.state(), State::Waiting, "{which}");
        story.wait_for_connect();
        story.opened().closed(1009);
        assert_eq!(story.state(), State::Waiting, "{which}");
    }
}

#[test]
fn a_server_that_takes_or_brings_messages_between_its_closes_for_size_is_tried_again() {
    let mut story = Story::plain();
    story.ready();
    for _ in 0..5 {
        story.text("from the server").wait(3_000).send("a frame that is too big");
        story.closed(1009);
        assert_eq!(story.state(), State::Waiting, "a message came on this connection");
        story.wait_for_connect();
        story.opened();
    }
    let mut story = Story::uni_app();
    story.ready();
    for _ in 0..5 {
        let id = story.send("hello");
        story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#)).closed(1009);
        assert_eq!((story.state(), story.session.status(&id)), (State::Waiting, Some(Status::Accepted)));
        story.wait_for_connect();
        story.opened();
    }
}

#[test]
fn a_message_that_the_server_closes_for_each_time_is_set_aside_and_the_rest_flows() {
    for code in [1009, 1007, 1003] {
        let mut story = Story::uni_app();
        story.ready();
        let poison = ["poison one", "poison two"].map(|body| story.send(body));
        let rest: Vec<_> = (0..10).map(|number| story.send(&format!("good {number}"))).collect();
        for poison in &poison {
            for _ in 0..3 {
                assert_eq!(story.session.status(poison), Some(Status::Sent), "{code}");
                story.closed(code);
                assert_eq!(story.state(), State::Waiting, "{code}");
                story.wait_for_connect();
                story.opened();
            }
            assert_eq!(story.session.status(poison), Some(Status::Unconfirmed), "{code}");
        }
        for id in &rest {
            story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#));
            assert_eq!(story.session.status(id), Some(Status::Accepted), "{code}");
        }
        for _ in 0..2 {
            story.closed(code);
            if code != 1009 {
                break;
            }
            story.wait_for_connect();
            story.opened();
        }
        assert_eq!(story.state() == State::Stopped, code != 1009, "no message is under suspicion");
    }
    let mut story = Story::uni_app_with(|config| config.outbox.quarantine = None);
    story.ready();
    let id = story.send("poison");
    for _ in 0..2 {
        story.closed(1009).wait_for_connect();
        story.opened();
    }
    story.closed(1009);
    assert_eq!((story.state(), story.session.status(&id)), (State::Stopped, Some(Status::Unconfirmed)));
}

#[test]
fn a_close_for_a_message_that_cannot_be_named_is_final_at_the_third_in_a_row() {
    for (code, reports) in [1003, 1007, 1009].into_iter().flat_map(|code| [(code, false), (code, true)]) {
        let mut story = Story::plain();
        story.ready();
        for time in 1..=3 {
            if reports {
                story.written(0);
            }
            let poison = story.send("poison");
            story.closed(code);
            let outcome = if reports { Status::Unconfirmed } else { Status::Sent };
            assert_eq!(story.session.status(&poison), Some(outcome), "{code}: it may have arrived");
            assert_eq!(story.state() == State::Stopped, time == 3, "{code}, close {time}");
            if time < 3 {
                story.wait_for_connect();
                story.opened();
            }
        }
        // What left on an earlier connection is no excuse on this one.
        let mut story = Story::plain();
        story.ready();
        story.send("poison");
        story.closed(code).wait_for_connect();
        story.opened().closed(code);
        assert_eq!(story.state() == State::Stopped, code != 1009, "{code}");
    }
}

#[test]
fn a_close_for_a_message_that_is_never_sent_again_does_not_stop_the_session() {
    let mut story = Story::uni_app_with(|config| config.outbox.quarantine = None);
    story.ready();
    for code in [1003, 1007, 1009, 1009, 1009] {
        let call = Call::Send { body: "poison".into(), id: None, time_to_live: None, once: true };
        let id = story.call(call).expect("it is taken").expect("it has an id");
        story.closed(code);
        assert_eq!((story.state(), story.session.status(&id)), (State::Waiting, Some(Status::Unconfirmed)), "{code}");
        story.wait_for_connect();
        story.opened();
    }
}

#[test]
fn a_code_that_speaks_of_the_client_stops_the_session_though_a_message_is_in_flight() {
    for code in [1002, 1008, 1010, 3500, 4500] {
        let mut story = Story::uni_app();
        story.ready();
        let id = story.send("hello");
        story.closed(code);
        assert_eq!((story.state(), story.session.status(&id)), (State::Stopped, Some(Status::Unconfirmed)), "{code}");
    }
    let mut story = Story::uni_app_with(|config| config.close.retry = vec![1008.into()]);
    story.ready();
    let (poison, good) = (story.send("poison"), story.send("good"));
    for _ in 0..3 {
        story.closed(1008).wait_for_connect();
        story.opened();
    }
    let status = |id| story.session.status(id);
    assert_eq!((status(&poison), status(&good)), (Some(Status::Unconfirmed), Some(Status::Sent)));
}

#[test]
fn a_close_code_that_no_frame_may_carry_is_a_breach_of_the_protocol_or_no_code_at_all() {
    for code in [0, 1, 999, 1004, 1016, 2000, 2999, 5000, u16::MAX] {
        let mut story = Story::plain();
        story.ready().closed(code);
        let reason = story.session.explain().reason;
        let failure = reason.failure.expect("it is a failure");
        assert_eq!((failure.cause, failure.detail), (TransportError::Protocol, format!("close code {code}")));
        assert_eq!(story.session.explain().cause, Some(Cause::Errored));
        assert_eq!(story.session.stats().failures.get(&TransportError::Protocol), Some(&1));
        story.wait_for_connect();
    }
    for code in [1005, 1006, 1015] {
        let mut story = Story::plain();
        story.ready().closed(code);
        assert_eq!(story.session.explain().reason, Reason::default(), "{code}");
        assert_eq!(story.session.explain().cause, Some(Cause::Closed));
    }
}

#[test]
fn lists_say_which_codes_stop_which_refuse_the_credential_and_which_are_tried_again() {
    let listed = |config: &mut redial::Config| {
        config.close.stop = vec![1000.into(), CodeRange::Range(4100, 4199)];
        config.close.credential = vec![4401.into(), CodeRange::Range(4010, 4012)];
        config.close.retry = vec![1008.into(), CodeRange::Range(4900, 4999)];
    };
    let expected = |code: u16| match code {
        // The last of these are final by themselves.
        1000 | 4100..=4199 | 4500..=4899 => (State::Stopped, Some(Cause::Terminal)),
        4401 | 4010..=4012 => (State::Stopped, Some(Cause::Unauthorized)),
        _ => (State::Waiting, Some(Cause::Closed)),
    };
    for make in [Story::plain_with, |change: fn(&mut redial::Config)| Story::uni_app_with(change)] {
        for code in [1000, 1001, 1008, 4009, 4010, 4012, 4013, 4099, 4100, 4199, 4200, 4401, 4500, 4899, 4900, 4999] {
            let mut story = make(listed);
            story.ready();
            let id = story.send("hello");
            story.hold();
            let kept = story.send("kept");
            story.closed(code);
            let explained = story.session.explain();
            assert_eq!((story.state(), explained.cause), expected(code), "{code}");
            assert_eq!(explained.reason.code, Some(u32::from(code)));
            let ended = explained.cause == Some(Cause::Terminal);
            assert_eq!(story.session.status(&kept) == Some(Status::NotSent), ended, "{code} {id}");
        }
    }
    let mut story = Story::uni_app_with(|config| {
        config.close.credential = vec![4401.into()];
        config.authentication.unauthorized = Unauthorized::Retry;
    });
    story.ready().closed(4401);
    assert_eq!(story.state(), State::Waiting, "the same token is tried again");
    let mut story = Story::uni_app_with(|config| config.close.credential = vec![4401.into()]);
    story.ready().credential("newer").closed(4401);
    assert_eq!(story.state(), State::Waiting, "the newer one is tried");
    story.wait_for_connect();
    story.opened().closed(4401);
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn a_bye_says_itself_whether_the_session_tries_again_whatever_its_code_means_elsewhere() {
    for (code, reconnect) in [(4500, true), (1008, true), (1000, false)] {
        for greeted in [false, true] {
            let mut story = Story::new(redial::Preset::native());
            story.open().opened();
            if greeted {
                story.text(r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":1000,"resumed":false,"win_msgs":9,"win_bytes":999,"frame_max":999}"#);
            }
            story.text(&format!(r#"{{"type":"bye","code":{code},"reconnect":{reconnect},"resume":true}}"#));
            let state = if reconnect { State::Waiting } else { State::Stopped };
            assert_eq!(story.state(), state, "{code}, greeted: {greeted}");
        }
    }
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
        Story::unsuspicious_with(|config| config.close.dead = redial::config::DeadLink::Close { code: Some(3001) });
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
