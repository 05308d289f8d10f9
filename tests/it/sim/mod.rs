//! A simulator: a session, an adversarial network, its server and both applications, on a virtual clock, from one seed.
//!
//! Ten minutes of chaos, then peace, in which everything must be delivered both ways, once and in order.
//! `SIM_SEED=n` repeats one run, `SIM_SEEDS=n` makes so many.

mod dice;
mod faults;
mod line;
mod run;
mod verdict;

use std::collections::BTreeMap;

use run::Run;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays one seed; a failure prints all that the session was told.
fn play(seed: u64, thorough: bool) -> Run {
    let mut run = Run::new(seed, thorough);
    if let Err(broken) = run.play() {
        let lines: String = run.inputs.iter().map(|input| input.to_line() + "\n").collect();
        panic!("{lines}seed {seed}: {broken}\nrepeat it with SIM_SEED={seed} cargo test --test it sim");
    }
    run
}

#[test]
fn after_chaos_everything_arrives_once_and_in_order() {
    if let Some(seed) = number("SIM_SEED") {
        play(seed, true);
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(500);
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..seeds {
        for (what, count) in play(seed, seed % 50 == 0).tally {
            *tally.entry(what).or_default() += count;
        }
    }
    // What never happened was never tested.
    for what in faults::KINDS.into_iter().chain(["resent", "duplicate suppressed", "lost", "sent again by hand"]) {
        assert!(tally.get(what).is_some_and(|count| *count > 0), "{what} never happened in {tally:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1_000..1_010 {
        let (one, other) = (play(seed, false), play(seed, false));
        assert_eq!(one.inputs, other.inputs);
        assert!(one.inputs.len() > 50, "seed {seed} had only {} inputs", one.inputs.len());
    }
}
