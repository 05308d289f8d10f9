//! What can go wrong with the network between a session and its server, and when the next thing does.

use redial::{ConnectionId, Duration, Event, Failure, Frame, Purpose, TransportError};

use super::line::{Deed, Line, LineId, Parcel};
use super::pipe::Pipe;
use super::run::Run;

/// Faults that strike out of nowhere; the others wait for their occasion.
type Strike = (&'static str, fn(&mut Run));

const STRIKES: [Strike; 23] = [
    ("cut", Run::cut),
    ("half-open", |run| run.go_silent(true, true)),
    ("half-open up", |run| run.go_silent(true, false)),
    ("half-open down", |run| run.go_silent(false, true)),
    ("stall", Run::stall),
    ("socket stalls", Run::freeze),
    ("server drips", Run::drip),
    ("suspend", Run::sleep),
    ("host blocks", Run::block),
    ("throttled timers", Run::throttle),
    ("clock forward", Run::leap),
    ("clock back", Run::set_back),
    ("hint", Run::hint),
    ("client restart", Run::restart),
    ("client crash", Run::crash),
    ("server restart", |run| run.server_restarts(false)),
    ("server forgets", |run| run.server_restarts(true)),
    ("server crash", Run::server_crashes),
    ("kick", Run::kick),
    ("final close code", Run::dismiss),
    ("renewed by hand", Run::renew),
    ("close and open", Run::close),
    ("drain", Run::drain),
];

const OF_THE_APPLICATION: [Strike; 4] = [
    ("hold", Run::keep_back),
    ("flood of messages", Run::flood),
    ("nonsense", Run::babble),
    ("credential renewed", Run::refresh),
];

impl Run {
    /// One fault of those that this run has, and a time for the next.
    pub(super) fn fault(&mut self) {
        if !self.in_chaos() {
            return;
        }
        let next = self.now + self.dice.between(500, 45_000);
        self.post.at(next, Parcel::Fault);
        let all = STRIKES.iter().chain(&OF_THE_APPLICATION);
        let total: u64 = all.clone().map(|(kind, _)| self.swarm.strength(kind)).sum();
        let mut left = self.dice.below(total);
        for (kind, strike) in all {
            match left.checked_sub(self.swarm.strength(kind)) {
                Some(rest) => left = rest,
                None => return strike(self),
            }
        }
    }

    /// Whether a fault takes its occasion, which at full strength it does so often in ten thousand; counts it then.
    pub(super) fn strikes(&mut self, kind: &'static str, chance: u64) -> bool {
        let strength = self.swarm.strength(kind);
        let strikes = strength > 0 && self.in_chaos() && self.dice.below(1_000_000) < chance * strength;
        if strikes {
            self.note(kind);
        }
        strikes
    }

    /// The latest line, which is the only one that a client can be on.
    pub(super) fn present(&self) -> Option<LineId> {
        self.lines.keys().next_back().copied()
    }

    /// How long a frame is on its way.
    pub(super) fn latency(&mut self) -> u64 {
        if self.strikes("heavy delay", 50) {
            return self.dice.between(2_000, 120_000);
        }
        match self.dice.below(100) {
            0..95 => self.dice.between(1, 80),
            _ if !self.in_chaos() => 80,
            _ => self.dice.between(80, 2_000),
        }
    }

    /// The connection breaks; both ends hear of it when they do, if they do.
    fn cut(&mut self) {
        if let Some(line) = self.present() {
            self.note("cut");
            let (client, server) = (self.dice.percent(80), self.dice.percent(80));
            self.break_line(line, client, server);
        }
    }

    /// The connection swallows what is sent, and nobody is told.
    fn go_silent(&mut self, up: bool, down: bool) {
        let Some(line) = self.present().and_then(|line| self.lines.get_mut(&line)) else { return };
        line.up.dead |= up;
        line.down.dead |= down;
        self.note(match (up, down) {
            (true, true) => "half-open",
            (true, false) => "half-open up",
            _ => "half-open down",
        });
    }

    fn stall(&mut self) {
        let until = self.now + self.dice.between(1_000, 90_000);
        let Some(line) = self.present().and_then(|line| self.lines.get_mut(&line)) else { return };
        line.up.not_before = line.up.not_before.max(until);
        line.down.not_before = line.down.not_before.max(until);
        self.note("stall");
    }

    /// Ends a connection in both directions, losing the last of what was on its way.
    pub(super) fn break_line(&mut self, line: LineId, tell_client: bool, tell_server: bool) {
        let (lost_up, lost_down) = (self.dice.few(8), self.dice.few(8));
        let Some(broken) = self.lines.get_mut(&line) else { return };
        broken.up.cut(&mut self.post, self.now, lost_up);
        broken.down.cut(&mut self.post, self.now, lost_down);
        let (heard, served) = (broken.down.not_before.max(self.now), broken.up.not_before.max(self.now));
        if tell_server {
            let at = served + self.tardiness();
            self.post.at(at, Parcel::Gone(line));
        }
        if tell_client {
            let at = heard + self.tardiness();
            self.tell_end(line, at);
        }
    }

    fn tardiness(&mut self) -> u64 {
        if self.in_chaos() { self.dice.tardiness() } else { self.dice.between(1, 80) }
    }

    /// The client's host says that a connection is over: as a close, as an error, or as both, once or twice.
    pub(super) fn tell_end(&mut self, line: LineId, at: u64) {
        let Some(Line { process, connection, .. }) = self.lines.get(&line) else { return };
        let (process, connection) = (*process, *connection);
        let closed = Event::Closed { connection, code: Some(1006), reason: String::new() };
        let errored = Event::errored(connection, TransportError::Io);
        let (one, other) = if self.dice.percent(50) { (closed, errored) } else { (errored, closed) };
        self.tell(process, at, one.clone());
        if self.strikes("close and error", 5_000) {
            let later = at + self.tardiness();
            self.tell(process, later, other);
        }
        if self.strikes("duplicate event", 2_000) {
            let later = at + self.tardiness();
            self.tell(process, later, one);
        }
    }

    /// A client's process will hear of something.
    pub(super) fn tell(&mut self, process: u64, at: u64, event: Event) {
        self.post.at(at, Parcel::Client(process, Deed::Event(event)));
    }

    /// The host dials: well, or not.
    pub(super) fn dial(&mut self, connection: ConnectionId) {
        let line = self.present().unwrap_or_default() + 1;
        let process = self.client.process;
        self.lines.insert(line, Line::new(process, connection));
        self.equip(line);
        // Lines of long ago are of no use to anybody.
        self.lines.retain(|old, _| old + 12 > line);
        let arrives = self.now + self.latency();
        if self.now < self.server.down_until {
            if self.dice.percent(70) {
                self.refuse(connection, TransportError::Refused);
            } else {
                self.time_out(line);
            }
        } else if self.strikes("refused dial", 2_000) {
            self.refuse(connection, TransportError::Refused);
        } else if self.strikes("retry after", 1_000) {
            let wait = Duration::from_millis(self.dice.between(500, 90_000));
            self.refuse(connection, Failure::from_http(503, None, 0).with_retry_after(wait));
        } else if self.strikes("unauthorized dial", 500) {
            self.refuse(connection, TransportError::Unauthorized);
        } else if self.strikes("permanent failure", 200) {
            self.refuse(connection, Failure::new(TransportError::Permanent).with_detail("wss://host/?token=t"));
        } else if self.strikes("unanswered dial", 1_000) {
            self.time_out(line);
        } else if self.strikes("accepted and dropped", 2_500) {
            self.announce(process, connection, arrives);
            self.tell(process, arrives, Event::Opened { connection });
            let at = arrives + self.latency();
            self.tell(process, at, Event::Closed { connection, code: None, reason: String::new() });
        } else {
            self.post.at(arrives, Parcel::Dial(line));
        }
    }

    /// Nobody answers a dial, until the system gives it up.
    pub(super) fn time_out(&mut self, line: LineId) {
        let Some(Line { process, connection, .. }) = self.lines.get(&line) else { return };
        let (process, connection) = (*process, *connection);
        let errored = Event::errored(connection, TransportError::TimedOut);
        self.tell(process, self.now + 127_000, errored);
    }

    fn refuse(&mut self, connection: ConnectionId, failure: impl Into<Failure>) {
        let at = self.now + self.latency();
        self.tell(self.client.process, at, Event::errored(connection, failure));
    }

    /// The client writes a frame.
    pub(super) fn upload(&mut self, connection: ConnectionId, frame: Frame, purpose: Purpose) {
        let Some(id) = self.line_of(connection) else { return };
        let fails = self.strikes("failed write", 100);
        if fails {
            // Of a frame that waits some bytes may be out already, which is an error of the connection.
            let waits = |line: &Line| line.up.pipe.as_ref().is_some_and(Pipe::is_full);
            let partly = self.lines.get(&id).is_some_and(waits);
            self.break_line(id, partly, true);
        }
        let Some(line) = self.lines.get_mut(&id) else { return };
        // A socket that has failed once takes nothing more, and its host says so each time.
        line.unwritable |= fails;
        if line.unwritable {
            let written = line.up.pipe.as_mut().map(Pipe::fail);
            let event = Event::SendFailed { connection, purpose: Some(purpose) };
            self.tell(self.client.process, self.now, event);
            if let Some(frames) = written {
                self.tell(self.client.process, self.now, Event::Written { connection, frames });
            }
        } else {
            self.send_up(id, frame.len(), true, Parcel::ToServer(id, frame));
        }
    }

    /// The session drops a socket; the server hears of it, or does not.
    pub(super) fn hang_up(&mut self, connection: ConnectionId) {
        if let Some(line) = self.line_of(connection) {
            let told = !self.in_chaos() || self.dice.percent(70);
            self.break_line(line, false, told);
        }
    }

    /// The session closes politely: where the server still hears that, it closes too.
    pub(super) fn bid_farewell(&mut self, connection: ConnectionId) {
        let Some(id) = self.line_of(connection) else { return };
        if self.links.is_some() {
            // What was handed over before goes first.
            self.send_up(id, 8, false, Parcel::Farewell(id));
            if let Some(line) = self.lines.get_mut(&id) {
                (line.up.shut, line.down.dead) = (true, true);
            }
            return;
        }
        let there = self.now + self.latency();
        let back = self.latency();
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (answers, process) = (!line.up.dead && !line.down.dead, line.process);
        line.up.send(&mut self.post, there, Parcel::Gone(id));
        let at = line.up.not_before.max(line.down.not_before).max(there) + back;
        (line.up.dead, line.down.dead) = (true, true);
        if answers {
            self.tell(process, at, Event::Closed { connection, code: Some(1000), reason: String::new() });
        }
    }

    /// A farewell has reached the server, which closes too.
    pub(super) fn farewell(&mut self, id: LineId) {
        let at = self.now + self.latency();
        self.gone(id);
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (process, connection) = (line.process, line.connection);
        line.up.dead = true;
        self.tell(process, at, Event::Closed { connection, code: Some(1000), reason: String::new() });
    }

    /// The line that the present process calls by this number.
    pub(super) fn line_of(&self, connection: ConnectionId) -> Option<LineId> {
        let of = |line: &&Line| line.process == self.client.process && line.connection == connection;
        self.lines.iter().rev().find(|(_, line)| of(line)).map(|(id, _)| *id)
    }
}
