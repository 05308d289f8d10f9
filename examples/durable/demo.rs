//! The demonstration: starts the client as a process of its own, kills it, starts it again, and counts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{io, thread, time};

use super::Fault;
use super::cost::Cost;
use super::server::{Seen, Server};
use super::store::Store;

/// Half of the clients are killed this soon after their start at the latest, half this soon after they have connected.
const LIFE: u64 = 150;
const CONNECTS: time::Duration = time::Duration::from_secs(60);
/// How long the last client may take to finish.
const PATIENCE: time::Duration = time::Duration::from_secs(300);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) kills: u32,
    /// Messages each way.
    pub(crate) messages: u64,
    pub(crate) speed: u32,
}

/// What became of the messages of one direction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sent: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) kills: u32,
    /// How many of the kills met a client that had been connected.
    pub(crate) connections: u64,
    pub(crate) up: Tally,
    pub(crate) down: Tally,
    /// Own messages by their last status.
    pub(crate) statuses: BTreeMap<String, usize>,
    seen: Seen,
    cost: Cost,
}

/// A child that does not outlive its parent's interest in it.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the plan with this program as the client and a database in this folder, which is made and removed.
pub(crate) fn run(plan: Plan, program: &Path, folder: &Path) -> Result<Report, Fault> {
    std::fs::create_dir_all(folder)?;
    let db = folder.join("client.redb");
    let report = kill_again_and_again(plan, program, &db);
    std::fs::remove_dir_all(folder)?;
    report
}

fn kill_again_and_again(plan: Plan, program: &Path, db: &Path) -> Result<Report, Fault> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)?;
    let server = Server::start(0, plan.speed, plan.messages, entropy)?;
    let mut dice = plan.seed;
    for number in 0..plan.kills {
        let connections = server.seen().connections;
        let mut client = start(plan, program, server.addr.to_string(), db)?;
        if number % 2 == 0 {
            wait_for_connection(&server, connections, &mut client)?;
        }
        thread::sleep(time::Duration::from_millis(roll(&mut dice) % LIFE));
        // `Child::kill` is SIGKILL: nothing of the process runs after it.
        drop(client);
    }
    let mut client = start(plan, program, server.addr.to_string(), db)?;
    let begun = time::Instant::now();
    let ended = loop {
        match client.0.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > PATIENCE => return Err("the last client does not come to an end".into()),
            None => thread::sleep(time::Duration::from_millis(10)),
        }
    };
    if !ended.success() {
        return Err(format!("the last client failed: {ended}").into());
    }
    count(plan, db, server.seen())
}

/// Waits until the server sees another client, for a bounded time; one that has nothing left to do ends without.
fn wait_for_connection(server: &Server, before: u64, client: &mut Process) -> io::Result<()> {
    let begun = time::Instant::now();
    while server.seen().connections == before && client.0.try_wait()?.is_none() && begun.elapsed() < CONNECTS {
        thread::sleep(time::Duration::from_millis(5));
    }
    Ok(())
}

fn start(plan: Plan, program: &Path, addr: String, db: &Path) -> Result<Process, Fault> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).args(["client", "--leash"]).arg("--addr").arg(addr).arg("--db").arg(db);
    for (name, value) in [("--speed", plan.speed.into()), ("--types", plan.messages), ("--awaits", plan.messages)] {
        command.arg(name).arg(value.to_string());
    }
    Ok(Process(command.spawn()?))
}

fn count(plan: Plan, db: &Path, seen: Seen) -> Result<Report, Fault> {
    let store = Store::open(db)?;
    let contents = store.contents()?;
    let expected = |what: &str| (0..plan.messages).map(|number| format!("{what} {number}")).collect::<Vec<_>>();
    let mut statuses = BTreeMap::new();
    for (_, status) in &contents.typed {
        *statuses.entry(status.clone()).or_insert(0) += 1;
    }
    Ok(Report {
        kills: plan.kills,
        connections: seen.connections,
        up: tally(&expected("typed"), &seen.received),
        down: tally(&expected("news"), &contents.shown),
        statuses,
        seen,
        cost: store.cost()?,
    })
}

fn tally(sent: &[String], arrived: &[String]) -> Tally {
    let mut times: BTreeMap<&str, usize> = sent.iter().map(|text| (text.as_str(), 0)).collect();
    for text in arrived {
        *times.entry(text).or_insert(0) += 1;
    }
    let having = |wanted: fn(usize) -> bool| times.values().filter(|times| wanted(**times)).count();
    Tally { sent: sent.len(), lost: having(|times| times == 0), twice: having(|times| times > 1) }
}

/// The next number of a small generator (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014).
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A folder of one's own for a database.
pub(crate) fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("redial-{name}-{}", std::process::id()))
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        [&self.up, &self.down].iter().all(|tally| tally.lost == 0 && tally.twice == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the client was killed {} times; the server saw {} connections", self.kills, self.connections)?;
        writeln!(f, "{:<18}{:>8}{:>8}{:>14}{:>18}", "", "sent", "lost", "shown twice", "copies dropped")?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, tally: &Tally, copies: &str| {
            writeln!(f, "{name:<18}{:>8}{:>8}{:>14}{copies:>18}", tally.sent, tally.lost, tally.twice)
        };
        line(f, "client to server", &self.up, &format!("{}", self.seen.repeats))?;
        line(f, "server to client", &self.down, &format!("{} pushed again", self.seen.resent))?;
        for (status, count) in &self.statuses {
            writeln!(f, "the client holds {count} of its own messages as {status}")?;
        }
        writeln!(f, "{}", self.cost.sentence(self.up.sent + self.down.sent))?;
        f.write_str(if self.is_clean() { "nothing lost, nothing shown twice" } else { "NOT what was promised" })
    }
}
