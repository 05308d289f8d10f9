//! Two hundred clients of one server at once, which dies under them twice; and what is left behind when all have gone:
//! nothing.
//!
//! In a process of its own each, where threads and open files can be counted.

use std::fs;
use std::process::Command;
use std::time::{Duration as Wall, Instant};

use redial::Seed;

use super::demo::clock::Clock;
use super::demo::hub::Hub;
use super::demo::options::{Adapter, Dialect};
use super::guest::{Guest, PATIENCE};

const PAIRS: usize = 100;
/// So many open files are needed, about; a shell's limit is often lower than what it may ask for.
const FILES: &str = "ulimit -n 4096 2>/dev/null; exec \"$0\" \"$@\"";

/// Runs a test of this file in a process of its own.
fn apart(name: &str) {
    let here = std::env::current_exe().expect("a test knows where it is");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(FILES).arg(here);
    shell.args(["--exact", &format!("adapters::crowd::{name}"), "--ignored", "--nocapture"]);
    let output = shell.output().expect("there is a shell");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[cfg(unix)]
fn two_hundred_clients_at_once_under_the_blocking_adapter_lose_nothing_and_leave_nothing_behind() {
    apart("a_crowd_under_the_blocking_adapter");
}

#[test]
#[cfg(unix)]
fn two_hundred_clients_at_once_under_the_tokio_adapter_lose_nothing_and_leave_nothing_behind() {
    apart("a_crowd_under_the_tokio_adapter");
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn a_crowd_under_the_blocking_adapter() {
    crowd(Adapter::Blocking);
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn a_crowd_under_the_tokio_adapter() {
    crowd(Adapter::Tokio);
}

fn crowd(adapter: Adapter) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _within = runtime.enter();
    let names: Vec<&'static str> = (0..2 * PAIRS).map(|number| &*format!("guest{number}").leak()).collect();
    let pairs: Vec<[&'static str; 2]> = names.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    // Slow enough for two hundred handshakes at once on two threads.
    let clock = Clock::new(2);
    let preset = Dialect::RedialV1.preset();
    let mut seeds = (1_u64..).map(Seed::from);
    let hub = Hub::start(&pairs, clock, &preset, || seeds.next().unwrap_or(Seed::from(0_u64)));
    let hub = hub.expect("loopback has a port");
    let before = held();

    let url = format!("ws://{}/", hub.addr());
    let enter = |name: &&str| Guest::enter(adapter, &url, clock, preset.clone(), name);
    let guests: Vec<Guest> = names.iter().map(enter).collect();
    for round in 0..3 {
        if round > 0 {
            hub.die();
        }
        for guest in &guests {
            guest.say(2 * round, 2 * round + 2);
        }
        hub.come_back();
    }
    for guest in &guests {
        guest.assert_shown(0, 6);
    }
    for guest in &guests {
        guest.assert_ends_well(6);
    }

    drop(guests);
    let begun = Instant::now();
    while held().iter().zip(before).any(|(now, before)| *now > before) {
        assert!(begun.elapsed() < PATIENCE, "[threads, open files] were {before:?} before, and are {:?} now", held());
        std::thread::sleep(Wall::from_millis(20));
    }
}

/// How many threads and open files this process has, where the system tells.
fn held() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"].map(|folder| fs::read_dir(folder).map_or(0, Iterator::count))
}
