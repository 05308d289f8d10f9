//! The fuzz targets over their corpus and over every input that once broke something, on stable and without a fuzzer.

use std::path::{Path, PathBuf};

use redial::services::Service;
use redial::{Preset, Session, Snapshot};

use crate::oracle;

#[path = "../../fuzz/src/scenario.rs"]
mod scenario;
#[path = "../../fuzz/src/target.rs"]
#[allow(unreachable_pub, reason = "in their own crate the targets are public")]
mod target;

/// The files of a corpus, and of the regressions of the same target where there are any.
fn files(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = [root.join("corpus").join(name), root.join("regressions").join(name)];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.map(|path| (path.clone(), std::fs::read(path).expect("the file can be read"))).collect()
}

fn replay(name: &str, target: fn(&[u8])) {
    let files = files(name);
    assert!(files.len() >= 20, "{name} has only {} files", files.len());
    for (path, bytes) in files {
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{} breaks the target {name}", path.display());
    }
}

#[test]
fn frames_of_all_dialects_and_what_is_like_them_are_decoded_or_refused() {
    replay("decode", target::decode);
}

#[test]
fn the_sample_frames_of_every_service_are_read_by_both_sides_of_every_service() {
    for number in 0..target::presets().len() {
        for (_, text) in Service::all().iter().flat_map(|service| service.sample_frames) {
            for side in [0, 1] {
                let pick = u8::try_from(number << 3 | side).expect("there is a number left for this service");
                target::decode(&[&[pick], text.as_bytes()].concat());
            }
        }
    }
}

#[test]
fn journals_are_played_whatever_their_lines_are() {
    replay("journal", target::journal);
}

#[test]
fn histories_break_no_rule() {
    replay("session", |bytes| {
        target::session(bytes);
        scenario::run(bytes, true);
    });
}

#[test]
fn snapshots_are_restored_or_refused_and_histories_survive_a_restart() {
    replay("snapshot", |bytes| {
        target::snapshot(bytes);
        scenario::restart(bytes, true);
    });
}

#[test]
fn the_corpus_reaches_past_the_front_door() {
    let numbers: Vec<u8> = files("decode").iter().filter_map(|(_, bytes)| Some(bytes.first()? >> 3)).collect();
    for (number, service) in (0..).zip(Service::all()) {
        assert!(
            numbers.contains(&number),
            "no file in fuzz/corpus/decode is for {}: its first byte would be {}",
            service.name,
            number << 3
        );
    }
    let restored = |bytes: &[u8]| {
        let snapshot: Snapshot = serde_json::from_slice(bytes).ok()?;
        let preset = Preset::uni_app().with_config(redial::Config::default()).expect("it is sound");
        Session::restore(preset, redial::Instant::ORIGIN, snapshot, redial::Duration::ZERO, redial::Seed::from(8_u64))
            .ok()
    };
    let restored: Vec<_> = files("snapshot").iter().filter_map(|(_, bytes)| restored(bytes)).collect();
    assert!(restored.iter().any(|session| session.unsettled() > 0), "a snapshot with messages is accepted");
    let lines: Vec<String> = files("journal")
        .iter()
        .flat_map(|(_, bytes)| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let understood = lines.iter().filter(|line| redial::journal::Input::from_line(line).is_ok()).count();
    assert!(understood > 200, "only {understood} lines are understood");
}

/// What no history of the corpus has is tried only where a fuzzer finds it by itself.
#[test]
fn the_histories_of_the_corpus_have_every_kind_of_event_and_of_call() {
    let mut kinds = std::collections::BTreeSet::new();
    for (_, bytes) in files("session").into_iter().chain(files("snapshot")) {
        kinds.extend(scenario::kinds(&bytes));
    }
    let all = redial::Event::KINDS.iter().chain(redial::journal::Call::KINDS);
    let missing: Vec<_> = all.filter(|kind| !kinds.contains(*kind)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
