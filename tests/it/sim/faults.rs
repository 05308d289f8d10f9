//! What can go wrong between a session and its server.

use redial::journal::Call;
use redial::{ConnectionId, Event, Failure};

use super::line::{Line, Parcel};
use super::run::Run;

/// Every kind of fault, by the name under which it is counted and can be left out.
pub(crate) const FAULTS: [&str; 14] = [
    "cut",
    "half-open",
    "half-open up",
    "half-open down",
    "stall",
    "suspend",
    "hint",
    "renewed by hand",
    "refused dial",
    "unanswered dial",
    "accepted and dropped",
    "failed write",
    "close and error",
    "duplicate event",
];

impl Run {
    /// One fault, and a time for the next.
    pub(super) fn fault(&mut self) {
        if !self.in_chaos() {
            return;
        }
        let next = self.now + self.dice.between(500, 60_000);
        self.post.at(next, Parcel::Fault);
        match self.dice.below(10) {
            0..3 => self.cut(),
            3 => self.go_silent("half-open", true, true),
            4 => self.go_silent("half-open up", true, false),
            5 => self.go_silent("half-open down", false, true),
            6 => self.stall(),
            7 if self.strikes("suspend") => self.sleep(),
            8 if self.strikes("hint") => {
                self.hints.push(self.now);
                let hint = if self.dice.percent(50) { Event::Online } else { Event::Offline };
                self.post.at(self.now, Parcel::ToClient(hint));
            }
            9 if self.strikes("renewed by hand") => {
                self.hints.push(self.now);
                self.call(Call::ReconnectNow);
            }
            _ => {}
        }
    }

    /// Counts a fault that is about to happen; not one of a kind that this run leaves out.
    pub(super) fn strikes(&mut self, kind: &'static str) -> bool {
        let strikes = !self.without.contains(&kind);
        if strikes {
            self.note(kind);
        }
        strikes
    }

    fn present(&self) -> Option<ConnectionId> {
        self.lines.keys().next_back().copied()
    }

    /// The connection breaks; both ends hear of it when they do, if they do.
    fn cut(&mut self) {
        if let Some(connection) = self.present().filter(|_| self.strikes("cut")) {
            let (client, server) = (self.dice.percent(80), self.dice.percent(80));
            self.break_line(connection, client, server);
        }
    }

    /// The connection swallows what is sent, and nobody is told.
    fn go_silent(&mut self, what: &'static str, up: bool, down: bool) {
        let Some(connection) = self.present().filter(|_| self.strikes(what)) else { return };
        if let Some(line) = self.lines.get_mut(&connection) {
            line.up.dead |= up;
            line.down.dead |= down;
        }
    }

    fn stall(&mut self) {
        let until = self.now + self.dice.between(1_000, 90_000);
        let Some(connection) = self.present().filter(|_| self.strikes("stall")) else { return };
        if let Some(line) = self.lines.get_mut(&connection) {
            line.up.not_before = line.up.not_before.max(until);
            line.down.not_before = line.down.not_before.max(until);
        }
    }

    /// Ends a connection in both directions, losing the last of what was on its way.
    pub(super) fn break_line(&mut self, connection: ConnectionId, tell_client: bool, tell_server: bool) {
        let (lost_up, lost_down) = (self.dice.few(8), self.dice.few(8));
        let Some(line) = self.lines.get_mut(&connection) else { return };
        line.up.cut(&mut self.post, self.now, lost_up);
        line.down.cut(&mut self.post, self.now, lost_down);
        let (heard, served) = (line.down.not_before.max(self.now), line.up.not_before.max(self.now));
        if tell_server {
            let at = served + self.dice.tardiness();
            self.post.at(at, Parcel::Gone(connection));
        }
        if tell_client {
            let at = heard + self.dice.tardiness();
            self.tell_end(connection, at);
        }
    }

    /// The client's host says that a connection is over: as a close, as an error, or as both, once or twice.
    fn tell_end(&mut self, connection: ConnectionId, at: u64) {
        let closed = Event::Closed { connection, code: Some(1006), reason: String::new() };
        let errored = Event::Errored { connection, cause: Failure::Io, retry_after: None };
        let (one, other) = if self.dice.percent(50) { (closed, errored) } else { (errored, closed) };
        if self.dice.percent(30) && self.strikes("close and error") {
            self.post.at(at, Parcel::ToClient(one.clone()));
            self.post.at(at + self.dice.tardiness(), Parcel::ToClient(other));
        } else {
            self.post.at(at, Parcel::ToClient(one.clone()));
        }
        if self.dice.percent(10) && self.strikes("duplicate event") {
            self.post.at(at + self.dice.tardiness(), Parcel::ToClient(one));
        }
    }

    /// The host dials: well, or not.
    pub(super) fn dial(&mut self, connection: ConnectionId) {
        self.lines.insert(connection, Line::default());
        let arrives = self.now + self.dice.latency();
        let luck = if self.in_chaos() { self.dice.below(100) } else { 100 };
        match luck {
            0..10 if self.strikes("refused dial") => self.refuse(connection),
            10..18 if self.strikes("unanswered dial") => {}
            18..28 if self.strikes("accepted and dropped") => {
                self.post.at(arrives, Parcel::ToClient(Event::Opened { connection }));
                let dropped = Event::Closed { connection, code: None, reason: String::new() };
                let at = arrives + self.dice.latency();
                self.post.at(at, Parcel::ToClient(dropped));
            }
            _ => {
                self.post.at(arrives, Parcel::Dial(connection));
            }
        }
    }

    /// The session drops a socket; the server hears of it, or does not.
    pub(super) fn hang_up(&mut self, connection: ConnectionId) {
        let told = self.dice.percent(70);
        self.break_line(connection, false, told);
    }
}
