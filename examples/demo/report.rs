//! What it all came to: the table at the end, and the verdict.

use std::fmt;
use std::time;

use redial::{Config, Stats};

use super::faults::{ALLOWANCE, Record};
use super::memory::Memory;
use super::options::Options;
use super::plan::Kind;
use super::score::{NAMES, Side, seconds};

/// The end of a run, or the middle of one that was interrupted.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) options: Options,
    pub(crate) sides: [Side; 2],
    /// What the clients counted.
    pub(crate) clients: [Stats; 2],
    /// What the hub counted about each of them.
    pub(crate) peers: [Stats; 2],
    pub(crate) records: [Record; 2],
    pub(crate) memory: Memory,
    pub(crate) wall: time::Duration,
    pub(crate) speed: u32,
    pub(crate) interrupted: bool,
    /// Nothing moved for too long.
    pub(crate) stuck: bool,
}

impl Report {
    /// Messages of one client that the other one was shown.
    pub(crate) fn shown(&self, sender: usize) -> usize {
        self.sides[1 - sender].shown.iter().filter(|times| **times > 0).count()
    }

    pub(crate) fn missing(&self, sender: usize) -> usize {
        self.sides[sender].taken - self.shown(sender).min(self.sides[sender].taken)
    }

    pub(crate) fn shown_twice(&self, sender: usize) -> usize {
        self.sides[1 - sender].shown.iter().filter(|times| **times > 1).count()
    }

    pub(crate) fn out_of_order(&self, sender: usize) -> usize {
        self.shown(sender) - self.sides[1 - sender].in_order
    }

    pub(crate) fn faults(&self, kind: Kind) -> usize {
        self.records.iter().flat_map(|record| &record.done).filter(|done| **done == kind).count()
    }

    /// What went wrong, each in a sentence; nothing where all is well.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = self.losses();
        complaints.extend(self.records.iter().flat_map(|record| record.overdue.iter().cloned()));
        complaints
    }

    /// The same without what took too long: that may be the machine's fault.
    pub(crate) fn losses(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (sender, name) in NAMES.iter().enumerate() {
            let mut count = |count: usize, what: &str| {
                if count > 0 {
                    complaints.push(format!("{count} messages of {name} {what}"));
                }
            };
            count(self.shown_twice(sender), "were shown twice");
            count(self.out_of_order(sender), "were shown out of order");
            count(self.sides[sender].failed, "were given up by its session");
            if !self.interrupted {
                count(self.missing(sender), "were lost");
                count(self.options.messages - self.sides[sender].delivered, "have no receipt of the receiver");
            }
        }
        if self.stuck {
            complaints.push("nothing moved for too long".to_owned());
        }
        complaints
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<36}{:>9}{:>9}", "", "A to B", "B to A")?;
        let mut row = |what: &str, cell: &dyn Fn(usize) -> u64| writeln!(f, "{what:<36}{:>9}{:>9}", cell(0), cell(1));
        let count = |n: usize| n as u64;
        row("sent", &|from| count(self.sides[from].sent))?;
        row("accepted by the hub", &|from| count(self.sides[from].accepted))?;
        row("delivered to the other", &|from| count(self.sides[from].delivered))?;
        row("shown there, in order", &|from| count(self.sides[1 - from].in_order))?;
        row("sent again by the client", &|from| self.clients[from].resent)?;
        row("pushed again by the hub", &|from| self.peers[1 - from].resent)?;
        row("duplicates dropped by the hub", &|from| self.peers[from].duplicates)?;
        row("duplicates dropped by the receiver", &|from| self.clients[1 - from].duplicates)?;
        row(if self.interrupted { "still on their way" } else { "lost" }, &|from| count(self.missing(from)))?;
        row("shown twice", &|from| count(self.shown_twice(from)))?;
        row("out of order", &|from| count(self.out_of_order(from)))?;
        writeln!(f)?;
        let [a, b] = &self.sides;
        writeln!(f, "connections                         A {}, B {}", a.connections, b.connections)?;
        let kinds: Vec<String> =
            Kind::ALL.iter().map(|kind| format!("{} {}", self.faults(*kind), kind.name())).collect();
        let all: usize = self.records.iter().map(|record| record.done.len()).sum();
        writeln!(f, "faults                              {all}: {}", kinds.join(", "))?;
        let slowest = self.records.iter().filter_map(|record| record.slowest_notice).max();
        let slowest = slowest.map_or("none was dead".to_owned(), seconds);
        let bound = Config::default().bounds().notice_dead_link.unwrap_or_default();
        writeln!(
            f,
            "longest time to notice a dead link  {slowest} (bound {bound}; {ALLOWANCE} more allowed for late timers)"
        )?;
        if let Some(memory) = self.memory.sentence() {
            writeln!(
                f,
                "memory, quarter by quarter          {memory} MiB at most, for clients, hub and relays together"
            )?;
        }
        let wall = self.wall.as_secs_f64();
        writeln!(
            f,
            "wall time                           {wall:.1} s; each second is {} s on the clients' clocks",
            self.speed
        )?;
        writeln!(f)?;
        let complaints = self.complaints();
        match (complaints.is_empty(), self.interrupted) {
            (true, false) => writeln!(f, "Nothing lost, nothing shown twice, everything in order."),
            (true, true) => writeln!(f, "Interrupted; up to here nothing was shown twice or out of order."),
            (false, _) => writeln!(f, "FAILED: {}.", complaints.join("; ")),
        }
    }
}
