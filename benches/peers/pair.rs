//! A message from one end to the other and its settlement, in memory: redial's pair beside MQTT's with QoS 2.
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml`. Both keep a message until it is settled, recognise a repeat, and say
//! once that it is settled. Redial's frames are JSON, MQTT's are binary.

mod mqtt;
#[path = "../ratios/pair.rs"]
mod pair;
#[path = "../ratios/report.rs"]
mod report;

use std::time::{Duration, Instant};

use redial::{Config, Preset};
use report::{Goal, Row};

const WINDOW: u64 = 100;
/// Windows in a run; runs of the two take turns, so that a noisy machine is noisy for both, and their medians count.
const WINDOWS: u64 = 20;
const RUNS: usize = 301;

fn main() {
    let body = "0123456789abcdef".repeat(8);
    let mut redial = pair::Pair::new(Preset::uni_app().with_config(Config::default()).expect("it is sound"), WINDOW);
    let mut mqtt = mqtt::Pair::new();
    let (mut of_redial, mut of_mqtt) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        of_redial.push(timed(|| redial.exchange(WINDOW, &body)));
        of_mqtt.push(timed(|| mqtt.exchange(WINDOW, &body)));
    }
    let (redial, mqtt) = (nanoseconds(of_redial), nanoseconds(of_mqtt));
    println!("{:<28} {:>9}", "operation", "ns");
    println!("{:<28} {redial:>9.0}", "redial_uni_app_pair_100");
    println!("{:<28} {mqtt:>9.0}", "mqtt_qos2_pair_100");
    println!("{}", Row::new("pair_100_against_mqtt_qos2", redial / mqtt, Goal::AtMost(1.0)));
}

fn timed(mut exchange: impl FnMut() -> (u64, u64)) -> Duration {
    let begun = Instant::now();
    for _ in 0..WINDOWS {
        assert_eq!(exchange(), (WINDOW, WINDOW), "everything is delivered and settled");
    }
    begun.elapsed()
}

/// The median, a message.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn nanoseconds(mut runs: Vec<Duration>) -> f64 {
    runs.sort_unstable();
    runs[runs.len() / 2].as_secs_f64() * 1e9 / (WINDOW * WINDOWS) as f64
}
