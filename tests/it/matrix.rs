//! Every input in every phase: what comes out, where that leads, and what is waited for then, as one page to review.
//!
//! `matrix.txt` is that page. A change of behaviour shows there as a difference; `REDIAL_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use redial::config::{Acknowledge, CredentialSource, MeasuredFrom};
use redial::dialect::Login;
use redial::journal::{Call, Output};
use redial::{
    Action, Config, ConnectionId, CredentialFailure, Duration, Event, Failure, Frame, HostProfile, Purpose, State,
    TransportError,
};

use crate::sim::Terse;
use crate::support::Story;

const UNKNOWN: &str = " of an unknown connection";

/// Brings a session into a phase.
pub(crate) type Bring = fn(&mut Story);

const PHASES: [(&str, Login, Bring); 17] = [
    ("idle", Login::None, |_| {}),
    ("preparing: the handshake needs a credential", Login::Handshake, |story| {
        story.open();
    }),
    ("connecting", Login::None, |story| {
        story.open();
    }),
    ("authenticating, unasked", Login::ConfirmedChallenge, |story| {
        story.open().opened();
    }),
    ("authenticating, the host is asked", Login::ConfirmedChallenge, |story| {
        story.open().opened().text("who are you");
    }),
    ("authenticating, answered", Login::ConfirmedChallenge, |story| {
        story.open().opened().text("who are you").credential("token");
    }),
    ("authenticating, the client has said who it is", Login::First, |story| {
        story.open().credential("token").opened();
    }),
    ("authenticating, the server greets", Login::Greeted, |story| {
        story.open().credential("token").opened();
    }),
    ("ready", Login::None, |story| {
        story.open().opened();
    }),
    ("ready, with messages both ways", Login::None, |story| {
        story.open().opened().text("msg p1 hi");
        story.send_id("hello", "m1");
    }),
    ("ready, held", Login::None, |story| {
        story.open().opened().hold();
        story.send_id("hello", "m1");
    }),
    ("ready, draining", Login::None, |story| {
        story.open().opened();
        story.send_id("hello", "m1");
        story.drain_within(9_000);
    }),
    ("waiting, with a message that may have arrived", Login::None, |story| {
        story.open().opened();
        story.send_id("hello", "m1");
        story.closed(1006);
    }),
    ("giving up", Login::None, |story| {
        for _ in 0..3 {
            if story.state() == State::Idle {
                story.open();
            } else {
                story.wait_for_connect();
            }
            story.errored(TransportError::Refused);
        }
        assert_eq!(story.session.explain().waiting_for.map(|due| due.timer), Some(redial::Timer::GiveUp));
    }),
    ("closing", Login::None, |story| {
        story.open().opened().close();
    }),
    ("stopped by a refused login, with a message kept", Login::ConfirmedChallenge, |story| {
        story.open().opened();
        story.send_id("hello", "m1");
        story.text("refused 3");
    }),
    ("stopped by a kick", Login::None, |story| {
        story.open().opened().text("kick elsewhere");
    }),
];

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.authentication.credential = CredentialSource::Asked;
    config.reconnect.from = MeasuredFrom::Attempt;
    config.reconnect.max = Some(2);
    config.outbox.quarantine = NonZeroU32::new(1);
    config.inbox.acknowledge = Acknowledge::OnCall;
    config
}

/// One session in a phase, with nothing left to say.
pub(crate) fn in_phase(login: Login, bring: Bring) -> Story {
    let mut story = Story::new(Terse::preset(login, config()));
    bring(&mut story);
    story.seen();
    story
}

/// Every phase of the page, without its name.
pub(crate) fn phases() -> Vec<(Login, Bring)> {
    PHASES.into_iter().map(|(_, login, bring)| (login, bring)).collect()
}

/// Every event and every call, by a name; the connection is the present one, or the last there was.
pub(crate) fn inputs(connection: ConnectionId) -> Vec<(String, Result<Event, Call>)> {
    let mut inputs: Vec<(String, Result<Event, Call>)> = Vec::new();
    let mut event = |name: &str, event: Event| inputs.push((name.to_owned(), Ok(event)));
    for (whose, connection) in [("", connection), (UNKNOWN, ConnectionId::new(99))] {
        event(&format!("opened{whose}"), Event::Opened { connection });
        for text in [
            "beat",
            "alive",
            "msg p1 hi",
            "msg p2 hi",
            "notice news",
            "ack m1",
            "ack strange",
            "nack m1 7",
            "delivered m1",
            "read m1",
            "who are you",
            "welcome",
            "welcome 9000 news",
            "refused 3",
            "later 5000",
            "never",
            "kick elsewhere",
            "nonsense",
        ] {
            let frame = Frame::text(text);
            event(&format!("frame `{text}`{whose}"), Event::FrameIn { connection, frame });
        }
        event(&format!("binary frame{whose}"), Event::FrameIn { connection, frame: Frame::Binary(vec![7]) });
        event(&format!("arriving{whose}"), Event::Arriving { connection });
        for frames in [0, 1] {
            event(&format!("written, {frames}{whose}"), Event::Written { connection, frames });
        }
        for purpose in [None, Some(Purpose::Auth), Some(Purpose::Message { id: "m1".into() })] {
            let what = purpose.as_ref().map_or("unknown".to_owned(), |purpose| format!("{purpose:?}"));
            event(&format!("send failed, {what}{whose}"), Event::SendFailed { connection, purpose });
        }
        for cause in [TransportError::Io, TransportError::Unauthorized, TransportError::Permanent] {
            event(&format!("errored, {cause:?}{whose}"), Event::errored(connection, cause));
        }
        let errored = Event::errored(connection, Failure::from_http(503, Some("30"), 0).with_detail("busy"));
        event(&format!("errored, come back in 30 s{whose}"), errored);
        for code in [None, Some(999), Some(1000), Some(1006), Some(1008), Some(1009)] {
            let reason = String::new();
            event(&format!("closed, {code:?}{whose}"), Event::Closed { connection, code, reason });
        }
    }
    for (name, of) in [
        ("tick", Event::Tick),
        ("taken", Event::Taken { messages: 0 }),
        ("host, without pings", Event::Host { profile: HostProfile::new().without_pings() }),
        ("online", Event::Online),
        ("offline", Event::Offline),
        ("woke", Event::Woke { asleep: Duration::from_secs(3_600) }),
    ] {
        event(name, of);
    }
    inputs.extend(calls().into_iter().map(|(name, call)| (name.to_owned(), Err(call))));
    inputs
}

fn calls() -> Vec<(&'static str, Call)> {
    let unknown = Some(ConnectionId::new(99));
    let send = |id: &str| Call::Send { body: "more".into(), id: Some(id.into()), time_to_live: None, once: false };
    vec![
        ("call open", Call::Open),
        ("call close", Call::Close { code: None, reason: String::new() }),
        ("call close, 4000", Call::Close { code: Some(4000), reason: "bye".to_owned() }),
        ("call close, 1006", Call::Close { code: Some(1006), reason: String::new() }),
        ("call send", send("m2")),
        ("call send, an id twice", send("m1")),
        ("call resend", Call::Resend { id: "m1".into() }),
        ("call cancel", Call::Cancel { id: "m1".into() }),
        ("call abandon", Call::Abandon { id: "m1".into() }),
        ("call acknowledge", Call::Acknowledge { id: "p1".into() }),
        ("call reject", Call::Reject { id: "p1".into() }),
        ("call mark_read", Call::MarkRead { id: "p1".into(), conversation: String::new() }),
        ("call reconnect_now", Call::ReconnectNow),
        ("call hold", Call::Hold),
        ("call release", Call::Release),
        ("call drain", Call::Drain { within: Duration::from_secs(4) }),
        ("call credential", Call::Credential { connection: None, value: "token".into() }),
        ("call credential, of an unknown connection", Call::Credential { connection: unknown, value: "token".into() }),
        (
            "call credential_failed, refused, of an unknown connection",
            Call::CredentialFailed { connection: unknown, why: CredentialFailure::Refused },
        ),
        (
            "call credential_failed, refused",
            Call::CredentialFailed { connection: None, why: CredentialFailure::Refused },
        ),
        (
            "call credential_failed, expired",
            Call::CredentialFailed { connection: None, why: CredentialFailure::Expired },
        ),
        (
            "call credential_failed, unavailable",
            Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable },
        ),
        ("call persisted", Call::Persisted { version: 1 }),
    ]
}

/// What one input does in a phase; nothing where it is answered by nothing and changes nothing but the count of it.
fn outcome(login: Login, bring: Bring, input: &Result<Event, Call>) -> Option<String> {
    let mut story = in_phase(login, bring);
    let mut untouched = story.session.clone();
    untouched.handle(story.instant(), Event::Tick);
    let refusal = match input.clone() {
        Ok(event) => {
            story.event(event);
            None
        }
        Err(call) => story.call(call).err(),
    };
    let mut page = String::new();
    if let Some(refusal) = &refusal {
        writeln!(page, "    refused: {refusal}").expect("a text takes all");
    }
    for action in story.seen().all() {
        writeln!(page, "    {}", line(action)).expect("a text takes all");
    }
    if story.session == untouched && page.is_empty() {
        return None;
    }
    if refusal.is_some() {
        assert_eq!(story.session, untouched, "a refused call leaves everything as it was");
    } else {
        writeln!(page, "    => {}", story.session.explain()).expect("a text takes all");
    }
    Some(page)
}

/// An action as the journal has it, without its time, which is the same all over the page.
fn line(action: &Action) -> String {
    let line = Output::Action { now: redial::Instant::ORIGIN, action: action.clone() }.to_line();
    let bare = line.strip_prefix(r#"{"now_ms":0,"action":"#).and_then(|rest| rest.strip_suffix('}'));
    bare.unwrap_or_else(|| panic!("{line} is no line of a journal")).to_owned()
}

fn page() -> String {
    let mut page =
        String::from("Every input in every phase. Written by `REDIAL_BLESS=1 cargo test --test it matrix`.\n");
    for (name, login, bring) in PHASES {
        let story = in_phase(login, bring);
        let (connection, found) = (story.connection(), story.session.explain());
        let connection = if connection.get() == 0 { ConnectionId::new(1) } else { connection };
        write!(page, "\n\n{name}\n  {found}\n").expect("a text takes all");
        let mut nothing = Vec::new();
        for (input, what) in inputs(connection) {
            match outcome(login, bring, &what) {
                Some(outcome) => write!(page, "\n  {input}\n{outcome}").expect("a text takes all"),
                None => nothing.push(input),
            }
        }
        write!(page, "\n  nothing:\n").expect("a text takes all");
        for input in shortened(nothing) {
            writeln!(page, "    {input}").expect("a text takes all");
        }
    }
    page
}

/// The same with one line for all that concerns a connection nobody knows, where all of it is there.
fn shortened(nothing: Vec<String>) -> Vec<String> {
    let all = inputs(ConnectionId::new(1)).iter().filter(|(name, _)| name.ends_with(UNKNOWN)).count();
    let (unknown, mut rest): (Vec<_>, Vec<_>) = nothing.into_iter().partition(|name| name.ends_with(UNKNOWN));
    if unknown.len() == all {
        rest.push(format!("any event{UNKNOWN}"));
    } else {
        rest.extend(unknown);
    }
    rest
}

#[test]
fn every_input_in_every_phase_does_what_the_page_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/matrix.txt");
    let found = page();
    if std::env::var_os("REDIAL_BLESS").is_some() {
        std::fs::write(file, &found).expect("the page can be written");
    }
    let known = std::fs::read_to_string(file).unwrap_or_default();
    let differs = found.lines().zip(known.lines()).position(|(found, known)| found != known);
    let at = differs.unwrap_or_else(|| found.lines().count().min(known.lines().count()));
    let around = |text: &str| text.lines().skip(at.saturating_sub(8)).take(16).collect::<Vec<_>>().join("\n");
    assert!(
        found == known,
        "from line {} on something else happens; look at it, and if it is meant, write the page anew with REDIAL_BLESS=1.\n\
         the page:\n{}\n\nnow:\n{}",
        at + 1,
        around(&known),
        around(&found)
    );
}

#[test]
fn the_page_has_every_phase_and_every_event_that_there_is() {
    for state in ["idle", "connecting", "authenticating", "ready", "closing", "waiting", "stopped"] {
        let found = PHASES.into_iter().any(|(_, login, bring)| in_phase(login, bring).state().to_string() == state);
        assert!(found, "no phase of the page is {state}");
    }
    let inputs = inputs(ConnectionId::new(1));
    let events: Vec<&str> = inputs.iter().filter_map(|(_, input)| Some(input.as_ref().ok()?.kind())).collect();
    for kind in Event::KINDS {
        assert!(events.contains(kind), "no input of the page is the event {kind}");
    }
}
