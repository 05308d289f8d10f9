//! One run: a client and its server in two namespaces, a fault between them, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lines::unix_ms;
use nix::sys::signal::Signal;

use crate::client::Client;
use crate::interrupt::{pause, wait_for};
use crate::network::{NAME, Network, PORT, SERVER};
use crate::program::{Line, Program};
use crate::scenario::{AWAY, Fault, GONE, HANGS, SLEEPS, STOPPED, Scenario, UNPLUGGED};

/// What came of a run; seconds that are missing took longer than the limit.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) notice: Option<f64>,
    pub(crate) back: Option<f64>,
    pub(crate) lost_up: usize,
    pub(crate) lost_down: usize,
    pub(crate) repeated: usize,
    /// Messages that the client would not take, and said so.
    pub(crate) refused: usize,
    pub(crate) connects: usize,
    pub(crate) cpu: f64,
}

/// A stream of messages while a network breaks: one every 200 ms each way.
const STREAM: (u64, usize, u64) = (200, 64, 0);
/// How long the streams go on after the client is back.
const CALM: Duration = Duration::from_secs(3);
/// Milliseconds in which nothing arrives before what is missing counts as lost, without receipts and with them: longer
/// than any client here waits for a confirmation.
const SILENCE: [u64; 2] = [5_000, 25_000];
/// The silence before a loss on a slow link, where a large message takes long.
const SLOW_SILENCE: u64 = 110_000;

struct Run<'a> {
    scenario: &'a Scenario,
    network: Network,
    server: Program,
    client: Program,
    receipts: bool,
}

/// Runs a scenario once; `phase`, from 0 to 1, is when the fault comes within the client's rhythm.
pub(crate) fn once(scenario: &Scenario, client: &Client, lane: usize, phase: f64) -> Result<Figures, String> {
    let network = Network::new(lane)?;
    let messages = match scenario.fault {
        Fault::Slow { kilobytes, size, count } => {
            network.limit(kilobytes)?;
            (0, size, count)
        }
        _ => STREAM,
    };
    let host = if scenario.fault == Fault::BlackHole { NAME } else { SERVER };
    let command = |mut words: Vec<String>, host: &str| {
        words.extend(client.work(&format!("{host}:{PORT}"), messages));
        words
    };
    let mut server = Program::start(&network.server, &command(client.server(), SERVER))?;
    await_line(&mut server, "listening", 1)?;
    let started = unix_ms();
    let program = Program::start(&network.client, &command(client.command(), host))?;
    let mut run = Run { scenario, network, server, client: program, receipts: client.receipts };
    if scenario.fault == Fault::BlackHole {
        return run.reach(started);
    }
    await_line(&mut run.client, "open", 1)?;
    let spent = run.client.cpu();
    let (fault, possible) = if let Fault::Slow { .. } = scenario.fault {
        run.say("go");
        (unix_ms(), unix_ms())
    } else {
        if scenario.busy {
            run.say("go");
        }
        let rhythm = if scenario.busy { 5.0 } else { 30.0 };
        pause(Duration::from_secs_f64(2.0 + phase * rhythm))?;
        run.strike()?
    };
    let back = if let Fault::Slow { count, .. } = scenario.fault {
        run.all_there(count, possible)?
    } else {
        let back = run.back(fault, possible)?;
        if back.is_some() {
            pause(CALM)?;
        }
        run.say("stop");
        // A message that leaves before the word is read would count as lost while it is on its way.
        pause(Duration::from_millis(500))?;
        run.settle(SILENCE[usize::from(run.receipts)], Duration::from_secs(40))?;
        back
    };
    let cpu = run.client.cpu().unwrap_or_default() - spent.unwrap_or_default();
    run.figures(fault, back, cpu)
}

/// Waits until a program has said this so many times.
fn await_line(program: &mut Program, event: &str, times: usize) -> Result<(), String> {
    let said = wait_for(Duration::from_secs(30), || {
        let said = program.lines().iter().filter(|line| line.event == event).count() >= times;
        match program.ended() {
            Some(how) if !said => Err(how),
            _ => Ok(said),
        }
    })?;
    if said { Ok(()) } else { Err(format!("no `{event}` came within 30 s")) }
}

impl Run<'_> {
    fn say(&mut self, word: &str) {
        self.server.say(word);
        self.client.say(word);
    }

    /// Waits for the first connection of all; only the network is bad, from the start.
    fn reach(self, started: u64) -> Result<Figures, String> {
        let limit = Duration::from_secs(self.scenario.limit);
        wait_for(limit, || Ok(first(&self.client.lines(), "open", 0).is_some()))?;
        let back = first(&self.client.lines(), "open", 0).map(|open| seconds(started, open));
        let cpu = self.client.cpu().unwrap_or_default();
        self.figures(started, back, cpu)
    }

    /// Breaks what is to be broken, mends it in its time, and says when it broke and when a client could be back.
    fn strike(&mut self) -> Result<(u64, u64), String> {
        let wait = |seconds| pause(Duration::from_secs(seconds));
        let broken = unix_ms();
        match self.scenario.fault {
            // What arrived before the end of the connection is no sign of life.
            Fault::Fin | Fault::Reset => {
                self.server.say(if self.scenario.fault == Fault::Fin { "fin" } else { "rst" });
                await_line(&mut self.server, "ended", 1)?;
            }
            Fault::HalfOpen => {
                self.network.cut()?;
                self.server.say("vanish");
                wait(GONE)?;
                self.return_server()?;
                self.network.restore()?;
            }
            Fault::Stall => {
                self.server.signal(Signal::SIGSTOP)?;
                wait(HANGS)?;
                self.server.signal(Signal::SIGCONT)?;
            }
            Fault::Forgotten => self.network.forget(&self.ports())?,
            Fault::Moved | Fault::MovedTold => {
                self.network.unplug()?;
                wait(UNPLUGGED)?;
                self.network.plug()?;
                if self.scenario.fault == Fault::MovedTold {
                    self.client.say("online");
                }
            }
            Fault::Away => {
                self.server.say("away");
                wait(AWAY)?;
                self.return_server()?;
            }
            Fault::Stopped | Fault::Asleep => {
                let asleep = self.scenario.fault == Fault::Asleep;
                self.client.signal(Signal::SIGSTOP)?;
                if asleep {
                    self.network.forget(&self.ports())?;
                }
                wait(if asleep { SLEEPS } else { STOPPED })?;
                self.client.signal(Signal::SIGCONT)?;
                // Nobody notices anything while asleep.
                return Ok((unix_ms(), unix_ms()));
            }
            Fault::BlackHole | Fault::Slow { .. } => {}
        }
        Ok((broken, unix_ms()))
    }

    fn return_server(&mut self) -> Result<(), String> {
        self.server.say("back");
        await_line(&mut self.server, "listening", 2)
    }

    fn ports(&self) -> BTreeSet<u16> {
        self.server.lines().iter().filter_map(|line| line.port).collect()
    }

    /// Seconds from the moment at which it was possible until messages arrive again that were sent after it, or, where
    /// nobody talks, until the connection is open again.
    fn back(&mut self, fault: u64, possible: u64) -> Result<Option<f64>, String> {
        let mut back = None;
        wait_for(Duration::from_secs(self.scenario.limit), || {
            let at = if self.scenario.busy {
                let sent = numbers(&self.client.lines(), "sent", possible);
                let lines = self.server.lines();
                lines
                    .iter()
                    .find(|line| line.event == "recv" && line.n.is_some_and(|n| sent.contains_key(&n)))
                    .map(|line| line.t)
            } else {
                let lines = self.client.lines();
                first(&lines, "down", fault).and_then(|down| first(&lines, "open", down))
            };
            back = at.map(|at| seconds(possible, at));
            Ok(back.is_some())
        })?;
        Ok(back)
    }

    /// Seconds until the last message of both bursts has arrived.
    fn all_there(&mut self, count: u64, begun: u64) -> Result<Option<f64>, String> {
        self.settle(SLOW_SILENCE, Duration::from_secs(self.scenario.limit))?;
        let [up, down] = [self.server.lines(), self.client.lines()].map(|lines| {
            let numbers = numbers(&lines, "recv", 0);
            let all = u64::try_from(numbers.len()).is_ok_and(|len| len == count);
            all.then(|| numbers.values().copied().max()).flatten()
        });
        Ok(up.zip(down).map(|(up, down)| seconds(begun, up.max(down))))
    }

    /// Waits until everything has arrived, or nothing has for so many milliseconds.
    fn settle(&mut self, silence: u64, most: Duration) -> Result<(), String> {
        let begun = unix_ms();
        wait_for(most, || {
            if let Some(how) = self.client.ended() {
                return Err(format!("the client {how}"));
            }
            let latest =
                |program: &Program| program.lines().iter().rfind(|line| line.event == "recv").map_or(0, |l| l.t);
            let latest = latest(&self.server).max(latest(&self.client)).max(begun);
            let burst = if let Fault::Slow { count, .. } = self.scenario.fault { count } else { 0 };
            let complete = missing(&self.client, &self.server, burst) + missing(&self.server, &self.client, burst) == 0;
            Ok(complete || unix_ms().saturating_sub(latest) > silence)
        })
        .map(drop)
    }

    fn figures(self, fault: u64, back: Option<f64>, cpu: f64) -> Result<Figures, String> {
        let notice = first(&self.client.lines(), "down", fault).map(|down| seconds(fault, down));
        let refused = self.client.lines().iter().filter(|line| line.event == "refused").count();
        Ok(Figures {
            notice,
            back,
            lost_up: missing(&self.client, &self.server, 0),
            lost_down: missing(&self.server, &self.client, 0),
            repeated: repeats(&self.server) + repeats(&self.client),
            refused,
            connects: self.network.connects()?,
            cpu,
        })
    }
}

/// When something was said first, at a time or later.
fn first(lines: &[Line], event: &str, from: u64) -> Option<u64> {
    lines.iter().find(|line| line.event == event && line.t >= from).map(|line| line.t)
}

/// The numbers of an event, each with its first time.
fn numbers(lines: &[Line], event: &str, from: u64) -> BTreeMap<u64, u64> {
    let mut numbers = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event == event && line.t >= from) {
        line.n.map(|n| numbers.entry(n).or_insert(line.t));
    }
    numbers
}

/// Messages of one side that the other does not have; of a burst, also those that are still to be sent.
fn missing(sender: &Program, receiver: &Program, burst: u64) -> usize {
    let sent = numbers(&sender.lines(), "sent", 0);
    let received = numbers(&receiver.lines(), "recv", 0);
    let refused = numbers(&sender.lines(), "refused", 0);
    let unsent = usize::try_from(burst).unwrap_or(0).saturating_sub(sent.len() + refused.len());
    sent.keys().filter(|n| !received.contains_key(n)).count() + unsent
}

fn repeats(receiver: &Program) -> usize {
    let lines = receiver.lines();
    lines.iter().filter(|line| line.event == "recv").count() - numbers(&lines, "recv", 0).len()
}

#[expect(clippy::cast_precision_loss, reason = "minutes, in milliseconds")]
fn seconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1_000.0
}
