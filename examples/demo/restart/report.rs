//! What the databases say at the end of a run with restarts.

use std::fmt;
use std::time;

use redial::Stats;

use super::super::options::Options;
use super::super::score::NAMES;
use super::Blow;

/// What one client has left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// The number of each own message, and its last status.
    pub(crate) typed: Vec<(u64, String)>,
    /// What it was shown, in order.
    pub(crate) shown: Vec<String>,
    /// What the hub counted about it.
    pub(crate) peer: Stats,
    pub(crate) done: Vec<Blow>,
    pub(crate) overdue: Vec<String>,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) options: Options,
    pub(crate) ends: [End; 2],
    pub(crate) wall: time::Duration,
    pub(crate) speed: u32,
    pub(crate) interrupted: bool,
}

impl Report {
    /// A run that was broken off: the databases are still with the clients, so nothing is known.
    pub(crate) fn interrupted(options: Options) -> Self {
        Self { options, ends: Default::default(), wall: time::Duration::ZERO, speed: 1, interrupted: true }
    }

    /// How often the other one was shown each message of this sender.
    fn times(&self, sender: usize) -> Vec<usize> {
        let mut times = vec![0; self.options.messages];
        for number in self.numbers(sender) {
            if let Some(times) = times.get_mut(number) {
                *times += 1;
            }
        }
        times
    }

    /// The numbers of this sender's messages in the order in which the other one was shown them.
    fn numbers(&self, sender: usize) -> impl Iterator<Item = usize> {
        let shown = self.ends[1 - sender].shown.iter();
        shown.filter_map(move |text| text.strip_prefix(NAMES[sender])?.trim_start().parse().ok())
    }

    pub(crate) fn lost(&self, sender: usize) -> usize {
        self.times(sender).into_iter().filter(|times| *times == 0).count()
    }

    pub(crate) fn shown_twice(&self, sender: usize) -> usize {
        self.times(sender).into_iter().filter(|times| *times > 1).count()
    }

    pub(crate) fn out_of_order(&self, sender: usize) -> usize {
        self.numbers(sender).enumerate().filter(|(at, number)| at != number).count()
    }

    fn with_status(&self, sender: usize, wanted: &[&str]) -> usize {
        self.ends[sender].typed.iter().filter(|(_, status)| wanted.contains(&status.as_str())).count()
    }

    pub(crate) fn kills(&self) -> usize {
        self.ends.iter().flat_map(|end| &end.done).filter(|blow| **blow == Blow::Killed).count()
    }

    /// What went wrong, each in a sentence; nothing where all is well.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.interrupted {
            return complaints;
        }
        for (sender, name) in NAMES.iter().enumerate() {
            let mut count = |count: usize, what: &str| {
                if count > 0 {
                    complaints.push(format!("{count} messages of {name} {what}"));
                }
            };
            count(self.lost(sender), "were lost");
            count(self.shown_twice(sender), "were shown twice");
            count(self.out_of_order(sender), "were shown out of order");
            count(self.options.messages - self.with_status(sender, &["accepted", "delivered"]), "are not confirmed");
        }
        complaints.extend(self.ends.iter().flat_map(|end| end.overdue.iter().cloned()));
        complaints
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interrupted {
            return writeln!(f, "\nInterrupted; the clients are gone, and what they stored with them.");
        }
        writeln!(f, "\n{:<36}{:>9}{:>9}", "", "A to B", "B to A")?;
        let mut row = |what: &str, cell: &dyn Fn(usize) -> u64| writeln!(f, "{what:<36}{:>9}{:>9}", cell(0), cell(1));
        let count = |n: usize| n as u64;
        row("typed and stored", &|from| count(self.ends[from].typed.len()))?;
        row("accepted by the hub", &|from| count(self.with_status(from, &["accepted", "delivered"])))?;
        row("shown to the other", &|from| count(self.ends[1 - from].shown.len()))?;
        row("duplicates dropped by the hub", &|from| self.ends[from].peer.duplicates)?;
        row("pushed again by the hub", &|from| self.ends[1 - from].peer.resent)?;
        row("lost", &|from| count(self.lost(from)))?;
        row("shown twice", &|from| count(self.shown_twice(from)))?;
        row("out of order", &|from| count(self.out_of_order(from)))?;
        let all: usize = self.ends.iter().map(|end| end.done.len()).sum();
        writeln!(f, "\nfaults                              {all}, of which {} killed a client", self.kills())?;
        let (wall, speed) = (self.wall.as_secs_f64(), self.speed);
        writeln!(
            f,
            "wall time                           {wall:.1} s; each second is {speed} s on the clients' clocks\n"
        )?;
        let complaints = self.complaints();
        if complaints.is_empty() {
            writeln!(f, "Nothing lost, nothing shown twice, everything in order.")
        } else {
            writeln!(f, "FAILED: {}.", complaints.join("; "))
        }
    }
}
