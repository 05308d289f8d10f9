//! A client that survives being killed: the session's records and the application's messages in one embedded database.
//!
//! `cargo run --example durable` starts a server, and the client as a process of its own; kills that with SIGKILL again
//! and again at random moments, starts it anew, and counts at the end: nothing lost, nothing shown twice, and what
//! storing took. `--kills N`, `--messages N` and `--seed N` change the plan.
//!
//! By hand: `cargo run --example durable -- serve --port 9000` in one terminal, and in another, as often as you like to
//! kill it, `cargo run --example durable -- client --addr 127.0.0.1:9000 --db client.redb`.

include!("../common/say.rs");

pub(crate) mod client;
mod cost;
pub(crate) mod demo;
#[path = "../common/pace.rs"]
pub(crate) mod pace;
mod server;
pub(crate) mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time;

use redial::{Config, Frame, Instant, Preset};
use tungstenite::Message;

pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The session's time: the wall's, so many times as fast, so that waits of seconds pass in moments.
#[derive(Debug, Clone, Copy)]
struct Clock {
    origin: time::Instant,
    speed: u32,
    wall: fn() -> time::Instant,
}

impl Clock {
    fn new(speed: u32) -> Self {
        let wall = pace::wall(speed);
        Self { origin: wall(), speed: speed.max(1), wall }
    }

    fn now(self) -> Instant {
        let passed = (self.wall)().saturating_duration_since(self.origin);
        let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        Instant::from_millis(micros.saturating_mul(self.speed.into()) / 1_000)
    }
}

fn wire(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text.into_owned()),
        Frame::Binary(bytes) => Message::binary(bytes),
        Frame::Ping(bytes) => Message::Ping(bytes.into()),
        Frame::Pong(bytes) => Message::Pong(bytes.into()),
    }
}

fn frame(message: Message) -> Option<Frame> {
    match message {
        Message::Text(text) => Some(Frame::text(text.as_str().to_owned())),
        Message::Binary(bytes) => Some(Frame::Binary(bytes.to_vec())),
        Message::Ping(bytes) => Some(Frame::Ping(bytes.to_vec())),
        Message::Pong(bytes) => Some(Frame::Pong(bytes.to_vec())),
        Message::Close(_) | Message::Frame(_) => None,
    }
}

/// The value after a flag, or what it is without.
fn option<T: FromStr>(arguments: &[String], flag: &str, otherwise: T) -> Result<T, Fault> {
    match arguments.iter().position(|argument| argument == flag) {
        None => Ok(otherwise),
        Some(at) => {
            let value = arguments.get(at + 1).and_then(|value| value.parse().ok());
            value.ok_or_else(|| format!("{flag} wants a value that makes sense").into())
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("client") => client(&arguments),
        Some("serve") => serve(&arguments),
        _ => demonstrate(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Ends this process when its standard input ends: so it outlives no parent that holds the other end.
pub(crate) fn leash() {
    std::thread::spawn(|| {
        // Nobody writes anything there, so this returns at the end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
}

fn client(arguments: &[String]) -> Result<bool, Fault> {
    if arguments.iter().any(|argument| argument == "--leash") {
        leash();
    }
    client::run(client::Options {
        // The words of `uni_app` at the crate's own timings.
        preset: Preset::uni_app().with_config(Config::default()).expect("it is sound"),
        name: "ana".to_owned(),
        says: "typed".to_owned(),
        every: time::Duration::from_millis(10),
        addr: option(arguments, "--addr", "127.0.0.1:9000".to_owned())?,
        db: option(arguments, "--db", PathBuf::from("client.redb"))?,
        speed: option(arguments, "--speed", 1)?,
        types: option(arguments, "--types", 200)?,
        awaits: option(arguments, "--awaits", 200)?,
    })?;
    Ok(true)
}

fn serve(arguments: &[String]) -> Result<bool, Fault> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)?;
    let news = option(arguments, "--messages", 200)?;
    let speed = option(arguments, "--speed", 1)?;
    let server = server::Server::start(option(arguments, "--port", 9000)?, speed, news, entropy)?;
    say!("listening on {}", server.addr);
    loop {
        std::thread::sleep(time::Duration::from_secs(5));
        let now = server.seen();
        say!("received {}, pushed {}, connections {}", now.received.len(), now.pushed, now.connections);
    }
}

fn demonstrate(arguments: &[String]) -> Result<bool, Fault> {
    let plan = demo::Plan {
        seed: option(arguments, "--seed", 1)?,
        kills: option(arguments, "--kills", 25)?,
        messages: option(arguments, "--messages", 200)?,
        speed: option(arguments, "--speed", 20)?,
    };
    let report = demo::run(plan, &std::env::current_exe()?, &demo::folder("durable"))?;
    say!("{report}");
    Ok(report.is_clean())
}
