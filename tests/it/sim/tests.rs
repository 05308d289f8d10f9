//! The first seeds, and whether the simulator itself can be trusted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::shrink::{fewer, journal};
use super::{FAULTS, Figures, Order, Run, play, shrink};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays one seed; a failure prints the journal.
fn pass(seed: u64, thorough: bool) -> Run {
    judge(&Order { seed, thorough, ..Order::default() })
}

fn judge(order: &Order) -> Run {
    play(order).unwrap_or_else(|failed| match shrink(order) {
        Some(broken) => panic!("{broken}\nor with SIM_SEED={} cargo test --test it sim", order.seed),
        None => panic!("seed {}: {}", order.seed, failed.1),
    })
}

/// Plays so many orders on several threads.
fn play_all(orders: u64, order: impl Fn(u64) -> Order + Sync) -> Figures {
    let next = AtomicU64::new(0);
    let work = || {
        let mut figures = Figures::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= orders {
                return figures;
            }
            figures.add(&judge(&order(number)).figures);
        }
    };
    let mut figures = Figures::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(share) => figures.add(&share),
                Err(failed) => std::panic::resume_unwind(failed),
            }
        }
    });
    figures
}

#[test]
fn after_chaos_everything_arrives_once_and_in_order() {
    if let Some(seed) = number("SIM_SEED") {
        pass(seed, true);
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(2_000);
    let figures = play_all(seeds, |seed| Order { seed, thorough: seed % 100 == 0, ..Order::default() });
    // What never happened was never tested.
    assert_eq!(figures.missing(), Vec::<&str>::new(), "never happened in {figures:?}");
}

#[test]
fn with_positions_everything_arrives_once_and_in_order_through_restarts_of_both_sides() {
    let world = Some("native");
    let seeds = number("SIM_SEEDS").unwrap_or(2_000);
    let order = |number| Order { seed: 1_000_000 + number, thorough: number % 100 == 0, world, ..Order::default() };
    let figures = play_all(seeds, order);
    let needed = ["cut", "client restart", "client crash", "server restart", "server crash", "server forgets"];
    for what in needed.into_iter().chain(["action: gap", "action: not_resumed", "resent"]) {
        assert!(figures.count(what) > 0, "{what} never happened in {figures:?}");
    }
    assert_eq!(figures.count("native"), seeds);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1_000..1_010 {
        let (one, other) = (pass(seed, false), pass(seed, false));
        let inputs = |run: &Run| run.chapters().iter().flat_map(|chapter| chapter.inputs.clone()).collect::<Vec<_>>();
        assert_eq!(inputs(&one), inputs(&other));
        assert!(inputs(&one).len() > 30, "seed {seed} had only {} inputs", inputs(&one).len());
    }
}

#[test]
fn a_run_leaves_out_the_faults_it_is_told_to_leave_out() {
    let mut figures = Figures::default();
    for seed in 0..50 {
        let order = Order { seed, without: FAULTS.to_vec(), ..Order::default() };
        figures.add(&play(&order).unwrap_or_else(|failed| panic!("seed {seed}: {}", failed.1)).figures);
    }
    let happened: Vec<_> = FAULTS.into_iter().filter(|kind| figures.count(kind) > 0).collect();
    assert_eq!(happened, Vec::<&str>::new());
    assert_eq!((figures.count("quiet"), figures.count("resent")), (50, 0));
}

#[test]
fn a_run_that_breaks_a_rule_is_reported_small_and_with_the_command_that_repeats_it() {
    let canary = |seed| Order { seed, canary: true, ..Order::default() };
    let order = (0..200).map(canary).find(|order| play(order).is_err()).expect("something is sent again in some run");
    let broken = shrink(&order).expect("it fails again");
    assert!(broken.reason.contains("canary"), "{}", broken.reason);
    // To send a message twice takes a session that opens, sends, loses its connection and opens another; and as ids are
    // counted, to call a late one by its name takes all that were sent before it.
    assert!((3..=40).contains(&broken.inputs), "{} of {} inputs:\n{}", broken.inputs, broken.of, broken.journal);
    assert!(broken.inputs < broken.of, "nothing was left out");
    let report = broken.to_string();
    assert!(report.contains(&format!("soak -- --start {} --seeds 1 --canary", order.seed)), "{report}");
    assert!(play(&Order { canary: false, ..broken.order }).is_ok(), "without the canary there is nothing to report");
}

#[test]
fn what_is_left_out_is_left_out_until_every_rest_is_needed() {
    let needed = [3, 17, 64, 65, 99];
    let all: Vec<u32> = (0..100).collect();
    let least = fewer(all, |rest| needed.iter().all(|number| rest.contains(number)));
    assert_eq!(least, needed);
}

#[test]
fn the_journal_of_a_process_plays_to_the_same_end() {
    let mut compared = 0;
    for seed in 0..60 {
        let run = pass(seed, false);
        for chapter in run.chapters() {
            // The oracle alone has seen what a new process says first.
            let mut begun = chapter.begin().expect("what it began with is there");
            while begun.poll_action().is_some() {}
            assert_eq!(begun, chapter.session, "seed {seed}");
        }
        let [chapter] = run.chapters() else { continue };
        if chapter.session.preset().name() == "terse" {
            continue;
        }
        let plain = redial::Session::new(redial::Preset::plain(), redial::Seed::from(0_u64));
        let mut player = redial::journal::Player::new(plain);
        for line in journal(chapter, &chapter.inputs).lines() {
            player.play(line);
        }
        assert_eq!(player.session(), run.session(), "seed {seed}");
        compared += 1;
    }
    assert!(compared > 10, "only {compared} runs had one process and a preset with a name");
}
