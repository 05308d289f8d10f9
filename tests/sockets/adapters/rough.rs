//! What a network and a server's end do to one side of a chat: in each case everything arrives once, in order, told
//! honestly, and the session is ready again.

use redial::{Action, Cause, Session, State};

use super::demo::options::Dialect;
use super::demo::relay::{Relay, Spoil};
use super::guest::{BOTH, Guest, PATIENCE, Pair, chat, wait_refused};

/// Two guests talk before, while and after something befalls the first one's link.
fn befalls(what: impl Fn(&Pair)) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for (adapter, dialect) in BOTH.into_iter().flat_map(|adapter| Dialect::ALL.map(|dialect| (adapter, dialect))) {
        let pair = chat(adapter, &dialect.preset(), 30);
        let Pair { a, b, .. } = &pair;
        a.say(0, 8);
        b.say(0, 8);
        what(&pair);
        a.say(8, 16);
        b.say(8, 16);
        a.assert_shown(0, 16);
        b.assert_shown(0, 16);
        a.assert_ends_well(16);
        b.assert_ends_well(16);
    }
}

fn assert_broken(guest: &Guest) {
    let cause = guest.wait_lost();
    assert!(matches!(cause, Cause::Closed | Cause::Errored), "{cause:?}");
}

fn wait_spoilt(relay: &Relay) {
    let begun = std::time::Instant::now();
    while relay.is_to_spoil() {
        assert!(begun.elapsed() < PATIENCE, "the server says nothing that could be spoilt");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_reset_in_mid_conversation_loses_nothing() {
    befalls(|Pair { relay, a, .. }| {
        relay.reset();
        assert_broken(a);
    });
}

#[test]
fn reset_after_reset_loses_nothing_even_where_one_strikes_a_handshake() {
    befalls(|Pair { relay, a, .. }| {
        for number in 0..4 {
            relay.reset();
            assert_broken(a);
            if number % 2 == 0 {
                a.wait(|action| matches!(action, Action::Connect { .. }).then_some(()));
                relay.reset();
            }
            a.wait_ready();
        }
    });
}

#[test]
fn rubbish_instead_of_a_frame_within_one_and_behind_one_costs_the_connection_and_no_message() {
    for spoil in [Spoil::Instead, Spoil::Within, Spoil::After] {
        befalls(|Pair { relay, a, .. }| {
            relay.spoil(spoil);
            assert_eq!(a.wait_lost(), Cause::Errored);
            assert!(!relay.is_to_spoil(), "it was lost for another reason");
        });
    }
}

#[test]
fn rubbish_in_the_answer_to_a_handshake_is_a_failed_attempt() {
    for spoil in [Spoil::Instead, Spoil::Within, Spoil::After] {
        befalls(|Pair { relay, a, .. }| {
            relay.refuse(true);
            wait_refused(relay.addr());
            relay.cut();
            assert_broken(a);
            // Nothing is under way now, so the next bytes of the server are the answer to a handshake.
            relay.spoil(spoil);
            relay.refuse(false);
            wait_spoilt(relay);
        });
    }
}

#[test]
fn bytes_that_come_one_at_a_time_both_ways_make_the_same_frames() {
    befalls(|Pair { relay, .. }| relay.drip(true));
}

#[test]
fn a_link_that_goes_dead_in_mid_conversation_loses_nothing() {
    befalls(|Pair { relay, a, .. }| {
        relay.half_open();
        let cause = a.wait_lost();
        assert!(matches!(cause, Cause::ReceiptOverdue | Cause::Dead), "{cause:?}");
        a.wait_ready();
    });
}

#[test]
fn a_server_that_dies_is_dialed_until_it_is_back_and_then_goes_on_where_it_was() {
    befalls(|Pair { hub, a, b, .. }| {
        hub.die();
        assert_broken(a);
        assert_broken(b);
        // No relay stands before this one: its dials are refused, at the latest when the hub's listener has heard of
        // it.
        wait_refused(hub.addr());
        for _ in 0..2 {
            b.wait(|action| matches!(action, Action::ScheduleReconnect { cause: Cause::Errored, .. }).then_some(()));
        }
        hub.come_back();
        b.wait_ready();
    });
}

#[test]
fn a_server_that_takes_connections_and_drops_them_gets_no_more_than_its_share() {
    befalls(|Pair { hub, a, .. }| {
        hub.die();
        // The relay takes the dials and finds nobody behind it.
        for _ in 0..4 {
            assert_broken(a);
        }
        let state = a.client.look(Session::state);
        assert!(matches!(state, State::Waiting | State::Connecting), "{state:?}");
        hub.come_back();
    });
}
