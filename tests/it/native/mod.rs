//! Stories of two ends that speak `redial.v1`: a session with the oracle listening, a peer, and the frames between
//! them.

mod answers;
mod devices;
mod faults;
mod forgetting;
mod limits;
mod page;
mod restarts;
mod resuming;
mod storing;
mod words;

use std::collections::VecDeque;

use redial::config::{Durability, PeerPolicy};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Outgoing, Peer, Preset, Purpose, Seed,
    Snapshot, State, Status,
};

use crate::oracle::stored::loud;
use crate::support::{Seen, Story, with};

/// Two ends, and what is on its way between them.
pub(super) struct Pair {
    pub(super) story: Story,
    pub(super) peer: Peer,
    policy: PeerPolicy,
    config: Config,
    /// The server's name of the present connection.
    server: Option<ConnectionId>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    /// What each side wanted since it was last asked.
    client_seen: Vec<Action>,
    server_seen: Vec<Action>,
    server_version: u64,
    /// What the server has to store, as of the last look.
    server_durable: Snapshot,
    pub(super) client_delivered: Vec<String>,
    seeds: u64,
    ahead: Duration,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self::with(|_| {}, PeerPolicy::default())
    }

    pub(super) fn with(change: impl FnOnce(&mut Config), policy: PeerPolicy) -> Self {
        let mut config = Preset::native().config().clone();
        change(&mut config);
        let story = Story::new(Preset::native().with_config(config.clone()).expect("it is sound"));
        let peer = Peer::new(
            Preset::native().with_config(config.clone()).expect("it is sound"),
            policy.clone(),
            Seed::from(2_u64),
        );
        Self {
            story,
            peer,
            policy,
            config,
            server: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            server_version: 0,
            server_durable: Snapshot::default(),
            client_delivered: Vec::new(),
            seeds: 2,
            ahead: Duration::ZERO,
        }
    }

    /// Both sides store before they act.
    pub(super) fn storing() -> Self {
        Self::storing_with(|_| {})
    }

    pub(super) fn storing_with(change: impl FnOnce(&mut Config)) -> Self {
        let policy = with(|policy: &mut PeerPolicy| policy.durability = Durability::WriteAhead);
        let storing = |config: &mut Config| {
            config.durability = Durability::WriteAhead;
            change(config);
        };
        Self::with(storing, policy)
    }

    /// The first connection, with all that flows on it.
    pub(super) fn connected() -> Self {
        let mut pair = Self::new();
        pair.story.open();
        pair.connect().flow();
        pair
    }

    /// Another peer in the place of this one.
    pub(super) fn forget(&mut self) -> &mut Self {
        self.seeds += 1;
        let preset = Preset::native().with_config(self.config.clone()).expect("it is sound");
        self.peer = Peer::new(preset, self.policy.clone(), Seed::from(self.seeds));
        (self.server, self.server_durable) = (None, Snapshot::default());
        self
    }

    /// The server's process ends; another begins with what it had stored, so much later.
    pub(super) fn restart_server(&mut self, away: u64) -> &mut Self {
        let stored = serde_json::to_string(&self.peer.snapshot()).expect("a snapshot can be written");
        self.restore_server_after(&stored, Duration::from_millis(away))
    }

    /// The server goes on with this.
    pub(super) fn restore_server(&mut self, stored: &str) -> &mut Self {
        self.restore_server_after(stored, Duration::ZERO)
    }

    fn restore_server_after(&mut self, stored: &str, away: Duration) -> &mut Self {
        let snapshot: Snapshot = serde_json::from_str(stored).expect("a stored snapshot can be read");
        let durable = snapshot.clone();
        let preset = Preset::native().with_config(self.config.clone()).expect("it is sound");
        self.seeds += 1;
        let (policy, seed) = (self.policy.clone(), Seed::from(self.seeds));
        self.peer = Peer::restore(preset, policy, self.server_now(), snapshot, away, seed).expect("it is sound");
        (self.server, self.server_durable) = (None, durable);
        self
    }

    /// The server stores, and says so.
    pub(super) fn store_server(&mut self) -> &mut Self {
        self.take();
        let now = self.server_now();
        self.peer.persisted(now, self.server_version);
        self.take()
    }

    /// Everything flows and is stored, until nothing moves any more.
    pub(super) fn settle(&mut self) -> &mut Self {
        for _ in 0..10 {
            self.story.persist();
            self.store_server().flow();
        }
        self
    }

    /// The client's process is gone, and with it what was on its way.
    pub(super) fn lose_client(&mut self) -> &mut Self {
        self.take();
        self.up.clear();
        self.down.clear();
        self.cut_at_server()
    }

    /// The server hears that the connection is closed.
    pub(super) fn cut_at_server(&mut self) -> &mut Self {
        if let Some(connection) = self.server.take() {
            let now = self.server_now();
            self.peer.handle(now, Event::Closed { connection, code: None, reason: String::new() });
        }
        self.take()
    }

    /// The next frame for the client is lost.
    pub(super) fn drop_down(&mut self) {
        self.down.pop_front().expect("something is on its way");
    }

    /// The server gets this frame.
    pub(super) fn hear(&mut self, text: &'static str) {
        let connection = self.server.expect("there is a connection");
        let now = self.server_now();
        self.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(text) });
    }

    pub(super) fn now(&self) -> Instant {
        self.story.instant()
    }

    /// The server's clock, which goes on when the client's starts over.
    fn server_now(&self) -> Instant {
        self.story.instant() + self.ahead
    }

    /// The client's process is killed; so much later another goes on with what was stored last.
    pub(super) fn crash_client(&mut self, away: u64) -> &mut Self {
        self.lose_client();
        self.ahead = self.ahead + Duration::from_millis(self.story.now() + away);
        self.story.crash(away);
        self
    }

    /// The client's process ends in order; so much later another goes on.
    pub(super) fn restart_client(&mut self, away: u64) -> &mut Self {
        self.lose_client();
        self.ahead = self.ahead + Duration::from_millis(self.story.now() + away);
        self.story.restart(away);
        self
    }

    /// The dial that is wanted succeeds.
    pub(super) fn connect(&mut self) -> &mut Self {
        if self.story.state() == State::Waiting {
            self.story.wait_for_connect();
        }
        self.take();
        self.up.clear();
        self.down.clear();
        self.server = Some(self.peer.accept(self.server_now()));
        self.story.opened();
        self.take()
    }

    /// What both want is put on its way.
    pub(super) fn take(&mut self) -> &mut Self {
        for action in self.story.seen().all() {
            if let Action::Send { connection, frame, .. } = action
                && *connection == self.story.connection()
            {
                self.up.push_back(frame.clone());
            }
            if let Action::Deliver(message) = action {
                self.client_delivered.extend(message.body.as_text().map(str::to_owned));
            }
            self.client_seen.push(action.clone());
        }
        let off = self.policy.durability == Durability::Off;
        let before = self.server_durable.clone();
        let mut asked = off;
        while let Some(action) = self.peer.poll_action() {
            asked |= matches!(action, Action::Persist { .. });
            match &action {
                Action::Send { connection, frame, .. } if Some(*connection) == self.server => {
                    self.down.push_back(frame.clone());
                }
                Action::Persist { version, changes, .. } => {
                    self.server_version = *version;
                    self.server_durable.apply(changes);
                }
                _ => {}
            }
            self.server_seen.push(action);
        }
        let late = self.peer.clone().changes();
        let loud = if asked { None } else { loud(&before, &late) };
        assert!(loud.is_none(), "nobody was asked to store that {loud:?} has changed");
        if !off {
            let mut whole = self.server_durable.clone();
            whole.apply(&late);
            assert_eq!(whole, self.peer.snapshot(), "what was stored is the snapshot");
        }
        self
    }

    /// One frame arrives at the server.
    pub(super) fn one_up(&mut self) -> bool {
        self.take();
        let (Some(connection), Some(frame)) = (self.server, self.up.pop_front()) else { return false };
        let now = self.server_now();
        self.peer.handle(now, Event::FrameIn { connection, frame });
        self.take();
        true
    }

    /// One frame arrives at the client.
    pub(super) fn one_down(&mut self) -> bool {
        self.take();
        let Some(frame) = self.down.pop_front() else { return false };
        self.story.frame(frame);
        self.take();
        true
    }

    /// Everything arrives, and what follows from it.
    pub(super) fn flow(&mut self) -> &mut Self {
        while self.one_up() || self.one_down() {}
        self
    }

    /// The connection is lost with all that is on its way; both hear of it.
    pub(super) fn cut(&mut self) -> &mut Self {
        self.take();
        self.up.clear();
        self.down.clear();
        self.cut_at_server();
        self.story.closed(None);
        self.take()
    }

    /// Lost, found again, and everything flows.
    pub(super) fn reconnect(&mut self) -> &mut Self {
        self.cut().connect().flow()
    }

    pub(super) fn push(&mut self, body: &str) -> MessageId {
        let now = self.server_now();
        self.peer.push(now, body).expect("the peer has room")
    }

    pub(super) fn push_id(&mut self, body: &str, id: &str) {
        let now = self.server_now();
        self.peer.push(now, Outgoing::from(body).id(id)).expect("the peer has room");
    }

    /// What the client wanted since it was last asked.
    pub(super) fn client(&mut self) -> Seen {
        self.take();
        Seen::new(std::mem::take(&mut self.client_seen))
    }

    /// What the server wanted since it was last asked.
    pub(super) fn server(&mut self) -> Seen {
        self.take();
        Seen::new(std::mem::take(&mut self.server_seen))
    }

    /// The last hello that the client said, and the last welcome of the server.
    pub(super) fn greetings(&mut self) -> (String, String) {
        self.take();
        let last = |seen: &[Action]| {
            Seen::new(seen.to_vec()).sends(|purpose| *purpose == Purpose::Auth).pop().unwrap_or_default()
        };
        (last(&self.client_seen), last(&self.server_seen))
    }

    /// How one message of the client's fared at last.
    pub(super) fn status(&self, id: &MessageId) -> Option<Status> {
        self.story.session.status(id)
    }
}

/// Whether the frame has this part.
pub(super) fn says(frame: &str, part: &str) -> bool {
    frame.contains(part)
}
