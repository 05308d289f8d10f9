//! The server: a peer that outlives its own crashes, the door before it, and the application behind it.

use std::collections::{BTreeMap, BTreeSet};

use redial::config::{Acknowledge, Durability, Limits, PeerPolicy};
use redial::dialect::{Content, HeartbeatSignal, Login, LoginSignal, MessageSignal, SequenceSignal, Side, Signal};
use redial::{Action, ConnectionId, Event, Frame, Instant, MessageId, Peer, Preset, Seed, Snapshot};

use super::line::{LineId, Parcel, Stage};
use super::run::Run;
use super::words;

/// The server's program and what it remembers.
pub(super) struct Server {
    pub(super) preset: Preset,
    pub(super) policy: PeerPolicy,
    pub(super) peer: Peer,
    /// What it has stored, change by change, where it stores before it acts.
    disk: Snapshot,
    /// What its application was shown, in order; how often; and what it said.
    pub(super) shown: Vec<String>,
    times: BTreeMap<String, u32>,
    /// When each was shown first.
    pub(super) arrived: BTreeMap<String, u64>,
    pub(super) said: Vec<String>,
    /// Nobody answers before this.
    pub(super) down_until: u64,
    /// The number of its process: what an earlier one had in hand is lost.
    pub(super) process: u64,
    /// The next frame is the last it reads.
    pub(super) doomed: bool,
    /// Whether it has ever lost its memory; and how much had been said and shown until then.
    pub(super) forgot: Option<(usize, usize)>,
    /// Messages that bring it down.
    poison: BTreeSet<String>,
    /// What it would not have at first; if the refusal is lost, it comes again and is taken out of turn.
    pub(super) refused: BTreeSet<String>,
    /// What it has in hand and has not acknowledged.
    pub(super) in_hand: BTreeMap<MessageId, String>,
}

impl Server {
    pub(super) fn new(preset: Preset, policy: PeerPolicy, seed: Seed) -> Self {
        let peer = Peer::new(preset.clone(), policy.clone(), seed);
        Self {
            preset,
            policy,
            peer,
            disk: Snapshot::default(),
            shown: Vec::new(),
            times: BTreeMap::new(),
            arrived: BTreeMap::new(),
            said: Vec::new(),
            down_until: 0,
            process: 1,
            doomed: false,
            forgot: None,
            poison: BTreeSet::new(),
            refused: BTreeSet::new(),
            in_hand: BTreeMap::new(),
        }
    }

    /// Another process goes on with what this one had stored.
    pub(super) fn restore(&mut self, now: u64, seed: Seed) -> Result<(), String> {
        let (preset, policy) = (self.preset.clone(), self.policy.clone());
        if self.policy.durability == Durability::WriteAhead {
            self.disk.apply(&self.peer.changes());
            if self.disk != self.peer.snapshot() {
                return Err("what the server stored change by change is not its snapshot".to_owned());
            }
        } else {
            self.disk = self.peer.snapshot();
        }
        let snapshot = self.disk.clone();
        let restored = Peer::restore(preset, policy, Instant::from_millis(now), snapshot, redial::Duration::ZERO, seed);
        self.peer = restored.map_err(|error| format!("what the server stored cannot be restored: {error}"))?;
        Ok(())
    }

    /// What it had stored is gone.
    pub(super) fn forget(&mut self) {
        self.disk = Snapshot::default();
    }

    pub(super) fn has_shown(&self, name: &str) -> bool {
        self.times.contains_key(name)
    }

    /// How often a message was shown.
    pub(super) fn times(&self, name: &str) -> u32 {
        self.times.get(name).copied().unwrap_or_default()
    }

    pub(super) fn is_poison(&self, name: &str) -> bool {
        self.poison.contains(name)
    }

    fn show(&mut self, now: u64, name: String) {
        self.arrived.entry(name.clone()).or_insert(now);
        *self.times.entry(name.clone()).or_default() += 1;
        self.shown.push(name);
    }

    fn asks_for_login(&self) -> bool {
        matches!(self.preset.dialect().capabilities().login, Login::Challenge | Login::ConfirmedChallenge)
    }

    pub(super) fn write(&self, signal: &Signal<Content<'_>>) -> Option<Frame> {
        self.preset.dialect().encode(Side::Server, signal).ok()
    }
}

impl Run {
    pub(super) fn true_clock(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// The dial of a line has reached the server.
    pub(super) fn accept(&mut self, line: LineId) {
        if self.now < self.server.down_until {
            self.time_out(line);
            return;
        }
        let opens = self.now + self.latency();
        let again = self.strikes("duplicate event", 1_000);
        let Some(dialed) = self.lines.get_mut(&line) else { return };
        let (process, connection) = (dialed.process, dialed.connection);
        if self.links.is_some() {
            let announced = Event::Written { connection, frames: 0 };
            let announced = Parcel::Client(process, super::line::Deed::Event(announced));
            dialed.down.send(&mut self.post, opens, announced);
        }
        let opened = || super::line::Deed::Event(Event::Opened { connection });
        dialed.down.send(&mut self.post, opens, Parcel::Client(process, opened()));
        dialed.stage = Stage::Lobby;
        if again {
            let later = opens + self.dice.tardiness();
            self.post.at(later, Parcel::Client(process, opened()));
        }
        if self.server.asks_for_login() {
            let challenge = Signal::challenge(Some(Content::Text("seed")), Some(Content::Json("7")));
            self.answer_on(line, &challenge);
        } else {
            self.admit(line);
        }
    }

    fn admit(&mut self, line: LineId) {
        let accepted = self.server.peer.accept(self.true_clock());
        if let Some(line) = self.lines.get_mut(&line) {
            line.stage = Stage::Accepted(accepted);
        }
        if self.links.is_some() {
            self.server_wrote(line, 0);
        }
        self.serve();
    }

    /// A frame has reached the server.
    pub(super) fn read(&mut self, line: LineId, frame: Frame) {
        let Some(stage) = self.lines.get(&line).map(|line| line.stage) else { return };
        if let Frame::Ping(payload) = &frame {
            // The socket itself answers (RFC 6455 5.5.2).
            self.download(line, Frame::Pong(payload.clone()));
        }
        let (limits, preset) = (Limits::default(), self.server.preset.clone());
        let signal = preset.dialect().decode(Side::Server, &frame, &limits);
        match (stage, signal) {
            (Stage::Lobby, Ok(Signal::Login(LoginSignal::Proof { .. }))) => {
                if self.strikes("refused login", 2_000) {
                    self.answer_on(line, &Signal::login_refused(3));
                    self.dismiss_line(line, 1_008);
                    return;
                }
                if preset.dialect().capabilities().login == Login::ConfirmedChallenge {
                    self.answer_on(line, &Signal::login_accepted());
                }
                self.admit(line);
            }
            (Stage::Lobby, Ok(Signal::Heartbeat(HeartbeatSignal::Ask))) => {
                self.answer_on(line, &Signal::heartbeat_reply());
            }
            (Stage::Accepted(connection), signal) => {
                let message = match signal {
                    Ok(Signal::Message(MessageSignal { id, content: body, .. })) => Some((id, body)),
                    Ok(Signal::Sequence(SequenceSignal::Message { id, content: body, .. })) => {
                        body.map(|body| (Some(id), body))
                    }
                    _ => None,
                };
                if let Some((id, body)) = message
                    && self.chokes(line, id, &words::name_in(&body.content(&frame).to_body()))
                {
                    return;
                }
                self.take_in(connection, frame);
            }
            _ => {}
        }
    }

    fn take_in(&mut self, connection: ConnectionId, frame: Frame) {
        let before = (self.server.doomed && self.in_chaos()).then(|| self.server.peer.clone());
        self.server.peer.handle(self.true_clock(), Event::FrameIn { connection, frame });
        match before {
            None => self.serve(),
            Some(peer) => {
                // It read the frame and died before it had stored or said anything.
                self.server.doomed = false;
                self.server.peer = peer;
                self.note("server crash");
                self.go_down();
            }
        }
    }

    /// Some messages the server dies of, time and again; some it will not have.
    fn chokes(&mut self, line: LineId, id: Option<MessageId>, name: &str) -> bool {
        if self.server.has_shown(name) {
            return false;
        }
        if !self.server.is_poison(name) && self.strikes("poison message", 400) {
            self.server.poison.insert(name.to_owned());
        }
        if self.server.is_poison(name) && self.in_chaos() {
            let code = self.dice.one_of(&[1_006, 1_009, 1_011]);
            self.dismiss_line(line, code);
            return true;
        }
        if let Some(id) = id
            && !self.server.in_hand.contains_key(&id)
        {
            let refusal = Signal::rejected(id, 7);
            if self.server.write(&refusal).is_some() && self.strikes("refused message", 800) {
                self.server.refused.insert(name.to_owned());
                self.answer_on(line, &refusal);
                return true;
            }
        }
        false
    }

    pub(super) fn answer_on(&mut self, line: LineId, signal: &Signal<Content<'_>>) {
        if let Some(frame) = self.server.write(signal) {
            self.download(line, frame);
        }
    }

    /// The server's application says something; a push that finds no room is tried again later.
    pub(super) fn push(&mut self, name: String) {
        let more = self.length(u64::MAX);
        let body = words::body(&name, more);
        let plain = Signal::message(Some("s".into()), Content::Text(&body));
        let wrapped = self.server.write(&plain).is_none();
        let body = if wrapped { format!(r#"{{"message":"{body}"}}"#) } else { body };
        if self.now < self.server.down_until {
            self.post.at(self.server.down_until, Parcel::ServerSays(name));
        } else if self.server.peer.push(self.true_clock(), body).is_ok() {
            self.server.said.push(name);
            self.serve();
        } else {
            self.note("server full");
            self.post.at(self.now + 5_000, Parcel::ServerSays(name));
        }
    }

    /// What the server wants done.
    pub(super) fn serve(&mut self) {
        while let Some(action) = self.server.peer.poll_action() {
            match action {
                Action::Send { connection, frame, .. } => {
                    if let Some(line) = self.accepted_as(connection) {
                        self.write_down(line, frame, true);
                    }
                }
                Action::Abort { connection } => {
                    self.note("fenced off");
                    if let Some(line) = self.accepted_as(connection) {
                        self.break_line(line, true, false);
                    }
                }
                Action::Close { connection, code, .. } => {
                    self.note("fenced off");
                    if let (Some(line), Some(code)) = (self.accepted_as(connection), code) {
                        self.dismiss_line(line, code);
                    }
                }
                Action::Deliver(message) => self.server_hears(message),
                Action::Persist { version, changes, .. } => {
                    self.server.disk.apply(&changes);
                    self.server.peer.persisted(self.true_clock(), version);
                }
                Action::Credential { .. } => self.note("action: credential"),
                _ => {}
            }
        }
    }

    fn server_hears(&mut self, message: redial::Message) {
        let name = words::name_in(&message.body);
        match message.id {
            Some(id) if self.server.policy_is_slow() => {
                let takes = if self.in_chaos() { self.dice.between(0, 45_000) } else { 50 };
                self.note("slow receipt");
                self.server.in_hand.insert(id.clone(), name);
                self.post.at(self.now + takes, Parcel::ServerTakes(self.server.process, id));
            }
            Some(id) => {
                self.server.show(self.now, name);
                self.tell_on(id);
            }
            None if words::is_name(&name) => self.server.show(self.now, name),
            None => {}
        }
    }

    /// The receiver's device has it, and perhaps its user too.
    fn tell_on(&mut self, id: MessageId) {
        if self.dice.percent(50) {
            let _ = self.server.peer.delivered(self.true_clock(), id.clone());
        }
        if self.dice.percent(20) {
            let _ = self.server.peer.read(self.true_clock(), id);
        }
    }

    /// The server's application has dealt with a message.
    pub(super) fn server_takes(&mut self, process: u64, id: &MessageId) {
        if process != self.server.process {
            return;
        }
        let Some(name) = self.server.in_hand.remove(id) else { return };
        self.server.show(self.now, name);
        let _ = self.server.peer.acknowledge(self.true_clock(), id);
        self.tell_on(id.clone());
        self.serve();
    }

    /// The server hears that a line is over.
    pub(super) fn gone(&mut self, line: LineId) {
        if let Some(Stage::Accepted(connection)) = self.lines.get(&line).map(|line| line.stage) {
            let gone = Event::Closed { connection, code: None, reason: String::new() };
            self.server.peer.handle(self.true_clock(), gone);
            self.serve();
        }
    }

    fn accepted_as(&self, connection: ConnectionId) -> Option<LineId> {
        let stage = Stage::Accepted(connection);
        self.lines.iter().rev().find(|(_, line)| line.stage == stage).map(|(id, _)| *id)
    }

    pub(super) fn download(&mut self, line: LineId, frame: Frame) {
        self.write_down(line, frame, false);
    }

    /// Writes a frame to the client; `counts` says whether it is the peer's, which is told when it is out.
    fn write_down(&mut self, line: LineId, frame: Frame, counts: bool) {
        let Some(open) = self.lines.get(&line) else { return };
        let (process, connection, bytes) = (open.process, open.connection, frame.len());
        let event = Event::FrameIn { connection, frame };
        self.send_down(line, bytes, counts, Parcel::Client(process, super::line::Deed::Event(event)));
    }
}

impl Server {
    /// Whether its application acknowledges in its own time.
    fn policy_is_slow(&self) -> bool {
        self.preset.config().inbox.acknowledge == Acknowledge::OnCall && self.preset.dialect().capabilities().receipts
    }
}
