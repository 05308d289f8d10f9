//! Every setting can be changed from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use redial::Config;
use redial::config::{Limit, PeerPolicy};
use redial_user::{Talk, names, settings};
use serde_json::Value;

/// The values of a JSON tree by their paths.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(fields) => open.extend(fields.iter().map(|(name, value)| (format!("{path}.{name}"), value))),
            leaf => drop(found.insert(path, leaf.clone())),
        }
    }
    found
}

/// The names of fields that the debug form of a value shows.
fn fields(value: &impl Debug) -> BTreeSet<String> {
    let shown = format!("{value:#?}");
    let names = shown.lines().filter_map(|line| line.trim_start().split_once(": ")).map(|(name, _)| name.to_owned());
    names.collect()
}

/// Asserts that no leaf of one form is the same in the other, and that the form shows every field.
fn assert_all_differ(changed: &Value, default: &Value, fields: &BTreeSet<String>) {
    let (changed, default) = (leaves(changed), leaves(default));
    let same: Vec<&String> =
        default.iter().filter(|(path, value)| changed.get(*path) == Some(value)).map(|(path, _)| path).collect();
    assert!(same.is_empty(), "these settings have their defaults: {same:?}");
    let written: BTreeSet<&str> = changed.keys().flat_map(|path| path.split('.')).collect();
    let shown = |name: &str| written.contains(name) || written.contains(format!("{name}_ms").as_str());
    let hidden: Vec<&String> = fields.iter().filter(|name| !shown(name)).collect();
    assert!(hidden.is_empty(), "these settings are not written: {hidden:?}");
}

#[test]
fn no_setting_of_a_session_keeps_its_default() {
    let changed = settings::all();
    let form = serde_json::to_value(&changed).expect("it is JSON");
    let default = serde_json::to_value(Config::default()).expect("it is JSON");
    let fields = fields(&changed);
    assert!(fields.len() > 50, "only {} settings were found", fields.len());
    assert_all_differ(&form, &default, &fields);
    assert_eq!(serde_json::from_value::<Config>(form).expect("it is a configuration"), changed);
}

#[test]
fn no_setting_of_a_peer_keeps_its_default() {
    let changed = settings::all_of_a_peer();
    let form = serde_json::to_value(&changed).expect("it is JSON");
    let default = serde_json::to_value(PeerPolicy::default()).expect("it is JSON");
    let fields = fields(&changed);
    assert!(fields.len() >= 8, "only {} settings were found", fields.len());
    assert_all_differ(&form, &default, &fields);
    assert_eq!(serde_json::from_value::<PeerPolicy>(form).expect("it is a policy"), changed);
}

#[test]
fn a_preset_takes_all_of_them_and_lets_them_be_changed_again() {
    let preset = Talk::new("lobby").preset(settings::all()).expect("the configuration is sound");
    assert_eq!(preset.config(), &settings::all());
    let preset = preset.configure(|config| config.outbox.messages = Limit::new(9)).expect("it is within its range");
    assert_eq!(preset.config().outbox.messages.get(), 9);

    let refused = preset.clone().configure(|config| config.outbox.messages = Limit::new(0)).expect_err("none at all");
    assert_eq!(names::refused_setting(&refused), Some("outbox.messages"));
    let refused = preset.configure(|config| config.inbox.window = Limit::new(9)).expect_err("eight and two are ten");
    assert_eq!(names::refused_setting(&refused), Some("inbox.window"));
}

#[test]
fn what_all_of_them_promise_can_be_asked() {
    let bounds = settings::all().bounds();
    assert_eq!(bounds.notice_dead_link.map(redial::Duration::as_millis), Some(17_000));
    assert_eq!(bounds.outbound, redial::config::Guarantee::AtMostOnce);
    assert_eq!(bounds.inbound, redial::config::Guarantee::OnceInOrder(8));
    assert!(bounds.connects_in_120_s >= 4 && bounds.memory_bytes > 1_500, "{bounds:?}");
}
