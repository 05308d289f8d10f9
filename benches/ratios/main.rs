//! What a session costs, each operation beside its floor: `cargo bench --bench ratios`.
//!
//! The last lines read `ratio NAME VALUE GOAL ok|MISS`. `cargo bench --bench ratios -- --quick` leaves out what takes minutes:
//! the swarm, and the other protocol's pair, which has to be compiled; `-- loopback` measures the loopback alone, `-- stored`
//! what storing first costs.

#[path = "../../examples/swarm/agenda.rs"]
mod agenda;
mod durability;
#[path = "../../examples/swarm/fleet.rs"]
mod fleet;
mod floor;
#[path = "../../tests/laden.rs"]
mod laden;
mod loopback;
mod measure;
mod operations;
mod pair;
mod report;
mod systems;

use std::process::Command;

use fleet::Hour;
use loopback::{Run, Way};
use measure::{Operation, lower_quartile, nanoseconds};
use redial::Preset;
use redial::services::Service;
use report::{Goal, Row};

const ROUNDS: u32 = 2_000;
/// Runs of each operation, in turns.
const RUNS: usize = 101;
/// The same where much has to be made before each run.
const LARGE_RUNS: usize = 5;
/// The rounds of what is large itself.
const LARGE_ROUNDS: u32 = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag, name, rounds] if flag == "--once" => once(name, rounds.parse().expect("a number of rounds")),
        [only, ..] if only == "loopback" => drop(loopback()),
        [only, ..] if only == "stored" => durability::rows().iter().for_each(|row| println!("{row}")),
        [] => each_once(),
        _ => measure_all(arguments.iter().any(|argument| argument == "--quick")),
    }
}

/// The operations that have a floor, each before it.
fn floored() -> Vec<Operation> {
    vec![
        Operation::new("inbound_push_with_ack", operations::push),
        Operation::new("inbound_push_floor", operations::push_floor),
        Operation::new("outbound_send_with_receipt", operations::send),
        Operation::new("outbound_send_floor", operations::send_floor),
    ]
}

/// The operations of every preset.
fn of_systems() -> Vec<Operation> {
    let of = |service: &'static Service| {
        let name = service.name;
        [
            Operation::new(format!("{name}/push"), move |rounds| systems::push(service, rounds)),
            Operation::new(format!("{name}/send"), move |rounds| systems::send(service, rounds)),
            Operation::new(format!("{name}/heartbeat_round"), move |rounds| systems::heartbeat(service, rounds)),
            Operation::new(format!("{name}/idle_tick"), move |rounds| systems::tick(service, rounds)),
            Operation::new(format!("{name}/next_deadline"), move |rounds| systems::deadline(service, rounds)),
        ]
    };
    systems::all().flat_map(of).collect()
}

fn uni_app() -> Preset {
    operations::with_receipts()
}

/// The operations among many, in the order in which they take their turns.
fn among_many() -> Vec<Operation> {
    let counts = [10, 10_000, 1_000_000];
    let acknowledge =
        counts.map(|n| Operation::new(format!("acknowledge_one_of_{n}"), move |r| operations::acknowledge(n, r)));
    let natively = counts.map(|n| {
        Operation::new(format!("native_acknowledge_one_of_{n}"), move |r| operations::acknowledge_natively(n, r))
    });
    let push = counts.map(|n| Operation::new(format!("push_into_window_of_{n}"), move |r| operations::push_into(n, r)));
    let windows = [1, 100, 10_000];
    let pair = windows.map(|n| Operation::new(format!("pair_{n}"), move |r| operations::pair(uni_app, n, r)));
    let native =
        windows.map(|n| Operation::new(format!("native_pair_{n}"), move |r| operations::pair(Preset::native, n, r)));
    natively.into_iter().chain(acknowledge).chain(push).chain(pair).chain(native).collect()
}

/// The operations on a whole session.
fn on_the_whole() -> Vec<Operation> {
    vec![Operation::new("snapshot", operations::snapshot), Operation::new("restore", operations::restore)]
}

/// Runs one operation once, for callgrind to count.
fn once(name: &str, rounds: u32) {
    let operation = floored().into_iter().chain(of_systems()).find(|operation| operation.name == name);
    let operation = operation.expect("a known operation");
    allocation_counter::opt_out(|| {
        (operation.run)(rounds);
    });
}

/// Runs the operations of every preset once, to show that they still work; `cargo test` asks for no more.
fn each_once() {
    let operations: Vec<Operation> = floored().into_iter().chain(of_systems()).collect();
    allocation_counter::opt_out(|| {
        for operation in &operations {
            (operation.run)(1);
        }
    });
    println!("{} operations ran once each", operations.len());
}

/// Measures some operations and prints a line for each; gives nanoseconds and instructions.
fn table(operations: &[Operation], runs: usize) -> Vec<(f64, Option<f64>)> {
    let line = |(operation, ns): (&Operation, f64)| {
        let (allocations, count) = (operation.allocations(ROUNDS), operation.instructions(ROUNDS));
        let instructions = count.map_or("?".to_owned(), |count| format!("{count:.0}"));
        println!("{:<34} {ns:>11.0} {allocations:>12.2} {instructions:>13}", operation.name);
        (ns, count)
    };
    operations.iter().zip(nanoseconds(operations, ROUNDS, runs)).map(line).collect()
}

fn large(operations: &[Operation], rounds: u32) -> Vec<f64> {
    let times = nanoseconds(operations, rounds, LARGE_RUNS);
    operations.iter().zip(&times).for_each(|(operation, ns)| println!("{:<34} {ns:>11.0}", operation.name));
    times
}

fn measure_all(quick: bool) {
    println!("{:<34} {:>11} {:>12} {:>13}", "operation", "ns", "allocations", "instructions");
    let floored = table(&floored(), RUNS);
    let systems = of_systems();
    let of_systems = table(&systems, RUNS / 5);
    let many = large(&among_many(), ROUNDS);
    large(&on_the_whole(), LARGE_ROUNDS);
    let stored = durability::rows();
    let swarm = (!quick).then(swarm);
    let loopback = loopback();
    let against = |at: usize| floored[at].0 / floored[at + 1].0;
    let counted = |at: usize| Some(floored[at].1? / floored[at + 1].1?);
    let beats = systems.iter().position(|operation| operation.name == "plain/heartbeat_round").expect("it is there");
    println!("{}", Row::new("inbound_push_instructions", counted(0), Goal::AtMost(1.5)));
    println!("{}", Row::new("outbound_send_instructions", counted(2), Goal::AtMost(1.5)));
    let peers = (!quick).then(peers).flatten();
    for row in [
        Row::new("inbound_push_with_ack", against(0), Goal::AtMost(1.5)),
        Row::new("outbound_send_with_receipt", against(2), Goal::AtMost(1.5)),
        Row::new("heartbeat_allocations", systems[beats].allocations(ROUNDS), Goal::AtMost(0.0)),
        Row::new("heartbeat_instructions", of_systems[beats].1, Goal::AtMost(1_500.0)),
        Row::new("idle_session_bytes", operations::idle_bytes(), Goal::AtMost(1_024.0)),
        // The first three of them are the native dialect's.
        Row::new("acknowledge_1000000_against_10", many[2] / many[0], Goal::AtMost(3.0)),
        Row::new("pair_100_against_mqtt_qos2", peers, Goal::AtMost(1.0)),
        Row::new("loopback_64_against_raw", loopback, Goal::AtLeast(0.9)),
        Row::new("swarm_100000_mebibytes", swarm, Goal::AtMost(127.0)),
    ]
    .iter()
    .chain(&stored)
    {
        println!("{row}");
    }
}

/// A hundred thousand sessions beside a thousand; gives the mebibytes of the many.
fn swarm() -> f64 {
    let (small, large) = (Hour::of(1_000), Hour::of(100_000));
    println!("{:<34} {:>11.0} (1,000 sessions: {:.0})", "swarm_input", large.nanoseconds(), small.nanoseconds());
    println!("{:<34} {:>11.0} (1,000 sessions: {:.0})", "swarm_steps", large.steps_each(), small.steps_each());
    assert_eq!(large.ready, 100_000, "every session is ready again after the mass disconnect");
    large.mebibytes()
}

/// Messages over the loopback; gives the slower adapter's pace at window 64 against raw tungstenite's.
fn loopback() -> f64 {
    const MESSAGES: u64 = 100_000;
    const WAYS: [(&str, Way); 4] = [
        ("raw", loopback::raw),
        ("raw_in_steps", loopback::raw_in_steps),
        ("blocking", loopback::blocking),
        ("tokio", loopback::tokio),
    ];
    println!("{:<34} {:>11} {:>16}", "loopback", "messages/s", "cpu ns/message");
    let mut slower = f64::INFINITY;
    for window in [1, 64] {
        let mut runs: [Vec<Run>; 4] = Default::default();
        for _ in 0..LARGE_RUNS {
            for (runs, (_, way)) in runs.iter_mut().zip(WAYS) {
                runs.push(way(if window == 1 { MESSAGES / 10 } else { MESSAGES }, window));
            }
        }
        // As with the times above, the lower quartile, here of the time a message takes.
        let paces = runs
            .each_ref()
            .map(|runs| 1.0 / lower_quartile(runs.iter().map(|run| 1.0 / run.messages_a_second).collect()));
        for ((name, _), (pace, runs)) in WAYS.iter().zip(paces.iter().zip(&runs)) {
            let cpu: Option<Vec<f64>> = runs.iter().map(|run| run.cpu).collect();
            let cpu = cpu.map_or("?".to_owned(), |cpu| format!("{:.0}", lower_quartile(cpu)));
            println!("{:<34} {pace:>11.0} {cpu:>16}", format!("{name}/{window}"));
        }
        if window == 64 {
            slower = paces[2].min(paces[3]) / paces[0];
            println!("{:<34} {slower:>11.2}", "slower_against_raw/64");
            println!("{:<34} {:>11.2}", "slower_against_raw_in_steps/64", slower * paces[0] / paces[1]);
        }
    }
    slower
}

/// The row that the other protocol's benchmark prints last; `None` where it cannot be built.
fn peers() -> Option<f64> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/Cargo.toml");
    let output = Command::new("cargo").args(["bench", "--quiet", "--manifest-path", manifest]).output().ok()?;
    let report = String::from_utf8_lossy(&output.stdout);
    report.lines().rev().find_map(|line| line.strip_prefix("ratio ")?.split(' ').nth(1)?.parse().ok())
}
