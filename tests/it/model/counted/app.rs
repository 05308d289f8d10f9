//! The two applications: what each has seen, what of that is on its disk, and what it still has to answer.

use std::collections::{BTreeMap, VecDeque};

use redial::durable::Changes;
use redial::{Action, Instant, MessageId, Snapshot, Status};

/// When the applications store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Storing {
    /// Never: nobody restarts.
    Off,
    /// Some time after they were asked to.
    Late,
}

/// What one side's application knows; its disk holds the same, as of some time ago.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rows {
    /// Messages it was shown, in order.
    pub(super) shown: Vec<String>,
    /// Messages it has handed over, and their ids.
    pub(super) sent: Vec<MessageId>,
    /// How they settled.
    pub(super) settled: BTreeMap<MessageId, Status>,
}

/// One side's application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct App {
    pub(super) rows: Rows,
    pub(super) disk: Disk,
    /// The records that versions have carried so far.
    pub(super) records: Snapshot,
    /// What is to be stored, and the version to answer with.
    pub(super) storing: Option<(u64, Disk)>,
    /// Messages that this process was shown.
    pub(super) lately: Vec<String>,
    /// Messages that wait for its word.
    pub(super) unanswered: VecDeque<MessageId>,
    /// A gap it was told of.
    pub(super) gap: VecDeque<(u64, Option<u64>)>,
}

/// What is stored: the state, what the application knew by then, and when that was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    pub(super) state: Snapshot,
    pub(super) rows: Rows,
    pub(super) at: Instant,
}

impl App {
    pub(super) fn new(first: Snapshot) -> Self {
        Self {
            rows: Rows::default(),
            records: first.clone(),
            disk: Disk { state: first, rows: Rows::default(), at: Instant::ORIGIN },
            storing: None,
            lately: Vec::new(),
            unanswered: VecDeque::new(),
            gap: VecDeque::new(),
        }
    }

    /// Takes note of what it is told. `asks` says that it has to acknowledge.
    pub(super) fn hear(&mut self, action: Action, asks: bool) {
        match action {
            Action::Deliver(message) => {
                let text = message.body.as_text().expect("bodies are text here").to_owned();
                // What waited for its word when the process ended comes again to the next one, and is known there.
                let again = if asks { &self.lately } else { &self.rows.shown };
                assert!(!again.contains(&text), "{text} is shown twice");
                self.lately.push(text.clone());
                if !self.rows.shown.contains(&text) {
                    self.rows.shown.push(text);
                }
                if asks {
                    self.unanswered.extend(message.id);
                }
            }
            Action::Status { id, status } if status.settles(true) => {
                assert_eq!(self.rows.settled.insert(id, status), None, "a message settles once");
            }
            Action::Gap { from, to } => self.gap.push_back((from, to)),
            _ => {}
        }
    }

    /// Begins to store what versions have carried; with what `late` they have not, that is the whole state.
    pub(super) fn store(&mut self, version: u64, late: &Changes, whole: &Snapshot, at: Instant) {
        let state = self.records.clone();
        self.storing = Some((version, Disk { state: state.clone(), rows: self.rows.clone(), at }));
        let mut state = state;
        state.apply(late);
        assert_eq!(state, *whole, "what versions carry adds up to the snapshot");
    }

    /// It is stored; gives the version.
    pub(super) fn stored(&mut self) -> Option<u64> {
        let (version, disk) = self.storing.take()?;
        self.disk = disk;
        Some(version)
    }

    /// The process ends, and another reads the disk.
    pub(super) fn crash(&mut self) -> Disk {
        let disk = self.disk.clone();
        *self = Self { rows: disk.rows.clone(), disk: disk.clone(), ..Self::new(disk.state.clone()) };
        disk
    }
}
