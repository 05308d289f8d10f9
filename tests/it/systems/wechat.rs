//! `wechat`: a text `ping` 10 s after open and after each `pong`, 10 s for the answer, twelve reconnects.

use redial::error::Unencodable;
use redial::{Preset, Purpose, SendError, State};
use serde_json::json;

use super::{Client, every, preset};

#[test]
fn s003_1_the_url_holds_task_and_user_where_they_are_settings() {
    let client = Client::open(preset("wechat", &json!({"preset": {"task_id": 7, "user_id": "u&1"}})));
    assert_eq!(client.queries(), [Some("7&u%261".to_owned())]);
    assert_eq!(Client::open(Preset::wechat()).queries(), [None]);
}

#[test]
fn s003_2_s003_3_and_4_nothing_happens_before_the_socket_is_open_and_a_ping_10_s_after() {
    let mut client = Client::open(Preset::wechat());
    assert!(client.is_quiet());
    client.at(2_000).opened().at(11_999);
    assert_eq!(client.written(), []);
    client.at(12_000);
    assert_eq!(client.written(), [(12_000, "ping".to_owned())]);
}

#[test]
fn s003_5_and_8_without_a_pong_10_s_after_the_ping_it_closes_with_1000() {
    let mut client = Client::connected(Preset::wechat());
    client.at(19_999);
    assert_eq!(client.closes(), []);
    client.at(20_000);
    assert_eq!((client.closes(), client.beats()), (vec![(20_000, Some(1000))], vec![10_000]));
}

#[test]
fn s003_6_a_pong_asked_for_or_not_starts_anew() {
    let mut client = Client::connected(Preset::wechat());
    client.at(10_000).at(10_070).text("pong").at(15_000).text("pong").at(24_999);
    assert_eq!(client.beats(), [10_000]);
    client.at(25_000).at(34_999).text("pong").at(44_999);
    assert_eq!((client.beats(), client.closes()), (vec![10_000, 25_000, 44_999], vec![]));
}

#[test]
fn s003_7_other_data_goes_to_the_page_and_resets_nothing() {
    let mut client = Client::connected(Preset::wechat());
    for (at, data) in [(3_000, "PONG"), (12_000, "pong "), (15_000, r#"{"a":1}"#), (19_999, "ping")] {
        client.at(at).text(data);
    }
    client.at(20_000);
    assert_eq!(client.delivered(), ["PONG", "pong ", r#"{"a":1}"#, "ping"]);
    assert_eq!((client.beats(), client.closes()), (vec![10_000], vec![(20_000, Some(1000))]));
}

#[test]
fn s003_9_a_close_and_an_error_each_reconnect_5_s_later() {
    let mut client = Client::connected(Preset::wechat());
    client.at(3_000).closed().at(8_000).opened().at(9_000).errored().at(14_000);
    assert_eq!(client.connects(), [0, 8_000, 14_000]);
}

#[test]
fn s003_10_close_and_error_together_give_one_try_and_the_first_counts() {
    let mut client = Client::connected(Preset::wechat());
    let old = client.connection();
    client.at(3_000).errored().at(3_400).closed_on(old).at(30_000);
    assert_eq!(client.connects(), [0, 8_000]);
}

#[test]
fn s003_10_further_tries_come_5_s_after_the_failure_of_the_last() {
    let mut client = Client::connected(Preset::wechat());
    client.at(3_000).closed().at(8_000).at(10_000).errored().at(15_000).at(17_500).errored().at(22_500);
    assert_eq!(client.connects(), [0, 8_000, 15_000, 22_500]);
}

#[test]
fn s003_11_b003_1_b003_2_and_o003_2_twelve_reconnects_and_then_it_says_once_that_it_gave_up() {
    let mut client = Client::open(Preset::wechat());
    for attempt in 0..13 {
        client.at(attempt * 5_000).errored();
    }
    assert_eq!(client.connects(), every(5_000, 0, 13), "the first connect and twelve reconnects");
    assert_eq!((client.gave_up(), client.state()), (vec![60_000], State::Stopped));
    client.at(3_600_000);
    assert_eq!((client.connects().len(), client.gave_up().len(), client.is_quiet()), (13, 1, true));
}

#[test]
fn b003_2_when_it_has_given_up_the_page_may_connect_anew() {
    let mut client = Client::open(Preset::wechat());
    for attempt in 0..13 {
        client.at(attempt * 5_000).errored();
    }
    client.at(100_000).open_again().errored().at(105_000);
    assert_eq!(client.connects()[13..], [100_000, 105_000]);
}

#[test]
fn s003_12_and_o003_1_the_twelve_are_per_outage_or_for_the_life_of_the_page() {
    let losses = |preset| {
        let mut client = Client::connected(preset);
        while client.gave_up().is_empty() && client.connects().len() < 30 {
            client.later(60_000).closed().later(5_000);
            if client.state() == State::Connecting {
                client.opened();
            }
            // The page is in use, so its heartbeats are answered.
            client.text("pong");
        }
        client.connects().len()
    };
    assert_eq!(
        losses(preset("wechat", &json!({"heartbeat": {"dead_after": null}}))),
        30,
        "each open sets the count back"
    );
    let for_life = json!({"heartbeat": {"dead_after": null}, "reconnect": {"reset": "never"}});
    assert_eq!(losses(preset("wechat", &for_life)), 13);
}

#[test]
fn b003_3_the_timers_of_a_lost_connection_do_not_touch_the_next() {
    let mut client = Client::connected(Preset::wechat());
    client.at(14_500).closed().at(19_500).at(20_001);
    assert_eq!((client.closes(), client.state()), (vec![], State::Connecting), "the old deadline would be now");
    client.at(25_000).opened().at(34_999);
    assert_eq!(client.beats(), [10_000]);
    client.at(35_000).at(35_100).text("pong").at(45_099);
    assert_eq!((client.beats(), client.connects()), (vec![10_000, 35_000], vec![0, 19_500]));
}

#[test]
fn b003_4_a_ping_that_cannot_be_written_keeps_the_timing_and_is_told() {
    let mut client = Client::connected(Preset::wechat());
    client.at(10_000).not_written(Purpose::Heartbeat);
    assert_eq!((client.unsent(), client.state()), (vec![Purpose::Heartbeat], State::Ready));
    client.at(25_000);
    assert_eq!((client.closes(), client.connects()), (vec![(20_000, Some(1000))], vec![0, 25_000]));
}

#[test]
fn b003_5_a_connect_call_that_fails_is_a_failed_try() {
    let mut client = Client::open(Preset::wechat());
    client.errored().at(5_000);
    assert_eq!(client.connects(), [0, 5_000]);
}

#[test]
fn b003_7_the_own_close_counts_as_closed_though_no_close_event_comes() {
    let mut client = Client::connected(Preset::wechat());
    let dead = client.connection();
    client.at(25_000);
    assert_eq!(client.connects(), [0, 25_000]);
    client.opened().at(26_000).closed_on(dead).at(31_000);
    assert_eq!(client.connects(), [0, 25_000], "and one that comes late changes nothing");
}

#[test]
fn b003_8_after_reconnects_a_frame_is_handled_once() {
    let mut client = Client::connected(Preset::wechat());
    for _ in 0..3 {
        client.later(1_000).closed().later(5_000).opened();
    }
    client.text("hello");
    assert_eq!(client.delivered(), ["hello"]);
}

#[test]
fn o003_3_a_close_by_the_page_is_final() {
    let mut client = Client::connected(Preset::wechat());
    client.at(1_000).close().at(1_050).closed().at(3_600_000);
    assert_eq!(
        (client.closes(), client.connects(), client.state()),
        (vec![(1_000, Some(1000))], vec![0], State::Stopped)
    );

    let mut client = Client::connected(Preset::wechat());
    client.at(1_000).closed().at(2_000).close().at(3_600_000);
    assert_eq!(
        (client.connects(), client.state()),
        (vec![0], State::Stopped),
        "during the wait for a reconnect as well"
    );
}

#[test]
fn what_is_sent_while_the_connection_is_down_waits_for_the_next() {
    let mut client = Client::connected(Preset::wechat());
    client.at(1_000).closed();
    let id = client.send("later").unwrap();
    client.at(6_000).opened();
    assert_eq!(client.written(), [(6_000, "later".to_owned())]);
    client.not_written(Purpose::Message { id: id.clone() });
    assert_eq!((client.session.status(&id), client.state()), (Some(redial::Status::NotSent), State::Ready));
}

#[test]
fn a_body_that_the_server_would_take_for_a_heartbeat_is_refused() {
    let mut client = Client::connected(Preset::wechat());
    assert_eq!(client.send("ping"), Err(SendError::Unencodable(Unencodable::Reserved)));
    assert!(client.send("Ping").is_ok());
}

#[test]
fn after_a_suspend_the_link_is_asked_before_it_is_given_up() {
    let mut client = Client::connected(Preset::wechat());
    client.at(10_000).jump(100_000);
    assert_eq!((client.beats(), client.closes()), (vec![10_000, 100_000], vec![]));
    client.at(105_000);
    assert_eq!(client.closes(), [(105_000, Some(1000))]);
}
