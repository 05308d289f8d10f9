//! The hosts of both sides, where they say what their sockets take, and an application that takes in its own time.

use std::collections::VecDeque;

use redial::config::Liveness;
use redial::{ConnectionId, Event, Purpose};

use super::dice::Dice;
use super::line::{Deed, Flow, LineId, Parcel, Stage};
use super::pipe::{Pace, Pipe};
use super::run::Run;

/// How fast the links of a run are, each way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links {
    up: Pace,
    down: Pace,
}

impl Links {
    /// Draws links for a host that reports; in peace they are fast. So is the way down where only a heartbeat reply
    /// counts as life: behind a long message it would come too late on every connection.
    pub(super) fn draw(dice: &mut Dice, quiet: bool, liveness: Liveness) -> Option<Self> {
        let quick = quiet || liveness == Liveness::Reply;
        let (reports, up, down) = (dice.percent(50), pace(dice, quiet), pace(dice, quick));
        reports.then_some(Self { up, down })
    }
}

/// What the buffer holds is out within a second: a host that lets it hold more cannot hope to hear in time.
fn pace(dice: &mut Dice, quick: bool) -> Pace {
    let rate = dice.one_of(&[1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 100_000, 1_000_000]);
    let rate = if quick { 1_000_000 } else { rate };
    Pace { rate, buffer: dice.between(1_000, 64_000.min(rate)) }
}

/// What the client's host knows of its frames and of what its application has taken.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// The frames of the present connection that the session takes for unwritten: whether each is a heartbeat.
    unwritten: VecDeque<bool>,
    handed: u64,
    /// Since when a heartbeat waits, and for how long others waited since the connection was last heard.
    waiting_since: Option<u64>,
    /// When the frame began that arrives at present.
    arriving_since: Option<u64>,
    /// What has arrived and is not read.
    unread: VecDeque<Event>,
    /// Messages that were delivered, and those of them that the application has taken: all before the first it has not.
    delivered: u64,
    taken: std::collections::BTreeSet<u64>,
    taken_before: u64,
}

impl Run {
    /// Puts sockets at both ends of a line, where the hosts report what they take.
    pub(super) fn equip(&mut self, line: LineId) {
        let Some(links) = self.links else { return };
        // At times a buffer is far too large, so that what is in it takes longer than any answer may.
        let bloated = self.strikes("bloated buffer", 1_500);
        let now = self.now;
        if let Some(line) = self.lines.get_mut(&line) {
            let up = if bloated { Pace { buffer: 64_000, ..links.up } } else { links.up };
            line.up.pipe = Some(Pipe::new(up, now));
            line.down.pipe = Some(Pipe::new(links.down, now));
        }
    }

    /// The host of a new connection says that it will tell what its socket takes.
    pub(super) fn announce(&mut self, process: u64, connection: ConnectionId, at: u64) {
        if self.links.is_some() {
            self.tell(process, at, Event::Written { connection, frames: 0 });
        }
    }

    /// Sends something from the client to the server.
    pub(super) fn send_up(&mut self, id: LineId, bytes: usize, counts: bool, parcel: Parcel) {
        self.send(id, |line| &mut line.up, Parcel::PumpUp(id), bytes, counts, parcel);
    }

    /// Sends something from the server to the client.
    pub(super) fn send_down(&mut self, id: LineId, bytes: usize, counts: bool, parcel: Parcel) {
        self.send(id, |line| &mut line.down, Parcel::PumpDown(id), bytes, counts, parcel);
    }

    fn send(
        &mut self,
        id: LineId,
        flow: fn(&mut super::line::Line) -> &mut Flow,
        pump: Parcel,
        bytes: usize,
        counts: bool,
        parcel: Parcel,
    ) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(&id) else { return };
        let flow = flow(line);
        if flow.shut {
            return;
        }
        if let Some(pipe) = &mut flow.pipe {
            pipe.push(now, bytes, counts, parcel);
            pipe.due = Some(now);
            self.post.at(now, pump);
            return;
        }
        let arrives = now + self.latency();
        if let Some(flow) = self.lines.get_mut(&id).map(flow_of(&pump)) {
            flow.send(&mut self.post, arrives, parcel);
        }
    }

    /// Bytes move from the client to the server.
    pub(super) fn pump_up(&mut self, id: LineId) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (process, connection, dead) = (line.process, line.connection, line.up.dead);
        let Some(pipe) = line.up.pipe.as_mut().filter(|pipe| pipe.due == Some(now)) else { return };
        let moved = pipe.pump(now, dead);
        if let Some(due) = pipe.due {
            self.post.at(due, Parcel::PumpUp(id));
        }
        if let Some(frames) = moved.written {
            self.tell(process, now, Event::Written { connection, frames });
        }
        let arriving = moved.arriving.then_some(Parcel::ArrivingUp(id));
        self.pass(id, |line| &mut line.up, moved.out.into_iter().chain(arriving).collect());
    }

    /// Bytes move from the server to the client, unless that does not read.
    pub(super) fn pump_down(&mut self, id: LineId) {
        let now = self.now;
        let unread = !self.client.host.unread.is_empty();
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (process, connection) = (line.process, line.connection);
        let stopped = line.down.dead || (unread && process == self.client.process);
        let Some(pipe) = line.down.pipe.as_mut().filter(|pipe| pipe.due == Some(now)) else { return };
        let moved = pipe.pump(now, stopped);
        if let Some(due) = pipe.due {
            self.post.at(due, Parcel::PumpDown(id));
        }
        if let Some(frames) = moved.written {
            self.post.at(now, Parcel::ServerWrote(id, frames));
        }
        let arriving = || Parcel::Client(process, Deed::Event(Event::Arriving { connection }));
        let arriving = moved.arriving.then(arriving);
        self.pass(id, |line| &mut line.down, moved.out.into_iter().chain(arriving).collect());
    }

    /// What has left a socket is on its way.
    fn pass(&mut self, id: LineId, flow: fn(&mut super::line::Line) -> &mut Flow, out: Vec<Parcel>) {
        for parcel in out {
            let arrives = self.now + self.latency();
            if let Some(line) = self.lines.get_mut(&id) {
                flow(line).send(&mut self.post, arrives, parcel);
            }
        }
    }

    /// The server's socket has taken frames of its peer's, or bytes of a frame.
    pub(super) fn server_wrote(&mut self, line: LineId, frames: u64) {
        if let Some(Stage::Accepted(connection)) = self.lines.get(&line).map(|line| line.stage) {
            self.server.peer.handle(self.true_clock(), Event::Written { connection, frames });
            self.serve();
        }
    }

    pub(super) fn server_hears_bytes(&mut self, line: LineId) {
        if let Some(Stage::Accepted(connection)) = self.lines.get(&line).map(|line| line.stage) {
            self.server.peer.handle(self.true_clock(), Event::Arriving { connection });
            self.serve();
        }
    }

    /// No byte leaves the client's socket for a while, at times for longer than a session puts up with.
    pub(super) fn freeze(&mut self) {
        let until = self.now + self.dice.between(1_000, 60_000);
        let (now, present) = (self.now, self.present());
        let Some(pipe) = present.and_then(|line| self.lines.get_mut(&line)?.up.pipe.as_mut()) else { return };
        pipe.freeze(now, until);
        self.note("socket stalls");
    }

    /// The server takes minutes to write a frame, and says little at a time.
    pub(super) fn drip(&mut self) {
        let until = self.now + self.dice.between(5_000, 150_000);
        let (now, present) = (self.now, self.present());
        let Some(line) = present else { return };
        let Some(pipe) = self.lines.get_mut(&line).and_then(|line| line.down.pipe.as_mut()) else { return };
        pipe.drip(now, until);
        self.note("server drips");
        // A frame that is no word: a notice, or nothing that is understood.
        let news = redial::dialect::Signal::Notice(redial::dialect::Content::Text("news"));
        if let Some(redial::Frame::Text(text)) = self.server.write(&news) {
            let more = self.dice.between(500, 3_000);
            let padded = text.into_owned() + &" ".repeat(usize::try_from(more).unwrap_or_default());
            self.download(line, redial::Frame::text(padded));
        }
    }

    /// Whether the session reads what has arrived; what it does not read yet waits on the line.
    pub(super) fn reads(&mut self, event: Event) -> Option<Event> {
        let arrives = matches!(event, Event::FrameIn { .. } | Event::Closed { .. } | Event::Arriving { .. });
        if self.links.is_none() || !arrives {
            return Some(event);
        }
        let host = &mut self.client.host;
        if host.unread.is_empty() && self.client.session.wants_read() {
            return Some(event);
        }
        if !matches!(event, Event::Arriving { .. }) {
            host.unread.push_back(event);
        }
        None
    }

    /// Reads what waits, as long as the session wants to.
    pub(super) fn read_on(&mut self) {
        while !self.client.host.unread.is_empty() && self.client.session.wants_read() {
            let Some(event) = self.client.host.unread.pop_front() else { return };
            self.event(event);
            if self.client.host.unread.is_empty() {
                self.flow_on();
            }
        }
    }

    /// What the server's socket holds moves again.
    fn flow_on(&mut self) {
        let now = self.now;
        let process = self.client.process;
        for (id, line) in self.lines.iter_mut().filter(|(_, line)| line.process == process) {
            if let Some(pipe) = line.down.pipe.as_mut().filter(|pipe| pipe.due.is_none()) {
                pipe.due = Some(now);
                self.post.at(now, Parcel::PumpDown(*id));
            }
        }
    }

    /// A message was delivered, and the application takes it in its own time.
    pub(super) fn take_later(&mut self) {
        if self.links.is_none() {
            return;
        }
        let number = self.client.host.delivered;
        self.client.host.delivered += 1;
        let late = self.strikes("late application", 4_000);
        let takes = if late { self.dice.between(1_000, 90_000) } else { self.dice.between(0, 100) };
        self.deed(self.now + takes, Deed::Take(number));
    }

    /// The application has taken a delivered message.
    pub(super) fn take(&mut self, number: u64) {
        let host = &mut self.client.host;
        host.taken.insert(number);
        while host.taken.remove(&host.taken_before) {
            host.taken_before += 1;
        }
        let messages = host.taken_before;
        self.event(Event::Taken { messages });
    }
}

impl Run {
    /// A session has handed over a frame.
    pub(super) fn handed(&mut self, purpose: &Purpose) {
        if self.links.is_some() {
            self.client.host.handed += 1;
            self.client.host.unwritten.push_back(*purpose == Purpose::Heartbeat);
            self.measure_wait();
        }
    }

    /// What an event says of the socket, and whether it is a sign of life.
    pub(super) fn is_life(&mut self, event: &Event) -> bool {
        let frame_time = self.client.session.preset().config().limits.frame_time.as_millis().max(1);
        let (present, now) = (self.client.connection, self.clock().max(self.client.session.now()).as_millis());
        let host = &mut self.client.host;
        match event {
            Event::Opened { .. } => true,
            Event::FrameIn { connection, .. } => {
                if present == Some(*connection) {
                    host.arriving_since = None;
                }
                true
            }
            Event::Arriving { connection } if present == Some(*connection) => {
                let since = *host.arriving_since.get_or_insert(now);
                now - since < frame_time
            }
            Event::Written { connection, frames } if present == Some(*connection) => {
                while host.handed - (host.unwritten.len() as u64) < *frames && host.unwritten.pop_front().is_some() {}
                self.measure_wait();
                false
            }
            Event::SendFailed { purpose: Some(Purpose::Heartbeat), .. } => {
                if let Some(heartbeat) = host.unwritten.iter_mut().find(|heartbeat| **heartbeat) {
                    *heartbeat = false;
                }
                self.measure_wait();
                false
            }
            _ => false,
        }
    }

    /// Silence counts from when a heartbeat is out: what it waited for the socket is added.
    fn measure_wait(&mut self) {
        let now = self.now;
        let client = &mut self.client;
        let waits = client.host.unwritten.contains(&true);
        match (waits, client.host.waiting_since) {
            (true, None) => client.host.waiting_since = Some(now),
            (false, Some(since)) => {
                client.host.waiting_since = None;
                client.silent_since = client.silent_since.map(|silent| silent + (now - since.max(silent)));
            }
            _ => {}
        }
    }

    /// A connection is dialed: what was said of the last one is over.
    pub(super) fn begin_connection(&mut self, connection: ConnectionId) {
        let host = &mut self.client.host;
        host.unwritten.clear();
        host.unread.clear();
        (host.handed, host.waiting_since, host.arriving_since) = (0, None, None);
        self.client.connection = Some(connection);
    }
}

impl Host {
    /// Whether a heartbeat waits for the socket, so that its deadlines do.
    pub(super) fn waits(&self) -> bool {
        self.waiting_since.is_some()
    }
}

fn flow_of(pump: &Parcel) -> fn(&mut super::line::Line) -> &mut Flow {
    match pump {
        Parcel::PumpUp(_) => |line| &mut line.up,
        _ => |line| &mut line.down,
    }
}
