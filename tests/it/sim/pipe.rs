//! What a socket takes: a buffer of so many bytes that empties at a rate, before which frames wait in the host.

use std::collections::VecDeque;

use super::line::Parcel;

/// How often a host says that bytes move, at most.
const OFTEN: u64 = 1_000;
/// Bytes a second of a server that drips.
const DRIP: u64 = 30;

/// How fast the sockets of one run are, and how much they hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Bytes a second.
    pub(crate) rate: u64,
    /// Bytes that the buffer of the kernel holds.
    pub(crate) buffer: u64,
}

/// One direction of one connection, as far as bytes wait in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    pace: Pace,
    /// No byte leaves before this; and bytes only drip before that.
    frozen_until: u64,
    drips_until: u64,
    /// Nothing moves, as of the last pumping.
    stopped: bool,
    /// When `out` was right.
    at: u64,
    /// Thousandths of a byte that have left the buffer, and those that were handed over.
    out: u64,
    end: u64,
    /// What has not left completely.
    cargo: VecDeque<Cargo>,
    /// Frames of the one that is told, and how many of them are in the buffer completely.
    handed: u64,
    written: u64,
    /// When it was last told of the buffer, and what was in the buffer or out of it then.
    told_at: u64,
    told: u64,
    /// When the reader last heard that a frame arrives, and what had come of it.
    heard_at: u64,
    heard: u64,
    /// When the next thing happens.
    pub(crate) due: Option<u64>,
}

/// Something that waits in a pipe.
#[derive(Debug)]
struct Cargo {
    begin: u64,
    end: u64,
    /// Whether the writer is told of it, and whether it is in the buffer completely.
    counts: bool,
    is_in: bool,
    parcel: Parcel,
}

/// What has happened in a pipe.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// What has left completely.
    pub(crate) out: Vec<Parcel>,
    /// The number of frames in the buffer, where the writer is to be told.
    pub(crate) written: Option<u64>,
    /// Whether the reader has seen bytes of an unfinished frame.
    pub(crate) arriving: bool,
}

impl Pipe {
    pub(crate) fn new(pace: Pace, now: u64) -> Self {
        Self {
            pace,
            frozen_until: 0,
            drips_until: 0,
            stopped: false,
            at: now,
            out: 0,
            end: 0,
            cargo: VecDeque::new(),
            handed: 0,
            written: 0,
            told_at: now,
            told: 0,
            heard_at: now,
            heard: 0,
            due: None,
        }
    }

    /// Hands something over; `counts` says whether the writer is told when it is in the buffer.
    pub(crate) fn push(&mut self, now: u64, bytes: usize, counts: bool, parcel: Parcel) {
        self.advance(now);
        if self.cargo.is_empty() {
            self.heard_at = now;
        }
        let begin = self.end;
        self.end += (bytes as u64 + 6) * 1_000;
        self.handed += u64::from(counts);
        self.cargo.push_back(Cargo { begin, end: self.end, counts, is_in: false, parcel });
    }

    /// A frame that the host could not write at all counts as one that is out; gives how many are.
    pub(crate) fn fail(&mut self) -> u64 {
        self.handed += 1;
        self.written = self.handed;
        self.written
    }

    /// Whether something waits that is not in the buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.cargo.iter().any(|cargo| !cargo.is_in)
    }

    pub(crate) fn freeze(&mut self, now: u64, until: u64) {
        self.advance(now);
        self.frozen_until = self.frozen_until.max(until);
    }

    pub(crate) fn drip(&mut self, now: u64, until: u64) {
        self.advance(now);
        self.drips_until = self.drips_until.max(until);
    }

    /// The rate at a time, and until when it stays the same.
    fn rate(&self, time: u64) -> (u64, u64) {
        if time < self.frozen_until {
            (0, self.frozen_until)
        } else if time < self.drips_until {
            (DRIP, self.drips_until)
        } else {
            (self.pace.rate, u64::MAX)
        }
    }

    fn advance(&mut self, now: u64) {
        if self.stopped {
            self.at = now;
        }
        while self.at < now {
            let (rate, until) = self.rate(self.at);
            let until = until.min(now);
            self.out = self.end.min(self.out + rate * (until - self.at));
            self.at = until;
        }
    }

    /// When so much is out.
    fn when(&self, target: u64) -> u64 {
        let (mut time, mut out) = (self.at, self.out);
        while out < target {
            let (rate, until) = self.rate(time);
            let needed = if rate == 0 { u64::MAX } else { (target - out).div_ceil(rate) };
            let end = time.saturating_add(needed).min(until);
            out += rate * (end - time);
            time = end;
        }
        time
    }

    /// What is in the buffer or out of it.
    fn taken(&self) -> u64 {
        self.end.min(self.out + self.pace.buffer * 1_000)
    }

    /// Lets time pass; nothing moves in a pipe that is `stopped`.
    pub(crate) fn pump(&mut self, now: u64, stopped: bool) -> Moved {
        let mut moved = Moved::default();
        self.stopped |= stopped;
        self.advance(now);
        self.stopped = stopped;
        let taken = self.taken();
        let mut news = false;
        for cargo in self.cargo.iter_mut().filter(|cargo| !cargo.is_in && cargo.end <= taken) {
            cargo.is_in = true;
            self.written += u64::from(cargo.counts);
            news |= cargo.counts;
        }
        if news || (self.is_full() && taken > self.told && now >= self.told_at + OFTEN) {
            (self.told_at, self.told) = (now, taken);
            moved.written = Some(self.written);
        }
        while self.cargo.front().is_some_and(|cargo| cargo.end <= self.out) {
            moved.out.extend(self.cargo.pop_front().map(|cargo| cargo.parcel));
            self.heard_at = now;
        }
        let begun = self.cargo.front().is_some_and(|cargo| cargo.begin < self.out && self.out > self.heard);
        if begun && now >= self.heard_at + OFTEN {
            (self.heard_at, self.heard) = (now, self.out);
            moved.arriving = true;
        }
        self.due = if stopped { None } else { self.next(now) };
        moved
    }

    fn next(&self, now: u64) -> Option<u64> {
        let first = self.cargo.front()?;
        let waits = self.cargo.iter().find(|cargo| !cargo.is_in);
        let buffer = self.pace.buffer * 1_000;
        let taken = waits.map(|cargo| self.when(cargo.end.saturating_sub(buffer)).min(self.told_at + OFTEN));
        let arriving = self.heard_at + OFTEN;
        let soon = self.when(first.end).min(arriving).min(taken.unwrap_or(u64::MAX));
        // While nothing moves there is nothing to tell.
        Some(soon.max(self.frozen_until).max(now + 1))
    }
}
