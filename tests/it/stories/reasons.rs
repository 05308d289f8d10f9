//! Why a connection was lost: nothing that the host or the server said of it is thrown away.

use redial::config::{DeadLink, PeerPolicy, Unauthorized};
use redial::dialect::Login;
use redial::{
    Action, Cause, Config, ConnectionId, Duration, Event, Failure, Instant, Peer, Reason, Seed, State, Status,
    TransportError,
};

use crate::sim::Terse;
use crate::support::{Seen, Story};

/// The reasons of all changes of state that have a cause.
fn reasons(seen: &Seen) -> Vec<(State, Reason)> {
    let told = |action: &Action| match action {
        Action::State { state, cause: Some(_), reason } => Some((*state, reason.clone())),
        _ => None,
    };
    seen.all().iter().filter_map(told).collect()
}

fn scheduled(seen: &Seen) -> Option<Reason> {
    let told = |action: &Action| match action {
        Action::ScheduleReconnect { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    seen.all().iter().find_map(told)
}

fn explained(story: &Story) -> String {
    story.session.explain().to_string()
}

#[test]
fn each_failure_of_a_dial_is_told_apart_in_actions_sentence_and_figures() {
    let failures = [
        (Failure::from_http(404, None, 0), "404, not a WebSocket"),
        (Failure::from_http(400, None, 0), "400, not a WebSocket"),
        (Failure::from_http(301, None, 0).with_detail("Moved Permanently"), "301, not a WebSocket, Moved Permanently"),
        (Failure::from_http(502, None, 0), "502, not a WebSocket"),
        (Failure::from_http(101, None, 0), "101, not a WebSocket"),
        (Failure::new(TransportError::Dns).with_detail("chat.example"), "no such name, chat.example"),
        (Failure::new(TransportError::Refused), "nothing listens there"),
        (Failure::new(TransportError::Tls).with_detail("unknown issuer"), "TLS failed, unknown issuer"),
        (Failure::new(TransportError::NotWebSocket), "not a WebSocket"),
        (Failure::new(TransportError::Other).with_detail("a strange day"), "a strange day"),
    ];
    for (failure, sentence) in failures {
        let mut story = Story::plain();
        story.open().errored(failure.clone());
        let seen = story.seen();
        assert_eq!(reasons(&seen), [(State::Waiting, Reason::from(failure.clone()))]);
        assert_eq!(scheduled(&seen), Some(Reason::from(failure.clone())));
        let explanation = story.session.explain();
        assert_eq!(explanation.reason, Reason::from(failure.clone()));
        let begin = format!("waiting, attempt 1, because the connection failed ({sentence}); waiting for");
        assert!(explanation.to_string().starts_with(&begin), "{explanation}");
        let stats = story.session.stats();
        assert_eq!(stats.failures.iter().collect::<Vec<_>>(), [(&failure.cause, &1)]);
        assert_eq!(stats.last_failure.as_deref(), Some(&failure));
    }
}

#[test]
fn a_failure_of_which_nothing_is_known_adds_nothing() {
    let mut story = Story::plain();
    story.open().errored(TransportError::Other);
    assert_eq!(reasons(&story.seen()), [(State::Waiting, Reason::default())]);
    assert!(explained(&story).starts_with("waiting, attempt 1, because the connection failed; waiting for"));
    assert_eq!(story.session.stats().failures[&TransportError::Other], 1);
}

#[test]
fn the_reason_is_kept_until_a_connection_is_ready_and_a_later_loss_has_its_own() {
    let mut story = Story::plain();
    story.open().errored(Failure::from_http(404, None, 0)).wait_for_connect();
    let connecting = explained(&story);
    let begin = "connecting, attempt 1, after the last one ended (404, not a WebSocket); waiting for";
    assert!(connecting.starts_with(begin), "{connecting}");
    story.wait(10_000);
    assert!(explained(&story).contains("because the attempt took too long; waiting"), "{}", explained(&story));
    story.wait_for_connect();
    story.errored(TransportError::Dns).wait_for_connect();
    story.opened();
    assert!(story.session.explain().reason.is_empty());
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(4001), reason: "going\naway".into() });
    assert!(explained(&story).contains("because the connection was closed (4001, going away); waiting"));
    story.close();
    assert_eq!(explained(&story), "stopped, because the application closed");
}

#[test]
fn giving_up_names_the_last_failure_at_once_or_after_the_last_wait() {
    for (from, wait) in [(redial::config::MeasuredFrom::Failure, 0), (redial::config::MeasuredFrom::Attempt, 600_000)] {
        let mut story = Story::plain_with(|config| {
            config.reconnect.max = Some(1);
            config.reconnect.from = from;
        });
        story.open().errored(TransportError::Refused).wait_for_connect();
        story.seen();
        story.errored(Failure::from_http(502, None, 0)).wait(wait);
        let seen = story.seen();
        let last = Reason::from(Failure::from_http(502, None, 0));
        assert_eq!(reasons(&seen).last(), Some(&(State::Stopped, last)));
        assert_eq!(explained(&story), "stopped, because the attempts are used up (502, not a WebSocket)");
    }
}

#[test]
fn a_reconnect_that_is_moved_still_says_why() {
    let mut story = Story::plain();
    story.open().errored(TransportError::Refused).wait_for_connect();
    story.errored(Failure::from_http(503, None, 0)).seen();
    story.event(Event::Online);
    assert_eq!(scheduled(&story.seen()), Some(Reason::from(Failure::from_http(503, None, 0))));
}

#[test]
fn a_failure_that_no_attempt_can_mend_stops_the_session_and_settles_its_messages() {
    let failure = || Failure::new(TransportError::Permanent).with_detail("wss needs TLS, and this host has none");
    let mut story = Story::uni_app();
    let id = story.send("never sent");
    story.open().seen();
    story.errored(failure());
    let seen = story.seen();
    assert_eq!(seen.statuses(&id), [Status::NotSent]);
    assert_eq!(reasons(&seen), [(State::Stopped, Reason::from(failure()))]);
    assert_eq!((story.deadline(), seen.losses()), (None, vec![]));
    assert_eq!(
        explained(&story),
        "stopped, because no further attempt can help (permanent, wss needs TLS, and this host has none)"
    );
    let stats = story.session.stats();
    assert_eq!((stats.losses.len(), stats.failures[&TransportError::Permanent]), (0, 1));
    story.open();
    assert_eq!((story.state(), story.seen().connects()), (State::Connecting, 1));
    story.opened();
    let id = story.send("sent");
    story.seen();
    story.errored(TransportError::Permanent);
    assert_eq!(story.seen().statuses(&id), [Status::Unconfirmed]);
    assert_eq!(story.session.explain().cause, Some(Cause::Permanent));
}

#[test]
fn a_peer_that_breaks_the_protocol_is_tried_again_whatever_the_host_sent_it() {
    let codes = TransportError::ALL.map(|error| (error, error.close_code()));
    let sent: Vec<_> = codes.iter().filter_map(|(error, code)| Some((*error, (*code)?))).collect();
    assert_eq!(
        sent,
        [(TransportError::Protocol, 1002), (TransportError::InvalidUtf8, 1007), (TransportError::TooBig, 1009)]
    );
    for (error, code) in sent {
        let mut story = Story::plain();
        story.ready();
        story.seen();
        story.errored(error);
        assert_eq!(story.state(), State::Waiting, "{error:?}");
        // The same codes in a frame of the peer are its verdict on this end; a big message is worth two more tries.
        story.wait_for_connect();
        story.opened().closed(code);
        assert_eq!(story.state() == State::Stopped, code != 1009, "{code}");
    }
}

#[test]
fn the_servers_wait_is_kept_whether_it_is_told_in_seconds_or_as_a_date() {
    let now = 784_111_777;
    for value in ["40", "Sun, 06 Nov 1994 08:50:17 GMT", "Sunday, 06-Nov-94 08:50:17 GMT", "Sun Nov  6 08:50:17 1994"] {
        let mut story = Story::plain();
        story.open().errored(Failure::from_http(503, Some(value), now));
        let wait = story.wait_for_connect();
        assert!((40_250..=40_500).contains(&wait), "{value}: {wait}");
    }
    let mut story = Story::plain();
    story.open().errored(Failure::from_http(503, Some("tomorrow"), now));
    assert!(story.wait_for_connect() <= 500, "what cannot be read asks for nothing");
}

#[test]
fn statuses_that_speak_of_the_credential_are_told_as_such() {
    for (status, state) in [(401, State::Stopped), (403, State::Stopped), (402, State::Waiting), (407, State::Waiting)]
    {
        let mut story = Story::uni_app();
        story.open().errored(Failure::from_http(status, None, 0));
        assert_eq!(story.state(), state, "{status}");
        assert_eq!(story.session.explain().reason.failure.expect("it is kept").status, Some(status));
    }
    let mut story = Story::uni_app_with(|config| config.authentication.unauthorized = Unauthorized::Retry);
    story.open().errored(Failure::from_http(403, None, 0));
    assert_eq!(reasons(&story.seen()), [(State::Waiting, Reason::from(Failure::from_http(403, None, 0)))]);
}

#[test]
fn a_refused_login_says_why_by_code_and_by_text() {
    let refused = |frame: &str| {
        let mut story = Story::new(Terse::preset(Login::Challenge, Config::default()));
        story.credential("token").open().opened();
        story.seen();
        story.text(frame);
        let (seen, sentence) = (story.seen(), explained(&story));
        (reasons(&seen), sentence)
    };
    let (told, sentence) = refused("refused 4403 no such room\u{7}");
    assert_eq!(told, [(State::Stopped, Reason::new(Some(4403), "no such room "))]);
    assert_eq!(sentence, "stopped, because the credential was refused (4403, no such room )");
    assert_eq!(refused("refused 12").0, [(State::Stopped, Reason::new(Some(12), ""))]);
    assert_eq!(refused("refused 0 sorry").0, [(State::Stopped, Reason::new(None, "sorry"))]);
    assert_eq!(refused("refused").0, [(State::Stopped, Reason::default())]);
    let long = refused(&format!("refused 1 {}", "\u{e9}".repeat(200))).0;
    assert_eq!(long[0].1.text, "\u{e9}".repeat(128), "256 bytes, and whole characters");
}

#[test]
fn a_close_and_a_dead_link_say_no_more_than_was_said() {
    let mut story = Story::unsuspicious_with(|config| config.close.dead = DeadLink::Close { code: Some(4000) });
    story.ready().wait(55_000);
    assert_eq!(reasons(&story.seen()), [(State::Waiting, Reason::default())], "the own code is no reason");
    story.wait_for_connect();
    story.opened().close();
    story.seen();
    story.errored(Failure::new(TransportError::Io).with_detail("reset"));
    let reset = Reason::from(Failure::new(TransportError::Io).with_detail("reset"));
    assert_eq!(reasons(&story.seen()), [(State::Stopped, reset)]);
}

#[test]
fn details_are_bounded_on_one_line_and_without_what_urls_carry() {
    let detail = |text: &str| Failure::new(TransportError::Other).with_detail(text).detail;
    assert_eq!(detail("no\r\n\u{0}such\u{9f}name"), "no   such name");
    assert_eq!(detail(&"\u{20ac}".repeat(100)), "\u{20ac}".repeat(85));
    assert_eq!(detail(&"x".repeat(1_000_000)), "x".repeat(256));
    assert_eq!(detail("GET /ws?token=abc failed, why?"), "GET /ws?*** failed, why?");
    assert_eq!(detail("at wss://me:pass@host/a@b?x?y z"), "at wss://***@host/a@b?*** z");
    assert_eq!(detail("ws://host/ ws://host"), "ws://host/ ws://host");
    assert_eq!(detail(""), "");
    let read: Failure = serde_json::from_str(r#"{"detail":"a?b=c\n"}"#).expect("all other fields are optional");
    assert_eq!((read.detail.as_str(), read.cause, read.status), ("a?*** ", TransportError::Other, None));
    let mut set = Failure::new(TransportError::Io);
    set.detail = "wss://host?token=abc".to_owned() + &"x".repeat(1_000);
    assert!(!format!("{set:?} {set}").contains("abc"), "{set:?}");
}

#[test]
fn the_credential_never_comes_back_in_a_detail() {
    for (before, after) in [("", ""), ("no: ", " is wrong"), (&*"x".repeat(250), ""), (&*"x".repeat(246), "y")] {
        let mut story = Story::uni_app();
        story.credential("SECRETWORD").open().seen();
        let mut failure = Failure::from_http(500, None, 0);
        failure.detail = format!("{before}SECRETWORD{after}");
        story.errored(failure.clone());
        story.wait_for_connect();
        story.errored(Failure::from_http(500, None, 0).with_detail(&failure.detail));
        let said = format!("{:?} {} {:?}", story.seen(), explained(&story), story.session.stats());
        assert!(!said.contains("SEC"), "{said}");
    }
}

#[test]
fn a_credential_is_not_quoted_with_escapes_either() {
    let spellings = ["a+b/c= d%41", "a%2Bb%2Fc%3D%20d%2541", "a%2bb%2fc%3d+d%2541", r"a+b\/c= d%41", "a+b/c%3D d%2541"];
    for spelling in spellings {
        let mut story = Story::uni_app();
        story.credential("a+b/c= d%41").open().opened();
        let (connection, reason) = (story.connection(), format!("bad {spelling} today"));
        story.event(Event::Closed { connection, code: Some(4001), reason });
        assert_eq!(story.session.explain().reason, Reason::new(Some(4001), "bad *** today"));
    }
    let mut story = Story::uni_app();
    story.credential("half%").open().opened();
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(4001), reason: "half% or half%25".into() });
    assert_eq!(story.session.explain().reason, Reason::new(Some(4001), "*** or ***"));
    // One that ends within it, after another that only begins like it.
    let mut story = Story::uni_app();
    story.credential("a+b/c= secret").open().seen();
    let detail = format!("a%2Bc {}a%2Bb%2Fc%3D%20sec%", "x".repeat(230));
    story.errored(Failure::from_http(500, None, 0).with_detail(&detail));
    let reason = story.session.explain().reason.to_string();
    assert!(reason.contains("a%2Bc xx") && !reason.contains("sec") && !reason.contains("a%2Bb"), "{reason}");
}

#[test]
fn a_server_that_repeats_the_credential_in_its_words_is_not_quoted() {
    let mut story = Story::new(Terse::preset(Login::Challenge, Config::default()));
    story.credential("SECRETWORD").open().opened().text("refused 1 no SECRETWORD here");
    assert_eq!(story.session.explain().reason, Reason::new(Some(1), "no *** here"));
    let mut story = Story::uni_app();
    story.credential("SECRETWORD").open().opened();
    let connection = story.connection();
    story.event(Event::Closed { connection, code: Some(4001), reason: "SECRETWORD".into() });
    assert_eq!(story.session.explain().reason, Reason::new(Some(4001), "***"));
}

#[test]
fn a_peer_tells_why_its_client_has_gone() {
    let now = Instant::ORIGIN;
    let mut peer = Peer::new(redial::Preset::uni_app(), PeerPolicy::default(), Seed::from(7_u64));
    let mut gone = |event: &dyn Fn(ConnectionId) -> Event| {
        let connection = peer.accept(now);
        peer.handle(now, event(connection));
        let actions = std::iter::from_fn(|| peer.poll_action()).collect();
        reasons(&Seen::new(actions)).pop()
    };
    let told = gone(&|connection| Event::Closed { connection, code: Some(4001), reason: "bye".into() });
    assert_eq!(told, Some((State::Waiting, Reason::new(Some(4001), "bye"))));
    let failure = Failure::new(TransportError::TooBig).with_retry_after(Duration::from_secs(1));
    let told = gone(&|connection| Event::errored(connection, failure.clone()));
    assert_eq!(told, Some((State::Waiting, Reason::from(failure.clone()))));
}

/// Days of each month of a year.
fn months(year: u64) -> [u64; 12] {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[test]
fn every_day_of_four_centuries_is_a_day_after_the_one_before_and_no_other_day_exists() {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const WEEK: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let mut days = 0_u64;
    for year in 1970..2_370 {
        for (name, length) in NAMES.iter().zip(months(year)) {
            for day in 1..=length {
                let weekday = WEEK[usize::try_from(days % 7).expect("it is small")];
                let date = format!("{weekday}, {day:02} {name} {year} 00:01:40 GMT");
                let failure = Failure::from_http(503, Some(&date), days * 86_400);
                assert_eq!(failure.retry_after, Some(Duration::from_secs(100)), "{date}");
                days += 1;
            }
            let none = format!("Thu, {:02} {name} {year} 00:01:40 GMT", length + 1);
            assert_eq!(Failure::from_http(503, Some(&none), 0).retry_after, None, "{none}");
        }
    }
}

#[test]
fn a_year_of_two_digits_is_the_last_that_is_at_most_fifty_years_ahead_on_any_day() {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut days, mut asked) = (0_u64, 0);
    for year in 1970..2_170 {
        for (name, length) in NAMES.iter().zip(months(year)) {
            for day in 1..=length {
                if days % 37 == 0 && (*name, day) != ("Feb", 29) {
                    asked += 1;
                    let at =
                        |second: u64| format!("Sunday, {day:02}-{name}-{:02} 12:00:{second:02} GMT", (year + 50) % 100);
                    let noon = days * 86_400 + 12 * 3_600;
                    let wait = |second: u64| Failure::from_http(503, Some(&at(second)), noon).retry_after;
                    let ahead = wait(0).expect("it is a date").as_millis() / 1_000 / 86_400;
                    assert!((18_261..=18_263).contains(&ahead), "{} is {ahead} days ahead of {year}", at(0));
                    assert_eq!(wait(1), Some(Duration::ZERO), "{} is past, seen from {year}", at(1));
                }
                days += 1;
            }
        }
    }
    assert!(asked > 1_900, "{asked} days");
}
