//! What a configuration may say, and what happens to one that says more.

use std::num::NonZeroU32;

use redial::config::{Acknowledge, Backoff, Budget, CodeRange, Config, DeadLink, FirstDelay, Limit, PeerPolicy, Rate};
use redial::dialect::{Content, Plain, Side, Signal};
use redial::error::{ConfigError, PresetError};
use redial::journal::{Header, Input};
use redial::services::Service;
use redial::{Action, Duration, Event, Frame, Instant, Preset, Seed, Session};
use serde_json::{Value, json};

use crate::support::Story;

/// Every limit with its range and its default, as the docs of its field have them.
const RANGES: [(&str, u64, u64, u64); 15] = [
    ("reconnect.again.percent", 100, 1_000, 200),
    ("reconnect.budget.connects", 1, 1_000_000, 200),
    ("outbox.unwritten_bytes", 1, 16 << 20, 64 << 10),
    ("outbox.rate.messages", 1, 1_000_000, 5),
    ("outbox.rate.burst", 1, 1_000_000, 10),
    ("outbox.messages", 1, 1_000_000, 1_000),
    ("outbox.bytes", 1, 1 << 30, 4 << 20),
    ("outbox.in_flight", 1, 65_536, 32),
    ("outbox.remembered", 0, 1_000_000, 1_024),
    ("inbox.window", 0, 1_000_000, 4_096),
    ("inbox.pending", 1, 10_000, 256),
    ("limits.frame_bytes", 1, 16 << 20, 1 << 20),
    ("limits.message_bytes", 1, 1 << 20, 64 << 10),
    ("limits.id_bytes", 33, 256, 128),
    ("limits.depth", 1, 100, 32),
];

/// The place of a setting in the serde form.
fn place<'a>(config: &'a mut Value, setting: &str) -> &'a mut Value {
    config.pointer_mut(&format!("/{}", setting.replace('.', "/"))).expect("the setting stands there")
}

/// The default configuration, with the limits that are off in it.
fn with_all_limits() -> Config {
    let mut config = Config::default();
    config.reconnect.budget = Some(Budget::new(200, Duration::from_secs(86_400)));
    config.outbox.rate = Some(Rate::new(5, Duration::from_secs(1)).burst(10));
    config
}

/// That configuration with another number at one place.
fn changed(setting: &str, value: u64) -> Value {
    let mut config = serde_json::to_value(with_all_limits()).expect("it is plain");
    *place(&mut config, setting) = json!(value);
    config
}

#[test]
fn every_limit_has_its_range_and_one_outside_is_named_as_it_stands() {
    for (setting, least, most, usual) in RANGES {
        let read = |value| serde_json::from_value::<Config>(changed(setting, value)).expect("any number is read");
        assert_eq!(read(usual), with_all_limits(), "{setting}");
        assert_eq!((read(least).check(), read(most).check()), (Ok(()), Ok(())), "{setting}");
        for value in [least.checked_sub(1), Some(most + 1), Some(u64::MAX)].into_iter().flatten() {
            assert_eq!(read(value).check(), Err(ConfigError::Range { setting, value, least, most }));
        }
    }
    let refused = Preset::named("plain", &json!({"outbox": {"messages": 0}})).expect_err("it holds no message");
    assert_eq!(
        refused,
        PresetError::Config(ConfigError::Range { setting: "outbox.messages", value: 0, least: 1, most: 1_000_000 })
    );
    assert_eq!(
        refused.to_string(),
        "the configuration does not hold: `outbox.messages` is 0 and must be from 1 to 1000000"
    );
}

#[test]
fn every_ready_made_preset_passes_its_own_check() {
    for preset in Service::all().iter().map(|service| service.sample().expect("its sample works")) {
        assert_eq!(preset.config().check(), Ok(()), "{}", preset.name());
    }
}

#[test]
fn a_preset_is_made_of_a_sound_configuration_or_not_at_all() {
    let mut config = Config::default();
    config.inbox.server_keeps = Some(5_000);
    let window = ConfigError::Window { window: 4_096, needed: 5_000 };
    assert_eq!(Preset::new(Plain::default(), config.clone()), Err(window));
    assert_eq!(Preset::plain().with_config(config), Err(window));
    assert_eq!(Preset::plain().configure(|config| config.inbox.server_keeps = Some(5_000)), Err(window));
    let hasty = Preset::wechat().configure(|config| config.reconnect.max = Some(3)).expect("it is sound");
    assert_eq!(hasty.config().reconnect.max, Some(3));
    assert_eq!(hasty.config().heartbeat, Preset::wechat().config().heartbeat, "all else stays");
}

/// One of the lists of close codes.
type List = fn(&mut Config) -> &mut Vec<CodeRange>;

#[test]
fn close_codes_of_a_configuration_are_ones_that_can_be_sent_or_can_come() {
    let check = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.check()
    };
    for code in [0, 999, 1001, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let own = ConfigError::CloseCode { setting: "close.code", code };
        assert_eq!(check(&|config| config.close.code = Some(code)), Err(own));
        let dead = ConfigError::CloseCode { setting: "close.dead.code", code };
        assert_eq!(check(&|config| config.close.dead = DeadLink::Close { code: Some(code) }), Err(dead));
    }
    for code in [None, Some(1000), Some(3000), Some(4999)] {
        assert_eq!(check(&|config| (config.close.code, config.close.dead) = (code, DeadLink::Close { code })), Ok(()));
    }
    let lists: [(&str, List); 3] = [
        ("close.stop", |config| &mut config.close.stop),
        ("close.credential", |config| &mut config.close.credential),
        ("close.retry", |config| &mut config.close.retry),
    ];
    for (setting, list) in lists {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            let wrong = Err(ConfigError::CloseCode { setting, code });
            assert_eq!(check(&|config| *list(config) = vec![4000.into(), code.into()]), wrong);
        }
        for (one, other, first) in [(1000, 1014, 1004), (999, 1000, 999), (4000, 5000, 5000), (4999, 2999, 2999)] {
            let wrong = Err(ConfigError::CloseCode { setting, code: first });
            assert_eq!(check(&|config| *list(config) = vec![CodeRange::Range(one, other)]), wrong);
        }
        let sound = vec![CodeRange::Range(1000, 1003), CodeRange::Range(1007, 1014), CodeRange::Range(4999, 3000)];
        assert_eq!(check(&|config| list(config).clone_from(&sound)), Ok(()));
        for (_, other) in lists {
            let twice = check(&|config| {
                list(config).push(4401.into());
                other(config).push(CodeRange::Range(4400, 4402));
            });
            assert!(matches!(twice, Err(ConfigError::CloseCodeTwice { code: 4401, .. })), "{twice:?}");
        }
    }
    let named = Preset::named("plain", &json!({"close": {"stop": [4404, [4500, 4999]], "credential": [4401]}}));
    let close = named.expect("it is sound").config().close.clone();
    assert_eq!((close.stop, close.credential), (vec![4404.into(), CodeRange::Range(4500, 4999)], vec![4401.into()]));
}

#[test]
fn a_field_that_is_unknown_is_refused_by_its_name_wherever_it_stands() {
    for (config, name) in [
        (json!({"close": {"dead": {"type": "abort", "code": 4000}}}), "code"),
        (json!({"close": {"dead": {"type": "close", "code": 4000, "why": 1}}}), "why"),
        (json!({"preset": {"heartbeats": {"type": "ping", "text": "x"}}}), "text"),
        (json!({"preset": {"heartbeats": {"type": "text", "heartbeat": "a", "reply": "b", "every": 1}}}), "every"),
        (json!({"close": {"stopp": []}}), "stopp"),
    ] {
        let refused = Preset::named("plain", &config).expect_err("it has an unknown field");
        assert!(refused.to_string().contains(&format!("unknown field `{name}`")), "{config}: {refused}");
    }
}

/// The places of all numbers that are no time.
fn counts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                counts(value, &if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, found);
            }
        }
        Value::Number(_) if !at.ends_with("_ms") => found.push(at.to_owned()),
        _ => {}
    }
}

#[test]
fn no_count_of_a_configuration_goes_without_a_bound() {
    let mut places = Vec::new();
    counts(&serde_json::to_value(with_all_limits()).expect("it is plain"), "", &mut places);
    assert!(places.len() > RANGES.len());
    for setting in places {
        let config = changed(&setting, u64::MAX);
        assert!(Preset::named("plain", &config).is_err(), "{setting} may be any number");
    }
}

#[test]
fn a_configuration_nobody_has_checked_still_says_what_it_would_hold() {
    for value in [0, 1, u64::MAX] {
        let (mut config, limit, time) = (Config::default(), Limit::new(value), Duration::from_millis(value));
        config.outbox.messages = limit;
        config.outbox.bytes = limit;
        config.outbox.in_flight = limit;
        config.outbox.remembered = limit;
        config.inbox.window = limit;
        config.inbox.pending = limit;
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.server_keeps = Some(u32::MAX);
        config.limits.frame_bytes = limit;
        config.limits.message_bytes = limit;
        config.limits.id_bytes = limit;
        config.limits.depth = limit;
        config.heartbeat.every = time;
        config.reconnect.first = FirstDelay::all(time);
        config.reconnect.again = Backoff::new(time, value, time);
        config.reconnect.stable = time;
        assert!(config.bounds().memory_bytes >= value);
        assert!(config.check().is_err(), "{value} is no percentage");
    }
}

#[test]
fn dialects_stay_total_under_limits_that_nobody_has_checked() {
    let deep = [r#"{"a":"#, "[", r#"{"key":"message","data":"#].map(|open| open.repeat(200_000));
    let escaped = [
        r#"{"type":"msg","s":5,"id":"\u0061","b":"hello"}"#.to_owned(),
        r#"{"key":"message","data":{"clientMessageId":"\u0061","content":"\u0062"}}"#.to_owned(),
        r#"{"type":"welcome","sid":"\u0061","token":"\u0062","ttl_ms":1,"resumed":false,"dedup_ms":0}"#.to_owned(),
    ];
    let presets = || Service::all().iter().map(|service| service.sample().expect("its sample works"));
    for value in [0, u64::MAX] {
        let limit = Limit::new(value);
        let mut limits = Config::default().limits;
        (limits.frame_bytes, limits.message_bytes, limits.id_bytes, limits.depth) = (limit, limit, limit, limit);
        for (preset, text) in
            presets().flat_map(|preset| deep.iter().chain(&escaped).map(move |text| (preset.clone(), text)))
        {
            for reader in [Side::Client, Side::Server] {
                let frame = Frame::text(text.clone());
                // What it says is its own affair, as long as it says something.
                let _ = preset.dialect().decode(reader, &frame, &limits);
            }
        }
    }
}

/// When a session connects in a day against a server that drops every connection, while the user asks for the next
/// one after each loss where `eager`.
fn connects_of_a_day(config: &Config, eager: bool) -> Vec<u64> {
    let preset = Preset::plain().with_config(config.clone()).expect("it is sound");
    let mut session = Session::new(preset, Seed::from(7_u64));
    let (mut now, mut connects) = (Instant::ORIGIN, Vec::new());
    session.open(now);
    while now < Instant::from_millis(86_400_000) {
        while let Some(action) = session.poll_action() {
            if let Action::Connect { connection, .. } = action {
                connects.push(now.as_millis());
                session.handle(now, Event::Opened { connection });
                session.handle(now, Event::Closed { connection, code: Some(1001), reason: String::new() });
                if eager {
                    session.reconnect_now(now).expect("it waits");
                }
            }
        }
        now = session.next_deadline().expect("it connects again").at;
        session.handle(now, Event::Tick);
    }
    connects
}

#[test]
fn no_window_has_more_connects_than_the_bounds_say_with_and_without_a_budget() {
    let (usual, mut budgeted) = (Config::default(), Config::default());
    budgeted.reconnect.budget = Some(Budget::new(200, Duration::from_secs(86_400)));
    let figures = |config: &Config| (config.bounds().connects_in_120_s_at_most, config.bounds().connects_in_a_day);
    assert_eq!(figures(&usual), (28, 17_284));
    assert_eq!(figures(&budgeted), (28, 200));
    for (config, eager) in [(&usual, false), (&usual, true), (&budgeted, false), (&budgeted, true)] {
        let connects = connects_of_a_day(config, eager);
        let most = |window: u64| {
            let within = |(at, from): (usize, &u64)| connects[at..].partition_point(|connect| connect - from <= window);
            connects.iter().enumerate().map(within).max().unwrap_or_default()
        };
        let (short, day) = figures(config);
        assert!(connects.len() > 100 && most(120_000) <= short as usize, "{} of {short}", most(120_000));
        assert!(most(86_400_000) <= day as usize, "{} of {day}", most(86_400_000));
    }
}

/// A configuration in which every optional setting is there, and no list is empty.
fn complete() -> Config {
    let (mut config, some, minute) = (with_all_limits(), NonZeroU32::new(9), Some(Duration::from_secs(60)));
    config.authentication.timeout = minute;
    config.reconnect.max = Some(9);
    config.reconnect.repeated = minute;
    config.close.code = Some(4001);
    config.close.dead = DeadLink::Close { code: Some(4002) };
    (config.close.stop, config.close.credential) = (vec![4500.into()], vec![4401.into()]);
    config.close.retry = vec![1013.into()];
    (config.outbox.dedup_window, config.outbox.time_to_live) = (minute, minute);
    config.inbox.server_keeps = Some(9);
    (config.fallback.loop_time, config.fallback.after_failures) = (minute, some);
    config
}

/// The places of all values, those in which others stand included.
fn all_places(value: &Value, at: &str, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        all_places(value, &at, found);
        found.push(at);
    }
}

/// The settings that may be left away, each as the form of the whole without it.
fn without_each<T: serde::de::DeserializeOwned + serde::Serialize>(complete: &T) -> Vec<(String, T)> {
    let (form, mut places) = (serde_json::to_value(complete).expect("it is plain"), Vec::new());
    all_places(&form, "", &mut places);
    let without = places.into_iter().filter_map(|setting| {
        let mut form = form.clone();
        let place = place(&mut form, &setting);
        *place = if place.is_array() { json!([]) } else { Value::Null };
        serde_json::from_value(form).ok().map(|value| (setting, value))
    });
    without.collect()
}

#[test]
fn a_setting_that_is_off_is_written_so_that_a_header_turns_it_off_again_in_every_preset() {
    let complete = complete();
    let shown = format!("{complete:?}");
    assert!(!shown.contains("None") && !shown.contains("[]"), "nothing is left away: {shown}");
    let off = without_each(&complete);
    assert!(off.len() >= 25, "{:?}", off.iter().map(|(setting, _)| setting).collect::<Vec<_>>());
    for (setting, config) in off {
        assert_ne!(config, complete, "{setting}");
        let written = serde_json::to_value(&config).expect("it is plain");
        let value = written.pointer(&format!("/{}", setting.replace('.', "/")));
        assert!(value.is_some(), "{setting} is written, or a preset that has it on would keep it");
        assert_eq!(serde_json::from_value::<Config>(written).expect("it reads"), config, "{setting}");
        for service in Service::all() {
            let preset = service.sample().expect("its sample works").with_config(config.clone()).expect("it is sound");
            let line = Input::Header(Header::new(&preset, Seed::from(1_u64))).to_line();
            let Ok(Input::Header(header)) = Input::from_line(&line) else { panic!("{line}") };
            let replayed = header.session().expect("it is made again");
            assert_eq!(replayed.preset().config(), &config, "{setting} of {}", preset.name());
        }
    }
}

#[test]
fn what_a_service_sets_and_a_user_takes_away_stays_away_in_a_replay() {
    for service in Service::all() {
        let preset = service.sample().expect("its sample works");
        for (setting, config) in without_each(preset.config()) {
            let Ok(changed) = preset.clone().with_config(config) else { continue };
            let header = Header::new(&changed, Seed::from(1_u64));
            let replayed = header.session().expect("it is made again");
            assert_eq!(replayed.preset(), &changed, "{setting} of {}", preset.name());
        }
    }
}

#[test]
fn a_setting_of_a_peer_that_is_off_is_written_and_read_as_off() {
    let (some, minute) = (NonZeroU32::new(9), Some(Duration::from_secs(60)));
    let mut complete = PeerPolicy::default();
    (complete.copies, complete.quarantine, complete.heartbeat) = (some, some, minute);
    assert!(!format!("{complete:?}").contains("None"), "{complete:?}");
    let off = without_each(&complete);
    assert_eq!(off.len(), 5, "{off:?}");
    for (setting, policy) in off {
        let written = serde_json::to_value(&policy).expect("it is plain");
        assert_eq!(written[&setting], Value::Null, "{setting}");
        assert!(written.get(&setting).is_some(), "{setting} is written");
        assert_eq!(serde_json::from_value::<PeerPolicy>(written).expect("it reads"), policy, "{setting}");
    }
}

#[test]
fn a_limit_that_the_sessions_own_ids_do_not_fit_into_is_refused() {
    let with = |bytes: u64| Preset::uni_app().configure(|config| config.limits.id_bytes = Limit::new(bytes));
    let range = ConfigError::Range { setting: "limits.id_bytes", value: 32, least: 33, most: 256 };
    assert_eq!(with(32).err(), Some(range));
    for service in Service::all() {
        let preset = service.sample().expect("its sample works");
        let preset = preset.configure(|config| config.limits.id_bytes = Limit::new(33)).expect("the least limit holds");
        // The longest id of an own message: sixteen digits, a hyphen, and the last number of the mint.
        let id = redial::MessageId::from(format!("{:016x}-{}", u64::MAX, (1_u64 << 53) - (1 << 32)));
        assert_eq!(id.wire_len(), 33);
        let said = Signal::message(Some(id.clone()), Content::Text("hello"));
        let said = [said, Signal::accepted(id.clone()), Signal::delivered(id.clone())];
        for (side, signal) in [Side::Client, Side::Server].iter().flat_map(|side| said.iter().map(move |s| (*side, s)))
        {
            let Ok(frame) = preset.dialect().encode(side, signal) else { continue };
            let heard = preset.dialect().decode(side.other(), &frame, &preset.config().limits);
            assert!(heard.is_ok(), "{}: {heard:?}", service.name);
        }
    }
}

#[test]
fn a_budget_and_a_rate_without_end_never_let_go_of_what_they_hold() {
    let spans = [1 << 42, (1 << 42) + 1, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];
    for (span, connects) in spans.iter().flat_map(|span| [1, 2, 3, 4, 10, 1_000_000].map(|connects| (*span, connects)))
    {
        let mut config = Config::default();
        config.reconnect.budget = Some(Budget::new(connects, Duration::from_millis(span)));
        let bounds = config.bounds();
        let burst = u32::try_from(connects.div_ceil(2)).expect("it is small");
        assert_eq!(bounds.connects_in_120_s_at_most, burst.min(Config::default().bounds().connects_in_120_s_at_most));
        if connects > 10 {
            continue;
        }
        assert_eq!(connects_of_a_day(&config, true).len(), burst as usize, "{connects} in {span} ms");
    }
    for (span, burst) in spans.iter().flat_map(|span| [1, 2, 3, 1_000_000].map(|burst| (*span, burst))) {
        let rate = Rate::new(1, Duration::from_millis(span)).burst(burst);
        let mut story = Story::plain_with(|config| config.outbox.rate = Some(rate));
        story.ready().seen();
        for _ in 0..5 {
            story.send("hello");
            story.wait(1_000);
        }
        story.pong().wait(20_000);
        assert_eq!(story.seen().messages().len() as u64, burst.min(5), "a burst of {burst} in {span} ms");
    }
}
