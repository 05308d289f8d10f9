//! `live_chat`: the server asks first, heartbeats in lock-step, three tries at 0, 5 and 10 s, kicked is final.

use redial::error::{PresetError, Unencodable};
use redial::journal::Call;
use redial::services::{LiveChat, LiveChatSettings};
use redial::{Action, Event, Frame, Preset, Purpose, SendError, State};
use serde_json::json;

use super::{Client, every, preset};

const HEARTBEAT: &str = r#"{"cmd":"wd_heartbeat"}"#;
const AUTH1: &str = r#"{"cmd":"auth1","msg_id":17,"result":{"seed":"s33d"}}"#;
const AUTH2: &str = r#"{"msg_id":17,"cmd":"auth2","authCode":"","room_id":"livechat_1","userId":9527}"#;

fn chat() -> Preset {
    Preset::live_chat(1, 9527).unwrap()
}

/// A changed preset of room 1 and user 9527.
fn changed(mut changes: serde_json::Value) -> Preset {
    changes["preset"] = json!({"room_id": 1, "user_id": 9527});
    preset("live_chat", &changes)
}

/// Opened at 0 and logged in at 0.
fn logged_in(preset: Preset) -> Client {
    let mut client = Client::connected(preset);
    client.text(AUTH1);
    client
}

/// Echoes every heartbeat 100 ms after it, up to `until`.
fn echoing(client: &mut Client, until: u64) {
    let mut echoed = None;
    while let Some(&beat) = client.beats().last().filter(|beat| **beat + 100 <= until && echoed != Some(**beat)) {
        echoed = Some(beat);
        client.at(beat + 100).text(HEARTBEAT).at((beat + 2_000).min(until));
    }
    client.at(until);
}

#[test]
fn s004_1_another_vendor_is_another_dialect_under_the_same_session() {
    for preset in [chat(), Preset::plain()] {
        let mut client = Client::open(preset);
        assert_eq!(client.connects(), [0]);
        client.close();
        assert_eq!(client.state(), State::Stopped);
    }
}

#[test]
fn s004_2_without_a_room_or_a_user_there_is_no_preset() {
    let missing = |changes: &serde_json::Value| match Preset::named("live_chat", changes) {
        Err(PresetError::Missing { preset, setting }) => (preset, setting),
        other => panic!("a missing setting is named: {other:?}"),
    };
    let needs = |setting: &str| ("live_chat".to_owned(), setting.to_owned());
    assert_eq!(missing(&json!({})), needs("room_id"));
    assert_eq!(missing(&json!({"preset": {"room_id": null, "user_id": 1}})), needs("room_id"));
    assert_eq!(missing(&json!({"preset": {"room_id": 1}})), needs("user_id"));
    assert_eq!(missing(&json!({"preset": {"room_id": 1, "user_id": ""}})), needs("user_id"));
    assert!(matches!(Preset::live_chat("", 1), Err(PresetError::Missing { .. })));
    let sentence = Preset::named("live_chat", &json!({})).unwrap_err().to_string();
    assert_eq!(sentence, "the preset `live_chat` needs the setting `room_id`");
    let wrong = Preset::named("live_chat", &json!({"preset": {"room_id": [], "user_id": 1}}));
    assert!(matches!(wrong, Err(PresetError::Invalid { .. })));
}

#[test]
fn s004_2_ids_keep_their_json_type() {
    let user_of = |user: serde_json::Value| {
        let settings = json!({"preset": {"room_id": "r\"1", "user_id": user}});
        logged_in(preset("live_chat", &settings)).written()[0].1.clone()
    };
    let auth2 = |user: &str| {
        format!(r#"{{"msg_id":17,"cmd":"auth2","authCode":"","room_id":"livechat_r\"1","userId":{user}}}"#)
    };
    assert_eq!(user_of(json!(9527)), auth2("9527"));
    assert_eq!(user_of(json!("9527")), auth2(r#""9527""#));
}

#[test]
fn s004_2_a_journal_s_first_line_makes_the_same_preset_again() {
    let mut settings = LiveChatSettings::default();
    (settings.room_id, settings.user_id, settings.key) = (Some("r".into()), Some(2.into()), Some("k".into()));
    let original = Preset::from(LiveChat::try_from(settings).unwrap());
    let json = original.to_json();
    assert_eq!(json["preset"], json!({"room_id": "r", "user_id": 2, "key": "k"}));
    assert_eq!(preset("live_chat", &json), original);
}

#[test]
fn s004_5_what_is_no_json_object_is_reported_and_dropped() {
    let mut client = logged_in(chat());
    for frame in ["oops", "null", "0", r#""""#, "[1]", "true", "", "{"] {
        client.text(frame);
    }
    assert_eq!((client.malformed().len(), client.delivered().len(), client.state()), (8, 0, State::Ready));
}

#[test]
fn s004_6_nothing_is_sent_before_auth1_then_auth2_and_a_heartbeat_at_once() {
    let mut client = Client::connected(chat());
    client.at(60_000);
    assert_eq!((client.written(), client.state()), (vec![], State::Authenticating));
    client.text(AUTH1);
    assert_eq!(client.written(), [(60_000, AUTH2.to_owned()), (60_000, HEARTBEAT.to_owned())]);
    assert_eq!(client.state(), State::Ready);
}

#[test]
fn s004_6_the_msg_id_goes_back_as_it_was_written() {
    for msg_id in ["17", "1.50", "-3", r#""a\u00e9\/b""#, "12345678901234567890123"] {
        let mut client = Client::connected(chat());
        client.text(&format!(r#"{{"cmd":"auth1","msg_id":{msg_id}}}"#));
        assert!(client.written()[0].1.starts_with(&format!(r#"{{"msg_id":{msg_id},"cmd":"auth2","#)), "{msg_id}");
    }
}

#[test]
fn s004_6_with_a_key_the_host_answers_the_seed() {
    let settings = json!({"preset": {"room_id": 1, "user_id": 9527, "key": "k"}});
    let mut client = Client::connected(preset("live_chat", &settings));
    client.at(50).text(AUTH1);
    let asked = client.all(|action| match action {
        Action::NeedCredential { challenge, .. } => challenge.clone(),
        _ => None,
    });
    assert_eq!((asked, client.written()), (vec!["s33d".to_owned()], vec![]));
    // md5("s33d" + "k"), which is the host's to compute.
    client.at(70).credential("0a1b2c");
    let auth2 = AUTH2.replace(r#""authCode":"""#, r#""authCode":"0a1b2c""#);
    assert_eq!(client.written(), [(70, auth2), (70, HEARTBEAT.to_owned())]);
    assert!(!format!("{:?}", client.session.preset()).contains("\"k\""), "the key does not show itself");
}

#[test]
fn s004_6_with_a_key_a_second_auth1_is_the_host_s_to_answer_as_well() {
    let settings = json!({"preset": {"room_id": 1, "user_id": 9527, "key": "k"}});
    let mut client = Client::connected(preset("live_chat", &settings));
    client.text(AUTH1).credential("one").at(1_500).text(AUTH1);
    assert_eq!(client.written().len(), 2, "auth2 and a heartbeat, and nothing with the old answer");
    client.at(1_600).credential("two");
    assert!(client.written()[2].1.contains(r#""authCode":"two""#));
    assert_eq!(client.beats(), [0, 1_600]);
}

#[test]
fn s004_6_with_a_key_a_challenge_without_a_seed_is_reported() {
    let settings = json!({"preset": {"room_id": 1, "user_id": 9527, "key": "k"}});
    let mut client = Client::connected(preset("live_chat", &settings));
    client.text(r#"{"cmd":"auth1","msg_id":17}"#).text(r#"{"cmd":"auth1","msg_id":17,"result":{"seed":null}}"#);
    assert_eq!((client.malformed().len(), client.state()), (2, State::Authenticating));
}

#[test]
fn s004_6_refused_expired_and_unavailable_credentials_are_told_apart() {
    use redial::CredentialFailure::{Expired, Refused, Unavailable};
    for (why, state) in [(Refused, State::Stopped), (Expired, State::Connecting), (Unavailable, State::Connecting)] {
        let settings = json!({"preset": {"room_id": 1, "user_id": 9527, "key": "k"}});
        let mut client = Client::connected(preset("live_chat", &settings));
        client.at(1_000).text(AUTH1).must(Call::CredentialFailed { connection: None, why });
        assert_eq!(client.state(), state, "{why:?}");
    }
}

#[test]
fn s004_7_and_8_heartbeats_every_2_s_each_only_if_the_one_before_was_echoed() {
    let mut client = logged_in(chat());
    echoing(&mut client, 10_050);
    assert_eq!(client.beats(), every(2_000, 0, 6));
    assert_eq!(client.alive(), every(2_000, 100, 5));
    client.at(600_000);
    assert_eq!(client.beats(), every(2_000, 0, 6), "the last one was not echoed, so the chain ended");
    assert_eq!((client.state(), client.is_quiet()), (State::Ready, true));
}

#[test]
fn s004_9_and_b004_7_a_kick_is_final_and_says_what_the_server_said() {
    let kick = r#"{"cmd":"conn_close","result":{"message":"elsewhere"}}"#;
    let mut client = logged_in(chat());
    let connection = client.connection();
    client.at(1_000).text(kick);
    let kicked = client.all(|action| match action {
        Action::Kicked { body } => body.as_text().map(str::to_owned),
        _ => None,
    });
    assert_eq!((kicked, client.closes(), client.state()), (vec![kick.to_owned()], vec![(1_000, None)], State::Stopped));
    client.errored_on(connection).closed_on(connection).at(60_000);
    assert_eq!((client.connects(), client.delivered().len(), client.gave_up()), (vec![0], 0, vec![]));
    assert_eq!(client.send("x"), Err(SendError::Stopped));
}

#[test]
fn s004_9_a_kick_before_the_login_is_one_too() {
    let mut client = Client::connected(chat());
    client.text(r#"{"cmd":"conn_close"}"#).at(60_000);
    assert_eq!((client.state(), client.connects()), (State::Stopped, vec![0]));
}

#[test]
fn s004_10_frames_with_a_message_are_delivered_as_their_result_and_the_rest_is_ignored() {
    let mut client = logged_in(chat());
    client.text(r#"{"cmd":"whatever","result":{"message":"hi","from":2}}"#).text(r#"{"result":{"message":{"a":[1]}}}"#);
    client.text(r#"{"cmd":8,"result":{"message":-0.5}}"#).text(r#"{"result":{"message":"0"}}"#);
    for ignored in ["null", "0", "-0.0e9", "false", r#""""#] {
        client.text(&format!(r#"{{"cmd":"x","result":{{"message":{ignored}}}}}"#));
    }
    client.text(r#"{"cmd":"x","result":{"text":"hi"}}"#).text(r#"{"cmd":"x","result":[1]}"#).text("{}");
    let delivered =
        [r#"{"message":"hi","from":2}"#, r#"{"message":{"a":[1]}}"#, r#"{"message":-0.5}"#, r#"{"message":"0"}"#];
    assert_eq!((client.delivered(), client.malformed()), (delivered.map(str::to_owned).to_vec(), vec![]));
}

#[test]
fn s004_10_messages_are_delivered_before_the_login_too() {
    let mut client = Client::connected(chat());
    client.text(r#"{"cmd":"m","result":{"message":"welcome"}}"#);
    assert_eq!(
        (client.delivered(), client.state()),
        (vec![r#"{"message":"welcome"}"#.to_owned()], State::Authenticating)
    );
}

#[test]
fn s004_11_a_close_is_told_with_its_code_and_reason() {
    let mut client = logged_in(chat());
    let connection = client.connection();
    client.at(1_000).event(Event::Closed { connection, code: Some(4001), reason: "bye".into() });
    let told = client.all(|action| match action {
        Action::State { state: State::Waiting, reason, .. } => Some((reason.code, reason.text.clone())),
        _ => None,
    });
    assert_eq!(told, [(Some(4001), "bye".to_owned())]);
}

#[test]
fn s004_12_close_and_error_of_one_connection_count_once_however_far_apart() {
    for apart in [0, 499, 501, 3_000] {
        let mut client = logged_in(chat());
        let old = client.connection();
        client.at(1_000).closed().at(1_000 + apart).errored_on(old).at(5_999);
        assert_eq!(client.connects(), [0, 1_000], "{apart} ms apart");
    }
}

#[test]
fn s004_13_s004_14_and_b004_1_tries_at_0_5_and_10_s_each_dropped_for_the_next_and_given_up_at_15() {
    let mut client = logged_in(chat());
    client.at(1_000).errored().at(60_000);
    assert_eq!(client.connects(), [0, 1_000, 6_000, 11_000]);
    assert_eq!((client.aborts(), client.gave_up()), (vec![6_000, 11_000, 16_000], vec![16_000]));
    assert_eq!((client.state(), client.is_quiet()), (State::Stopped, true));
}

#[test]
fn s004_15_and_b004_2_send_is_refused_while_not_connected() {
    let mut client = Client::open(chat());
    assert_eq!(client.send("a"), Err(SendError::NotReady));
    client.opened();
    assert_eq!(client.send("b"), Err(SendError::NotReady), "the challenge is not answered yet");
    client.text(AUTH1);
    assert!(client.send(r#"{"cmd":"chat","text":"c"}"#).is_ok());
    client.at(1_000).errored();
    assert_eq!(client.send("d"), Err(SendError::NotReady), "a lost connection takes nothing");
    let messages = client.all(|action| match action {
        Action::Send { frame, purpose: Purpose::Message { .. }, .. } => frame.as_text().map(str::to_owned),
        _ => None,
    });
    assert_eq!(messages, [r#"{"cmd":"chat","text":"c"}"#]);
}

#[test]
fn s004_16_a_close_by_the_user_is_for_good() {
    let mut client = logged_in(chat());
    client.at(1_000).close().at(1_020).closed().at(3_600_000);
    assert_eq!((client.closes(), client.connects(), client.state()), (vec![(1_000, None)], vec![0], State::Stopped));
}

#[test]
fn s004_4_and_17_an_open_ends_the_round_and_sets_the_count_back() {
    let mut client = logged_in(chat());
    client.at(10_000).errored().at(20_500).opened().at(30_000).errored();
    assert_eq!(client.connects(), [0, 10_000, 15_000, 20_000, 30_000]);
    client.at(60_000);
    assert_eq!(client.connects()[4..], [30_000, 35_000, 40_000]);
    assert_eq!(client.gave_up(), [45_000]);
}

#[test]
fn b004_3_and_b004_4_a_try_s_own_error_neither_ends_the_round_nor_burns_a_try() {
    let mut client = logged_in(chat());
    client.at(1_000).errored().at(1_700).errored().at(5_999);
    assert_eq!(client.connects(), [0, 1_000]);
    client.at(6_000).at(6_001).errored().at(11_000).at(11_400).errored().at(15_999);
    assert_eq!((client.connects(), client.gave_up()), (vec![0, 1_000, 6_000, 11_000], vec![]));
    client.at(16_000);
    assert_eq!(client.gave_up(), [16_000], "its slot is waited for");
}

#[test]
fn b004_5_the_error_of_a_try_that_was_dropped_does_not_touch_the_next() {
    let mut client = logged_in(chat());
    client.at(1_000).errored();
    let dropped = client.connection();
    client.at(6_000).at(6_001).errored_on(dropped).closed_on(dropped).at(6_100).opened().text(AUTH1);
    assert_eq!((client.connects(), client.state()), (vec![0, 1_000, 6_000], State::Ready));
}

#[test]
fn b004_6_a_plain_close_starts_the_tries_too() {
    let mut client = logged_in(chat());
    client.at(1_000).closed();
    assert_eq!(client.connects(), [0, 1_000]);
}

#[test]
fn b004_8_the_heartbeat_of_a_lost_connection_is_gone() {
    let mut client = logged_in(chat());
    client.at(100).text(HEARTBEAT).at(1_000).closed().at(1_100).opened().at(20_000);
    assert_eq!(client.beats(), [0]);
    client.text(AUTH1);
    echoing(&mut client, 23_000);
    assert_eq!(client.beats(), [0, 20_000, 22_000]);
}

#[test]
fn b004_9_there_are_three_tries_before_the_first_open_as_well() {
    let mut client = Client::open(chat());
    client.at(60_000);
    assert_eq!((client.connects(), client.gave_up()), (every(5_000, 0, 4), vec![20_000]));
}

#[test]
fn b004_10_giving_up_is_told_once_with_the_number_of_attempts() {
    let mut client = logged_in(chat());
    client.at(1_000).errored().at(3_600_000);
    assert_eq!(client.all(|action| matches!(action, Action::GaveUp { attempts: 4 }).then_some(())), [()]);
}

#[test]
fn b004_11_and_o004_1_a_late_echo_starts_nothing_unless_a_missing_one_means_a_dead_link() {
    let mut client = logged_in(chat());
    client.at(5_000).text(HEARTBEAT).at(60_000);
    assert_eq!((client.beats(), client.state()), (vec![0], State::Ready));

    let strict = json!({"heartbeat": {"dead_after": {"heartbeats": 1, "grace_ms": 4_000}}});
    let mut client = logged_in(changed(strict));
    client.at(100).text(HEARTBEAT).at(5_999);
    assert_eq!((client.beats(), client.connects()), (vec![0, 2_000], vec![0]));
    client.at(6_000);
    assert_eq!((client.closes(), client.connects()), (vec![(6_000, None)], vec![0, 6_000]));
}

#[test]
fn b004_12_giving_up_drops_the_last_try_and_its_late_open_changes_nothing() {
    let mut client = logged_in(chat());
    client.at(1_000).errored().at(16_000);
    let last = client.connection();
    assert_eq!(client.aborts().last(), Some(&16_000));
    client.at(16_100).event(Event::Opened { connection: last });
    client.event(Event::FrameIn { connection: last, frame: Frame::text(AUTH1) });
    assert_eq!((client.state(), client.beats()), (State::Stopped, vec![0]));
}

#[test]
fn o004_2_auth1_again_is_answered_again_and_the_one_heartbeat_moves_with_it() {
    let mut client = logged_in(chat());
    client.at(100).text(HEARTBEAT).at(1_500).text(AUTH1).at(1_600).text(HEARTBEAT).at(3_499);
    assert_eq!(client.beats(), [0, 1_500]);
    client.at(3_500);
    assert_eq!(client.beats(), [0, 1_500, 3_500]);
    assert_eq!(client.written().iter().filter(|(_, text)| text == AUTH2).count(), 2);
    let readies = client.all(|action| matches!(action, Action::State { state: State::Ready, .. }).then_some(()));
    assert_eq!(readies.len(), 1, "it was connected all the time");
}

#[test]
fn o004_3_after_giving_up_the_page_may_connect_anew() {
    let mut client = Client::open(chat());
    client.at(100_000).open_again().opened().text(AUTH1);
    assert_eq!((client.connects().last(), client.state()), (Some(&100_000), State::Ready));
}

#[test]
fn o004_4_the_tries_may_also_come_at_5_10_and_15_s() {
    let later = json!({"reconnect": {"first": {"errored_ms": 5_000, "closed_ms": 5_000}}});
    let mut client = logged_in(changed(later));
    client.at(1_000).errored().at(60_000);
    assert_eq!((client.connects(), client.gave_up()), (vec![0, 6_000, 11_000, 16_000], vec![21_000]));
}

#[test]
fn no_time_out_waits_for_auth1_unless_one_is_set() {
    let mut client = Client::connected(chat());
    client.at(3_600_000);
    assert_eq!((client.state(), client.connects()), (State::Authenticating, vec![0]));

    let mut client = Client::connected(changed(json!({"authentication": {"timeout_ms": 10_000}})));
    client.at(10_000);
    assert_eq!((client.aborts(), client.connects()), (vec![10_000], vec![0, 10_000]));
}

#[test]
fn a_body_that_the_server_would_take_for_a_heartbeat_or_a_login_is_refused() {
    let mut client = logged_in(chat());
    for body in [HEARTBEAT, AUTH2, r#"{"cmd":"wd_\u0068eartbeat","x":[[[]]]}"#, "\n{\"cmd\": \"auth2\"}"] {
        assert_eq!(client.send(body), Err(SendError::Unencodable(Unencodable::Reserved)), "{body}");
    }
    assert_eq!(client.send(vec![1]), Err(SendError::Unencodable(Unencodable::Binary)));
    assert!(client.send("wd_heartbeat").is_ok());
}
