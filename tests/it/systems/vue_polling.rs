//! `vue_polling`: a heartbeat at open and after 30 s of silence, five unanswered and it closes; polls where pushes stay
//! away.

use redial::error::Unencodable;
use redial::{Event, Frame, PollCause, Preset, SendError, State};
use serde_json::json;

use super::{Client, every, preset};

const HEARTBEAT: &str = r#"{"command":"heartBeat"}"#;

/// Polling on: a poll when no push came for a minute.
fn polling() -> Preset {
    preset("vue_polling", &json!({"fallback": {"loop_time_ms": 60_000}}))
}

#[test]
fn s002_1_it_connects_when_it_is_opened_and_asks_nothing_of_the_url() {
    let client = Client::open(Preset::vue_polling());
    assert_eq!((client.connects(), client.queries()), (vec![0], vec![None]));
}

#[test]
fn s002_2_every_open_sends_a_heartbeat_at_once_that_is_no_round() {
    let mut client = Client::open(Preset::vue_polling());
    client.at(40).opened();
    assert_eq!(client.written(), [(40, HEARTBEAT.to_owned())]);
    client.at(1_000).closed().at(6_000).at(6_040).opened();
    assert_eq!(client.beats(), [40, 6_040]);
    client.at(6_040 + 149_999);
    assert_eq!(client.closes(), [], "the greeting was not one of the five");
}

#[test]
fn s002_3_and_5_a_heartbeat_30_s_after_the_last_frame_of_any_kind() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(200).text(HEARTBEAT).at(12_000).text("a push").at(41_999);
    assert_eq!(client.beats(), [0]);
    client.at(42_000);
    assert_eq!(client.beats(), [0, 42_000]);
    client.at(50_000).frame(Frame::Ping(Vec::new())).at(80_000);
    assert_eq!(client.beats(), [0, 42_000, 80_000]);
}

#[test]
fn s002_4_and_b002_1_silence_gives_a_heartbeat_every_30_s_and_the_fifth_closes() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(149_999);
    assert_eq!((client.beats(), client.closes()), (every(30_000, 0, 5), vec![]));
    client.at(150_000);
    assert_eq!((client.beats(), client.closes()), (every(30_000, 0, 6), vec![(150_000, None)]));
    client.at(155_000);
    assert_eq!(client.connects(), [0, 155_000]);
}

#[test]
fn s002_5_any_frame_takes_the_rounds_back() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(149_000).text("anything").at(298_999);
    assert_eq!(client.closes(), []);
    client.at(299_000);
    assert_eq!(client.closes(), [(299_000, None)]);
}

#[test]
fn s002_6_a_close_reconnects_5_s_later() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).closed().at(14_999);
    assert_eq!(client.connects(), [0]);
    client.at(15_000);
    assert_eq!(client.connects(), [0, 15_000]);
}

#[test]
fn s002_7_and_o002_2_an_error_reconnects_at_once_or_later_where_that_is_set() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).errored();
    assert_eq!(client.connects(), [0, 10_000]);

    let mut client = Client::connected(preset("vue_polling", &json!({"reconnect": {"first": {"errored_ms": 5_000}}})));
    client.at(10_000).errored().at(20_000);
    assert_eq!(client.connects(), [0, 15_000]);
}

#[test]
fn s002_8_and_b002_3_error_and_close_of_one_connection_are_one_reconnect() {
    let mut client = Client::connected(Preset::vue_polling());
    let old = client.connection();
    client.at(10_000).errored().closed_on(old).at(10_050).opened().at(100_000).text("alive").at(120_000);
    assert_eq!((client.connects(), client.state()), (vec![0, 10_000], State::Ready), "the healthy one stays");

    let mut client = Client::connected(Preset::vue_polling());
    let old = client.connection();
    client.at(10_000).closed().errored_on(old).at(15_000);
    assert_eq!(client.connects(), [0, 15_000], "the first of the two counts");
}

#[test]
fn s002_9_a_try_that_is_not_open_after_10_s_is_dropped_for_the_next_for_ever() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).errored().at(1_000_000);
    assert_eq!(client.connects()[1..], every(10_000, 10_000, 100));
    assert_eq!((client.aborts(), client.gave_up()), (every(10_000, 20_000, 99), vec![]));
}

#[test]
fn s002_9_a_try_that_fails_early_still_takes_its_10_s() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).errored().at(12_000).errored().at(19_999);
    assert_eq!(client.connects(), [0, 10_000]);
    client.at(20_000);
    assert_eq!(client.connects(), [0, 10_000, 20_000]);
}

#[test]
fn s002_10_and_b002_4_an_open_ends_the_watch_over_the_try_and_starts_the_count_anew() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).errored().at(20_000).at(25_000).opened().at(35_000).text("push").at(40_000).errored();
    assert_eq!(client.connects(), [0, 10_000, 20_000, 40_000]);
}

#[test]
fn s002_11_and_b002_5_the_late_open_of_a_dropped_try_is_dropped_and_says_nothing() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(10_000).errored();
    let hanging = client.connection();
    client.at(20_000).at(20_100).event(Event::Opened { connection: hanging });
    assert_eq!((client.beats(), client.aborts()), (vec![0], vec![20_000, 20_100]));
    client.at(20_200).opened();
    assert_eq!(client.beats(), [0, 20_200]);
}

#[test]
fn s002_12_the_first_connect_and_a_reconnect_are_told_apart_by_their_number() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(1_000).closed().at(6_000);
    let attempts = client.all(|action| match action {
        redial::Action::Connect { attempt, .. } => Some(*attempt),
        _ => None,
    });
    assert_eq!(attempts, [0, 1]);
}

#[test]
fn s002_14_and_b002_7_polls_come_again_and_again_while_no_push_comes() {
    let mut client = Client::open(polling());
    client.at(5_000).opened();
    for half_minute in 1..=10 {
        client.at(5_000 + half_minute * 30_000).text(HEARTBEAT);
    }
    assert_eq!(
        client.polls(),
        every(60_000, 60_000, 5).into_iter().map(|at| (at, PollCause::Silence)).collect::<Vec<_>>()
    );
}

#[test]
fn s002_14_silence_polls_run_whatever_the_socket_does() {
    let mut client = Client::open(polling());
    client.at(60_000).closed().at(130_000).opened().at(180_000);
    assert_eq!(client.polls().into_iter().map(|(at, _)| at).collect::<Vec<_>>(), [60_000, 120_000, 180_000]);
    client.close().at(600_000);
    assert_eq!(client.polls().len(), 3, "nothing is polled after the user has closed");
}

#[test]
fn s002_15_s002_18_and_b002_9_a_push_is_delivered_and_pulled_for_and_starts_the_loop_time_anew() {
    let mut client = Client::connected(polling());
    client.at(50_000).text(r#"{"changed":"orders"}"#).at(109_999);
    assert_eq!(client.delivered(), [r#"{"changed":"orders"}"#]);
    assert_eq!(client.polls(), [(50_000, PollCause::Push)]);
    client.at(110_000);
    assert_eq!(client.polls(), [(50_000, PollCause::Push), (110_000, PollCause::Silence)]);
    let order: Vec<bool> = client.all(|action| match action {
        redial::Action::Deliver(_) => Some(true),
        redial::Action::Poll { .. } => Some(false),
        _ => None,
    });
    assert_eq!(order, [true, false, false], "delivered first, then pulled for");
}

#[test]
fn s002_15_the_heartbeat_s_reply_is_no_push() {
    let mut client = Client::connected(polling());
    client.at(50_000).text(HEARTBEAT).text(r#" { "x": 1, "command" : "heart\u0042eat" } "#).at(60_000);
    assert_eq!((client.delivered().len(), client.polls()), (0, vec![(60_000, PollCause::Silence)]));
    assert_eq!(client.alive(), [50_000, 50_000]);
}

#[test]
fn s002_15_what_is_not_the_reply_is_delivered_as_it_is_json_or_not() {
    let mut client = Client::connected(Preset::vue_polling());
    let frames =
        ["orders", "", "{", "null", "[1]", r#"{"command":"HEARTBEAT"}"#, r#"{"command":7}"#, r#"{"a":"\ud800"}"#];
    for frame in frames {
        client.text(frame);
    }
    assert_eq!((client.delivered(), client.malformed()), (frames.map(str::to_owned).to_vec(), vec![]));
    assert_eq!(client.polls(), [], "with polling off nothing is pulled");
}

#[test]
fn s002_17_and_o002_3_polls_take_over_after_many_failed_attempts_only_where_that_is_set() {
    let changes = json!({"fallback": {"after_failures": 3, "down_every_ms": 4_000}});
    let mut client = Client::connected(preset("vue_polling", &changes));
    client.at(100_000).text("push").at(110_000).errored().at(139_999);
    assert_eq!(
        client.polls(),
        [(100_000, PollCause::Push)],
        "the loss itself and two failed attempts are not yet many"
    );
    client.at(150_000).opened().at(160_000);
    let down: Vec<u64> =
        client.polls().into_iter().filter(|(_, cause)| *cause == PollCause::Down).map(|(at, _)| at).collect();
    assert_eq!(down, [140_000, 144_000, 148_000], "until the connection is back");

    let mut client = Client::connected(Preset::vue_polling());
    client.at(110_000).errored().at(500_000);
    assert_eq!(client.polls(), []);
}

#[test]
fn s002_19_and_o002_4_the_own_close_counts_at_once_whatever_the_dead_peer_says_later() {
    let mut client = Client::connected(Preset::vue_polling());
    let dead = client.connection();
    client.at(150_000).at(154_000).closed_on(dead).at(155_000);
    assert_eq!(client.connects(), [0, 155_000]);
    client.at(155_050).opened().at(156_000).closed_on(dead).at(170_000);
    assert_eq!(client.connects(), [0, 155_000]);
}

#[test]
fn b002_2_no_heartbeat_of_a_lost_connection_fires_into_the_next() {
    let mut client = Client::connected(Preset::vue_polling());
    client.at(29_000).closed().at(34_000).at(43_000).opened().at(72_999);
    assert_eq!(client.beats(), [0, 43_000]);
    client.at(73_000);
    assert_eq!(client.beats(), [0, 43_000, 73_000]);
}

#[test]
fn b002_6_the_rounds_of_five_silent_connections_do_not_add_up() {
    let mut client = Client::connected(Preset::vue_polling());
    for _ in 0..5 {
        client.later(31_000).closed().later(5_000).opened();
    }
    assert_eq!(client.closes(), []);
    assert_eq!(client.connects().len(), 6);
}

#[test]
fn o002_1_with_a_grace_of_30_s_the_fifth_heartbeat_can_still_be_answered() {
    let patient = preset("vue_polling", &json!({"heartbeat": {"dead_after": {"grace_ms": 30_000}}}));
    let mut client = Client::connected(patient.clone());
    client.at(179_999);
    assert_eq!(client.closes(), []);
    client.at(180_000);
    assert_eq!(client.closes(), [(180_000, None)]);

    let mut client = Client::connected(patient);
    client.at(179_000).text(HEARTBEAT).at(200_000);
    assert_eq!(client.closes(), []);
}

#[test]
fn b002_8_the_loop_time_is_in_milliseconds_and_its_name_says_so() {
    let json = polling().to_json();
    assert_eq!(json["fallback"]["loop_time_ms"], 60_000);
}

#[test]
fn a_body_that_the_server_would_take_for_a_heartbeat_is_refused() {
    let mut client = Client::connected(Preset::vue_polling());
    for body in [HEARTBEAT, r#"{"x":{"y":[]},"command":"heart\u0042eat"}"#, " {\"command\" : \"heartBeat\"}\n"] {
        assert_eq!(client.send(body), Err(SendError::Unencodable(Unencodable::Reserved)), "{body}");
    }
    assert!(client.send(r#"{"command":"other"}"#).is_ok() && client.send("heartBeat").is_ok());
}
