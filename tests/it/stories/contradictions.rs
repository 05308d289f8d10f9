//! Dialects that contradict themselves, and dialects that cannot encode what they need.

use redial::config::{CredentialSource, Limits, PeerPolicy};
use redial::dialect::{
    Capabilities, Content, Dialect, Login, LoginSignal, ReceiptSignal, RedialV1, SequenceSignal, Side, Signal, Span,
};
use redial::error::{ConfigError, Malformed, Unencodable};
use redial::{Action, Cause, Config, ConnectionId, Event, Frame, Instant, Peer, Preset, Purpose, Seed, Session, State};

use crate::oracle::drain;
use crate::support::Story;

/// `redial.v1` with other capabilities, and without a word for one kind of signal.
#[derive(Clone, Copy, Debug)]
struct Crippled {
    capabilities: Capabilities,
    lacks: Lack,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lack {
    Nothing,
    Hello,
    Welcome,
    Skip,
    Ack,
    Proof,
    Accepted,
    /// The word is there, but not for these values.
    LongHello,
}

impl Dialect for Crippled {
    fn name(&self) -> &'static str {
        "crippled"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        if self.capabilities.sequenced {
            return RedialV1::default().decode(reader, frame, limits);
        }
        Ok(match frame.as_text() {
            Some("challenge") => Signal::challenge(None, None),
            Some(id) => Signal::message(Some(id.into()), Span::WHOLE),
            None => Signal::Ignored,
        })
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let lacks = match signal {
            Signal::Sequence(SequenceSignal::Hello(hello)) if hello.credential.is_some() => {
                matches!(self.lacks, Lack::Hello | Lack::LongHello)
            }
            Signal::Sequence(SequenceSignal::Hello(_)) => self.lacks == Lack::Hello,
            Signal::Sequence(SequenceSignal::Welcome(_)) => self.lacks == Lack::Welcome,
            Signal::Sequence(SequenceSignal::Message { content: None, .. }) => self.lacks == Lack::Skip,
            Signal::Sequence(SequenceSignal::Ack { .. }) => self.lacks == Lack::Ack,
            Signal::Login(LoginSignal::Proof { .. }) => self.lacks == Lack::Proof,
            Signal::Receipt(ReceiptSignal::Accepted { .. }) => self.lacks == Lack::Accepted,
            _ => false,
        };
        if lacks { Err(Unencodable::NoWord) } else { RedialV1::default().encode(writer, signal) }
    }

    fn renews_login(&self) -> bool {
        true
    }
}

const WHOLE: Capabilities = Capabilities::new().login(Login::Hello).receipts().acks().sequenced();

fn made(capabilities: Capabilities, lacks: Lack) -> Result<Preset, ConfigError> {
    let mut config = Config::default();
    config.authentication.credential = CredentialSource::Optional;
    Preset::new(Crippled { capabilities, lacks }, config)
}

#[test]
fn a_dialect_that_contradicts_itself_is_refused_with_the_rule() {
    let base = Capabilities::new();
    let mut repeating = WHOLE;
    repeating.no_repeats = false;
    let contradictions = [
        repeating,
        base.sequenced(),
        base.receipts().acks().sequenced(),
        base.login(Login::Handshake).receipts().acks().sequenced(),
        base.login(Login::Hello).acks().sequenced(),
        base.login(Login::Hello).receipts().sequenced(),
        base.login(Login::Hello).receipts().acks(),
        WHOLE.early_delivery(),
    ];
    for capabilities in contradictions {
        let error = made(capabilities, Lack::Nothing).expect_err("it contradicts itself");
        assert!(matches!(error, ConfigError::Capabilities { .. }), "{capabilities:?}: {error}");
        assert_eq!(error.code(), "capabilities");
        assert_eq!(capabilities.check(), Err(error));
    }
    for capabilities in [WHOLE, base, base.receipts(), base.acks(), base.login(Login::Challenge).early_delivery()] {
        assert!(made(capabilities, Lack::Nothing).is_ok(), "{capabilities:?}");
    }
}

#[test]
fn a_dialect_with_sequence_numbers_has_the_words_that_its_client_needs() {
    for lacks in [Lack::Hello, Lack::Skip, Lack::Ack] {
        assert!(matches!(made(WHOLE, lacks), Err(ConfigError::Capabilities { .. })), "{lacks:?}");
    }
    for lacks in [Lack::Nothing, Lack::Welcome, Lack::Proof] {
        assert!(made(WHOLE, lacks).is_ok(), "{lacks:?}");
    }
}

/// How often a frame of this purpose was reported as unsent.
fn unsent(actions: &[Action], purpose: &Purpose) -> usize {
    let is = |action: &&Action| matches!(action, Action::Unsent { purpose: of, .. } if of == purpose);
    actions.iter().filter(is).count()
}

#[test]
fn a_hello_that_cannot_be_encoded_is_reported_and_ends_the_attempt() {
    let mut story = Story::new(made(WHOLE, Lack::LongHello).expect("the word is there"));
    story.credential("too long").open();
    story.opened();
    let seen = story.seen();
    assert_eq!(unsent(seen.all(), &Purpose::Auth), 1, "{seen:?}");
    assert_eq!(story.state(), State::Waiting);
    assert_eq!(story.session.explain().cause, Some(Cause::SendFailed));
}

#[test]
fn a_welcome_that_cannot_be_encoded_is_reported_and_ends_the_connection() {
    let preset = made(WHOLE, Lack::Welcome).expect("a dialect may be one for clients alone");
    let mut peer = Peer::new(preset, PeerPolicy::default(), Seed::from(1_u64));
    let connection = peer.accept(Instant::ORIGIN);
    let hello = r#"{"type":"hello","v":1,"win_msgs":9,"win_bytes":9000,"frame_max":9000}"#;
    peer.handle(Instant::ORIGIN, Event::FrameIn { connection, frame: Frame::text(hello) });
    let actions: Vec<Action> = std::iter::from_fn(|| peer.poll_action()).collect();
    assert_eq!(unsent(&actions, &Purpose::Auth), 1, "{actions:?}");
    assert!(actions.contains(&Action::Abort { connection }), "{actions:?}");
    assert_eq!(peer.connection(), None);
}

#[test]
fn a_proof_that_cannot_be_encoded_is_reported_and_ends_the_login() {
    let mut story = Story::new(made(Capabilities::new().login(Login::Challenge), Lack::Proof).expect("it is sound"));
    story.credential("token").open();
    story.opened().seen();
    story.text("challenge");
    assert_eq!(unsent(story.seen().all(), &Purpose::Auth), 1);
    assert_eq!(story.state(), State::Waiting);
}

#[test]
fn a_renewal_that_cannot_be_encoded_is_reported_and_the_connection_goes_on() {
    let mut story = Story::new(made(Capabilities::new(), Lack::Proof).expect("it is sound"));
    story.ready().seen();
    story.credential("another");
    assert_eq!(unsent(story.seen().all(), &Purpose::Auth), 1);
    assert_eq!(story.state(), State::Ready);
}

#[test]
fn an_ack_that_cannot_be_encoded_is_reported() {
    let preset = made(Capabilities::new().acks(), Lack::Accepted).expect("it is sound");
    let mut session = Session::new(preset, Seed::from(1_u64));
    let (now, connection) = (Instant::ORIGIN, ConnectionId::new(1));
    session.open(now);
    session.handle(now, Event::Opened { connection });
    session.handle(now, Event::FrameIn { connection, frame: Frame::text("m1") });
    assert_eq!(unsent(&drain(&mut session), &Purpose::Ack { id: "m1".into() }), 1);
}
