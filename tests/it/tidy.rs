//! The order of the house: which module may know which, how long a file may be, and what must not be left lying about.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors, from the ground up. A module imports from lower floors only; files of one folder may know each other.
const FLOORS: [&[&str]; 10] = [
    &["bounded", "digits", "frame", "id", "kinds", "rng", "secret", "time", "uncompared"],
    &["durability", "outgoing", "queue", "signal", "state", "status", "timer"],
    &["error", "settled", "stats"],
    &["fallback", "heartbeat", "inbox", "read_markers", "outbox", "reconnect", "sequence"],
    &["action", "config", "context", "event", "capabilities", "dialect"],
    // The dialects themselves, above the trait they implement.
    &["dialect/*"],
    &["delivery", "link"],
    &["session"],
    &["journal", "peer"],
    &["lib"],
];

/// Pairs on one floor that know each other, and why.
const NEIGHBOURS: [(&str, &str); 6] = [
    // An id of a session's own making is made of digits.
    ("id", "digits"),
    // An event hands back the purpose that an action gave.
    ("event", "action"),
    // The trait speaks of handshakes, limits and profiles, and every step carries a dialect.
    ("dialect", "action"),
    ("dialect", "config"),
    ("dialect", "capabilities"),
    ("context", "*"),
];

/// Lines of code in a file: what is aimed at, and what is too much.
const LONG: usize = 250;
const TOO_LONG: usize = 300;

/// Files that are too long and known to be; the number only ever falls.
const KNOWN_LONG: [(&str, usize); 2] = [
    ("tests/it/model/world.rs", 340),
    // One file a system, however much its document says.
    ("tests/it/systems/live_chat.rs", 365),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files under a folder, with their names relative to the repository.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("it is below the root").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("the file can be read")));
            }
        }
    }
    found.sort();
    found
}

/// The module of a file: its folder, or itself where it stands alone. The dialects count as one above their trait.
fn module(file: &str) -> String {
    let name = file.trim_start_matches("src/").trim_end_matches(".rs");
    match name.split_once('/') {
        Some(("dialect", "mod")) => "dialect".to_owned(),
        Some(("dialect", _)) => "dialect/*".to_owned(),
        Some((folder, _)) => folder.to_owned(),
        None => name.to_owned(),
    }
}

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` stands on no floor: give it one in FLOORS"))
}

/// The modules that a file names with `crate::`, in `use` lines and in passing.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let named = code.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    named.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

fn may_know(from: &str, to: &str) -> bool {
    let (here, there) = (floor(from), floor(to));
    let neighbours = NEIGHBOURS.iter().any(|(one, other)| *one == from && (*other == to || *other == "*"));
    there < here || from == to || (here == there && neighbours)
}

#[test]
fn a_module_imports_from_lower_floors_only() {
    let mut checked = 0;
    for (file, text) in files("src") {
        let from = module(&file);
        for to in imports(&text).into_iter().filter(|to| !to.chars().next().is_some_and(char::is_uppercase)) {
            // The trait's own folder re-exports the dialects, so its name stands for the lower of the two.
            assert!(may_know(&from, &to), "{file} imports `{to}`, which is not below it");
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} imports were found");
}

#[test]
fn every_module_has_a_floor_and_every_floor_its_modules() {
    let modules: Vec<String> = files("src").iter().map(|(file, _)| module(file)).collect();
    for named in FLOORS.iter().flat_map(|floor| floor.iter()) {
        assert!(modules.iter().any(|module| module == named), "`{named}` has a floor and no file");
    }
    for module in &modules {
        floor(module);
    }
}

/// Lines that are neither empty nor comment.
fn code(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn no_file_is_too_long() {
    let known: BTreeMap<&str, usize> = KNOWN_LONG.into_iter().collect();
    for (file, text) in files("src").into_iter().chain(files("tests")) {
        let limit = known.get(file.as_str()).copied().unwrap_or(TOO_LONG);
        assert!(code(&text) <= limit, "{file} has {} lines of code: aim at {LONG}, {limit} is the end", code(&text));
    }
}

#[test]
fn nothing_unfinished_and_no_surprising_character_is_left_in_the_code() {
    let unfinished = ["to", "do!("].concat();
    let debugging = ["db", "g!("].concat();
    for (file, text) in files("src").into_iter().chain(files("tests")).chain(files("examples")) {
        for (at, line) in text.lines().enumerate() {
            let place = format!("{file}:{}", at + 1);
            assert!(!line.contains(&unfinished) && !line.contains(&debugging), "{place}: {line}");
            let surprising = line.chars().find(|c| !c.is_ascii() && *c != '\u{a7}');
            // A service's own words are quoted as its document has them.
            let quoted = file.starts_with("tests/it/systems/");
            assert!(surprising.is_none() || quoted, "{place}: only the paragraph sign is not ASCII");
            assert!(!line.contains('\t') && line == line.trim_end(), "{place}: a tab, or space at the end");
        }
    }
}

#[test]
fn the_library_stays_without_std_and_without_unsafe() {
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("there is a library");
    assert!(library.contains("#![no_std]"));
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    assert!(manifest.contains(r#"unsafe_code = "forbid""#));
    for (file, text) in files("src") {
        assert!(!imports(&text).is_empty() || !text.contains("std::"), "{file} names std");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("use std::")), "{file} uses std");
    }
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("src/invariants.md")).expect("there is a page of invariants");
    let tests: String = files("tests").into_iter().map(|(_, text)| text).collect();
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
    assert!(named.len() > 60, "only {} tests are named", named.len());
    for name in named {
        let function = name.rsplit("::").next().unwrap_or(name);
        assert!(tests.contains(&format!("fn {function}(")), "the page names `{name}`, and there is no such test");
    }
    for number in (1..=51).map(|n| format!("| S{n} |")).chain((1..=13).map(|n| format!("| L{n} |"))) {
        assert!(page.contains(&number), "the page has no row {number}");
    }
}
