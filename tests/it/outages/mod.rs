//! Outages under random policies, on a virtual clock: what `bounds()` promises about connects holds in every window.
//!
//! `cargo test --release --test it outages -- --ignored --nocapture` measures how far the bounds are above what was
//! seen.

mod policies;
mod world;

use std::time::Instant as Clock;

use redial::{Config, Duration};

use crate::sim::Dice;
pub(crate) use policies::policy;
use world::{Powers, World};

/// The most connects that outages under one policy showed in 120 s and in a day, each beside its bound.
struct Shown {
    seen: u32,
    bound: u32,
}

/// Plays `outages` outages under a policy.
fn show(config: &Config, powers: Powers, outages: u64, seed: u64) -> Shown {
    let bounds = config.bounds();
    let bound = match powers {
        Powers::Outage => bounds.connects_in_120_s,
        Powers::Server => bounds.connects_in_120_s_if_stable,
        Powers::Everything => bounds.connects_in_120_s_at_most,
    };
    let mut most = 0;
    for outage in 0..outages {
        let mut world = World::new(config, powers, seed.wrapping_mul(1_000).wrapping_add(outage));
        world.play(Duration::from_secs(600));
        let connects = world.most_within(120_000);
        assert!(
            connects <= bound,
            "{connects} connects of {bound}: {powers:?} {:?}\n{:?}\n{:?}",
            world.connects(),
            config.reconnect,
            config.heartbeat
        );
        most = most.max(connects);
    }
    Shown { seen: most, bound }
}

#[test]
fn no_window_of_an_outage_has_more_connects_than_its_bound() {
    for seed in 0..300 {
        let config = policy(&mut Dice::new(seed));
        for powers in [Powers::Outage, Powers::Server, Powers::Everything] {
            show(&config, powers, 2, seed);
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn how_far_the_bounds_of_connects_are_above_6_000_outages() {
    for powers in [Powers::Outage, Powers::Server, Powers::Everything] {
        let mut ratios: Vec<(f64, u64, u32, u32)> = Vec::new();
        for seed in 0..150 {
            let shown = show(&policy(&mut Dice::new(seed)), powers, 400, seed);
            if shown.seen > 0 {
                ratios.push((f64::from(shown.bound) / f64::from(shown.seen), seed, shown.bound, shown.seen));
            }
        }
        ratios.sort_by(|one, other| other.0.total_cmp(&one.0));
        assert!(ratios[0].0 <= 2.0, "{powers:?}: the bound is more than twice what was seen: {:?}", ratios[0]);
        println!("{powers:?}: worst of 150 policies, 400 outages each: {:?}", &ratios[..5]);
    }
    let default = show(&Config::default(), Powers::Outage, 6_000, 1);
    println!("default: {} of {}", default.seen, default.bound);
}

#[test]
#[ignore = "a measurement"]
fn how_long_bounds_takes() {
    let configs: Vec<Config> = (0..6_000).map(|seed| policy(&mut Dice::new(seed))).collect();
    let mut worst = (std::time::Duration::ZERO, 0);
    let begun = Clock::now();
    for (seed, config) in configs.iter().enumerate() {
        let least = (0..5).map(|_| {
            let begun = Clock::now();
            std::hint::black_box(std::hint::black_box(config).bounds());
            begun.elapsed()
        });
        worst = worst.max((least.min().unwrap_or_default(), seed));
    }
    println!("bounds(): worst {:?} under policy {}, mean {:?}", worst.0, worst.1, begun.elapsed() / 30_000);
}
