//! A simulator: a session, an adversarial network, its server and both applications, on a virtual clock, from one seed.
//!
//! Ten minutes of chaos, then peace, in which everything must be delivered both ways, once and in order.
//! `SIM_SEED=n` repeats one run, `SIM_SEEDS=n` makes so many; `examples/soak` makes any number on all cores.

mod dice;
mod faults;
mod figures;
mod line;
mod run;
#[cfg(test)]
mod terse;
mod verdict;

pub(crate) use faults::FAULTS;
pub(crate) use figures::Figures;
pub(crate) use run::Run;
#[cfg(test)]
pub(crate) use terse::Terse;

/// What a fault leads to in the end; where one of these never happened, the faults were too mild.
pub(crate) const OUTCOMES: [&str; 7] =
    ["fenced off", "late event", "late open", "resent", "duplicate suppressed", "lost", "sent again by hand"];

/// Plays one seed without these kinds of faults; a failure comes with the run, which knows all that the session was told.
pub(crate) fn play(seed: u64, thorough: bool, without: &[&'static str]) -> Result<Run, Box<(Run, String)>> {
    let mut run = Run::new(seed, thorough, without);
    match run.play() {
        Ok(()) => Ok(run),
        Err(broken) => Err(Box::new((run, broken))),
    }
}

#[cfg(test)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays one seed; a failure prints the journal.
#[cfg(test)]
fn pass(seed: u64, thorough: bool) -> Run {
    play(seed, thorough, &[]).unwrap_or_else(|failed| {
        let (run, broken) = *failed;
        panic!("{}seed {seed}: {broken}\nrepeat it with SIM_SEED={seed} cargo test --test it sim", run.journal());
    })
}

#[test]
fn after_chaos_everything_arrives_once_and_in_order() {
    if let Some(seed) = number("SIM_SEED") {
        pass(seed, true);
        return;
    }
    let mut figures = Figures::default();
    for seed in 0..number("SIM_SEEDS").unwrap_or(2_000) {
        figures.add(&pass(seed, seed % 100 == 0).figures);
    }
    // What never happened was never tested.
    assert_eq!(figures.missing(), Vec::<&str>::new(), "never happened in {figures:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1_000..1_010 {
        let (one, other) = (pass(seed, false), pass(seed, false));
        assert_eq!(one.inputs, other.inputs);
        assert!(one.inputs.len() > 50, "seed {seed} had only {} inputs", one.inputs.len());
    }
}

#[test]
fn a_run_leaves_out_the_faults_it_is_told_to_leave_out() {
    let mut figures = Figures::default();
    for seed in 0..50 {
        figures.add(&play(seed, false, &FAULTS).unwrap_or_else(|failed| panic!("seed {seed}: {}", failed.1)).figures);
    }
    let happened: Vec<_> = FAULTS.into_iter().filter(|kind| figures.count(kind) > 0).collect();
    assert_eq!(happened, Vec::<&str>::new());
    assert!(figures.count("resent") < 5, "without faults hardly anything is slow enough to be sent again");
}

#[test]
fn the_journal_of_a_run_plays_to_the_same_end() {
    let run = pass(1_003, false);
    let plain = redial::Session::new(redial::Preset::plain(), redial::Seed::from(0_u64));
    let mut player = redial::journal::Player::new(plain);
    let outputs: Vec<_> = run.journal().lines().flat_map(|line| player.play(line)).collect();
    let connects = |output: &&redial::journal::Output| {
        matches!(output, redial::journal::Output::Action { action: redial::Action::Connect { .. }, .. })
    };
    assert_eq!(outputs.iter().filter(connects).count(), run.connects.len());
}
