//! What is promised with the words of `uni_app`, and what is not: each sentence of its docs, tried on a server.

use core::num::NonZeroU32;

use redial::config::{Limit, PeerPolicy};
use redial::{
    Action, Config, ConnectionId, Duration, Event, Frame, Instant, MessageId, Peer, Preset, Purpose, Seed, Status,
};

use crate::support::{Story, with};

/// A server of one client, reached by hand: what either side writes travels only when the story says so.
struct Server {
    peer: Peer,
    connection: ConnectionId,
    shown: Vec<String>,
}

impl Server {
    fn new(seed: u64, policy: PeerPolicy) -> Self {
        let peer =
            Peer::new(Preset::uni_app().with_config(Config::default()).expect("it is sound"), policy, Seed::from(seed));
        Self { peer, connection: ConnectionId::new(0), shown: Vec::new() }
    }

    fn accept(&mut self, now: Instant) -> &mut Self {
        self.connection = self.peer.accept(now);
        self
    }

    /// Hears these frames, and gives what it writes.
    fn hear(&mut self, now: Instant, frames: Vec<String>) -> Vec<String> {
        let connection = self.connection;
        for frame in frames {
            self.peer.handle(now, Event::FrameIn { connection, frame: Frame::text(frame) });
        }
        self.said()
    }

    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(action) = self.peer.poll_action() {
            match action {
                Action::Send { frame, .. } => said.extend(frame.as_text().map(str::to_owned)),
                Action::Deliver(message) => self.shown.extend(message.body.as_text().map(str::to_owned)),
                _ => {}
            }
        }
        said
    }
}

fn messages(story: &mut Story) -> Vec<String> {
    story.seen().sends(|purpose| matches!(purpose, Purpose::Message { .. }))
}

#[test]
fn a_lost_receipt_shows_nothing_twice_while_the_server_remembers() {
    let mut story = Story::uni_app();
    let mut server = Server::new(1, PeerPolicy::default());
    story.ready();
    server.accept(story.instant());
    let id = story.send("hello");
    let lost = server.hear(story.instant(), messages(&mut story));
    assert_eq!(lost.len(), 1, "the receipt, which never arrives");
    story.closed(None).wait_for_connect();
    story.opened();
    server.accept(story.instant());
    for frame in server.hear(story.instant(), messages(&mut story)) {
        story.text(&frame);
    }
    assert_eq!(server.shown, ["hello"], "the second copy was recognised by its id");
    assert_eq!(story.session.status(&id), Some(Status::Accepted));
}

#[test]
fn a_server_that_forgets_its_ids_shows_twice_what_is_sent_again() {
    let mut story = Story::uni_app();
    let mut server = Server::new(1, PeerPolicy::default());
    story.ready();
    server.accept(story.instant());
    story.send("hello");
    server.hear(story.instant(), messages(&mut story));
    story.closed(None).wait_for_connect();
    story.opened();
    let mut restarted = Server::new(2, PeerPolicy::default());
    restarted.accept(story.instant());
    restarted.hear(story.instant(), messages(&mut story));
    assert_eq!((server.shown, restarted.shown), (vec!["hello".to_owned()], vec!["hello".to_owned()]));
}

#[test]
fn where_the_servers_memory_is_known_that_becomes_an_honest_unknown() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(60)));
    let mut server = Server::new(1, PeerPolicy::default());
    story.ready();
    server.accept(story.instant());
    let id = story.send("hello");
    server.hear(story.instant(), messages(&mut story));
    story.closed(None);
    story.event(Event::Woke { asleep: Duration::from_secs(60) });
    story.wait_for_connect();
    story.opened();
    assert!(messages(&mut story).is_empty(), "the server may have forgotten it by now");
    assert_eq!(story.session.status(&id), Some(Status::Unconfirmed));
}

#[test]
fn a_push_whose_two_copies_are_lost_is_lost_and_both_sides_are_honest_about_it() {
    let twice = with(|policy: &mut PeerPolicy| policy.copies = NonZeroU32::new(2));
    let mut server = Server::new(1, twice);
    let mut now = Instant::ORIGIN;
    server.accept(now);
    let id = server.peer.push(now, "are you there?").expect("it is taken");
    assert_eq!(server.said().len(), 1, "the first copy, lost");
    now = now + Duration::from_secs(10);
    server.peer.handle(now, Event::Tick);
    assert_eq!(server.said().len(), 1, "the second and last copy, lost");
    server.peer.handle(now + Duration::from_secs(10), Event::Tick);
    let status = std::iter::from_fn(|| server.peer.poll_action()).find_map(|action| match action {
        Action::Status { id: of, status } if of == id => Some(status),
        _ => None,
    });
    assert_eq!(status, Some(Status::Unconfirmed), "the server knows that it does not know");
    assert_eq!(server.peer.unacknowledged(), 0);
    server.accept(now + Duration::from_secs(11));
    assert!(server.said().is_empty(), "the message comes no more: the repair is to fetch the history");
}

/// Shows `m1` and `m2` on one connection, and again on the next because their acknowledgements were lost.
fn repeated(window: u64) -> Vec<String> {
    let mut story = Story::uni_app_with(|config| config.inbox.window = Limit::new(window));
    story.ready().seen();
    for _ in 0..2 {
        for id in ["m1", "m2"] {
            story.text(&format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"{id}"}}"#));
        }
        story.closed(None).wait_for_connect();
        story.opened();
    }
    story.seen().delivered()
}

#[test]
fn a_window_of_what_the_server_keeps_shows_nothing_twice_and_a_shorter_one_does() {
    assert_eq!(repeated(2), ["m1", "m2"]);
    assert_eq!(repeated(1), ["m1", "m2", "m1", "m2"]);
}

#[test]
fn ids_of_two_sessions_never_meet_in_the_servers_memory() {
    let ids: Vec<MessageId> = (0..50).map(|seed| Story::seeded(Preset::plain(), seed).send("hello")).collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "{id} was given twice");
    }
}
