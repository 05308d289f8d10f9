//! `--restart`: the clients are processes of their own, and what goes wrong most often is that one of them is killed.
//!
//! They are those of `examples/durable`: each stores its session and its messages in a database before it acts. Here
//! they only get started, killed and started again; what became of their messages is read from the databases at the
//! end.

mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time;

use redial::{Duration, Instant};

use super::clock::Clock;
use super::durable::client::Options as Member;
use super::durable::demo::Process;
use super::durable::store::{Contents, Store};
use super::durable::{self, Fault};
use super::hub::Hub;
use super::options::{Dialect, Options};
use super::plan::{Kind, shuffled};
use super::relay::{Relay, Spoil};
use super::rng::Rng;
use super::score::{NAMES, Score, seconds};
use super::{LATENCY, SPEED};

pub(crate) use report::{End, Report};

/// How long a turn of calm and fault takes, about: the messages are spread over that.
const TURN: time::Duration = time::Duration::from_millis(700);
/// How long a client may be away when nothing is wrong any more.
const RECOVERY: time::Duration = time::Duration::from_secs(180);
/// How long the last clients may take to finish.
const PATIENCE: time::Duration = time::Duration::from_secs(300);

/// Both clients with their links, and everything that is to befall one of them.
struct Stage {
    who: usize,
    hub: Hub,
    relay: Relay,
    score: Arc<Score>,
    rng: Rng,
    program: PathBuf,
    db: PathBuf,
    options: Options,
    process: Option<Process>,
    done: Vec<Blow>,
    overdue: Vec<String>,
}

/// What befell a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Killed,
    Link(Kind),
}

/// This program as one of the clients: `client NAME DIALECT ADDRESS DATABASE MESSAGES MICROSECONDS`.
pub(crate) fn client(arguments: &[String]) -> Result<(), Fault> {
    let [_, name, dialect, addr, db, messages, every] = arguments else {
        return Err("a client is started by the demo".into());
    };
    durable::leash();
    let messages = messages.parse()?;
    durable::client::run(Member {
        addr: addr.clone(),
        db: db.into(),
        speed: SPEED,
        preset: Dialect::named(dialect)?.preset(),
        name: name.clone(),
        says: name.clone(),
        every: time::Duration::from_micros(every.parse()?),
        types: messages,
        awaits: messages,
    })
}

/// Sets the stage, with this program as the clients and their databases in this folder, which is made and removed.
pub(crate) async fn run(options: Options, program: &Path, folder: &Path) -> Result<Report, Fault> {
    std::fs::create_dir_all(folder)?;
    let report = tokio::select! {
        report = play(options, program, folder) => report,
        // The clients end with their stages.
        _ = tokio::signal::ctrl_c() => Ok(Report::interrupted(options)),
    };
    std::fs::remove_dir_all(folder)?;
    report
}

async fn play(options: Options, program: &Path, folder: &Path) -> Result<Report, Fault> {
    let (clock, begun) = (Clock::new(SPEED), time::Instant::now());
    let mut rng = Rng(options.seed);
    let score = Score::new(options.messages, clock, options.quiet);
    introduce(&score, &options);
    let hub = Hub::start(&[NAMES], clock, &options.dialect.preset(), || rng.seed())?;
    let mut stages = Vec::new();
    for (who, kinds) in plan(options.faults, &mut rng).into_iter().enumerate() {
        let mut stage = Stage {
            who,
            hub: hub.clone(),
            relay: Relay::start(hub.addr(), LATENCY)?,
            score: Arc::clone(&score),
            rng: Rng(rng.next()),
            program: program.to_owned(),
            db: folder.join(format!("{}.redb", NAMES[who])),
            options,
            process: None,
            done: Vec::new(),
            overdue: Vec::new(),
        };
        stages.push(async move {
            let ended = stage.play(kinds).await;
            ended.map(|()| stage)
        });
    }
    let mut stages = stages.into_iter();
    let (Some(a), Some(b)) = (stages.next(), stages.next()) else { return Err("there are two clients".into()) };
    let (a, b) = tokio::try_join!(a, b)?;
    let wall = begun.elapsed();
    let ends = [a, b].map(Stage::end);
    let [a, b] = ends;
    Ok(Report { options, ends: [a?, b?], wall, speed: SPEED, interrupted: false })
}

fn introduce(score: &Score, options: &Options) {
    let Options { messages, faults, seed, dialect, .. } = options;
    score.print(&format!(
        "A and B, each a process of its own, send each other {messages} messages through a hub, while {faults} faults hit them\n\
         and their links, every other one a SIGKILL (--seed {seed}). They speak {}, and store before they act.\n\
         Clients and hub live {SPEED} times as fast as you: the times on the left are yours, all others are theirs.\n",
        dialect.name()
    ));
}

/// A kill, then a fault of the link, and so on; the latter in an order of the seed's.
fn plan(faults: usize, rng: &mut Rng) -> [Vec<Blow>; 2] {
    let mut links = shuffled(faults / 2, rng).into_iter();
    let mut lists = [Vec::new(), Vec::new()];
    for index in 0..faults {
        let link = if index / 2 % 2 == 0 { None } else { links.next() };
        lists[index % 2].push(link.map_or(Blow::Killed, Blow::Link));
    }
    lists
}

impl Stage {
    async fn play(&mut self, blows: Vec<Blow>) -> io::Result<()> {
        self.start()?;
        for blow in blows {
            let calm = self.rng.between(2_000, 20_000);
            self.pass(calm).await;
            let from = self.now();
            match blow {
                Blow::Killed => self.kill().await?,
                Blow::Link(kind) => self.strike(kind).await,
            }
            self.back(from, blow).await;
            self.done.push(blow);
        }
        let begun = time::Instant::now();
        while begun.elapsed() < PATIENCE + self.slack() {
            if let Some(status) = self.ended()? {
                let sentence = format!("the client of {} failed: {status}", NAMES[self.who]);
                self.overdue.extend((!status.success()).then_some(sentence));
                return Ok(());
            }
            tokio::time::sleep(time::Duration::from_millis(20)).await;
        }
        self.overdue.push(format!("the client of {} does not come to an end", NAMES[self.who]));
        Ok(())
    }

    /// Storing takes its time.
    fn slack(&self) -> time::Duration {
        time::Duration::from_millis(20) * u32::try_from(self.options.messages).unwrap_or(u32::MAX)
    }

    fn start(&mut self) -> io::Result<()> {
        let Options { messages, faults, dialect, .. } = self.options;
        let turns = u32::try_from(faults / 2).unwrap_or(u32::MAX).max(1);
        let every = (TURN * turns).as_micros() / messages.max(1) as u128;
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::piped()).args(["client", NAMES[self.who], dialect.name()]);
        command.arg(self.relay.addr().to_string()).arg(&self.db);
        command.args([messages.to_string(), every.to_string()]);
        // The old one, if there is any, is killed by this.
        self.process = Some(Process(command.spawn()?));
        Ok(())
    }

    /// How the process has ended, if it has.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.as_mut().map_or(Ok(None), |process| process.0.try_wait())
    }

    /// Kills the process, once or a few times in a row, and starts it again.
    async fn kill(&mut self) -> io::Result<()> {
        let times = 1 + self.rng.below(3);
        self.say(
            "kill",
            match times {
                1 => "killed (SIGKILL) and started again",
                2 => "killed, and killed again soon after its start",
                _ => "killed three times, twice soon after its start",
            },
        );
        for _ in 0..times {
            // `Child::kill` is SIGKILL: nothing of the process runs after it.
            self.process = None;
            let gone = self.rng.between(100, 3_000);
            self.pass(gone).await;
            self.start()?;
            let life = self.rng.between(0, 3_000);
            self.pass(life).await;
        }
        Ok(())
    }

    async fn strike(&mut self, kind: Kind) {
        let span = self.rng.between(3_000, 25_000);
        let how = match kind {
            Kind::Cut => "the connection ends".to_owned(),
            Kind::Stall => format!("no byte moves for {}", seconds(span)),
            Kind::HalfOpen => "the link goes dead without a word".to_owned(),
            Kind::Refused => format!("the connection ends, and dials are refused for {}", seconds(span)),
            Kind::Hub => format!("the hub dies, for both, and comes back {} later", seconds(span)),
            Kind::Reset => "the connection is reset, and unread bytes with it".to_owned(),
            Kind::Garbage => "a frame turns into rubbish half-way".to_owned(),
            Kind::Delay => format!("every byte takes 3 s each way, for {}", seconds(span)),
            Kind::Drip => format!("every byte comes in a packet of its own, for {}", seconds(span)),
        };
        self.say(kind.name(), &how);
        match kind {
            Kind::Cut => self.relay.cut(),
            Kind::HalfOpen => self.relay.half_open(),
            Kind::Reset => self.relay.reset(),
            Kind::Garbage => self.relay.spoil(Spoil::Within),
            Kind::Stall => {
                self.relay.stall(true);
                self.pass(span).await;
                self.relay.stall(false);
            }
            Kind::Refused => {
                self.relay.refuse(true);
                self.relay.cut();
                self.pass(span).await;
                self.relay.refuse(false);
            }
            Kind::Hub => {
                self.hub.die();
                self.pass(span).await;
                self.hub.come_back();
            }
            Kind::Delay => {
                self.relay.delay(time::Duration::from_secs(3) / SPEED);
                self.pass(span).await;
                self.relay.delay(LATENCY);
            }
            Kind::Drip => {
                self.relay.drip(true);
                self.pass(span).await;
                self.relay.drip(false);
            }
        }
    }

    /// Waits until the hub has heard of the client since then, or the client has nothing more to do.
    async fn back(&mut self, from: Instant, blow: Blow) {
        let begun = time::Instant::now();
        while begun.elapsed() < RECOVERY {
            let is_over = self.ended().is_ok_and(|ended| ended.is_some());
            if is_over || self.hub.heard_of(NAMES[self.who]).is_some_and(|at| at > from) {
                if blow == Blow::Killed || matches!(blow, Blow::Link(Kind::Cut | Kind::Reset | Kind::Refused)) {
                    let back = format!("           back after {}", seconds(self.now().since(from)));
                    self.score.say(self.who, if is_over { "           has nothing left to do" } else { &back });
                }
                return;
            }
            tokio::time::sleep(time::Duration::from_millis(5)).await;
        }
        self.overdue.push(format!("{} was not back in {RECOVERY:?}", NAMES[self.who]));
    }

    /// What is left when the play is over.
    fn end(mut self) -> Result<End, Fault> {
        // A process that has not ended by itself holds the database.
        self.process = None;
        let Contents { typed, shown } = Store::open(&self.db)?.contents()?;
        Ok(End { typed, shown, peer: self.hub.stats(NAMES[self.who]), done: self.done, overdue: self.overdue })
    }

    fn say(&self, what: &str, text: &str) {
        self.score.say(self.who, &format!("{what:<9}  {text}"));
    }

    fn now(&self) -> Instant {
        self.score.clock.now()
    }

    /// Lets a span of the sessions' time pass.
    async fn pass(&self, span: Duration) {
        self.score.pass(span).await;
    }
}
