//! Exhaustive exploration of small worlds: every interleaving of two messages each way with so many faults.
//!
//! A world is a real `Session`, a real `Peer`, the frames between them, and what an onlooker knows. Breadth first,
//! states that were seen are not entered again. At every state the rules must hold; from every state that can go no
//! further without new faults, a healed network must deliver everything.
//!
//! `cargo test` explores `STATES` states a configuration; `REDIAL_STATES=1000000 cargo test --release model` explores
//! more, and the mutants are put to fewer.

mod counted;
mod world;

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use world::{Faults, Hosts, World};

/// States a configuration, unless the environment says otherwise.
const STATES: usize = 20_000;

/// What can be explored.
trait Small: Clone + Hash {
    /// Every world that can come next.
    fn successors(&self) -> Vec<Self>;

    /// No more faults: everything must come right.
    fn heal(self);
}

struct Explored {
    states: usize,
    healed: usize,
    exhausted: bool,
    /// As many states as there were to be.
    limit: usize,
}

fn explore(name: &str, start: impl Small) -> Explored {
    explore_up_to(STATES, name, start)
}

/// The same for worlds that are heavier, so many states unless the environment says otherwise.
fn explore_up_to(states: usize, name: &str, start: impl Small) -> Explored {
    let asked = std::env::var("REDIAL_STATES").ok().and_then(|text| text.parse().ok());
    search(asked.unwrap_or(states), name, start)
}

/// A world that is small enough for it, to its end, whatever the environment says.
fn explore_whole(name: &str, start: impl Small) -> Explored {
    search(usize::MAX, name, start)
}

fn search(limit: usize, name: &str, start: impl Small) -> Explored {
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([start]);
    let mut healed = 0;
    while let Some(world) = queue.pop_front() {
        if seen.len() >= limit {
            break;
        }
        if !seen.insert(fingerprint(&world)) {
            continue;
        }
        let next = world.successors();
        if next.is_empty() || seen.len() % 16 == 0 {
            world.clone().heal();
            healed += 1;
        }
        queue.extend(next);
    }
    let explored = Explored { states: seen.len(), healed, exhausted: queue.is_empty(), limit };
    println!(
        "{name}: {} states, {} healed, {}",
        explored.states,
        explored.healed,
        if explored.exhausted { "all of them" } else { "more remain" }
    );
    explored
}

fn fingerprint(world: &impl Small) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn one_message_each_way_through_one_break_is_explored_to_the_end() {
    let faults = Faults { cuts: 1, ..Faults::default() };
    let explored = explore_whole("one each way, one cut", World::new(1, 1, faults));
    assert!(explored.states > 100, "something must have been explored: {} states", explored.states);
    assert!(explored.healed > 0, "at least one world must have been healed");
}

#[test]
fn two_messages_each_way_through_a_cut_a_silent_link_and_a_refused_dial() {
    let faults = Faults { cuts: 1, silences: 1, refusals: 1, stale: 1, ..Faults::default() };
    let explored = explore("two each way, four faults", World::new(2, 2, faults));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn two_cuts_and_late_events_of_the_old_connections() {
    let faults = Faults { cuts: 2, stale: 2, ..Faults::default() };
    let explored = explore("one each way, two cuts, late events", World::new(1, 1, faults));
    assert!(explored.states > 1_000, "{} states", explored.states);
}

#[test]
fn one_message_each_way_in_pieces_where_both_hosts_report_what_moves() {
    let faults = Faults { pieces: 3, ..Faults::default() };
    let explored = explore_up_to(5_000, "hosts that report: one each way", World::with(Hosts::Report, 1, 1, faults));
    assert!(explored.states >= explored.limit && explored.healed > 0, "{} states", explored.states);
}

#[test]
fn two_messages_each_way_where_both_hosts_report_through_a_cut_and_a_silent_link() {
    let faults = Faults { cuts: 1, silences: 1, pieces: 2, ..Faults::default() };
    let explored =
        explore_up_to(10_000, "hosts that report: two each way, two faults", World::with(Hosts::Report, 2, 2, faults));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}
