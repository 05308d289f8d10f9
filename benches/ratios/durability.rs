//! What storing first costs: bytes of changes, allocations, and time without the store, of a message sent and settled
//! and of one that arrived, however many messages are held.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use redial::dialect::Side;
use redial::durable::Changes;

use crate::laden::{BODY, Laden, Store};
use crate::measure::{Cost, Operation, measured, nanoseconds};
use crate::report::{Goal, Row};
use crate::{ROUNDS, RUNS};

/// Rounds of a run, so few that a run is shorter than a turn of the system's scheduler.
const SHORT: u32 = 200;

/// How many messages are held: the least first, the most last.
const HELD: [u64; 4] = [10, 1_000, 10_000, 100_000];

/// The ways of a message, out and in, through a session and through a peer.
const WAYS: [(&str, Side, bool); 4] = [
    ("stored_send_and_ack", Side::Client, true),
    ("stored_arrival", Side::Client, false),
    ("stored_push_and_ack", Side::Server, true),
    ("stored_arrival_at_peer", Side::Server, false),
];

/// What a message costs, by way and by what is held.
type Table = [[f64; HELD.len()]; WAYS.len()];

/// Runs so many messages one way; `store` gets the changes.
fn run(laden: &mut Laden, out: bool, rounds: u32, store: Store<'_>) -> Cost {
    if out {
        let exchanges = laden.exchanges(rounds as usize);
        return measured(|| exchanges.into_iter().for_each(|(body, ack)| laden.exchange(body, ack, store)));
    }
    let arrivals = laden.arrivals(rounds as usize);
    measured(|| arrivals.into_iter().for_each(|frame| laden.arrive(frame, store)))
}

/// Bytes of the changes of one message.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn bytes(laden: &mut Laden, out: bool) -> f64 {
    let mut bytes = 0;
    run(laden, out, ROUNDS, &mut |changes: Changes| bytes += changes.bytes());
    bytes as f64 / f64::from(ROUNDS)
}

/// One operation for each way and number of messages held, and the bytes of its changes.
fn operations() -> (Vec<Operation>, Vec<f64>) {
    let lade = |side| HELD.map(|held| Rc::new(RefCell::new(Laden::new(side, held))));
    let (sessions, peers) = (lade(Side::Client), lade(Side::Server));
    let operation = |(name, side, out): (&'static str, Side, bool)| {
        let ends = if side == Side::Client { sessions.clone() } else { peers.clone() };
        HELD.into_iter().zip(ends).map(move |(held, laden)| {
            let bytes = bytes(&mut laden.borrow_mut(), out);
            let run = move |rounds| run(&mut laden.borrow_mut(), out, rounds, &mut |changes| drop(black_box(changes)));
            (Operation::new(format!("{name}_with_{held}_held"), run), bytes)
        })
    };
    WAYS.into_iter().flat_map(operation).unzip()
}

/// Measures, and prints a line for each operation; gives the rows.
pub(crate) fn rows() -> [Row; 7] {
    let (operations, bytes) = operations();
    let times = nanoseconds(&operations, SHORT, RUNS);
    let allocations: Vec<f64> = operations.iter().map(|operation| operation.allocations(ROUNDS)).collect();
    println!("{:<34} {:>11} {:>12} {:>13}", "stored first", "ns", "allocations", "bytes");
    for (at, operation) in operations.iter().enumerate() {
        println!("{:<34} {:>11.0} {:>12.2} {:>13.0}", operation.name, times[at], allocations[at], bytes[at]);
    }
    let [times, allocations, bytes] = [times, allocations, bytes].map(|figures| table(&figures));
    let room = f64::from(u32::try_from(2 * BODY + 300).expect("a body is short"));
    let micros = times.map(|way| way.map(|nanoseconds| nanoseconds / 1_000.0));
    [
        Row::new("stored_out_bytes", most(&bytes, true), Goal::AtMost(room)),
        Row::new("stored_in_bytes", most(&bytes, false), Goal::AtMost(room)),
        Row::new("stored_out_microseconds", most(&micros, true), Goal::AtMost(5.0)),
        Row::new("stored_in_microseconds", most(&micros, false), Goal::AtMost(5.0)),
        Row::new("stored_bytes_100000_against_10", growth(&bytes), Goal::AtMost(1.1)),
        Row::new("stored_allocations_100000_against_10", growth(&allocations), Goal::AtMost(1.1)),
        Row::new("stored_time_100000_against_10", growth(&times), Goal::AtMost(1.5)),
    ]
}

fn table(figures: &[f64]) -> Table {
    std::array::from_fn(|way| std::array::from_fn(|held| figures[way * HELD.len() + held]))
}

/// The most that a message out, or in, costs.
fn most(table: &Table, out: bool) -> f64 {
    let ways = WAYS.iter().zip(table).filter(|((_, _, of), _)| *of == out);
    ways.flat_map(|(_, way)| *way).fold(0.0, f64::max)
}

/// The cost with the most held against that with the least, of the way where it grows most.
fn growth(table: &Table) -> f64 {
    table.iter().map(|way| way[HELD.len() - 1] / way[0]).fold(0.0, f64::max)
}
