//! A service of one's own, whose closes ask for time and whose logins can be renewed.

use redial::config::{CredentialSource, Limits};
use redial::dialect::{
    Capabilities, CloseAdvice, Content, Dialect, HeartbeatSignal, Login, LoginSignal, MessageSignal, ReceiptSignal,
    Side, Signal, Span,
};
use redial::error::{Malformed, MarkReadError, Unencodable};
use redial::journal::{Call, CallError};
use redial::{
    Action, Body, Cause, Config, ConnectionId, Duration, Event, Frame, Preset, Purpose, Seed, Session, State,
};

use crate::oracle::drain;
use crate::support::Story;

/// `login TOKEN`, `no`, `push ID TEXT`, `mine ID PUSH`, `ack ID`, `nack ID`, `read ID`, and text.
#[derive(Debug)]
struct Desk {
    /// Whether it wants to be told what arrived.
    acks: bool,
    login: Login,
}

impl Dialect for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new().login(self.login);
        capabilities.acks = self.acks;
        capabilities
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        match frame.as_text() {
            Some("no") => Ok(Signal::login_refused(0)),
            Some(text) => Ok(match text.split(' ').collect::<Vec<_>>()[..] {
                ["push", id, body] => Signal::message(Some(id.into()), Span::rest(text, body)),
                ["mine", id, push] => Signal::echoed(id.into(), push.into(), Span::new(0..4)),
                _ => Signal::message(None, Span::WHOLE),
            }),
            None => Ok(match frame {
                // A byte for the service, and the content.
                Frame::Binary(bytes) => Signal::message(None, Span::new(1..bytes.len().max(1))),
                _ => Signal::heartbeat_reply(),
            }),
        }
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => Ok(Frame::Ping(Vec::new())),
            Signal::Login(LoginSignal::Proof { credential, .. }) => {
                Ok(Frame::text(format!("login {}", credential.reveal())))
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, .. }) => Ok(Frame::text(format!("ack {id}"))),
            Signal::Receipt(ReceiptSignal::Rejected { id, .. }) => Ok(Frame::text(format!("nack {id}"))),
            Signal::Receipt(ReceiptSignal::Read { id, .. }) => Ok(Frame::text(format!("read {id}"))),
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => Ok(Frame::text((*text).to_owned())),
            _ => Err(Unencodable::NoWord),
        }
    }

    fn renews_login(&self) -> bool {
        true
    }

    fn on_close(&self, code: u16, reason: &str) -> CloseAdvice {
        let seconds = reason.strip_prefix("back in ").and_then(|rest| rest.strip_suffix(" s")?.parse().ok());
        match (code, seconds) {
            (4000 | 4500, Some(seconds)) => CloseAdvice::Retry { after: Duration::from_secs(seconds) },
            (4001, _) => CloseAdvice::Stop,
            (4002, _) => CloseAdvice::CredentialRefused,
            (4003, _) => CloseAdvice::CredentialExpired,
            _ => CloseAdvice::AsConfigured,
        }
    }
}

fn desk() -> Story {
    let mut config = Config::default();
    config.authentication.credential = CredentialSource::Optional;
    Story::new(Preset::new(Desk { acks: true, login: Login::None }, config).expect("it is sound"))
}

fn closed(story: &mut Story, code: u16, reason: &str) -> u64 {
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(code), reason: reason.into() });
    story.wait_for_connect()
}

#[test]
fn a_close_that_asks_for_time_gets_it_up_to_an_hour() {
    let mut story = desk();
    story.ready();
    let wait = closed(&mut story, 4000, "back in 30 s");
    assert!((30_250..=30_500).contains(&wait), "{wait} ms: what was asked for, and the jittered delay on top");
    story.opened();
    let wait = closed(&mut story, 4000, "back in 999999 s");
    assert!((3_600_000..=3_601_000).contains(&wait), "{wait} ms");
    story.opened();
    let wait = closed(&mut story, 4000, "sorry");
    assert!(wait <= 2_000, "{wait} ms: that asked for nothing");
}

#[test]
fn a_dialect_says_what_its_close_codes_mean_and_the_users_own_lists_come_first() {
    let mut story = desk();
    story.ready();
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(4001), reason: String::new() });
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Terminal)));

    // The configuration stops after this code, and the dialect knows better.
    let mut story = desk();
    story.ready();
    assert!(closed(&mut story, 4500, "back in 1 s") >= 1_000);

    let mut config = Config::default();
    config.close.retry = vec![4001.into()];
    let mut story = Story::new(Preset::new(Desk { acks: true, login: Login::None }, config).expect("it is sound"));
    story.ready();
    closed(&mut story, 4001, "");
    assert_eq!(story.state(), State::Connecting);
}

#[test]
fn a_close_may_refuse_the_credential_or_say_that_it_has_run_out() {
    let held = || {
        let mut config = Config::default();
        config.authentication.credential = CredentialSource::Held;
        let mut story =
            Story::new(Preset::new(Desk { acks: true, login: Login::Handshake }, config).expect("it is sound"));
        story.credential("first").ready().seen();
        story
    };
    let mut refused = held();
    let connection = refused.connection();
    refused.event(Event::Closed { connection, code: Some(4002), reason: String::new() });
    assert_eq!((refused.state(), refused.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));

    let mut expired = held();
    let connection = expired.connection();
    expired.event(Event::Closed { connection, code: Some(4003), reason: String::new() });
    expired.wait(5_000);
    let asks = expired.seen().count(|action| matches!(action, Action::NeedCredential { .. }));
    assert_eq!(asks, 1, "a credential that has run out is not told again");
}

#[test]
fn a_hint_does_not_cut_short_what_a_close_asked_for() {
    let mut story = desk();
    story.ready();
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(4000), reason: "back in 30 s".into() });
    let lost = story.now();
    story.wait(1_000).event(Event::Online);
    let wait = story.wait_for_connect() + 1_000;
    assert!(story.now() - lost == wait && wait >= 30_000, "{wait} ms");
}

#[test]
fn a_new_credential_is_told_on_a_live_link_and_may_be_refused_there() {
    let mut story = desk();
    story.credential("first").ready().seen();
    story.credential("second");
    assert_eq!(story.seen().sends(|purpose| *purpose == Purpose::Auth), ["login second"]);
    story.text("no");
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn a_credential_that_comes_before_the_link_is_up_waits_and_is_told_once_it_is_ready() {
    let mut story = desk();
    story.open().seen();
    story.credential("early");
    assert!(story.seen().sends(|_| true).is_empty());
    story.opened();
    assert_eq!((story.state(), story.seen().sends(|_| true)), (State::Ready, vec!["login early".to_owned()]));
    story.closed(None).wait_for_connect();
    story.seen();
    story.opened();
    assert!(story.seen().sends(|_| true).is_empty(), "the handshake of this connection had it");
}

fn read(story: &mut Story, conversation: &str, id: &str) -> Result<Vec<String>, CallError> {
    story.seen();
    story.call(Call::MarkRead { id: id.into(), conversation: conversation.into() })?;
    Ok(marks(story))
}

fn marks(story: &mut Story) -> Vec<String> {
    story.seen().sends(|purpose| matches!(purpose, Purpose::Receipt { .. }))
}

fn shown(ids: &[&str]) -> Story {
    let mut story = desk();
    story.ready();
    for id in ids {
        story.text(&format!("push {id} hello"));
    }
    story
}

#[test]
fn a_read_mark_only_rises() {
    let mut story = shown(&["m9", "m5", "m7"]);
    assert_eq!(read(&mut story, "", "m5").expect("it was shown"), ["read m5"]);
    assert!(read(&mut story, "", "m5").expect("it is known").is_empty());
    assert!(read(&mut story, "", "m9").expect("it is known").is_empty(), "it came before, whatever its name");
    assert_eq!(read(&mut story, "", "m7").expect("it was shown"), ["read m7"]);
    assert_eq!(read(&mut story, "", "m8"), Err(MarkReadError::Unknown.into()));
}

#[test]
fn each_conversation_has_a_mark_of_its_own_and_a_new_connection_is_told_the_newest_of_each() {
    let mut story = shown(&["a1", "b1", "a2", "b2", "a3"]);
    assert_eq!(read(&mut story, "a", "a2").expect("it was shown"), ["read a2"]);
    assert_eq!(read(&mut story, "b", "b1").expect("it was shown"), ["read b1"]);
    story.closed(None);
    assert!(read(&mut story, "b", "b2").expect("it was shown").is_empty(), "nobody is there to be told");
    assert!(read(&mut story, "a", "a3").expect("it was shown").is_empty());
    story.wait_for_connect();
    story.seen();
    story.opened();
    assert_eq!(marks(&mut story), ["read b2", "read a3"]);
    story.closed(None).wait_for_connect();
    story.opened();
    assert_eq!(marks(&mut story), ["read b2", "read a3"], "nobody confirms a mark, so it is told again");
    assert_eq!(story.session.stats().resent, 0, "a mark is no message");
}

#[test]
fn marks_survive_a_restart_and_still_only_rise() {
    let mut story = shown(&["m1", "m2", "m3"]);
    read(&mut story, "", "m2").expect("it was shown");
    let snapshot = story.session.snapshot();
    let preset = story.session.preset().clone();
    let restored = Session::restore(preset, story.instant(), snapshot, Duration::ZERO, Seed::from(8_u64));
    let mut restored = restored.expect("it is whole");
    restored.open(story.instant());
    assert_eq!(restored.mark_read(story.instant(), &"m1".into()), Ok(()));
    restored.handle(story.instant(), Event::Opened { connection: ConnectionId::new(2) });
    let told = std::iter::from_fn(|| restored.poll_action()).find_map(|action| match action {
        Action::Send { frame, purpose: Purpose::Receipt { .. }, .. } => Some(frame),
        _ => None,
    });
    assert_eq!(told, Some(Frame::text("read m2")));
}

#[test]
fn the_marks_of_the_last_64_conversations_are_kept() {
    let mut story = desk();
    story.ready();
    for at in 0..100 {
        story.text(&format!("push m{at} hello"));
        read(&mut story, &format!("c{at}"), &format!("m{at}")).expect("it was shown");
    }
    story.closed(None).wait_for_connect();
    story.seen();
    story.opened();
    let marks = marks(&mut story);
    assert_eq!((marks.len(), &*marks[0], &*marks[63]), (64, "read m36", "read m99"));
}

#[test]
fn a_service_that_wants_no_acknowledgement_repeats_nothing_so_whatever_comes_is_shown() {
    for (acks, shown) in [(true, 1), (false, 2)] {
        let mut story =
            Story::new(Preset::new(Desk { acks, login: Login::None }, Config::default()).expect("it is sound"));
        story.ready().seen();
        story.text("push m1 hello").text("push m1 hello");
        let seen = story.seen();
        assert_eq!((seen.delivered().len(), seen.acks().len()), (shown, if acks { 2 } else { 0 }));
    }
}

#[test]
fn an_own_message_that_comes_back_under_an_id_that_was_refused_is_refused_too() {
    let mut config = Config::default();
    config.inbox.acknowledge = redial::config::Acknowledge::OnCall;
    let mut story = Story::new(Preset::new(Desk { acks: true, login: Login::None }, config).expect("it is sound"));
    story.ready();
    let mine = story.send("mine");
    for push in ["m1", "m2", "m3"] {
        story.text(&format!("push {push} hello"));
    }
    story.reject(&"m1".into()).acknowledge(&"m2".into()).seen();
    for (push, answers) in [("m1", &["nack m1"][..]), ("m2", &["ack m2"]), ("m3", &[]), ("m4", &["ack m4"])] {
        story.text(&format!("mine {mine} {push}"));
        let seen = story.seen();
        assert_eq!(seen.sends(|_| true), answers, "m3 still waits for the application");
        assert!(seen.delivered().is_empty());
    }
}

/// A frame with so much room in its buffer that is not used, and where that buffer is.
fn frame(content: &[u8], spare: usize) -> (Frame, *const u8) {
    let mut bytes = Vec::with_capacity(1 + content.len() + spare);
    bytes.push(0);
    bytes.extend_from_slice(content);
    let at = bytes.as_ptr();
    (Frame::Binary(bytes), at)
}

#[test]
fn bytes_within_a_frame_are_handed_on_in_its_buffer_where_that_is_not_much_larger() {
    let content = [7; 200];
    for (spare, kept) in [(0, true), (100, true), (199, true), (200, false), (10_000, false)] {
        let mut story = desk();
        story.ready();
        let (frame, at) = frame(&content, spare);
        story.session.handle(story.instant(), Event::FrameIn { connection: story.connection(), frame });
        let body = drain(&mut story.session).into_iter().find_map(|action| match action {
            Action::Deliver(message) => Some(message.body),
            _ => None,
        });
        let Some(Body::Binary { binary }) = body else { panic!("bytes are delivered") };
        assert_eq!(binary, content);
        assert_eq!(binary.as_ptr() == at, kept, "with {spare} bytes to spare");
    }
}

#[test]
fn a_text_within_a_frame_is_handed_on_in_its_buffer() {
    for preset in [Preset::uni_app(), Preset::native()] {
        let mut story = Story::new(preset.with_config(Config::default()).expect("it is sound"));
        story.credential("token").open().opened();
        let text = if story.state() == State::Ready {
            r#"{"type":"MESSAGE","messageId":"m1","content":"a text of some length, which is most of its frame, and more"}"#
        } else {
            story.text(r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":1,"resumed":false,"win_msgs":9,"win_bytes":999,"frame_max":999}"#);
            r#"{"type":"msg","s":1,"id":"m1","b":"a text of some length, which is most of its frame, and more"}"#
        };
        let text = text.to_owned();
        let at = text.as_ptr();
        story
            .session
            .handle(story.instant(), Event::FrameIn { connection: story.connection(), frame: Frame::text(text) });
        let body = drain(&mut story.session).into_iter().find_map(|action| match action {
            Action::Deliver(message) => Some(message.body),
            _ => None,
        });
        let Some(Body::Text(text)) = body else { panic!("a text is delivered") };
        assert!(text.starts_with("a text of some length") && text.as_ptr() == at, "{text:?}");
    }
}

#[test]
fn a_content_that_is_not_within_its_frame_is_an_empty_one() {
    let mut story =
        Story::new(Preset::new(Desk { acks: false, login: Login::None }, Config::default()).expect("it is sound"));
    story.open().opened().seen();
    for bytes in [Vec::new(), vec![7], Vec::with_capacity(9), vec![7, 8]] {
        let expected = bytes.get(1..).unwrap_or_default().to_vec();
        story.frame(Frame::Binary(bytes));
        let delivered =
            |action: &Action| matches!(action, Action::Deliver(got) if got.body == Body::from(expected.clone()));
        assert_eq!(story.seen().count(delivered), 1, "{expected:?}");
    }
}
