//! A session on a pipe: journal lines in on stdin, journal lines out on stdout.
//!
//! `cargo run --example stdio -- --preset NAME [--seed N] [--config FILE.json]` drives redial from any language. The
//! lines are those of the `journal` module; a query such as `{"query":{"type":"bounds"}}` asks for `snapshot`,
//! `changes`, `status`, `stats`, `explain` or `bounds`, is answered in one line and changes nothing. Where the header
//! is refused, every line is, and the exit code is 2. `--list` prints the presets, `--describe` what a preset promises.
//!
//! `client.py`, beside this file, is a durable client in Python: it stores the answer to `changes` before it acts, and
//! begins with a header that holds all records.

include!("../common/say.rs");

mod host;

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use host::Host;
use redial::journal::Player;
use redial::{Preset, Seed, Session};
use serde_json::Value;

const USAGE: &str = "usage: stdio --preset NAME [--seed N] [--config FILE.json] [--describe] | --list";

/// A line longer than this is answered with an error instead of being held in memory.
const LINE_MAX: u64 = 64 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// A sentence for stderr.
struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

struct Options {
    preset: String,
    seed: Option<u64>,
    config: Value,
    describe: bool,
}

fn run() -> Result<(), Problem> {
    let Some(options) = options()? else {
        for name in Preset::names() {
            say!("{name}");
        }
        return Ok(());
    };
    let preset = Preset::named(&options.preset, &options.config)?;
    if options.describe {
        describe(&preset);
        return Ok(());
    }
    let seed = match options.seed {
        Some(seed) => Seed::from(seed),
        None => random_seed()?,
    };
    let host = Host::new(&options.config);
    converse(&mut Player::new(Session::new(preset, seed)), host)
}

/// The command line; `None` asks for the list.
fn options() -> Result<Option<Options>, Problem> {
    let mut options = Options { preset: String::new(), seed: None, config: Value::Null, describe: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Problem(format!("{word} needs a value; {USAGE}")));
        match word.as_str() {
            "--list" => return Ok(None),
            "--describe" => options.describe = true,
            "--preset" => options.preset = value()?,
            "--seed" => {
                let seed = value()?;
                let number =
                    seed.parse().map_err(|_| Problem(format!("--seed takes an unsigned integer, not `{seed}`")))?;
                options.seed = Some(number);
            }
            "--config" => options.config = config(&value()?)?,
            _ => return Err(Problem(format!("there is no option `{word}`; {USAGE}"))),
        }
    }
    if options.preset.is_empty() {
        return Err(Problem(format!("--preset is missing; {USAGE}")));
    }
    Ok(Some(options))
}

fn config(path: &str) -> Result<Value, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem(format!("{path} cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Problem(format!("{path} is not JSON: {error}")))
}

fn random_seed() -> Result<Seed, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Problem(format!("the system has no randomness: {error}")))?;
    Ok(Seed::from_bytes(bytes))
}

fn describe(preset: &Preset) {
    let bounds = preset.bounds();
    let profile = preset.dialect().capabilities();
    say!("preset: {}", preset.name());
    match bounds.notice_dead_link {
        Some(span) => say!("a dead link is noticed within: {span}"),
        None => say!("a dead link is noticed within: never by silence"),
    }
    say!("connects in 120 s at most: {}", bounds.connects_in_120_s);
    say!("connects in 120 s at most, if the server now and then holds one: {}", bounds.connects_in_120_s_if_stable);
    say!("connects in 120 s at most, whatever the server, hints and calls do: {}", bounds.connects_in_120_s_at_most);
    say!("connects in 24 h at most, counted in the same way: {}", bounds.connects_in_a_day);
    say!("memory at most: {} KiB", bounds.memory_bytes / 1024);
    if profile.receipts {
        say!("messages out: {}", bounds.outbound);
    } else {
        say!("messages out: no receipts in this dialect; sent at most once, settled when handed to the socket");
    }
    if profile.acks {
        say!("messages in: {}", bounds.inbound);
    } else {
        say!("messages in: no ids in this dialect; delivered as they come");
    }
}

fn converse(player: &mut Player, mut host: Host) -> Result<(), Problem> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return player.refusal().map_or(Ok(()), |error| Err(error.clone().into()));
        }
        if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") {
            skip_line(&mut input)?;
            line.clear();
        }
        // Bytes that are no UTF-8 make a line that cannot be read, and that is said like any other.
        let text = String::from_utf8_lossy(&line);
        host = Host::from_header(text.trim_end()).unwrap_or(host);
        for answer in host.play(player, text.trim_end()) {
            writeln!(output, "{}", answer.to_line())?;
        }
        output.flush()?;
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, end) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if end {
            return Ok(());
        }
    }
}
