//! A service of one's own, whose closes ask for time and whose logins can be renewed.

use redial::{
    Config, CredentialSource, Dialect, Duration, Event, Frame, Limits, Login, Malformed, Payload, Preset, Profile,
    Purpose, Side, Signal, State, Unencodable,
};

use crate::support::Story;

/// `login TOKEN`, `no`, and text.
#[derive(Debug)]
struct Desk;

impl Dialect for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn profile(&self) -> Profile {
        Profile { login: Login::None, receipts: false, acks: false, early_delivery: false }
    }

    fn decode<'a>(&self, _: Side, frame: &'a Frame, _: &Limits) -> Result<Signal<'a>, Malformed> {
        match frame.as_text() {
            Some("no") => Ok(Signal::Refused { code: 0 }),
            Some(_) => Ok(Signal::Message { id: None, body: Payload::Whole }),
            None => Ok(Signal::BeatReply),
        }
    }

    fn encode(&self, _: Side, signal: &Signal<'_>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Beat => Ok(Frame::Ping(Vec::new())),
            Signal::Login { credential, .. } => Ok(Frame::text(format!("login {}", credential.reveal()))),
            Signal::Message { body: Payload::Text(text), .. } => Ok(Frame::text((*text).to_owned())),
            _ => Err(Unencodable::NoWord),
        }
    }

    fn renews_login(&self) -> bool {
        true
    }

    fn retry_after(&self, code: u16, reason: &str) -> Option<Duration> {
        let seconds = reason.strip_prefix("back in ")?.strip_suffix(" s")?.parse().ok()?;
        (code == 4000).then(|| Duration::from_secs(seconds))
    }
}

fn desk() -> Story {
    let mut config = Config::default();
    config.authentication.credential = CredentialSource::Optional;
    Story::new(Preset::new(Desk, config))
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
fn before_the_link_is_up_a_credential_only_waits() {
    let mut story = desk();
    story.open().seen();
    story.credential("early");
    assert!(story.seen().sends(|_| true).is_empty());
    story.opened();
    assert_eq!((story.state(), story.seen().sends(|_| true)), (State::Ready, Vec::new()));
}
