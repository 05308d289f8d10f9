//! Two chat clients talk through a network that keeps breaking; nothing gets lost, nothing is shown twice.
//!
//! One process: a chat hub on loopback, a relay in front of it that breaks connections, and two clients, each a redial
//! `Session` under redial-tokio or redial-blocking. Only the clock is scaled: for the sessions and the hub `SPEED`
//! seconds pass in each of ours, so that the default timings fit into half a minute.
//!
//! `cargo run --release --example demo -- --help`

// First, because it brings a `say!` of its own.
#[path = "../durable/main.rs"]
#[allow(dead_code, reason = "the file is a whole example; the demo uses its client and not its main")]
pub(crate) mod durable;

include!("../common/say.rs");

pub(crate) mod client;
pub(crate) mod clock;
mod faults;
pub(crate) mod hub;
mod login;
mod memory;
pub(crate) mod options;
mod plan;
pub(crate) mod relay;
mod report;
pub(crate) mod restart;
mod rng;
pub(crate) mod score;

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time;

use redial::Instant;
use redial::host::RecordedSession;
use redial::journal::Call;

use client::Client;
use clock::Clock;
use faults::{Record, Saboteur};
use hub::Hub;
use memory::Memory;
use options::{Asked, HELP, Options};
use relay::Relay;
use report::Report;
use rng::Rng;
use score::{NAMES, Score};

/// Seconds on the sessions' clocks in each of the wall's.
const SPEED: u32 = 30;
/// What every byte takes in good weather, by the wall.
pub(crate) const LATENCY: time::Duration = time::Duration::from_millis(8);
/// People type in bursts.
const BURST: usize = 5;
/// How long a calm and a fault take together, about: the messages are spread over that.
const TURN: time::Duration = time::Duration::from_millis(1_600);
/// How far a typist runs ahead of the other's receipts: a session by default remembers 1,024 messages for them.
const AHEAD: usize = 1_000;
/// How long nothing at all may move before the run is given up, by the wall.
const PATIENCE: time::Duration = time::Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "client") {
        return ended(restart::client(&arguments).map(|()| true));
    }
    let mut entropy = [0; 4];
    if let Err(error) = getrandom::fill(&mut entropy) {
        eprintln!("The operating system gave no random numbers: {error}.");
        return ExitCode::from(2);
    }
    // Half of a seed is plenty here, and shorter to type.
    let seed = u64::from(u32::from_le_bytes(entropy));
    match Options::parse(seed, arguments) {
        Ok(Asked::Run(options)) => ended(demonstrate(options)),
        Ok(Asked::Help) => {
            say!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

fn ended(well: Result<bool, durable::Fault>) -> ExitCode {
    match well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("It cannot go on: {error}.");
            ExitCode::FAILURE
        }
    }
}

/// Runs it, shows the table, and says whether all is well.
fn demonstrate(options: Options) -> Result<bool, durable::Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (table, complaints, interrupted) = if options.restart {
        let folder = durable::demo::folder("demo");
        let report = runtime.block_on(restart::run(options, &std::env::current_exe()?, &folder))?;
        (report.to_string(), report.complaints(), report.interrupted)
    } else {
        let report = runtime.block_on(run(options))?;
        (report.to_string(), report.complaints(), report.interrupted)
    };
    say!("{}", table.trim_end());
    if interrupted && complaints.is_empty() {
        std::process::exit(130);
    }
    Ok(complaints.is_empty())
}

/// Sets the stage, lets everybody work, and tells how it ended.
pub(crate) async fn run(options: Options) -> io::Result<Report> {
    let (clock, begun) = (Clock::new(SPEED), time::Instant::now());
    let mut rng = Rng(options.seed);
    let score = Score::new(options.messages, clock, options.quiet);
    introduce(&score, &options);
    let plan = plan::plan(options.faults, &mut rng);
    let hub = Hub::start(&[NAMES], clock, &options.dialect.preset(), || rng.seed())?;
    let mut stage = Vec::new();
    for (who, kinds) in plan.into_iter().enumerate() {
        let relay = Relay::start(hub.addr(), LATENCY)?;
        let client = Arc::new(enter(who, &relay, &options, &score, &mut rng)?);
        let record = Arc::new(Mutex::new(Record::default()));
        let faults = kinds.len();
        let saboteur = Saboteur {
            who,
            client: Arc::clone(&client),
            relay,
            hub: hub.clone(),
            score: Arc::clone(&score),
            record: Arc::clone(&record),
            rng: rng.clone(),
        };
        tokio::spawn(saboteur.work(kinds));
        tokio::spawn(talk(who, Arc::clone(&client), Arc::clone(&score), Arc::clone(&record), faults, options.messages));
        stage.push((client, record));
    }
    let records = || stage.iter().map(|(_, record)| record.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let (mut interrupted, mut stuck, mut memory) = (false, false, Memory::default());
    tokio::select! {
        over = watch(&score, &options, &mut memory, || records().map(|record| record.done.len()).sum()) => stuck = !over,
        _ = tokio::signal::ctrl_c() => interrupted = true,
    }
    score.end_progress();
    let [a, b] = [0, 1].map(|who| (score.side(who).clone(), stage[who].0.stats(), hub.stats(NAMES[who])));
    let mut records = records();
    let records = [records.next().unwrap_or_default(), records.next().unwrap_or_default()];
    let (wall, speed) = (begun.elapsed(), clock.speed());
    for (client, _) in &stage {
        client.close();
    }
    Ok(Report {
        options,
        sides: [a.0, b.0],
        clients: [a.1, b.1],
        peers: [a.2, b.2],
        records,
        memory,
        wall,
        speed,
        interrupted,
        stuck,
    })
}

fn introduce(score: &Score, options: &Options) {
    let Options { messages, faults, seed, adapter, .. } = options;
    score.print(&format!(
        "A and B send each other {messages} messages through a hub, while {faults} faults hit their links (--seed {seed})."
    ));
    score.print(&format!(
        "The {} adapter moves the bytes. Clients and hub live {SPEED} times as fast as you: the times on the left are yours,\nall others are theirs.\n",
        adapter.name()
    ));
}

/// One client comes in: it shows its name as its token, and opens its session.
fn enter(who: usize, relay: &Relay, options: &Options, score: &Arc<Score>, rng: &mut Rng) -> io::Result<Client> {
    let mut session = RecordedSession::new(options.dialect.preset(), rng.seed(), None);
    session
        .call(Instant::ORIGIN, Call::Credential { connection: None, value: NAMES[who].into() })
        .map_err(io::Error::other)?;
    let url = format!("ws://{}/chat", relay.addr());
    let (log, screen) = (Arc::clone(score), Arc::clone(score));
    Client::start(
        options.adapter,
        &url,
        session,
        score.clock,
        move |action| log.on_action(who, action),
        move |message| screen.on_shown(who, message),
    )
}

/// Types the messages of one client, spread over the faults to come.
async fn talk(
    who: usize,
    client: Arc<Client>,
    score: Arc<Score>,
    record: Arc<Mutex<Record>>,
    faults: usize,
    messages: usize,
) {
    let (began, mut typed) = (time::Instant::now(), 0);
    while typed < messages {
        tokio::time::sleep(time::Duration::from_millis(4)).await;
        let (done, since, quiet) = {
            let record = record.lock().unwrap_or_else(PoisonError::into_inner);
            (record.done.len(), record.since, record.quiet)
        };
        if quiet {
            continue;
        }
        let turn = since.unwrap_or(began).elapsed().as_secs_f64() / TURN.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a hundred thousand fits")]
        let part = (done as f64 + turn.min(1.0)) / faults.max(1) as f64;
        #[expect(clippy::cast_precision_loss, reason = "a hundred thousand fits")]
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of it, above zero")]
        let due = ((messages as f64 * part.min(1.0)).ceil() as usize).next_multiple_of(BURST).min(messages);
        let due = due.min(score.side(who).delivered + AHEAD);
        // A full outbox is the one refusal to be expected, and it has room again soon.
        while typed < due && client.send(format!("{} {}", NAMES[who], typed + 1)).is_ok() {
            typed += 1;
        }
    }
}

/// Waits until everything has arrived and everything has gone wrong; `false` where nothing moves any more.
async fn watch(score: &Score, options: &Options, memory: &mut Memory, faults: impl Fn() -> usize) -> bool {
    let mut moved = (time::Instant::now(), 0);
    loop {
        let (done, shown) = (faults(), score.shown());
        score.progress(done, options.faults);
        memory.look(shown, 2 * options.messages);
        let delivered = score.side(0).delivered + score.side(1).delivered;
        if done == options.faults && shown == 2 * options.messages && delivered == shown {
            return true;
        }
        if done + shown + delivered != moved.1 {
            moved = (time::Instant::now(), done + shown + delivered);
        } else if moved.0.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(time::Duration::from_millis(50)).await;
    }
}
