//! Small worlds with positions: cuts, late frames, restarts of either side from what it had stored, and a server that
//! forgets.

mod app;
mod steps;
mod world;

use redial::config::Acknowledge;

use super::{explore_up_to, explore_whole};
use app::Storing;
use world::{Faults, World};

/// States a world, unless the environment says otherwise.
const STATES: usize = 8_000;

#[test]
fn one_message_each_way_with_positions_through_a_break_is_explored_to_the_end() {
    let faults = Faults { cuts: 1, ..Faults::default() };
    let explored = explore_whole("positions: one each way, one cut", World::new(1, 1, faults, Storing::Off));
    assert!(explored.states > 100 && explored.healed > 0, "{} states", explored.states);
}

#[test]
fn two_messages_each_way_with_positions_through_two_cuts() {
    let faults = Faults { cuts: 2, ..Faults::default() };
    let explored = explore_up_to(STATES, "positions: two each way, two cuts", World::new(2, 2, faults, Storing::Off));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn a_server_that_forgets_loses_no_message_without_saying_so() {
    let faults = Faults { cuts: 1, forgets: 1, ..Faults::default() };
    let explored = explore_up_to(STATES, "positions: a server that forgets", World::new(2, 2, faults, Storing::Off));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn both_sides_restart_from_what_they_had_stored_however_late_that_was() {
    let faults = Faults { client_crashes: 1, server_crashes: 1, ..Faults::default() };
    let explored = explore_up_to(STATES, "positions: both restart", World::new(1, 1, faults, Storing::Late));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn the_client_restarts_twice_in_the_middle_of_two_messages_each_way() {
    let faults = Faults { client_crashes: 2, ..Faults::default() };
    let explored =
        explore_up_to(STATES, "positions: the client restarts twice", World::new(2, 2, faults, Storing::Late));
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn an_application_that_acknowledges_late_gets_everything_once() {
    let faults = Faults { cuts: 1, client_crashes: 1, server_crashes: 1, ..Faults::default() };
    let world = World::new(1, 1, faults, Storing::Late).acknowledging(Acknowledge::OnCall);
    let explored = explore_up_to(STATES, "positions: late acknowledgements", world);
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}

#[test]
fn late_acknowledgements_and_a_server_that_forgets_leave_no_message_without_an_outcome() {
    let faults = Faults { cuts: 1, forgets: 1, ..Faults::default() };
    let world = World::new(2, 1, faults, Storing::Off).acknowledging(Acknowledge::OnCall);
    let explored = explore_up_to(STATES, "positions: late acknowledgements, a server that forgets", world);
    assert!(explored.states >= explored.limit, "{} states", explored.states);
}
