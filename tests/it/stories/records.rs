//! Services whose frames are not one word each: several lines in a frame, one line over several.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redial::config::{CredentialSource, Limit, Limits, PeerPolicy};
use redial::dialect::{Capabilities, Content, Dialect, Login, MessageSignal, Record, Side, Signal, Span};
use redial::error::{Malformed, Unencodable};
use redial::{Action, Body, Cause, Config, ConnectionId, Event, Frame, Instant, Peer, Preset, Seed, Session, State};

use crate::support::{Story, with};

/// A line is a message, and `.` is the greeting; `bye` ends the session. In bytes and in text alike.
#[derive(Debug, Default)]
struct Lines {
    /// How many bytes were searched for the end of a line.
    searched: Arc<AtomicUsize>,
    greeted: bool,
}

impl Dialect for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(if self.greeted { Login::Greeted } else { Login::None })
    }

    fn record(&self, _: Side, bytes: &[u8], searched: usize) -> Record {
        let unseen = bytes.get(searched..).unwrap_or_default();
        let end = unseen.iter().position(|byte| *byte == b'\n');
        self.searched.fetch_add(end.map_or(unseen.len(), |at| at + 1), Ordering::Relaxed);
        end.map_or(Record::Unfinished, |at| Record::First(searched + at + 1))
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        let length = frame.len().saturating_sub(1);
        Ok(match frame {
            Frame::Ping(_) | Frame::Pong(_) => Signal::Ignored,
            Frame::Text(text) if text == ".\n" => Signal::login_accepted(),
            Frame::Text(text) if text == "bye\n" => Signal::kick(Span::new(0..length)),
            Frame::Text(text) if text == "?\n" => return Err(Malformed::Missing { field: "word".to_owned() }),
            _ => Signal::message(None, Span::new(0..length)),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => Ok(Frame::text(format!("{text}\n"))),
            _ => Err(Unencodable::NoWord),
        }
    }
}

fn lines() -> Story {
    let mut story = Story::new(Preset::new(Lines::default(), Config::default()).expect("it is sound"));
    story.ready().seen();
    story
}

fn malformed(story: &mut Story) -> Vec<Malformed> {
    let of = |action: &Action| match action {
        Action::Malformed { error, .. } => Some(error.clone()),
        _ => None,
    };
    story.seen().all().iter().filter_map(of).collect()
}

#[test]
fn all_words_of_one_frame_arrive_in_order() {
    let mut story = lines();
    story.text("one\ntwo\nthree\n");
    assert_eq!(story.seen().delivered(), ["one", "two", "three"]);
    assert_eq!(story.session.stats().frames_in, 1);
}

#[test]
fn a_word_that_is_cut_over_frames_arrives_when_its_end_does() {
    let mut story = lines();
    story.text("one\ntw");
    assert_eq!(story.seen().delivered(), ["one"]);
    story.text("o");
    assert!(story.seen().delivered().is_empty());
    story.frame(Frame::Ping(Vec::new())).text("\nthree\nfo");
    assert_eq!(story.seen().delivered(), ["two", "three"]);
    story.text("ur\n");
    assert_eq!(story.seen().delivered(), ["four"]);
}

#[test]
fn half_a_word_ends_with_its_connection() {
    let mut story = lines();
    story.text("half a ").closed(1006).wait_for_connect();
    story.opened().seen();
    story.text("word\n");
    assert_eq!(story.seen().delivered(), ["word"]);
}

#[test]
fn a_greeting_and_the_first_messages_may_share_a_frame_and_nothing_follows_the_end() {
    let dialect = Lines { greeted: true, ..Lines::default() };
    let config = with(|config: &mut Config| config.authentication.credential = CredentialSource::Optional);
    let mut story = Story::new(Preset::new(dialect, config).expect("it is sound"));
    story.open().opened().seen();
    story.text(".\nhello\nbye\nlost\n");
    let seen = story.seen();
    assert_eq!(seen.states(), [State::Ready, State::Stopped]);
    assert_eq!(seen.delivered(), ["hello"]);
    assert_eq!(story.session.explain().cause, Some(Cause::Kicked));
    assert_eq!(story.session.stats().stale_events, 1, "what came behind the end is counted");
}

#[test]
fn a_word_that_cannot_be_read_costs_itself_alone() {
    let mut story = lines();
    story.text("one\n?\ntwo\n");
    let seen = story.seen();
    assert_eq!(seen.delivered(), ["one", "two"]);
    assert_eq!(seen.count(|action| matches!(action, Action::Malformed { .. })), 1);
}

#[test]
fn a_word_that_goes_on_in_another_kind_of_frame_is_lost_and_said_to_be() {
    let mut story = lines();
    story.text("half a ").frame(Frame::Binary(b"word\n".to_vec()));
    assert_eq!(malformed(&mut story), [Malformed::Unfinished]);
    story.text("whole\n");
    assert_eq!(story.seen().delivered(), ["whole"]);
}

#[test]
fn half_a_word_is_kept_up_to_the_limit_of_a_frame() {
    let config = with(|config: &mut Config| {
        config.limits.frame_bytes = Limit::new(64);
        config.limits.message_bytes = Limit::new(32);
    });
    let mut story = Story::new(Preset::new(Lines::default(), config).expect("it is sound"));
    story.ready().seen();
    for _ in 0..6 {
        story.text("0123456789");
    }
    assert_eq!(malformed(&mut story), []);
    story.text("0123456789");
    assert_eq!(malformed(&mut story), [Malformed::TooLarge { bytes: 70, limit: 64 }]);
    story.text("next\n");
    assert_eq!(story.seen().delivered(), ["next"]);
}

#[test]
fn no_byte_is_searched_twice_however_often_a_word_is_cut() {
    let dialect = Lines::default();
    let searched = dialect.searched.clone();
    // The session alone: who judges it in a story searches for ends of lines, too.
    let mut session = Session::new(Preset::new(dialect, Config::default()).expect("it is sound"), Seed::from(7_u64));
    let (now, connection) = (Instant::ORIGIN, ConnectionId::new(1));
    session.open(now);
    session.handle(now, Event::Opened { connection });
    let mut hear = |text: &'static str| session.handle(now, Event::FrameIn { connection, frame: Frame::text(text) });
    (0..1_000).for_each(|_| hear("x"));
    hear("\nwhole\n");
    assert_eq!(searched.load(Ordering::Relaxed), 1_000 + "\nwhole\n".len());
    assert_eq!(session.stats().delivered, 2);
}

#[test]
fn a_dialect_that_cuts_a_character_in_two_gets_the_rest_whole() {
    #[derive(Debug)]
    struct Cutter;
    impl Dialect for Cutter {
        fn name(&self) -> &'static str {
            "cutter"
        }
        fn capabilities(&self) -> Capabilities {
            Capabilities::new()
        }
        fn record(&self, _: Side, _: &[u8], _: usize) -> Record {
            Record::First(1)
        }
        fn decode(&self, _: Side, _: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
            Ok(Signal::message(None, Span::WHOLE))
        }
        fn encode(&self, _: Side, _: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
            Err(Unencodable::NoWord)
        }
    }
    let mut story = Story::new(Preset::new(Cutter, Config::default()).expect("it is sound"));
    story.ready().seen();
    story.text("a\u{a7}b").text("");
    assert_eq!(story.seen().delivered(), ["a", "\u{a7}b", ""]);
}

#[test]
fn a_stream_of_bytes_goes_on_behind_pings_and_an_empty_frame() {
    let mut story = lines();
    let bytes = |text: &str| Frame::Binary(text.as_bytes().to_vec());
    story.frame(bytes("one\ntw")).frame(Frame::Ping(Vec::new())).frame(bytes("")).frame(bytes("o\n"));
    let seen = story.seen();
    let bodies = seen.all().iter().filter_map(|action| match action {
        Action::Deliver(message) => Some(message.body.clone()),
        _ => None,
    });
    assert_eq!(bodies.collect::<Vec<_>>(), ["one", "two"].map(|text| Body::from(text.as_bytes().to_vec())));
}

#[test]
fn a_peer_reads_records_as_a_session_does_and_no_half_of_one_outlives_its_connection() {
    let preset = Preset::new(Lines::default(), Config::default()).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(7_u64));
    let (now, mut heard) = (Instant::ORIGIN, Vec::new());
    for frames in [["one\ntwo", " and a half"], ["three\n", "four\n"]] {
        let connection = peer.accept(now);
        for text in frames {
            peer.handle(now, Event::FrameIn { connection, frame: Frame::text(text) });
        }
        heard.extend(std::iter::from_fn(|| peer.poll_action()).filter_map(|action| match action {
            Action::Deliver(message) => message.body.as_text().map(str::to_owned),
            _ => None,
        }));
    }
    assert_eq!(heard, ["one", "three", "four"]);
}

#[test]
fn a_word_that_came_in_two_halves_leaves_nothing_behind() {
    let (mut whole, mut cut) = (lines(), lines());
    whole.text("one\n");
    cut.text("on").text("e\n");
    assert_eq!(whole.session, cut.session);
}

#[test]
fn a_peer_reads_no_further_than_the_end_of_its_connection() {
    let config = with(|config: &mut Config| config.limits.malformed = NonZeroU32::new(1));
    let preset = Preset::new(Lines::default(), config).expect("it is sound");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(7_u64));
    let connection = peer.accept(Instant::ORIGIN);
    let frame = Frame::text("one\n?\n?\nlost\nlost\n");
    peer.handle(Instant::ORIGIN, Event::FrameIn { connection, frame });
    let delivers = |action: &Action| matches!(action, Action::Deliver(_));
    assert_eq!(std::iter::from_fn(|| peer.poll_action()).filter(delivers).count(), 1);
    assert_eq!((peer.connection(), peer.stats().stale_events), (None, 1));
}
