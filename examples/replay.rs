//! Runs a journal again: `cargo run --example replay -- FILE`.
//!
//! The file holds the lines that went into a session and, between them, the lines that came out. Every input is played
//! again; queries and their answers are passed over. The first output that differs is printed with the ten lines before
//! it, and the exit code is 1. A journal whose header is refused cannot be played: the exit code is 2.

include!("common/say.rs");

#[path = "stdio/host.rs"]
mod host;

use std::collections::VecDeque;
use std::process::ExitCode;

use host::Host;
use redial::journal::{Input, LineError, Output, Player, Query};
use redial::{Preset, Seed, Session};
use serde_json::Value;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(path), None) = (words.next(), words.next()) else {
        eprintln!("usage: replay FILE");
        return ExitCode::from(2);
    };
    let journal = match std::fs::read_to_string(&path) {
        Ok(journal) => journal,
        Err(error) => {
            eprintln!("{path} cannot be read: {error}");
            return ExitCode::from(2);
        }
    };
    match replay(&journal) {
        Ok(Summary { inputs, compared: 0 }) => {
            say!("{inputs} inputs played; the journal holds no outputs to compare with");
            ExitCode::SUCCESS
        }
        Ok(Summary { inputs, compared }) => {
            say!("{inputs} inputs played, {compared} outputs the same");
            ExitCode::SUCCESS
        }
        Err(Failed::Difference(difference)) => {
            say!("{}", difference.trim_end());
            ExitCode::FAILURE
        }
        Err(Failed::Header(error)) => {
            eprintln!("{path}: {error}");
            ExitCode::from(2)
        }
    }
}

struct Summary {
    inputs: usize,
    compared: usize,
}

/// Why a journal was not played to its end.
enum Failed {
    Difference(String),
    Header(LineError),
}

/// A journal's lines, each input with the outputs recorded behind it.
struct Step<'a> {
    number: usize,
    input: &'a str,
    recorded: Vec<(usize, &'a str, Value)>,
}

fn replay(journal: &str) -> Result<Summary, Failed> {
    let steps = steps(journal);
    // Somebody who recorded actions only is not asked for deadlines.
    let with_deadlines =
        steps.iter().flat_map(|step| &step.recorded).any(|(_, _, value)| value.get("next_deadline_ms").is_some());
    let silent = steps.iter().all(|step| step.recorded.is_empty());
    let mut player = Player::new(Session::new(Preset::plain(), Seed::from(0_u64)));
    let mut host = Host::new(&Value::Null);
    let mut trail = VecDeque::new();
    let mut compared = 0;
    for step in &steps {
        remember(&mut trail, step.number, step.input);
        host = Host::from_header(step.input).unwrap_or(host);
        let outputs = host.play(&mut player, step.input);
        if let Some(error) = player.refusal() {
            return Err(Failed::Header(error.clone()));
        }
        // A header is often put in front of a recording, so an answer to it need not be there.
        let unanswered_header = step.number == 1 && step.recorded.is_empty();
        if silent || unanswered_header {
            continue;
        }
        let mut recorded = step.recorded.iter();
        for output in outputs.iter().filter(|output| with_deadlines || !matches!(output, Output::Deadline { .. })) {
            let line = output.to_line();
            match recorded.next() {
                Some((number, text, value)) if Value::from_line(&line) == *value => {
                    compared += 1;
                    remember(&mut trail, *number, text);
                }
                Some((number, text, _)) => return Err(difference(&trail, *number, text, &line)),
                None => return Err(difference(&trail, step.number, "(nothing more)", &line)),
            }
        }
        if let Some((number, text, _)) = recorded.next() {
            return Err(difference(&trail, *number, text, "(nothing more)"));
        }
    }
    Ok(Summary { inputs: steps.len(), compared })
}

fn steps(journal: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (index, line) in journal.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value = Value::from_line(line);
        let is_output = is_output(&value);
        match steps.last_mut() {
            Some(step) if is_output => step.recorded.push((index + 1, line, value)),
            _ => steps.push(Step { number: index + 1, input: line, recorded: Vec::new() }),
        }
    }
    // A query changes nothing, and its answer may tell of counters that the journal does not begin with.
    steps.retain(|step| !matches!(Input::from_line(step.input), Ok(Input::Query { .. })));
    steps
}

/// Whether a line came out of a session. A header has a field `snapshot` as an answer has.
fn is_output(line: &Value) -> bool {
    let mut keys = ["action", "id", "error", "next_deadline_ms"].iter().chain(Query::KINDS);
    line.get("redial").is_none() && keys.any(|key| line.get(key).is_some())
}

fn remember(trail: &mut VecDeque<String>, number: usize, line: &str) {
    trail.push_back(format!("{number:>6}  {line}"));
    if trail.len() > 10 {
        trail.pop_front();
    }
}

fn difference(trail: &VecDeque<String>, number: usize, recorded: &str, played: &str) -> Failed {
    let mut lines: Vec<String> = trail.iter().cloned().collect();
    lines.push(format!("line {number} differs\n  recorded: {recorded}\n  played:   {played}\n"));
    Failed::Difference(lines.join("\n"))
}

/// A line as JSON; what is no JSON equals only itself.
trait FromLine {
    fn from_line(line: &str) -> Self;
}

impl FromLine for Value {
    fn from_line(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|_| Self::String(line.to_owned()))
    }
}
