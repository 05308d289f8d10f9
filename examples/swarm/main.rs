//! A hundred thousand sessions on one thread: an hour of heartbeats and a mass disconnect, under a virtual clock.
//!
//! `cargo run --release --example swarm [SESSIONS]`. It shows the host's side of many sessions: one preset shared by
//! all, and an agenda (`agenda.rs`, to be copied) that finds who is due without a scan.

include!("../common/say.rs");

mod agenda;
mod fleet;

use fleet::Hour;

const SESSIONS: u32 = 100_000;

fn main() {
    let sessions = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(SESSIONS).max(1);
    let hour = Hour::of(sessions);
    let (figures, seconds) = (hour.figures, hour.took.as_secs_f64());
    say!("{sessions} sessions, one hour: {} ready at its end", hour.ready);
    say!("{} ticks, {} events, {} entries that had moved", figures.ticks, figures.events, figures.moved);
    say!(
        "{} heartbeats, {} connects, {} in the busiest second",
        figures.beats,
        figures.connects,
        figures.busiest_second
    );
    say!("{seconds:.1} s on one core: {:.0} ns an input, finding out who is due included", hour.nanoseconds());
    say!("{:.0} steps a session, whatever their number", hour.steps_each());
    say!("{:.0} sessions a core at this pace", f64::from(sessions) * 3_600.0 / seconds);
    let each = hour.mebibytes() * 1_048_576.0 / f64::from(sessions);
    say!("{:.1} MiB without the peers: {each:.0} bytes a session", hour.mebibytes());
}
