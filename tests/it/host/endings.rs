//! The end of a host's loop.

use redial::host::{Ending, Turn};
use redial::{Instant, State};

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn a_loop_runs_while_the_session_does_whoever_is_left() {
    let mut ending = Ending::new();
    for state in [State::Idle, State::Connecting, State::Ready, State::Waiting, State::Closing] {
        for (socket, over) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(ending.turn(at(5), state, socket, over), Turn::Run, "{state:?}");
        }
    }
}

#[test]
fn a_stopped_loop_waits_for_whoever_can_open_the_session_again() {
    let mut ending = Ending::new();
    assert_eq!(ending.turn(at(5), State::Stopped, false, false), Turn::Run);
    assert_eq!(ending.turn(at(6), State::Stopped, false, true), Turn::Return);
}

#[test]
fn the_last_socket_is_kept_for_a_second_and_no_longer() {
    for over in [false, true] {
        let mut ending = Ending::new();
        assert_eq!(ending.turn(at(100), State::Stopped, true, over), Turn::KeepSocket { until: at(1_100) });
        assert_eq!(ending.turn(at(1_099), State::Stopped, true, over), Turn::KeepSocket { until: at(1_100) });
        assert_eq!(ending.turn(at(1_100), State::Stopped, true, over), Turn::DropSocket);
    }
}

#[test]
fn a_session_that_is_opened_again_begins_its_end_anew() {
    let mut ending = Ending::new();
    ending.turn(at(0), State::Stopped, true, false);
    assert_eq!(ending.turn(at(900), State::Connecting, true, false), Turn::Run);
    assert_eq!(ending.turn(at(1_500), State::Stopped, true, false), Turn::KeepSocket { until: at(2_500) });
}
