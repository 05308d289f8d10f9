//! Figures of many runs as a table in markdown.

use std::fmt::Write as _;

use crate::client::Client;
use crate::run::Figures;
use crate::scenario::{Fault, Scenario};

/// A client with what came of its runs.
pub(crate) struct Row {
    pub(crate) client: &'static Client,
    pub(crate) runs: Vec<Figures>,
    /// Runs without figures, and the first reason.
    pub(crate) failed: usize,
    pub(crate) why: Option<String>,
}

/// Seconds within which two clients count as equal.
const ALLOWANCE: f64 = 0.5;

/// The table of one scenario, and below it what was left out and where redial is behind.
pub(crate) fn table(scenario: &Scenario, rows: &[Row]) -> String {
    let runs = rows.iter().map(|row| row.runs.len()).max().unwrap_or(0);
    let back = back_name(scenario);
    let mut text = format!("### {}\n\n{} {runs} runs a client.\n\n", scenario.name, scenario.about);
    let heads = ["client", "s to notice", back, "lost up", "lost down", "repeated", "connects", "CPU s"];
    let _ = writeln!(text, "| {} |\n|---|{}", heads.join(" | "), "---:|".repeat(heads.len() - 1));
    for row in rows.iter().filter(|row| !row.runs.is_empty()) {
        let columns = [
            pair(row, 1, |run| run.notice.or(quiet(scenario)), scenario),
            pair(row, 1, |run| run.back, scenario),
            pair(row, 0, |run| count(run.lost_up), scenario),
            pair(row, 0, |run| count(run.lost_down), scenario),
            pair(row, 0, |run| count(run.repeated), scenario),
            pair(row, 0, |run| count(run.connects), scenario),
            pair(row, 2, |run| Some(run.cpu), scenario),
        ];
        let _ = writeln!(text, "| {} | {} |", row.client.name, columns.join(" | "));
    }
    for row in rows {
        if let Some(why) = &row.why {
            let _ = writeln!(text, "\n{}: {} runs without figures: {why}", row.client.name, row.failed);
        }
        let refused: usize = row.runs.iter().map(|run| run.refused).sum();
        if refused > 0 {
            let _ = writeln!(
                text,
                "\n{}: {refused} messages in all were refused, and the application told.",
                row.client.name
            );
        }
    }
    let behind = behind(scenario, rows);
    if !behind.is_empty() {
        let _ = writeln!(text, "\nBehind, by p50:\n\n* {}", behind.join("\n* "));
    }
    text
}

fn back_name(scenario: &Scenario) -> &'static str {
    if let Fault::Slow { .. } = scenario.fault { "s until all is there" } else { "s to be back" }
}

/// In a scenario without a loss to notice, silence is right.
fn quiet(scenario: &Scenario) -> Option<f64> {
    let quiet = matches!(scenario.fault, Fault::Slow { .. } | Fault::Stopped | Fault::BlackHole);
    quiet.then_some(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand messages")]
#[expect(clippy::unnecessary_wraps, reason = "as the other columns")]
fn count(count: usize) -> Option<f64> {
    Some(count as f64)
}

/// `p50 / p95`, or one of them where they look alike.
fn pair(row: &Row, digits: usize, figure: impl Fn(&Figures) -> Option<f64>, scenario: &Scenario) -> String {
    let [middle, high] = [50, 95].map(|percent| show(percentile(&row.runs, percent, &figure), digits, scenario));
    if middle == high { middle } else { format!("{middle} / {high}") }
}

fn show(value: Option<f64>, digits: usize, scenario: &Scenario) -> String {
    match value {
        None => format!("> {}", scenario.limit),
        Some(value) if value.is_nan() => "-".to_owned(),
        Some(value) => format!("{value:.digits$}"),
    }
}

/// The nearest rank; what took longer than the limit is longer than anything else, and silence shorter.
fn percentile(runs: &[Figures], percent: usize, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<Option<f64>> = runs.iter().map(figure).collect();
    let rank = |value: &Option<f64>| value.map_or(f64::INFINITY, |value| if value.is_nan() { -1.0 } else { value });
    values.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().flatten()
}

/// Where a client of redial is behind another client by more than the allowance. Messages are compared among clients of
/// a kind, with receipts or without.
fn behind(scenario: &Scenario, rows: &[Row]) -> Vec<String> {
    type Figure = fn(&Figures) -> Option<f64>;
    let figures: [(&str, Figure, bool); 4] = [
        ("s to notice", |run| run.notice, true),
        (back_name(scenario), |run| run.back, true),
        ("lost", |run| count(run.lost_up + run.lost_down), false),
        ("repeated", |run| count(run.repeated), false),
    ];
    // Messages count less where both sides make five within the allowance; seconds, where TCP's luck is a tenth.
    let (time, spare, tenth) = match scenario.fault {
        Fault::Slow { .. } => (ALLOWANCE, 0.0, 0.1),
        _ => (ALLOWANCE, 5.0, 0.0),
    };
    let mut behind = Vec::new();
    for mine in rows.iter().filter(|row| row.client.is_redial() && !row.runs.is_empty()) {
        for (name, figure, seconds) in figures {
            if name == "s to notice" && quiet(scenario).is_some() {
                continue;
            }
            let middle = |row: &Row| percentile(&row.runs, 50, figure).unwrap_or(f64::INFINITY);
            let others = rows.iter().filter(|row| !row.client.is_redial() && !row.runs.is_empty());
            let best = others
                .filter(|row| seconds || row.client.receipts == mine.client.receipts)
                .min_by(|a, b| middle(a).total_cmp(&middle(b)));
            let allowance = if seconds { time.max(tenth * best.map_or(0.0, middle)) } else { spare };
            if let Some(best) = best.filter(|best| middle(mine) > middle(best) + allowance) {
                let show = |row: &Row| show(percentile(&row.runs, 50, figure), usize::from(seconds), scenario);
                let (mine, best, of_mine, of_best) = (mine.client.name, best.client.name, show(mine), show(best));
                behind.push(format!("{mine} in {name}: {of_mine}, {best} has {of_best}"));
            }
        }
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::{Row, table};
    use crate::client::CLIENTS;
    use crate::run::Figures;
    use crate::scenario::{SCENARIOS, Scenario};

    fn scenario(name: &str) -> &'static Scenario {
        SCENARIOS.iter().find(|scenario| scenario.name == name).expect("it is there")
    }

    fn row(name: &str, runs: &[(Option<f64>, usize)]) -> Row {
        let client = CLIENTS.iter().find(|client| client.name == name).expect("it is there");
        let run = |&(seconds, lost_up): &(Option<f64>, usize)| {
            let (lost_down, repeated, refused, connects, cpu) = (0, 0, 0, 2, 0.1);
            Figures { notice: seconds, back: seconds, lost_up, lost_down, repeated, refused, connects, cpu }
        };
        Row { client, runs: runs.iter().map(run).collect(), failed: 0, why: None }
    }

    #[test]
    fn what_took_longer_than_the_limit_is_the_highest() {
        let rows = [row("by_hand", &[(None, 0), (Some(1.0), 0), (Some(2.0), 0)])];
        assert!(table(scenario("rst"), &rows).contains("| by_hand | 2.0 / > 60 | 2.0 / > 60 | 0 |"));
    }

    #[test]
    fn silence_is_right_where_nothing_is_lost() {
        let rows = [row("by_hand", &[(None, 0)])];
        assert!(table(scenario("stopped"), &rows).contains("| by_hand | - | > 60 |"));
    }

    #[test]
    fn half_a_second_and_what_is_said_in_it_are_allowed() {
        let others = || row("by_hand", &[(Some(1.0), 10)]);
        let near = [row("redial_tokio/plain", &[(Some(1.5), 15)]), others()];
        assert!(!table(scenario("moved"), &near).contains("Behind"));
        let far = [row("redial_tokio/plain", &[(Some(1.6), 16)]), others()];
        let far = table(scenario("moved"), &far);
        assert!(far.contains("* redial_tokio/plain in s to be back: 1.6, by_hand has 1.0"));
        assert!(far.contains("* redial_tokio/plain in lost: 16, by_hand has 10"));
    }

    #[test]
    fn messages_are_compared_among_clients_of_a_kind() {
        let rows = [row("redial_tokio/plain", &[(Some(1.0), 100)]), row("socket.io/retries", &[(Some(1.0), 0)])];
        assert!(!table(scenario("moved"), &rows).contains("Behind"));
    }
}
