//! Properties: arbitrary inputs in arbitrary order, under every preset, judged by the oracle.

mod counted;
mod failures;
mod heartbeats;
mod pairs;
mod peers;
mod presets;
mod records;
mod reference;
mod round_trip;
mod steps;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use redial::journal::Input;
use redial::{Duration, Preset};

pub(crate) use steps::{Step, What, steps};
pub(crate) use world::World;
use world::shifted;

/// So many cases, unless the environment asks for more; a failure is worth a line in a story, not a file of seeds.
pub(crate) fn cases(usually: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(usually), failure_persistence: None, ..ProptestConfig::default() }
}

/// Plays the steps under one preset; the error is the violation with the journal that led to it.
pub(crate) fn play(preset: Preset, steps: &[Step], origin: u64) -> Result<World, TestCaseError> {
    let name = preset.name().to_owned();
    let mut world = World::new(preset, 7, origin);
    for step in steps {
        if let Err(violation) = world.step(step) {
            let config = &world.session.preset().config();
            return Err(TestCaseError::fail(format!("{name}: {violation}\n{}{config:?}", world.journal())));
        }
    }
    Ok(world)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_rule_holds_after_any_input_in_any_order(steps in steps(80), which in any::<prop::sample::Index>()) {
        let presets = presets::all();
        play(which.get(&presets).clone(), &steps, 0)?;
    }

    #[test]
    fn every_rule_holds_at_the_end_of_the_clock(steps in steps(40), which in any::<prop::sample::Index>()) {
        let presets = presets::all();
        play(which.get(&presets).clone(), &steps, u64::MAX - 5_000)?;
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn every_rule_holds_over_long_runs_in_the_dialect_that_confirms(steps in steps(400), which in 0..9_usize) {
        let presets: Vec<Preset> = presets::all().into_iter().filter(|preset| preset.name() == "uni_app").collect();
        play(presets[which].clone(), &steps, 0)?;
    }

    #[test]
    fn shifting_all_times_changes_nothing_but_the_times(
        steps in steps(80),
        by in 1..1_u64 << 40,
        which in any::<prop::sample::Index>(),
    ) {
        let preset = which.get(&presets::all()).clone();
        let here = play(preset.clone(), &steps, 0)?;
        let mut there = World::new(preset, 7, by);
        let shift = Duration::from_millis(by);
        for input in here.inputs {
            let later = match input {
                Input::Event { now, event } => Input::Event { now: now + shift, event },
                Input::Call { now, call } => Input::Call { now: now + shift, call },
                other => other,
            };
            there.apply(later).map_err(|violation| TestCaseError::fail(violation.to_string()))?;
        }
        for (at, (here, there)) in here.outputs.iter().zip(&there.outputs).enumerate() {
            prop_assert_eq!(&shifted(here, by), &shifted(there, 0), "input {} of {}", at, there.len());
        }
        let deadline = |world: &redial::Session| world.next_deadline().map(|deadline| (deadline.at, deadline.timer));
        let expected = deadline(&here.session).map(|(at, timer)| (at + shift, timer));
        prop_assert_eq!(expected, deadline(&there.session));
    }

    #[test]
    fn nothing_secret_shows_whatever_happens(steps in steps(60), which in any::<prop::sample::Index>()) {
        let world = play(which.get(&presets::all()).clone(), &steps, 0)?;
        let shown = format!("{:?} {:?}", world.session, world.outputs);
        for secret in ["a body", "xxxx", "token="] {
            prop_assert!(!shown.contains(secret), "{secret:?} shows in {shown}");
        }
    }
}

/// What is never drawn is never tried.
#[test]
fn every_kind_of_event_and_of_call_is_drawn() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let mut number = 0;
    let presets = presets::all();
    while number < 400 && seen.len() < redial::Event::KINDS.len() + redial::journal::Call::KINDS.len() {
        let drawn = steps(80).new_tree(&mut runner).expect("nothing is filtered").current();
        let world = play(presets[number % presets.len()].clone(), &drawn, 0).expect("no rule is broken");
        seen.extend(world.inputs.iter().map(|input| match input {
            Input::Event { event, .. } => event.kind(),
            Input::Call { call, .. } => call.kind(),
            _ => "no input",
        }));
        number += 1;
    }
    let all = redial::Event::KINDS.iter().chain(redial::journal::Call::KINDS);
    let missing: Vec<_> = all.filter(|kind| !seen.contains(*kind)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "after {number} runs");
}
