//! The user decides: sends again by hand, lets go of what is in doubt, and decides about what failed before the rest
//! leaves.

use redial::config::{Durability, Limits, OnFailure, Rate, Resend};
use redial::dialect::{
    Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, ReceiptSignal, Side, Signal, Span,
};
use redial::error::{AbandonError, CancelError, Malformed, ResendError, Unencodable};
use redial::journal::{Call, CallError};
use redial::{Action, Config, Duration, Frame, MessageId, Preset, State, Status};

use crate::support::{Seen, Story};

/// `msg ID TEXT`, `ack ID`, `nack ID`; a WebSocket ping for a heartbeat.
#[derive(Debug)]
struct Letters {
    /// Whether no letter may be sent twice on one connection.
    no_repeats: bool,
}

impl Dialect for Letters {
    fn name(&self) -> &'static str {
        "letters"
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = Capabilities::new().receipts();
        if self.no_repeats { capabilities.no_repeats() } else { capabilities }
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        let text = frame.as_text().unwrap_or_default();
        Ok(match text.split_once(' ') {
            Some(("ack", id)) => Signal::accepted(id.into()),
            Some(("nack", id)) => Signal::rejected(id.into(), 7),
            _ => Signal::heartbeat_reply(),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => Ok(Frame::Ping(Vec::new())),
            Signal::Receipt(ReceiptSignal::Accepted { id, .. }) => Ok(Frame::text(format!("ack {id}"))),
            Signal::Message(MessageSignal { id: Some(id), content: Content::Text(text), .. }) => {
                Ok(Frame::text(format!("msg {id} {text}")))
            }
            _ => Err(Unencodable::NoWord),
        }
    }
}

fn letters_with(change: impl FnOnce(&mut Config)) -> Story {
    let mut config = Config::default();
    change(&mut config);
    Story::new(Preset::new(Letters { no_repeats: false }, config).expect("it is sound"))
}

fn letters() -> Story {
    letters_with(|_| {})
}

/// One message at a time, and a failure holds the line.
fn in_line() -> Story {
    letters_with(|config| {
        config.outbox.in_flight = redial::config::Limit::new(1);
        config.outbox.on_failure = OnFailure::Hold;
    })
}

fn resend(story: &mut Story, id: &MessageId) -> Result<(), ResendError> {
    match story.call(Call::Resend { id: id.clone() }) {
        Ok(_) => Ok(()),
        Err(CallError::Resend(error)) => Err(error),
        Err(other) => panic!("a resend is refused by a resend error, not {other}"),
    }
}

fn abandon(story: &mut Story, id: &MessageId) -> Result<(), AbandonError> {
    match story.call(Call::Abandon { id: id.clone() }) {
        Ok(_) => Ok(()),
        Err(CallError::Abandon(error)) => Err(error),
        Err(other) => panic!("an abandon is refused by an abandon error, not {other}"),
    }
}

fn late(seen: &Seen, id: &MessageId) -> usize {
    seen.count(|action| *action == Action::LateReceipt { id: id.clone() })
}

#[test]
fn pressing_send_again_repeats_the_same_bytes_on_this_connection_and_tells_nothing_new() {
    let mut story = letters();
    story.ready();
    let id = story.send_id("hello", "m1");
    let first = story.seen().messages();
    story.wait(5_000).pong().wait(5_000).pong().seen();
    assert_eq!(resend(&mut story, &id), Ok(()));
    let seen = story.seen();
    assert_eq!((seen.messages(), seen.statuses(&id)), (first, Vec::new()));
    assert_eq!((story.session.status(&id), story.session.stats().resent), (Some(Status::Sent), 1));
    story.text("ack m1").text("ack m1");
    assert_eq!(story.seen().statuses(&id), [Status::Accepted]);
}

#[test]
fn a_copy_by_hand_starts_the_wait_for_the_receipt_anew() {
    let mut story = letters();
    story.ready();
    let id = story.send("hello");
    for _ in 0..5 {
        story.wait(9_000).pong();
        assert_eq!(resend(&mut story, &id), Ok(()));
    }
    story.wait(9_000).pong().wait(9_000).pong().wait(1_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(story.state(), State::Waiting, "20 s after the last copy nothing had come");
}

#[test]
fn copies_by_hand_do_not_count_for_the_quarantine() {
    let mut story = letters();
    story.ready();
    let id = story.send("hello");
    for _ in 0..2 {
        for _ in 0..5 {
            assert_eq!(resend(&mut story, &id), Ok(()));
        }
        story.closed(1006).wait_for_connect();
        story.opened();
    }
    assert_eq!(story.session.status(&id), Some(Status::Sent), "two losses are no third");
    story.closed(1006);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
}

#[test]
fn a_loss_right_after_a_copy_by_hand_is_not_blamed_on_the_message() {
    for reports in [false, true] {
        let mut story = letters_with(|config| config.outbox.receipt_timeout = None);
        story.ready();
        let id = story.send("hello");
        for losses in 1..=6 {
            if reports {
                story.prompt();
            }
            for _ in 0..4 {
                story.wait(9_000).pong();
            }
            assert_eq!(resend(&mut story, &id), Ok(()));
            story.wait(100).closed(1006);
            assert_eq!(story.session.status(&id), Some(Status::Sent), "after {losses} losses");
            story.wait_for_connect();
            story.opened();
        }
        // Its own copies do what they did: three losses in a row, and it is set aside.
        for _ in 0..2 {
            story.closed(1006).wait_for_connect();
            story.opened();
        }
        assert_eq!(story.session.status(&id), Some(Status::Sent));
        story.closed(1006);
        assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
        assert_eq!(resend(&mut story, &id), Ok(()));
        for _ in 0..2 {
            story.wait_for_connect();
            story.opened().closed(1006);
        }
        assert_eq!(story.session.status(&id), Some(Status::Sent), "a new round is counted from its beginning");
    }
}

#[test]
fn what_goes_out_once_goes_out_again_by_the_users_word_alone() {
    let mut story = letters();
    story.ready();
    let id = story.send_once("pay 10");
    assert_eq!(resend(&mut story, &id), Ok(()));
    assert_eq!(story.seen().messages().len(), 2, "the user asked for the second copy");
    for _ in 0..2 {
        story.closed(1006);
        assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
        story.wait_for_connect();
        story.opened();
        assert!(story.seen().messages().is_empty(), "nobody asked for another copy");
        assert_eq!(resend(&mut story, &id), Ok(()));
        assert_eq!(story.seen().messages().len(), 1);
    }
}

#[test]
fn without_a_connection_a_message_that_was_sent_keeps_its_place() {
    let mut story = letters();
    story.ready();
    let (first, second) = (story.send_id("one", "m1"), story.send_id("two", "m2"));
    story.closed(1006).seen();
    assert_eq!(resend(&mut story, &second), Ok(()));
    assert!(story.seen().is_empty());
    story.wait_for_connect();
    story.opened();
    assert_eq!(story.seen().messages(), ["msg m1 one", "msg m2 two"]);
    assert_eq!((resend(&mut story, &first), story.seen().messages().len()), (Ok(()), 1));
}

#[test]
fn a_message_that_was_never_sent_needs_no_second_copy() {
    let mut story = letters();
    let id = story.send("hello");
    assert_eq!(resend(&mut story, &id), Err(ResendError::NotFailed));
    story.ready().text(&format!("ack {id}"));
    assert_eq!(resend(&mut story, &id), Err(ResendError::NotFailed));
}

#[test]
fn a_dialect_that_forbids_repeats_refuses_them_on_a_live_link_only() {
    let preset = Preset::new(Letters { no_repeats: true }, Config::default()).expect("it is sound");
    let mut story = Story::new(preset);
    story.ready();
    let id = story.send("hello");
    story.seen();
    assert_eq!(resend(&mut story, &id), Err(ResendError::NoRepeats));
    assert!(story.seen().is_empty());
    story.closed(1006);
    assert_eq!(resend(&mut story, &id), Ok(()), "it keeps its place");
}

#[test]
fn a_copy_by_hand_waits_for_hold_rate_and_socket_like_any_message() {
    let mut story = letters_with(|config| config.outbox.rate = Some(Rate::new(1, Duration::from_secs(2))));
    story.ready();
    let id = story.send("hello");
    story.wait(3_000).hold().seen();
    assert_eq!(resend(&mut story, &id), Ok(()));
    assert_eq!(resend(&mut story, &id), Ok(()));
    assert!(story.seen().messages().is_empty(), "messages are held");
    story.release();
    assert_eq!(story.seen().messages().len(), 1, "what was asked for twice meanwhile leaves once");
    assert_eq!(resend(&mut story, &id), Ok(()));
    assert!(story.wait(1_999).seen().messages().is_empty(), "one in two seconds");
    assert_eq!(story.wait(1).seen().messages().len(), 1);

    let mut story = letters_with(|config| config.outbox.unwritten_bytes = redial::config::Limit::new(1));
    story.ready().written(0);
    let id = story.send("hello");
    story.seen();
    assert_eq!(resend(&mut story, &id), Ok(()));
    assert!(story.seen().messages().is_empty(), "the socket is full");
    assert_eq!(story.written(1).seen().messages().len(), 1);
}

#[test]
fn a_copy_by_hand_that_nobody_took_before_the_link_was_lost_was_not_sent() {
    let mut story = letters();
    story.ready();
    let id = story.send("hello");
    let (now, connection) = (story.instant(), story.connection());
    let mut session = story.session.clone();
    session.resend(now, &id).expect("it is in flight");
    session.handle(now, redial::Event::Closed { connection, code: Some(1006), reason: String::new() });
    session.close(now);
    assert_eq!(session.status(&id), Some(Status::Unconfirmed), "the first copy was taken");

    let mut session = story.session;
    let id = session.send(now, "two").expect("there is room");
    for _ in 0..2 {
        session.resend(now, &id).expect("it is in flight");
    }
    session.handle(now, redial::Event::Closed { connection, code: Some(1006), reason: String::new() });
    assert_eq!(session.status(&id), Some(Status::Queued));
    session.close(now);
    assert_eq!(session.status(&id), Some(Status::NotSent), "none of three copies was taken");
}

#[test]
fn of_two_copies_of_which_one_was_not_written_the_message_stays_sent() {
    let mut story = letters();
    story.ready();
    let id = story.send("hello");
    assert_eq!(resend(&mut story, &id), Ok(()));
    story.seen();
    story.send_failed(redial::Purpose::Message { id: id.clone() });
    assert_eq!(story.seen().statuses(&id), []);
    assert_eq!(story.session.status(&id), Some(Status::Sent));
    story.close();
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
}

#[test]
fn status_tells_what_was_never_sent_from_what_will_be_sent_again() {
    let mut story = letters();
    story.ready();
    let sent = story.send("sent");
    story.closed(1006);
    let queued = story.send("queued");
    let status = |story: &Story, id| story.session.status(id);
    assert_eq!((status(&story, &sent), status(&story, &queued)), (Some(Status::Sent), Some(Status::Queued)));
    let cancel = |story: &mut Story, id: &MessageId| story.call(Call::Cancel { id: id.clone() }).map(|_| ());
    assert_eq!(cancel(&mut story, &sent), Err(CancelError::Sent.into()));
    assert_eq!(cancel(&mut story, &queued), Ok(()));
}

#[test]
fn what_is_abandoned_after_its_connection_was_lost_is_never_sent_again() {
    let mut story = letters();
    story.ready();
    let (let_go, kept) = (story.send_id("one", "m1"), story.send_id("two", "m2"));
    story.closed(1006).seen();
    assert_eq!(abandon(&mut story, &let_go), Ok(()));
    assert_eq!(story.seen().statuses(&let_go), [Status::Unconfirmed]);
    assert_eq!(abandon(&mut story, &let_go), Err(AbandonError::Unknown));
    story.wait_for_connect();
    story.opened();
    assert_eq!(story.seen().messages(), ["msg m2 two"]);
    // The server had it all the same.
    story.text("ack m1").text("ack m2");
    let seen = story.seen();
    assert_eq!((late(&seen, &let_go), seen.statuses(&let_go)), (1, Vec::new()));
    assert_eq!((seen.statuses(&kept), story.session.unsettled()), (vec![Status::Accepted], 0));
}

#[test]
fn an_abandoned_message_leaves_its_place_in_the_window_at_once() {
    let mut story = letters_with(|config| config.outbox.in_flight = redial::config::Limit::new(1));
    story.ready();
    let first = story.send_id("one", "m1");
    story.send_id("two", "m2");
    story.seen();
    assert_eq!(abandon(&mut story, &first), Ok(()));
    assert_eq!(story.seen().messages(), ["msg m2 two"]);
}

#[test]
fn what_was_never_sent_is_cancelled_and_not_abandoned() {
    let mut story = letters();
    let id = story.send("hello");
    assert_eq!(abandon(&mut story, &id), Err(AbandonError::NotSent));
    assert_eq!(abandon(&mut story, &"nobody".into()), Err(AbandonError::Unknown));
    assert_eq!(story.session.unsettled(), 1);
}

#[test]
fn a_drain_ends_when_the_last_message_is_abandoned() {
    let mut story = letters();
    story.ready();
    let id = story.send("hello");
    story.drain_within(60_000);
    assert_eq!(resend(&mut story, &id), Ok(()), "a copy by hand is nothing new");
    assert_eq!(abandon(&mut story, &id), Ok(()));
    assert_eq!(story.state(), State::Closing);
}

#[test]
fn where_a_failure_holds_the_line_a_refused_message_goes_again_before_those_behind_it() {
    let mut story = in_line();
    story.ready();
    let first = story.send_id("one", "m1");
    for (id, text) in [("m2", "two"), ("m3", "three")] {
        story.send_id(text, id);
    }
    story.seen();
    story.text("nack m1");
    let seen = story.seen();
    assert_eq!(seen.statuses(&first), [Status::Rejected { code: 7 }]);
    assert!(seen.messages().is_empty(), "the line is held");
    story.wait(60_000).closed(1006).wait_for_connect();
    story.opened();
    assert!(story.seen().messages().is_empty(), "on the next connection too");
    assert_eq!(resend(&mut story, &first), Ok(()));
    assert_eq!(story.seen().messages(), ["msg m1 one"]);
    story.text("ack m1").text("ack m2");
    assert_eq!(story.seen().messages(), ["msg m2 two", "msg m3 three"]);
}

#[test]
fn release_and_abandon_let_the_line_go_on_without_the_failed_message() {
    for (by, decides) in [
        ("release", (|story, _| story.release().seen()) as fn(&mut Story, &MessageId) -> Seen),
        ("abandon", |story, id| {
            assert_eq!(abandon(story, id), Ok(()));
            story.seen()
        }),
    ] {
        let mut story = in_line();
        story.ready();
        let first = story.send_id("one", "m1");
        story.send_id("two", "m2");
        story.text("nack m1").seen();
        let seen = decides(&mut story, &first);
        assert_eq!((seen.messages(), seen.statuses(&first)), (vec!["msg m2 two".to_owned()], Vec::new()), "{by}");
        assert_eq!(story.session.status(&first), Some(Status::Rejected { code: 7 }), "{by}");
        assert_eq!(resend(&mut story, &first), Ok(()), "{by}");
        story.text("ack m2");
        assert_eq!(story.seen().messages(), ["msg m1 one"], "{by}: its place was given away");
    }
}

#[test]
fn of_several_failures_each_holds_what_is_behind_it() {
    let mut story = letters_with(|config| {
        config.outbox.in_flight = redial::config::Limit::new(3);
        config.outbox.on_failure = OnFailure::Hold;
    });
    story.ready();
    for (id, text) in [("m1", "one"), ("m2", "two"), ("m3", "three"), ("m4", "four")] {
        story.send_id(text, id);
    }
    story.text("nack m1").text("nack m3").text("ack m2").seen();
    assert_eq!(resend(&mut story, &"m1".into()), Ok(()));
    assert_eq!(story.seen().messages(), ["msg m1 one"], "the fourth is behind the third");
    assert_eq!(abandon(&mut story, &"m3".into()), Ok(()));
    assert_eq!(story.seen().messages(), ["msg m4 four"]);
}

#[test]
fn every_kind_of_failure_holds_the_line_and_what_the_user_took_back_does_not() {
    type Failure = fn(&mut Story);
    let fails: [(&str, Failure); 3] = [
        ("expired unsent", |story| {
            story.hold().send_for("one", 1_000);
            story.send_id("two", "m2");
            story.wait(1_000);
            story.event(redial::Event::Tick);
        }),
        ("lost and not to be sent again", |story| {
            story.send_once("one");
            story.send_id("two", "m2");
            story.closed(1006).wait_for_connect();
            story.opened();
        }),
        ("overdue", |story| {
            story.send_for("one", 1_000);
            story.send_id("two", "m2");
            story.wait(1_000);
        }),
    ];
    for (by, fail) in fails {
        let mut story = in_line();
        story.ready();
        fail(&mut story);
        story.seen();
        assert_eq!(story.session.status(&"m2".into()), Some(Status::Queued), "{by}");
        story.release();
        assert_eq!(story.session.status(&"m2".into()), Some(Status::Sent), "{by}");
    }
    let mut story = in_line();
    story.ready();
    let sent = story.send("one");
    let queued = story.send("two");
    story.call(Call::Cancel { id: queued }).expect("it was never sent");
    story.send_id("three", "m3");
    assert_eq!(abandon(&mut story, &sent), Ok(()));
    assert_eq!(story.session.status(&"m3".into()), Some(Status::Sent));
}

#[test]
fn what_holds_the_line_is_not_forgotten_however_little_is_remembered() {
    for remembered in [0, 1, 2] {
        for sent_again in [true, false] {
            let mut story = letters_with(|config| {
                config.outbox.in_flight = redial::config::Limit::new(1);
                config.outbox.on_failure = OnFailure::Hold;
                config.outbox.remembered = redial::config::Limit::new(remembered);
            });
            story.ready();
            let first = story.send_id("one", "m1");
            for number in 2..9 {
                story.send_id("more", &format!("m{number}"));
            }
            story.text("nack m1");
            for number in 3..9 {
                story.must(Call::Cancel { id: format!("m{number}").into() });
            }
            story.closed(1006).wait_for_connect();
            story.opened().seen();
            assert_eq!(story.session.status(&first), Some(Status::Rejected { code: 7 }));
            if sent_again {
                assert_eq!(resend(&mut story, &first), Ok(()));
                story.text("ack m1");
                assert_eq!(story.seen().messages(), ["msg m1 one", "msg m2 more"]);
            } else {
                assert_eq!(abandon(&mut story, &first), Ok(()));
                assert_eq!(story.seen().messages(), ["msg m2 more"]);
                let known = story.session.status(&first).is_some();
                assert_eq!(known, remembered > 0, "now it is as any other that has its outcome");
            }
        }
    }
}

#[test]
fn the_hold_of_a_failure_outlives_the_process_and_so_do_the_places() {
    for durability in [Durability::Off, Durability::WriteAhead] {
        for decides in ["resend", "abandon", "release"] {
            let mut story = letters_with(|config| {
                config.outbox.in_flight = redial::config::Limit::new(1);
                config.outbox.on_failure = OnFailure::Hold;
                config.durability = durability;
            });
            story.ready();
            let take = |story: &mut Story, id, body| {
                story.send_id(body, id);
                if durability == Durability::WriteAhead {
                    story.persist();
                }
            };
            take(&mut story, "m1", "one");
            take(&mut story, "m2", "two");
            story.text("nack m1").restart(1_000);
            take(&mut story, "m3", "three");
            story.back().seen();
            assert_eq!(story.session.status(&"m1".into()), Some(Status::Rejected { code: 7 }));
            let decision = match decides {
                "resend" => Call::Resend { id: "m1".into() },
                "abandon" => Call::Abandon { id: "m1".into() },
                _ => Call::Release,
            };
            let mut sent = Vec::new();
            story.must(decision);
            for _ in 0..4 {
                if durability == Durability::WriteAhead {
                    story.persist();
                }
                let fresh = story.seen().messages();
                for message in &fresh {
                    let id = message.split(' ').nth(1).unwrap_or_default();
                    story.text(&format!("ack {id}"));
                }
                sent.extend(fresh);
            }
            let expected = ["msg m1 one", "msg m2 two", "msg m3 three"];
            assert_eq!(sent, expected[usize::from(decides != "resend")..], "{decides}, {durability:?}");
        }
    }
}

#[test]
fn a_drain_and_the_end_of_the_session_end_the_hold_of_a_failure() {
    let mut story = in_line();
    story.ready();
    story.send_id("one", "m1");
    story.send_id("two", "m2");
    story.text("nack m1").seen();
    story.drain_within(60_000);
    assert_eq!(story.seen().messages(), ["msg m2 two"]);
    story.text("nack m2");
    assert_eq!(story.state(), State::Closing);

    let mut story = in_line();
    story.ready();
    story.send_id("one", "m1");
    story.text("nack m1").close();
    story.closed(1000);
    story.ready().seen();
    story.send_id("two", "m2");
    assert_eq!(story.seen().messages(), ["msg m2 two"]);
}

#[test]
fn under_write_ahead_a_message_leaves_from_its_old_place_once_that_is_stored() {
    let mut story = letters_with(|config| {
        config.outbox.in_flight = redial::config::Limit::new(1);
        config.outbox.on_failure = OnFailure::Hold;
        config.durability = Durability::WriteAhead;
    });
    story.ready();
    let first = story.send_id("one", "m1");
    let stored = |story: &mut Story| {
        let version = story.version;
        story.call(Call::Persisted { version }).expect("a version was named");
    };
    stored(&mut story);
    let second = story.send_id("two", "m2");
    stored(&mut story);
    story.text("nack m1");
    stored(&mut story);
    story.seen();
    assert_eq!(resend(&mut story, &first), Ok(()));
    let seen = story.seen();
    assert_eq!((seen.statuses(&first), seen.messages().len()), (Vec::new(), 0));
    stored(&mut story);
    let seen = story.seen();
    assert_eq!(
        (seen.statuses(&first), seen.messages()),
        (vec![Status::Queued, Status::Sent], vec!["msg m1 one".into()])
    );
    assert_eq!(seen.statuses(&second), []);
}

#[test]
fn without_automatic_resending_the_user_may_still_send_again_by_hand() {
    let mut story = letters_with(|config| config.outbox.resend = Resend::Never);
    story.ready();
    let id = story.send("hello");
    assert_eq!((resend(&mut story, &id), story.session.stats().resent), (Ok(()), 1));
    story.closed(1006);
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
}
