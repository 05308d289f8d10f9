//! Presets as values: which are equal, how they are written down, and what a change replaces.

use std::hash::{DefaultHasher, Hash, Hasher};

use redial::config::DeadLink;
use redial::dialect::{HeartbeatFrame, Plain};
use redial::services::{ReactIm, Service, UniApp, Wechat};
use redial::{Config, Duration, Frame, Preset, SendError};
use serde_json::json;

use crate::support::Story;

/// A heartbeat in texts of one's choice.
fn in_texts() -> Preset {
    let mut plain = Plain::default();
    plain.heartbeats = HeartbeatFrame::Text { heartbeat: "ping?".into(), reply: "pong!".into() };
    Preset::new(plain, Config::default()).expect("it is sound")
}

/// Presets that differ in their name, in their configuration, or in their settings alone.
fn different() -> Vec<Preset> {
    let mut changed = Config::default();
    changed.heartbeat.every = Duration::from_secs(7);
    let mut words = UniApp::default();
    words.words.push = "PUSH".into();
    let (mut user, mut task) = (ReactIm::default(), Wechat::default());
    user.fuid = Some(7.into());
    (task.task_id, task.user_id) = (Some("t".into()), Some("u".into()));
    let mut presets: Vec<Preset> =
        Service::all().iter().map(|service| service.sample().expect("its sample works")).collect();
    presets.push(Preset::plain().with_config(changed).expect("it is sound"));
    presets.push(in_texts());
    presets.push(Preset::new(words, Preset::uni_app().config().clone()).expect("it is sound"));
    presets.push(Preset::new(user, Preset::react_im().config().clone()).expect("it is sound"));
    presets.push(Preset::new(task, Preset::wechat().config().clone()).expect("it is sound"));
    presets
}

fn hash(preset: &Preset) -> u64 {
    let mut hasher = DefaultHasher::new();
    preset.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn presets_are_equal_exactly_where_name_configuration_and_settings_are() {
    let presets = different();
    for (at, one) in presets.iter().enumerate() {
        for (other_at, other) in presets.iter().enumerate() {
            assert_eq!(one == other, at == other_at, "{one:?} and {other:?}");
            let alike = one.name() == other.name() && one.config() == other.config();
            assert_eq!(hash(one) == hash(other), alike, "{one:?} and {other:?}");
        }
    }
}

#[test]
fn every_preset_is_made_again_from_its_name_and_its_json() {
    for preset in different() {
        let again = Preset::named(preset.name(), &preset.to_json()).expect("it was written by a preset");
        assert_eq!(again, preset);
    }
}

#[test]
fn a_change_merges_into_what_is_of_its_type_and_replaces_what_is_not() {
    let dead = |changes: serde_json::Value| {
        let changes = json!({"close": {"dead": changes}});
        Preset::named("wechat", &changes).expect("it is a sound change").config().close.dead
    };
    assert_eq!(dead(json!({})), DeadLink::Close { code: Some(1000) });
    assert_eq!(dead(json!({"type": "close"})), DeadLink::Close { code: Some(1000) });
    assert_eq!(dead(json!({"type": "close", "code": 4000})), DeadLink::Close { code: Some(4000) });
    assert_eq!(dead(json!({"type": "abort"})), DeadLink::Abort);
}

#[test]
fn heartbeats_may_be_texts_of_ones_choice_which_are_then_no_messages() {
    let mut story = Story::new(in_texts());
    story.ready().wait(25_000);
    assert_eq!(story.seen().sends(|purpose| *purpose == redial::Purpose::Heartbeat), ["ping?"]);
    story.sleep(40).text("pong!");
    assert_eq!(story.session.stats().round_trip.latest(), Some(Duration::from_millis(40)));
    story.text("ping?");
    let seen = story.seen();
    assert_eq!(seen.sends(|purpose| *purpose == redial::Purpose::HeartbeatReply), ["pong!"]);
    assert_eq!(seen.delivered(), Vec::<String>::new());
    story.text("ping").text("pong! ").frame(Frame::Binary(b"ping?".to_vec()));
    assert_eq!(story.seen().delivered(), ["ping", "pong! ", "<bytes>"]);
    for word in ["ping?", "pong!"] {
        assert!(matches!(story.try_send(word), Err(SendError::Unencodable(_))), "{word}");
    }
    story.send("ping? pong!");
}

#[test]
fn what_a_document_does_not_ask_for_is_switched_off() {
    let live_chat = Preset::live_chat(1, 2).expect("it has its names");
    let documents = [Preset::uni_app(), Preset::react_im(), Preset::vue_polling(), Preset::wechat(), live_chat];
    for preset in &documents {
        let config = preset.config();
        assert_eq!((config.outbox.quarantine, config.outbox.in_flight.get()), (None, 65_536));
    }
    let codes = documents.map(|preset| preset.config().close.code);
    assert_eq!(codes, [Some(1000), None, None, Some(1000), None]);
    let mut story = Story::new(Preset::vue_polling());
    story.ready().close();
    let closes = story.seen();
    assert_eq!(closes.count(|action| matches!(action, redial::Action::Close { code: None, .. })), 1);
}

#[test]
fn a_preset_with_positions_promises_what_its_configuration_lets_it_keep() {
    let preset = Preset::native();
    let promised = |preset: &Preset| (preset.bounds().outbound, preset.bounds().inbound);
    let both = redial::config::Guarantee::OnceWhileBothRemember;
    assert_eq!(promised(&preset), (both, both));
    let never = preset.configure(|config| config.outbox.resend = redial::config::Resend::Never).expect("it is sound");
    assert_eq!(promised(&never), (redial::config::Guarantee::AtMostOnce, both));
}
