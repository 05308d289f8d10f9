//! What a session costs, each operation beside its floor: `cargo bench --bench ratios`.
//!
//! The last lines read `ratio NAME VALUE GOAL ok|MISS`.

mod floor;
mod measure;
mod operations;
mod report;

use measure::{Operation, allocations, instructions, nanoseconds};
use report::{Goal, Row};

/// The small operations, by the name under which a child process runs them for callgrind.
const SMALL: [(&str, Operation); 8] = [
    ("inbound_push_with_ack", operations::push),
    ("inbound_push_floor", operations::push_floor),
    ("outbound_send_with_receipt", operations::send),
    ("outbound_send_floor", operations::send_floor),
    ("heartbeat_round", operations::heartbeat),
    ("tick_with_nothing_due", operations::tick),
    ("next_deadline", operations::deadline),
    ("acknowledge_one_of_10", operations::acknowledge_of_ten),
];

const ROUNDS: u32 = 10_000;
/// Runs of each operation, in turns; their median counts.
const RUNS: usize = 41;
/// The same where a million messages have to be sent before each run.
const LARGE_RUNS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag, name, rounds] if flag == "--once" => once(name, rounds.parse().expect("a number of rounds")),
        _ => measure_all(),
    }
}

/// Runs one operation once, for callgrind to count.
fn once(name: &str, rounds: u32) {
    let (_, operation) = SMALL.iter().find(|(known, _)| *known == name).expect("a known operation");
    allocation_counter::opt_out(|| {
        operation(rounds);
    });
}

fn measure_all() {
    let times = nanoseconds(SMALL.map(|(_, operation)| operation), ROUNDS, RUNS);
    println!("{:<28} {:>9} {:>12} {:>13}", "operation", "ns", "allocations", "instructions");
    for ((name, operation), ns) in SMALL.into_iter().zip(times) {
        let (allocations, instructions) = (allocations(operation, ROUNDS), instructions(name, ROUNDS));
        let instructions = instructions.map_or("?".to_owned(), |count| format!("{count:.0}"));
        println!("{name:<28} {ns:>9.0} {allocations:>12.2} {instructions:>13}");
    }
    let [push, push_floor, send, send_floor, ..] = times;
    let outstanding = [operations::acknowledge_of_a_million, operations::acknowledge_of_ten];
    let [of_a_million, of_ten] = nanoseconds(outstanding, ROUNDS, LARGE_RUNS);
    println!("{:<28} {of_a_million:>9.0}", "acknowledge_one_of_1000000");
    let rows = [
        Row::new("inbound_push_with_ack", push / push_floor, Goal::AtMost(1.5)),
        Row::new("outbound_send_with_receipt", send / send_floor, Goal::AtMost(1.5)),
        Row::new("heartbeat_allocations", allocations(operations::heartbeat, ROUNDS), Goal::AtMost(0.0)),
        Row::new("heartbeat_instructions", instructions("heartbeat_round", ROUNDS), Goal::AtMost(1_000.0)),
        Row::new("idle_session_bytes", operations::idle_bytes(), Goal::AtMost(1_024.0)),
        Row::new("acknowledge_1000000_against_10", of_a_million / of_ten, Goal::AtMost(3.0)),
    ];
    for row in rows {
        println!("{row}");
    }
}
