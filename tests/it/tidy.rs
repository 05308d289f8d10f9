//! The order of the house: no circle of imports, no long file without a reason, and nothing left lying about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code above which a file of the library says at its head why it is one file.
const LONG: usize = 700;
/// How it says that.
const WHY_LONG: &str = "This file is long because";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files under a folder, with their names relative to the repository.
pub(crate) fn files(folder: &str) -> Vec<(String, String)> {
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

/// The room of a file: its folder, or itself where it stands alone.
fn room(file: &str) -> String {
    let name = file.trim_start_matches("src/").trim_end_matches(".rs");
    name.split_once('/').map_or(name, |(folder, _)| folder).to_owned()
}

/// The modules that a file names with `crate::`, in `use` lines and in passing.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let named = code.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    named.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

/// Which rooms each room imports from; the root re-exports all of them and counts for none.
fn imports_by_room() -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        let from = room(&file);
        let to: Vec<String> = imports(&text).into_iter().filter(|to| *to != from).collect();
        rooms.entry(from).or_default().extend(to);
    }
    rooms.remove("lib");
    rooms
}

/// A way from a room back to itself, where there is one.
fn circle(rooms: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in way.last().and_then(|last| rooms.get(last)).into_iter().flatten() {
            let longer: Vec<String> = way.iter().cloned().chain([next.clone()]).collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push(longer);
            }
        }
    }
    None
}

#[test]
fn no_room_imports_itself_by_way_of_another() {
    let rooms = imports_by_room();
    assert!(rooms.len() > 20 && rooms.values().map(BTreeSet::len).sum::<usize>() > 100, "hardly an import was found");
    for room in rooms.keys() {
        assert_eq!(circle(&rooms, room), None, "a circle of imports");
    }
}

#[test]
fn a_circle_of_imports_would_be_found() {
    let mut rooms = imports_by_room();
    rooms.entry("time".to_owned()).or_default().insert("session".to_owned());
    assert!(circle(&rooms, "session").is_some());
}

#[test]
fn a_service_is_written_like_one_of_a_users_own() {
    let public = fs::read_to_string(root().join("src/lib.rs")).expect("there is a library");
    let rooms: Vec<&str> = public.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    for (file, text) in files("src/services") {
        let imported = imports(&text);
        for to in imported.iter().filter(|to| to.starts_with(char::is_lowercase)) {
            assert!(rooms.contains(&to.as_str()), "{file} imports crate::{to}, which a user cannot");
        }
        assert!(!text.contains("pub(crate)"), "{file} offers something to this crate alone");
        assert!(!text.contains("Policy {"), "{file} names every field of a policy");
    }
}

/// Lines that are neither empty nor comment.
pub(crate) fn code(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn a_long_file_says_why_it_is_one() {
    for (file, text) in files("src") {
        let length = code(&text);
        assert!(length <= LONG || text.contains(WHY_LONG), "{file} has {length} lines of code and does not say why");
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
            // The row of a table cannot be broken, nor a frame that a test quotes.
            let row = line.trim_start().trim_start_matches(['/', '!']).trim_start().starts_with('|');
            let breaks = file.starts_with("src/") || line.trim_start().starts_with("//");
            assert!(!breaks || row || line.chars().count() <= 120, "{place}: more than 120 columns");
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
