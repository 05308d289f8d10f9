//! The chat hub that speaks `uni_app`: one `Peer` a user, and a store, so that a killed hub goes on where it was.
//!
//! What one user says is stored, then acknowledged, then pushed to everybody else, whoever is away now included. A
//! `Peer` recognises repeats and pushes again until it is acknowledged; the store does the same across restarts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use redial::config::{Acknowledge, Limit, PeerPolicy};
use redial::{
    Action, Body, Config, ConnectionId, Event, Frame, Instant, MessageId, Outgoing, Peer, Preset, Purpose, Seed, Status,
};

use super::service::{Member, Replies, Reply, Service, name_in};
use super::store::{KEPT, KEPT_BYTES, Store, Taken};

/// Who the operator is among the users.
const OPERATOR: &str = "operator";

/// So many users are known at a time. Of one who is away longest nothing is lost: the store has it all, while it keeps
/// it.
const USERS: usize = 64;

struct User {
    peer: Peer,
    /// When the user came last, or left.
    seen: Instant,
    line: Option<(ConnectionId, Member)>,
}

/// The hub.
pub(crate) struct Hub {
    users: BTreeMap<String, User>,
    members: BTreeMap<Member, String>,
    store: Store,
    announced: u64,
}

impl Hub {
    /// A hub that goes on with what is in the file, if there is one.
    pub(crate) fn new(path: Option<PathBuf>) -> Result<Self, String> {
        let store = match path {
            Some(path) => Store::open(&path).map_err(|error| format!("{} cannot be used: {error}", path.display()))?,
            None => Store::default(),
        };
        Ok(Self { users: BTreeMap::new(), members: BTreeMap::new(), store, announced: 0 })
    }

    /// The user of this name, with everything it is owed on its way if it was not here before.
    fn user(&mut self, now: Instant, name: &str, out: &mut Replies) -> Option<&mut User> {
        if !self.users.contains_key(name) {
            self.make_room()?;
            let mut config = Config::default();
            config.inbox.acknowledge = Acknowledge::OnCall;
            config.outbox.messages = Limit::new(KEPT.into());
            // Each text is pushed with its sender's name.
            config.outbox.bytes = Limit::new((2 * KEPT_BYTES).into());
            // A push carries the sender's name and id in its own.
            config.limits.id_bytes = Limit::new(256);
            let mut seed = [0; 16];
            getrandom::fill(&mut seed).ok()?;
            let preset = Preset::uni_app().with_config(config).expect("it is sound");
            let peer = Peer::new(preset, PeerPolicy::default(), Seed::from_bytes(seed));
            let mut user = User { peer, seen: now, line: None };
            let owed: Vec<&Taken> = self.store.owed_to(name).collect();
            if !owed.is_empty() {
                out.say(format!("stored messages for {name}: {}", owed.len()));
            }
            for taken in owed {
                push(&mut user.peer, now, taken, name, out);
            }
            // Receipts of which an earlier process may not have told any more.
            for id in self.store.reached_of(name) {
                tell_reached(&mut user.peer, now, id);
            }
            self.users.insert(name.to_owned(), user);
        }
        self.users.get_mut(name)
    }

    /// Forgets whoever is away longest, where there are as many as may be; `None` where all of them are here.
    fn make_room(&mut self) -> Option<()> {
        if self.users.len() >= USERS {
            let away = self.users.iter().filter(|(_, user)| user.line.is_none());
            let longest = away.min_by_key(|(_, user)| user.seen).map(|(name, _)| name.clone());
            self.users.remove(&longest?);
        }
        Some(())
    }

    /// Carries out what the peers want done, until none wants anything.
    fn perform(&mut self, now: Instant, out: &mut Replies) {
        let names: Vec<String> = self.users.keys().cloned().collect();
        while let Some((name, action)) = names.iter().find_map(|name| Some((name, self.next_action(name)?))) {
            match action {
                Action::Send { connection, frame, purpose } => {
                    if let Some(member) = self.member(name, connection) {
                        let push = matches!(purpose, Purpose::Message { .. });
                        out.0.push(Reply::Send { member, frame, push });
                    }
                    if let Purpose::Ack { id } = purpose {
                        self.retell(now, name, &id);
                    }
                }
                Action::Abort { connection } => {
                    if let Some(member) = self.member(name, connection) {
                        out.0.push(Reply::Drop { member });
                    }
                }
                Action::Deliver(message) => self.on_message(now, name, message.id, &message.body, out),
                Action::Status { id, status: Status::Accepted } => self.on_reached(now, name, &id, out),
                Action::Malformed { error, .. } => out.say(format!("{name} sent something unreadable: {error}")),
                _ => {}
            }
        }
    }

    fn next_action(&mut self, name: &str) -> Option<Action> {
        self.users.get_mut(name)?.peer.poll_action()
    }

    fn member(&self, name: &str, connection: ConnectionId) -> Option<Member> {
        let (present, member) = self.users.get(name)?.line?;
        (present == connection).then_some(member)
    }

    fn on_message(&mut self, now: Instant, from: &str, id: Option<MessageId>, body: &Body, out: &mut Replies) {
        let (Some(id), Some(text)) = (id, body.as_text()) else { return };
        let taken = Taken { from: from.to_owned(), id: id.clone(), text: text.to_owned() };
        match self.store.take(taken.clone()) {
            Ok(is_new) => {
                if let Some(user) = self.users.get_mut(from) {
                    // Only now is it safe; what cannot be acknowledged any more was so before.
                    let _ = user.peer.acknowledge(now, &id);
                }
                if is_new {
                    out.say(format!("{from}: {text}"));
                    self.spread(now, &taken, out);
                } else {
                    out.say(format!("{from} repeated {id}, which was here already"));
                }
            }
            // Not acknowledged, so the sender keeps it.
            Err(error) => out.say(format!("the store fails: {error}")),
        }
    }

    /// Tells again what a message has reached, behind its acknowledgement. A message that has reached somebody before
    /// it is acknowledged is a repeat, be it the peer or the store that knows it, and the receipt that went out when
    /// its sender came may have met a client that had not said it yet: such a client passes it over.
    fn retell(&mut self, now: Instant, from: &str, id: &MessageId) {
        let has_reached = self.store.has_reached(from, id);
        if let Some(user) = self.users.get_mut(from).filter(|_| has_reached) {
            tell_reached(&mut user.peer, now, id);
        }
    }

    fn spread(&mut self, now: Instant, taken: &Taken, out: &mut Replies) {
        for (name, user) in self.users.iter_mut().filter(|(name, _)| **name != taken.from) {
            push(&mut user.peer, now, taken, name, out);
        }
    }

    fn on_reached(&mut self, now: Instant, name: &str, push: &MessageId, out: &mut Replies) {
        match self.store.reach(name, push) {
            Ok(Some(Taken { from, id, .. })) => {
                if let Some(user) = self.users.get_mut(from) {
                    tell_reached(&mut user.peer, now, id);
                }
            }
            Ok(None) => {}
            Err(error) => out.say(format!("the store fails: {error}")),
        }
    }

    fn tell(&mut self, now: Instant, member: Member, event: impl FnOnce(ConnectionId) -> Event, out: &mut Replies) {
        let user = self.members.get(&member).and_then(|name| self.users.get_mut(name));
        if let Some(User { peer, line: Some((connection, present)), .. }) = user
            && *present == member
        {
            peer.handle(now, event(*connection));
        }
        self.perform(now, out);
    }
}

/// Tells the sender of a message that it has reached its receiver. The store has the message, so the sender's peer may
/// have forgotten it.
fn tell_reached(peer: &mut Peer, now: Instant, id: &MessageId) {
    peer.remember(now, id);
    // A dialect without the word has no use for it.
    let _ = peer.delivered(now, id.clone());
}

/// Hands a message to somebody's peer, which keeps it until it is acknowledged.
fn push(peer: &mut Peer, now: Instant, taken: &Taken, to: &str, out: &mut Replies) {
    let message = Outgoing::from(format!("{}: {}", taken.from, taken.text)).id(taken.push_id());
    if let Err(error) = peer.push(now, message) {
        out.say(format!("a message for {to} has to wait for a restart: {error}"));
    }
}

impl Service for Hub {
    fn on_open(&mut self, now: Instant, member: Member, query: &str, out: &mut Replies) {
        let name = name_in(query).unwrap_or_else(|| format!("guest{member}"));
        let Some(user) = self.user(now, &name, out) else {
            out.0.push(Reply::Drop { member });
            return;
        };
        user.seen = now;
        let connection = user.peer.accept(now);
        let old = user.line.replace((connection, member));
        out.say(format!("{name} has come"));
        if let Some((_, old)) = old {
            out.0.push(Reply::Drop { member: old });
        }
        self.members.insert(member, name);
        self.perform(now, out);
    }

    fn on_text(&mut self, now: Instant, member: Member, text: &str, out: &mut Replies) {
        let frame = Frame::text(text.to_owned());
        self.tell(now, member, |connection| Event::FrameIn { connection, frame }, out);
    }

    fn on_gone(&mut self, now: Instant, member: Member, out: &mut Replies) {
        let closed = |connection| Event::Closed { connection, code: None, reason: String::new() };
        self.tell(now, member, closed, out);
        if let Some(name) = self.members.remove(&member) {
            if let Some(user) = self.users.get_mut(&name) {
                user.line = user.line.filter(|(_, present)| *present != member);
                user.seen = now;
            }
            out.say(format!("{name} has gone"));
        }
    }

    fn announce(&mut self, now: Instant, text: &str, out: &mut Replies) {
        self.announced += 1;
        // Times differ between two lives of one hub, so such an id never comes again.
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let id = MessageId::from(format!("{since}-{}", self.announced));
        let taken = Taken { from: OPERATOR.to_owned(), id, text: text.to_owned() };
        match self.store.take(taken.clone()) {
            Ok(_) => self.spread(now, &taken, out),
            Err(error) => out.say(format!("the store fails: {error}")),
        }
        self.perform(now, out);
    }

    fn on_tick(&mut self, now: Instant, out: &mut Replies) {
        for user in self.users.values_mut() {
            user.peer.handle(now, Event::Tick);
        }
        self.perform(now, out);
    }

    fn stored(&self) -> Option<usize> {
        Some(self.store.len())
    }
}
