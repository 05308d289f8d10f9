//! `react_im`: a text `ping` each second, dead after sixty seconds without `pong`, back at once.

use redial::error::Unencodable;
use redial::journal::Call;
use redial::services::{ReadState, SendState};
use redial::{Action, Preset, Purpose, SendError, State, Status};
use serde_json::json;

use super::{Client, every, preset};

/// The other side of the open point: close and error from outside trigger nothing of their own.
fn waiting_for_misses() -> Preset {
    preset("react_im", &json!({"reconnect": {"first": {"errored_ms": null, "closed_ms": null}}}))
}

#[test]
fn s001_1_the_connection_is_connecting_ready_closing_and_stopped_in_turn() {
    let mut client = Client::open(Preset::react_im());
    let mut states = vec![client.state()];
    client.opened();
    states.push(client.state());
    client.close();
    states.push(client.state());
    client.closed();
    states.push(client.state());
    assert_eq!(states, [State::Connecting, State::Ready, State::Closing, State::Stopped]);
}

#[test]
fn s001_2_and_b001_5_a_close_with_code_and_reason_waits_for_the_answer_and_is_final() {
    let mut client = Client::connected(Preset::react_im());
    let reason = "关闭原因: 用户退出会话页";
    client.at(500).must(Call::Close { code: Some(3001), reason: reason.to_owned() });
    let (_, close) = client.seen.iter().find(|(_, action)| matches!(action, Action::Close { .. })).unwrap();
    assert!(matches!(close, Action::Close { code: Some(3001), reason: said, .. } if said == reason));
    assert_eq!(client.state(), State::Closing);
    client.at(600).closed();
    assert_eq!(client.state(), State::Stopped);
    client.at(600_000);
    assert_eq!((client.connects(), client.beats()), (vec![0], vec![]));
}

#[test]
fn s001_2_a_close_that_nobody_answers_ends_after_3_s_all_the_same() {
    let mut client = Client::connected(Preset::react_im());
    client.close().at(3_000);
    assert_eq!((client.state(), client.aborts()), (State::Stopped, vec![3_000]));
    assert_eq!(client.closes(), [(0, None)], "a close without a code of its own has none");
}

#[test]
fn s001_3_and_10_texts_go_out_and_come_in_as_they_are_json_or_not() {
    let mut client = Client::connected(Preset::react_im());
    client.send(r#"{"to":1,"text":"hi"}"#).unwrap();
    client.send("plain words").unwrap();
    client.text(r#"{"from":1}"#).text("words").text("");
    let written: Vec<String> = client.written().into_iter().map(|(_, text)| text).collect();
    assert_eq!(written, [r#"{"to":1,"text":"hi"}"#, "plain words"]);
    assert_eq!(client.delivered(), [r#"{"from":1}"#, "words", ""]);
    assert_eq!(client.send(vec![1, 2, 3]), Err(SendError::Unencodable(Unencodable::Binary)));
}

#[test]
fn s001_4_and_5_a_text_ping_each_second_from_open_and_none_at_open() {
    let mut client = Client::open(Preset::react_im());
    client.at(30).opened();
    assert_eq!(client.written(), []);
    for second in 1..=5 {
        client.at(30 + second * 1_000).text("pong");
    }
    assert_eq!(
        client.written(),
        every(1_000, 1_030, 5).into_iter().map(|at| (at, "ping".to_owned())).collect::<Vec<_>>()
    );
    assert_eq!(client.alive(), every(1_000, 1_030, 5));
}

#[test]
fn s001_6_s001_8_and_s001_9_after_59_pings_the_60th_tick_closes_without_a_code_and_reconnects_at_once() {
    let mut client = Client::connected(Preset::react_im());
    client.at(59_999);
    assert_eq!((client.beats(), client.closes()), (every(1_000, 1_000, 59), vec![]));
    client.at(60_000);
    assert_eq!((client.beats().len(), client.closes(), client.connects()), (59, vec![(60_000, None)], vec![0, 60_000]));
}

#[test]
fn s001_7_only_an_exact_pong_counts() {
    let mut client = Client::connected(Preset::react_im());
    for (at, near_miss) in [(9_000, "PONG"), (19_000, "pong "), (29_000, r#"{"type":"pong"}"#), (39_000, "ping")] {
        client.at(at).text(near_miss);
    }
    client.at(49_000).frame(redial::Frame::Pong(Vec::new())).at(60_000);
    assert_eq!(client.connects(), [0, 60_000]);
    assert_eq!(client.delivered(), ["PONG", "pong ", r#"{"type":"pong"}"#, "ping"]);
}

#[test]
fn s001_8_a_pong_sets_the_misses_back_to_the_tick_before_it() {
    let mut client = Client::connected(Preset::react_im());
    client.at(10_500).text("pong").at(69_999);
    assert_eq!(client.connects(), [0]);
    client.at(70_000);
    assert_eq!(client.connects(), [0, 70_000]);
}

#[test]
fn s001_9_it_never_gives_up_and_only_the_safety_floor_slows_it() {
    let mut client = Client::open(Preset::react_im());
    let mut expected = vec![0];
    for gap in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000] {
        client.errored();
        let next = expected.last().unwrap() + gap;
        expected.push(next);
        client.at(next);
    }
    assert_eq!((client.connects(), client.gave_up()), (expected, vec![]));
}

#[test]
fn s001_11_a_message_is_sending_then_sent_or_failed() {
    let mut client = Client::connected(Preset::react_im());
    let id = client.send_as("c1", "hello");
    let words: Vec<SendState> = client.statuses(&id).into_iter().map(SendState::from).collect();
    assert_eq!(words, [SendState::Sending, SendState::Sent]);

    let id = client.send_as("c2", "hello");
    client.not_written(Purpose::Message { id: id.clone() });
    let words: Vec<SendState> = client.statuses(&id).into_iter().map(SendState::from).collect();
    assert_eq!(words, [SendState::Sending, SendState::Sent, SendState::Failed]);
}

#[test]
fn s001_12_a_message_is_unread_until_it_is_read() {
    let unread = [Status::Queued, Status::Sent, Status::Accepted, Status::Delivered, Status::NotSent];
    assert!(unread.into_iter().all(|status| ReadState::from(status) == ReadState::Unread));
    assert_eq!((ReadState::from(Status::Read), SendState::from(Status::Read)), (ReadState::Read, SendState::Sent));
}

#[test]
fn s001_13_a_failed_message_is_sent_again_under_its_id() {
    let mut client = Client::connected(Preset::react_im());
    let id = client.send_as("c1", "hello");
    client.not_written(Purpose::Message { id: id.clone() }).resend(&id);
    assert_eq!(client.statuses(&id), [Status::Queued, Status::Sent, Status::NotSent, Status::Queued, Status::Sent]);
    assert_eq!(client.written(), [(0, "hello".to_owned()), (0, "hello".to_owned())]);
}

#[test]
fn what_is_sent_while_the_connection_is_down_waits_for_the_next_in_order() {
    let mut client = Client::open(Preset::react_im());
    client.send("one").unwrap();
    client.send("two").unwrap();
    assert_eq!(client.written(), []);
    client.at(40).opened();
    assert_eq!(client.written(), [(40, "one".to_owned()), (40, "two".to_owned())]);
}

#[test]
fn b001_2_and_b001_3_the_new_connection_hears_and_beats_like_the_first() {
    let mut client = Client::connected(Preset::react_im());
    client.at(60_000).at(60_020).opened().at(61_020).text("pong").text("hello");
    assert_eq!(
        (client.beats().len(), client.delivered(), client.alive()),
        (60, vec!["hello".to_owned()], vec![61_020])
    );
}

#[test]
fn b001_6_misses_of_one_connection_do_not_count_in_the_next() {
    let mut client = Client::connected(Preset::react_im());
    client.at(50_500).closed().opened().at(110_499);
    assert_eq!(client.connects(), [0, 50_500]);
    client.at(110_500);
    assert_eq!(client.connects(), [0, 50_500, 110_500]);
}

#[test]
fn o001_1_by_default_a_close_or_an_error_reconnects_at_once() {
    let mut client = Client::open(Preset::react_im());
    client.at(30).opened().at(10_500).closed();
    assert_eq!(client.connects(), [0, 10_500]);
    client.at(10_530).opened().at(20_000).errored();
    assert_eq!(client.connects(), [0, 10_500, 20_000]);
}

#[test]
fn o001_1_and_b001_4_on_the_other_side_the_misses_go_on_and_the_60th_reconnects() {
    let mut client = Client::open(waiting_for_misses());
    client.at(30).opened();
    for second in 1..=10 {
        client.at(30 + second * 1_000).text("pong");
    }
    client.at(10_500).closed().at(70_029);
    assert_eq!(client.connects(), [0]);
    client.at(70_030);
    assert_eq!(client.connects(), [0, 70_030]);
    assert_eq!(client.beats().last(), Some(&10_030), "nothing is written to a socket that is gone");
}

#[test]
fn o001_1_and_b001_7_on_the_other_side_a_connection_that_never_opens_is_given_up_and_that_is_told() {
    let mut client = Client::open(waiting_for_misses());
    client.at(100).errored();
    assert_eq!((client.gave_up(), client.state()), (vec![100], State::Stopped));
    let mut client = Client::open(Preset::react_im());
    client.at(300).errored();
    assert_eq!(client.connects(), [0, 300]);
}

#[test]
fn o001_2_nobody_confirms_so_handing_over_settles() {
    let mut client = Client::connected(Preset::react_im());
    let id = client.send_as("c1", "hello");
    assert_eq!((client.session.unsettled(), client.session.status(&id)), (0, Some(Status::Sent)));
    assert!(
        client.call(Call::MarkRead { id, conversation: String::new() }).is_err(),
        "no frame of this wire says read"
    );
}

#[test]
fn a_body_that_the_server_would_take_for_a_heartbeat_is_refused() {
    let mut client = Client::connected(Preset::react_im());
    assert_eq!(client.send("ping"), Err(SendError::Unencodable(Unencodable::Reserved)));
    assert!(client.send("pong").is_ok() && client.send("ping ").is_ok());
}

#[test]
fn the_user_goes_into_the_url_where_it_is_a_setting() {
    let client = Client::open(preset("react_im", &json!({"preset": {"fuid": 42}})));
    assert_eq!(client.queries(), [Some("fuid=42".to_owned())]);
    assert_eq!(Client::open(Preset::react_im()).queries(), [None]);
}

#[test]
fn after_a_suspend_the_link_is_asked_before_it_is_given_up() {
    let mut client = Client::connected(Preset::react_im());
    client.at(1_000).text("pong").jump(3_600_000);
    assert_eq!((client.connects(), client.beats().last()), (vec![0], Some(&3_600_000)));
    client.at(3_600_400).text("pong").at(3_610_000);
    assert_eq!(client.connects(), [0]);
}
