//! A terminal client for any of the presets: type a line and watch its status change.
//!
//! `cargo run --example serve -- --preset uni_app` in one terminal; in two others
//! `cargo run --example chat -- --preset uni_app --lossless --name ana` and the same with `ben`. Then kill the server,
//! go on typing, and start it again.
//!
//! The session runs under redial-blocking. Its input may be a pipe: the program then waits for everything to settle
//! before it ends.

include!("../common/say.rs");

mod chat;
mod options;
mod page;
mod poll;
mod spy;

#[path = "../screen/events.rs"]
mod events;
#[path = "../screen/store.rs"]
#[allow(dead_code, reason = "the chat never takes a message off its page")]
mod store;

use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use redial::host::{JournalWriter, RecordedSession};
use redial::{Action, Frame, Instant, Seed};

use chat::Chat;
use options::{Options, commands, help};
use poll::News;
use spy::Spy;

/// Everything that can happen to this program.
enum Input {
    Line(String),
    End,
    Action(Instant, Action),
    FrameIn(Frame),
    Polled(io::Result<News>),
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

/// Says whether nothing was left unsettled, and nobody but the user ended the session.
fn run() -> Result<bool, String> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| format!("the system has no randomness: {error}"))?;
    let made_up = format!("guest-{:02x}{:02x}", seed[14], seed[15]);
    let Some(options) = Options::parse(std::env::args().skip(1), made_up)? else {
        say!("{}\n\n{}", help(), commands());
        return Ok(true);
    };
    say!("{} at {} as {}; /help lists the commands", options.preset.name(), options.url, options.name);
    let (inputs, happened) = channel();
    let running = start(&options, &inputs, Seed::from_bytes(seed))?;
    read_lines(&inputs);
    Ok(Chat::new(options, running, inputs).run(&happened))
}

/// A session at work, and the thread of its loop.
type Running = (redial_blocking::Client, thread::JoinHandle<redial_blocking::Summary>);

fn start(options: &Options, inputs: &Sender<Input>, seed: Seed) -> Result<Running, String> {
    let journal = options.journal.as_deref().map(journal).transpose()?;
    let preset = Spy::on(options.preset.clone(), inputs.clone()).map_err(|error| error.to_string())?;
    let tell = inputs.clone();
    // Nobody hears it any more once the program is on its way out.
    let look_on = move |now: Instant, action: &Action| drop(tell.send(Input::Action(now, action.clone())));
    let target = redial_blocking::Options::new(&options.url).map_err(|error| error.to_string())?;
    let running = target.trace(look_on).start(RecordedSession::new(preset, seed, journal));
    // The messages are among the actions.
    let (client, _, thread) = running.map_err(|error| format!("it cannot begin: {error}"))?;
    Ok((client, thread))
}

/// The file in which every input is written down, for `examples/replay.rs`.
fn journal(path: &str) -> Result<JournalWriter, String> {
    let mut file = File::create(path).map_err(|error| format!("{path} cannot be written: {error}"))?;
    Ok(JournalWriter::new(move |line| writeln!(file, "{line}").is_ok()))
}

fn read_lines(inputs: &Sender<Input>) {
    let inputs = inputs.clone();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if inputs.send(Input::Line(line)).is_err() {
                return;
            }
        }
        // The program may have ended before its input.
        let _ = inputs.send(Input::End);
    });
}
