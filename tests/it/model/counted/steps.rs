//! The steps of a world with positions, those of its faults among them.

use std::collections::VecDeque;

use redial::{ConnectionId, Duration, Event, Instant, Outgoing, Peer, Seed, Session, State};

use super::world::{Wire, World, policy, preset};

pub(super) type Step = fn(&mut World) -> bool;

/// What happens where nothing goes wrong.
pub(super) const STEPS: [(&str, Step); 11] = [
    ("send", World::send),
    ("push", World::push),
    ("client_stores", World::client_stores),
    ("server_stores", World::server_stores),
    ("open", World::open),
    ("frame_up", World::frame_up),
    ("frame_down", World::frame_down),
    ("client_answers", World::client_answers),
    ("server_answers", World::server_answers),
    ("fetch", World::fetch),
    ("wait", World::wait),
];

/// What may go wrong.
pub(super) const FAULTS: [(&str, Step); 5] = [
    ("stray_up", World::stray_up),
    ("cut", World::cut),
    ("client_crashes", World::client_crashes),
    ("server_crashes", World::server_crashes),
    ("server_forgets", World::server_forgets),
];

impl World {
    // The steps. Each says whether it could be taken.

    pub(super) fn send(&mut self) -> bool {
        let number = self.client.rows.sent.len();
        if number == self.to_send {
            return false;
        }
        let id = self.session.send(self.now, format!("c{number}")).expect("the outbox has room");
        self.client.rows.sent.push(id);
        true
    }

    pub(super) fn push(&mut self) -> bool {
        let number = self.server.rows.sent.len();
        if number == self.to_push {
            return false;
        }
        let id = self.peer.push(self.now, format!("s{number}")).expect("the peer has room");
        self.server.rows.sent.push(id);
        true
    }

    pub(super) fn open(&mut self) -> bool {
        let Some(client) = self.dialing.take() else { return false };
        self.stray = None;
        let server = self.peer.accept(self.now);
        self.wire = Some(Wire { client, server, up: VecDeque::new(), down: VecDeque::new() });
        self.session.handle(self.now, Event::Opened { connection: client });
        true
    }

    pub(super) fn frame_up(&mut self) -> bool {
        let Some((connection, frame)) = self.wire.as_mut().and_then(|wire| Some((wire.server, wire.up.pop_front()?)))
        else {
            return false;
        };
        self.peer.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    pub(super) fn frame_down(&mut self) -> bool {
        let Some((connection, frame)) = self.wire.as_mut().and_then(|wire| Some((wire.client, wire.down.pop_front()?)))
        else {
            return false;
        };
        self.session.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    pub(super) fn stray_up(&mut self) -> bool {
        let Some((connection, frame)) = self.stray.as_mut().and_then(|(to, frames)| Some((*to, frames.pop_front()?)))
        else {
            return false;
        };
        self.peer.handle(self.now, Event::FrameIn { connection, frame });
        true
    }

    pub(super) fn cut(&mut self) -> bool {
        if self.wire.is_none() || !spend(&mut self.faults.cuts) {
            return false;
        }
        let Some(connection) = self.lose_wire() else { return false };
        self.session.handle(self.now, Event::Closed { connection, code: None, reason: String::new() });
        true
    }

    /// The client's end is gone; gives the client's name of it.
    pub(super) fn lose_wire(&mut self) -> Option<ConnectionId> {
        let wire = self.wire.take()?;
        self.stray = Some((wire.server, wire.up));
        Some(wire.client)
    }

    pub(super) fn client_stores(&mut self) -> bool {
        let Some(version) = self.client.stored() else { return false };
        self.session.persisted(self.now, version);
        true
    }

    pub(super) fn server_stores(&mut self) -> bool {
        let Some(version) = self.server.stored() else { return false };
        self.peer.persisted(self.now, version);
        true
    }

    pub(super) fn client_answers(&mut self) -> bool {
        let Some(id) = self.client.unanswered.pop_front() else { return false };
        self.session.acknowledge(self.now, &id).expect("it waits for that");
        true
    }

    pub(super) fn server_answers(&mut self) -> bool {
        let Some(id) = self.server.unanswered.pop_front() else { return false };
        self.peer.acknowledge(self.now, &id).expect("it waits for that");
        true
    }

    /// The client's application fetches what the server's application has, in order, and says what that was.
    pub(super) fn fetch(&mut self) -> bool {
        let Some((from, to)) = self.client.gap.pop_front() else { return false };
        for number in 0..self.server.rows.sent.len() {
            let text = format!("s{number}");
            if !self.client.rows.shown.contains(&text) {
                self.client.rows.shown.push(text);
            }
        }
        let ids = self.server.rows.sent.clone();
        self.session.fetched(self.now, from, to, &ids).expect("it was asked for");
        true
    }

    pub(super) fn client_crashes(&mut self) -> bool {
        if !spend(&mut self.faults.client_crashes) {
            return false;
        }
        self.lose_wire();
        self.dialing = None;
        let disk = self.client.crash();
        let away = self.takes_time(disk.at);
        self.seeds += 1;
        let seed = Seed::from(self.seeds);
        self.session = Session::restore(preset(&self.config), self.now, disk.state, away, seed).expect("it is sound");
        self.session.open(self.now);
        true
    }

    pub(super) fn server_crashes(&mut self) -> bool {
        if !spend(&mut self.faults.server_crashes) {
            return false;
        }
        let disk = self.server.crash();
        let away = self.takes_time(disk.at);
        self.seeds += 1;
        let (policy, seed) = (policy(&self.config), Seed::from(self.seeds));
        self.peer = Peer::restore(preset(&self.config), policy, self.now, disk.state, away, seed).expect("it is sound");
        self.server_is_gone();
        true
    }

    pub(super) fn server_forgets(&mut self) -> bool {
        if !spend(&mut self.faults.forgets) {
            return false;
        }
        self.seeds += 1;
        self.forgot = true;
        self.takes_time(self.now);
        self.peer = Peer::new(preset(&self.config), policy(&self.config), Seed::from(self.seeds));
        self.server.unanswered.clear();
        self.server.lately.clear();
        // Its application has the messages still, and hands over those that it does not know to have arrived.
        for (number, id) in self.server.rows.sent.iter().enumerate() {
            if !self.server.rows.settled.contains_key(id) {
                let message = Outgoing::from(format!("s{number}")).id(id.clone());
                self.peer.push(self.now, message).expect("the peer has room");
            }
        }
        self.server_is_gone();
        true
    }

    /// A new process takes a moment; gives how long it is since then.
    pub(super) fn takes_time(&mut self, since: Instant) -> Duration {
        self.now = self.now + Duration::from_millis(10);
        self.now.since(since)
    }

    pub(super) fn server_is_gone(&mut self) {
        self.stray = None;
        if let Some(wire) = self.wire.take() {
            self.session.handle(self.now, Event::Closed { connection: wire.client, code: None, reason: String::new() });
        }
    }

    /// Time moves on to the next attempt.
    pub(super) fn wait(&mut self) -> bool {
        if self.session.state() != State::Waiting {
            return false;
        }
        let Some(next) = self.session.next_deadline() else { return false };
        self.now = next.at;
        self.session.handle(self.now, Event::Tick);
        true
    }
}

fn spend(budget: &mut u8) -> bool {
    match budget.checked_sub(1) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}
