//! The end of a host's loop.

use redial::host::{Ending, Turn};
use redial::{Instant, Preset, Seed, Session, State};

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn until(millis: u64) -> Turn {
    Turn::Wait { until: Some(at(millis)) }
}

/// A session that was opened and is connecting.
fn opened() -> Session {
    let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
    session.open(at(0));
    session
}

/// A session that was opened and closed.
fn stopped() -> Session {
    let mut session = opened();
    session.close(at(0));
    assert_eq!(session.state(), State::Stopped);
    session
}

#[test]
fn a_loop_runs_while_the_session_does_whoever_is_left() {
    let (mut ending, session) = (Ending::new(), opened());
    for (socket, over) in [(false, false), (false, true), (true, false), (true, true)] {
        assert_eq!(ending.turn(at(5), &session, socket, over), until(10_000));
    }
    let idle = Session::new(Preset::plain(), Seed::from(7_u64));
    assert_eq!(ending.turn(at(5), &idle, false, true), Turn::Wait { until: None });
}

#[test]
fn a_stopped_loop_waits_for_whoever_can_open_the_session_again() {
    let (mut ending, session) = (Ending::new(), stopped());
    assert_eq!(ending.turn(at(5), &session, false, false), Turn::Wait { until: None });
    assert_eq!(ending.turn(at(6), &session, false, true), Turn::Return);
}

#[test]
fn the_last_socket_is_kept_for_a_second_and_no_longer() {
    let session = stopped();
    for over in [false, true] {
        let mut ending = Ending::new();
        assert_eq!(ending.turn(at(100), &session, true, over), until(1_100));
        assert_eq!(ending.turn(at(1_099), &session, true, over), until(1_100));
        assert_eq!(ending.turn(at(1_100), &session, true, over), Turn::DropSocket);
    }
}

#[test]
fn a_session_that_is_opened_again_begins_its_end_anew() {
    let (mut ending, mut session) = (Ending::new(), stopped());
    ending.turn(at(0), &session, true, false);
    session.open(at(900));
    assert!(matches!(ending.turn(at(900), &session, true, false), Turn::Wait { .. }));
    session.close(at(1_500));
    assert_eq!(ending.turn(at(1_500), &session, true, false), until(2_500));
}
