//! `uni_app`: a heartbeat every 5 s that needs no answer, a reconnect 5 s after anything, messages with ids and acks.

use redial::{Duration, Frame, MessageId, Preset, Purpose, SendError, State, Status};
use serde_json::json;

use super::{Client, every, preset};

const HEARTBEAT: &str = r#"{"key":"heartbeat","data":{}}"#;

fn push(id: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"hi"}}"#)
}

fn ack(id: &str) -> String {
    format!(r#"{{"key":"message_ack","data":{{"messageId":"{id}"}}}}"#)
}

fn echo(id: &str, mine: &str) -> String {
    format!(r#"{{"type":"MESSAGE","messageId":"{id}","clientMessageId":"{mine}","content":"hi"}}"#)
}

#[test]
fn s000_1_the_current_token_is_read_anew_for_each_connect() {
    let mut client = Client::idle(Preset::uni_app());
    client.credential("first token").open_again();
    client.opened().at(1_000);
    client.credential("second").closed().at(6_000);
    assert_eq!(client.queries(), [Some("token=first%20token".to_owned()), Some("token=second".to_owned())]);
}

#[test]
fn s000_2_and_3_nothing_is_sent_at_open_and_a_heartbeat_every_5_s_whatever_else_travels() {
    let mut client = Client::open(Preset::uni_app());
    client.at(30).opened();
    assert_eq!(client.written(), []);
    client.at(4_000).text(&push("m1")).at(7_000).send("hello").unwrap();
    client.at(8_000).text(r#"{"type":"OTHER"}"#).at(8_500).frame(Frame::Pong(Vec::new())).at(25_030);
    assert_eq!(client.beats(), every(5_000, 5_030, 5));
    let heartbeats = client.written().into_iter().filter(|(_, text)| text == HEARTBEAT).count();
    assert_eq!(heartbeats, 5);
}

#[test]
fn s000_4_a_heartbeat_needs_no_answer() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(600_000);
    assert_eq!(client.beats().len(), 120);
    assert_eq!((client.connects(), client.state()), (vec![0], State::Ready));
}

#[test]
fn s000_5_and_6_a_heartbeat_that_cannot_be_written_means_one_reconnect_5_s_later() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(5_000).not_written(Purpose::Heartbeat).at(60_000);
    assert_eq!(client.connects(), [0, 10_000]);
}

#[test]
fn s000_6_reconnects_come_every_5_s_without_limit() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(12_000).errored();
    for attempt in 1..=500 {
        client.at(12_000 + attempt * 5_000).errored();
    }
    assert_eq!(client.connects().len(), 501);
    assert_eq!(client.connects()[1..], every(5_000, 17_000, 500));
    assert!(client.gave_up().is_empty());
}

#[test]
fn s000_7_after_a_long_screen_off_the_overdue_reconnect_happens() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(12_000).closed().jump(3_600_000);
    assert_eq!(client.connects(), [0, 3_600_000]);

    let mut client = Client::connected(Preset::uni_app());
    client.jump(3_602_000).at(3_610_000);
    assert_eq!(client.beats(), [3_602_000, 3_605_000, 3_610_000], "and missed heartbeats are not made up for");
}

#[test]
fn s000_8_and_b000_4_an_error_reconnects_after_5_s_and_no_old_heartbeat_stretches_that() {
    let mut client = Client::open(Preset::uni_app());
    client.at(30).opened().at(12_000).errored().at(30_000);
    assert_eq!(client.connects(), [0, 17_000]);
    assert_eq!(client.beats(), [5_030, 10_030]);
}

#[test]
fn s000_9_and_b000_3_a_close_reconnects_after_5_s() {
    let mut client = Client::open(Preset::uni_app());
    client.at(30).opened().at(12_000).closed().at(30_000);
    assert_eq!(client.connects(), [0, 17_000]);
}

#[test]
fn s000_10_a_server_that_closes_with_any_code_is_called_again() {
    for code in [1000, 1002, 1008, 3500, 4500] {
        let mut client = Client::connected(Preset::uni_app());
        let connection = client.connection();
        client.at(12_000).event(redial::Event::Closed { connection, code: Some(code), reason: String::new() });
        client.at(17_000);
        assert_eq!(client.connects(), [0, 17_000], "code {code}");
    }
}

#[test]
fn s000_12_every_object_is_delivered_whole_and_an_own_echo_is_a_receipt() {
    let mut client = Client::connected(Preset::uni_app());
    let frames =
        [r#"{"type":"NOTICE","x":1}"#, r#"{"key":"anything"}"#, r#"{"type":"MESSAGE","messageId":9,"content":"a"}"#];
    for frame in frames {
        client.text(frame);
    }
    let id = client.send_as("c1", "hello");
    client.text(&echo("m7", "c1"));
    assert_eq!(client.delivered(), frames);
    assert_eq!(client.statuses(&id), [Status::Queued, Status::Sent, Status::Accepted]);
}

#[test]
fn s000_14_a_message_that_cannot_be_written_is_told_to_the_caller_and_changes_nothing_else() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(1_000);
    let id = client.send_as("c1", "hello");
    client.not_written(Purpose::Message { id: id.clone() }).at(11_000);
    assert_eq!(client.statuses(&id), [Status::Queued, Status::Sent, Status::NotSent]);
    assert_eq!(client.unsent(), [Purpose::Message { id }]);
    assert_eq!((client.connects(), client.beats()), (vec![0], vec![5_000, 10_000]));
}

#[test]
fn s000_14_while_the_connection_is_down_a_message_is_refused_and_not_queued() {
    let mut client = Client::open(Preset::uni_app());
    assert_eq!(client.send("early"), Err(SendError::NotReady));
    client.opened().at(1_000).closed();
    assert_eq!(client.send("late"), Err(SendError::NotReady));
    client.at(6_000).opened();
    assert_eq!(client.written(), []);
}

#[test]
fn s000_16_the_echo_is_the_server_s_word_and_only_the_receipt_the_receiver_s() {
    let mut client = Client::connected(Preset::uni_app());
    let id = client.send_as("c1", "hello");
    client.text(&echo("m1", "c1")).text(r#"{"type":"RECEIPT","clientMessageId":"c1"}"#);
    assert_eq!(client.statuses(&id), [Status::Queued, Status::Sent, Status::Accepted, Status::Delivered]);
}

#[test]
fn s000_17_a_message_carries_its_client_message_id() {
    let mut client = Client::connected(Preset::uni_app());
    client.send_as("c1", "say \"hi\"\n");
    let frame = r#"{"key":"message","data":{"clientMessageId":"c1","content":"say \"hi\"\n"}}"#;
    assert_eq!(client.written(), [(0, frame.to_owned())]);
}

#[test]
fn s000_18_without_an_echo_it_is_possibly_failed_and_a_resend_keeps_its_id() {
    let mut client = Client::connected(Preset::uni_app());
    let id = client.send_as("c1", "hello");
    client.at(1_000).closed().at(6_000).opened();
    assert_eq!(client.statuses(&id), [Status::Queued, Status::Sent, Status::Unconfirmed]);
    assert_eq!(client.written().len(), 1, "nothing is sent again by itself");
    client.resend(&id).text(&echo("m1", "c1"));
    let sent = client.written();
    assert_eq!(sent[0].1, sent[1].1, "the same bytes under the same id");
    assert_eq!(client.session.status(&id), Some(Status::Accepted));
}

#[test]
fn s000_18_nothing_is_sent_again_by_itself_even_where_messages_are_queued() {
    let mut client = Client::connected(preset("uni_app", &json!({"outbox": {"while_down": "queue"}})));
    let id = client.send_as("c1", "hello");
    client.at(1_000).closed();
    client.send_as("c2", "queued");
    client.at(6_000).opened();
    assert_eq!(client.session.status(&id), Some(Status::Unconfirmed));
    assert_eq!(client.written().len(), 2, "c1 once, and c2");
}

#[test]
fn s000_19_every_push_of_type_message_is_acknowledged_and_no_other() {
    let mut client = Client::connected(Preset::uni_app());
    client.text(&push("m1")).text(r#"{"type":"OTHER","messageId":"m2","content":"x"}"#);
    assert_eq!(client.written(), [(0, ack("m1"))]);
}

#[test]
fn s000_20_s000_21_and_o000_2_a_repeated_push_is_acknowledged_again_and_shown_once() {
    let mut client = Client::connected(Preset::uni_app());
    client.text(&push("m1")).at(3_000).text(&push("m1")).at(4_000).closed().at(9_000).opened().text(&push("m1"));
    assert_eq!(client.delivered(), [push("m1")]);
    assert_eq!(client.written(), [(0, ack("m1")), (3_000, ack("m1")), (9_000, ack("m1"))]);
}

#[test]
fn b000_1_one_failed_heartbeat_costs_one_connection_and_heals() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(5_000).not_written(Purpose::Heartbeat);
    client.at(10_000).at(10_050).opened().at(120_000);
    assert_eq!(client.connects(), [0, 10_000]);
    assert_eq!(
        client.beats(),
        [vec![5_000], every(5_000, 15_050, 21)].concat(),
        "one heartbeat, of the new connection"
    );
}

#[test]
fn b000_2_the_heartbeat_stops_when_it_has_failed_so_nothing_postpones_the_reconnect() {
    let mut client = Client::connected(Preset::uni_app());
    client.at(5_000).not_written(Purpose::Heartbeat).at(9_999);
    assert_eq!((client.beats(), client.connects()), (vec![5_000], vec![0]));
    client.at(10_000);
    assert_eq!(client.connects(), [0, 10_000]);
}

#[test]
fn b000_5_and_b000_6_events_of_an_old_socket_do_nothing() {
    let mut client = Client::connected(Preset::uni_app());
    let old = client.connection();
    client.at(1_000).errored().at(1_001).closed_on(old).at(3_000).errored_on(old).at(6_000).opened();
    client.at(7_000).closed_on(old).errored_on(old);
    client.event(redial::Event::FrameIn { connection: old, frame: Frame::text(push("m1")) });
    client.event(redial::Event::SendFailed { connection: old, purpose: Some(Purpose::Heartbeat) });
    client.at(60_000);
    assert_eq!((client.connects(), client.state()), (vec![0, 6_000], State::Ready));
    assert_eq!(client.delivered(), <[String; 0]>::default());
}

#[test]
fn b000_7_a_frame_that_is_no_json_is_reported_and_the_session_lives_on() {
    let mut client = Client::connected(Preset::uni_app());
    client.text("oops").text(&push("m1")).at(5_000);
    assert_eq!((client.malformed().len(), client.delivered().len(), client.beats()), (1, 1, vec![5_000]));
}

#[test]
fn o000_1_the_names_are_settings_and_ids_keep_their_type() {
    let words = json!({"words": {"message": "say", "ack": "got", "push": "SAID", "message_id": "mid",
        "client_message_id": "cid", "content": "text", "receipt": "SEEN"}});
    let mut client = Client::connected(preset("uni_app", &json!({"preset": words})));
    client.send_as("c1", "a");
    client.text(r#"{"type":"SAID","mid":12,"text":"b"}"#).text(r#"{"type":"SAID","cid":"c1"}"#);
    client.text(r#"{"type":"SEEN","cid":"c1"}"#);
    let written: Vec<String> = client.written().into_iter().map(|(_, text)| text).collect();
    assert_eq!(written, [r#"{"key":"say","data":{"cid":"c1","text":"a"}}"#, r#"{"key":"got","data":{"mid":12}}"#]);
    assert_eq!(client.session.status(&MessageId::from("c1")), Some(Status::Delivered));
}

#[test]
fn o000_3_by_default_no_timer_runs_for_the_echo_and_one_can_be_set() {
    let mut client = Client::connected(Preset::uni_app());
    let id = client.send_as("c1", "hello");
    client.at(3_600_000);
    assert_eq!(client.session.status(&id), Some(Status::Sent));

    let patient = |config: &mut redial::Config| config.outbox.receipt_timeout = Some(Duration::from_secs(20));
    let mut client = Client::connected(Preset::uni_app().configure(patient).expect("it is sound"));
    let id = client.send_as("c1", "hello");
    client.at(19_999);
    assert_eq!(client.session.status(&id), Some(Status::Sent));
    client.at(20_000);
    assert_eq!(client.session.status(&id), Some(Status::Unconfirmed));
    assert_eq!(client.connects(), [0], "the user resends; the link stays");
}

#[test]
fn o000_4_an_attempt_that_hangs_is_the_host_s_to_end_unless_a_limit_is_set() {
    let mut client = Client::open(Preset::uni_app());
    assert!(client.is_quiet());
    client.at(60_000).errored().at(65_000);
    assert_eq!(client.connects(), [0, 65_000]);

    let mut client = Client::open(preset("uni_app", &json!({"reconnect": {"attempt_timeout_ms": 8_000}})));
    client.at(13_000);
    assert_eq!((client.connects(), client.aborts()), (vec![0, 13_000], vec![8_000]));
}
