//! Credentials: asked for, late, refused, expired, not to be had.

use redial::config::{Backoff, CredentialSource, FirstDelay, Unauthorized};
use redial::dialect::Login;
use redial::error::ConfigError;
use redial::journal::Call;
use redial::services::Service;
use redial::{
    Action, Cause, ConnectionId, CredentialFailure, Duration, Failure, Preset, Purpose, State, Status, Timer,
    TransportError,
};
use serde_json::json;

use crate::sim::Terse;
use crate::support::{Seen, Story};

fn asking() -> Story {
    let mut config = redial::Config::default();
    config.authentication.credential = CredentialSource::Asked;
    Story::new(Preset::uni_app().with_config(config).expect("it is sound"))
}

fn fail(story: &mut Story, why: CredentialFailure) {
    story.call(Call::CredentialFailed { connection: None, why }).expect("it cannot be refused");
}

/// What the dials of a story carry in their URLs.
fn queries(seen: &Seen) -> Vec<String> {
    let query = |action: &Action| match action {
        Action::Connect { handshake, .. } => Some(handshake.query.clone().unwrap_or_default()),
        _ => None,
    };
    seen.all().iter().filter_map(query).collect()
}

fn questions(story: &mut Story) -> usize {
    story.seen().count(|action| matches!(action, Action::NeedCredential { .. }))
}

#[test]
fn a_token_is_asked_for_before_each_attempt_and_travels_in_its_url() {
    let mut story = asking();
    story.open();
    for token in ["first", "second"] {
        assert_eq!(questions(&mut story), 1);
        assert_eq!(story.state(), State::Connecting);
        story.credential(token);
        let query = format!("token={token}");
        let seen = story.seen();
        let carried = |action: &Action| matches!(action, Action::Connect { handshake, .. } if handshake.query.as_ref() == Some(&query));
        assert_eq!(seen.count(carried), 1);
        story.opened().closed(None).wait(500);
    }
}

#[test]
fn a_credential_that_is_held_answers_in_the_same_input() {
    let mut story = Story::uni_app();
    story.open();
    let seen = story.seen();
    assert_eq!((seen.connects(), seen.states()), (1, vec![State::Connecting]));
}

#[test]
fn a_late_credential_is_a_failed_attempt_and_serves_nobody_who_asks_anew() {
    let mut story = asking();
    story.open();
    assert_eq!(
        story.deadline().map(|deadline| (deadline.at.as_millis(), deadline.timer)),
        Some((10_000, Timer::Credential))
    );
    story.wait(10_000);
    assert_eq!(story.seen().losses()[0].0, Cause::CredentialUnavailable);
    story.credential("late");
    assert!(story.seen().is_empty());
    story.wait(1_000);
    assert_eq!((questions(&mut story), story.connects.len()), (1, 0));
}

#[test]
fn a_refused_credential_stops_and_keeps_the_messages_until_open() {
    let mut story = asking();
    story.open();
    let id = story.send("kept");
    fail(&mut story, CredentialFailure::Refused);
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    story.wait(100_000);
    assert_eq!(story.connects.len(), 0);
    story.open().credential("better").seen();
    story.opened();
    assert_eq!(story.seen().messages().len(), 1);
}

#[test]
fn close_after_a_refused_login_settles_the_messages() {
    let mut story = asking();
    story.open();
    let id = story.send("kept");
    fail(&mut story, CredentialFailure::Refused);
    story.close();
    assert_eq!(story.session.status(&id), Some(Status::NotSent));
    assert_eq!(story.deadline(), None);
}

#[test]
fn an_expired_or_missing_credential_is_a_failed_attempt() {
    for why in [CredentialFailure::Expired, CredentialFailure::Unavailable] {
        let mut story = asking();
        story.open();
        fail(&mut story, why);
        assert_eq!(story.seen().losses()[0].0, Cause::CredentialUnavailable, "{why:?}");
        story.wait(500);
        assert_eq!(questions(&mut story), 1);
    }
}

#[test]
fn an_expired_credential_is_not_used_again() {
    let mut story = Story::uni_app();
    story.ready();
    fail(&mut story, CredentialFailure::Expired);
    assert_eq!(story.state(), State::Ready, "nobody had asked");
    story.seen();
    story.closed(None).wait(500);
    assert_eq!(questions(&mut story), 1);
    story.credential("fresh");
    assert_eq!(story.seen().connects(), 1);
}

#[test]
fn a_handshake_refused_for_want_of_a_credential_stops_or_retries_as_configured() {
    let mut story = Story::uni_app();
    story.open().errored(TransportError::Unauthorized);
    assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));
    let mut story = Story::uni_app_with(|config| config.authentication.unauthorized = Unauthorized::Retry);
    story.open().errored(TransportError::Unauthorized);
    assert_eq!(story.state(), State::Waiting);
    story.seen();
    story.wait(500);
    let seen = story.seen();
    assert_eq!(queries(&seen), ["token=token"], "and the same token is tried again");
}

#[test]
fn closing_while_a_credential_is_awaited_ends_the_wait() {
    let mut story = asking();
    story.open().close().credential("late").seen();
    assert_eq!((story.state(), story.deadline(), story.connects.len()), (State::Stopped, None, 0));
}

#[test]
fn a_credential_that_never_comes_is_not_asked_for_again_and_again_within_one_moment() {
    for (timeout, unavailable) in [(Some(Duration::ZERO), false), (None, true)] {
        let mut story = Story::uni_app_with(|config| {
            config.authentication.credential = CredentialSource::Asked;
            config.authentication.timeout = timeout;
            config.reconnect.first = FirstDelay::all(Duration::ZERO);
            config.reconnect.again = Backoff::constant(Duration::ZERO);
            config.reconnect.max = None;
        });
        story.open();
        for _ in 0..100 {
            if unavailable {
                let failed = Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable };
                let _ = story.call(failed);
            }
            story.tick();
        }
        let asked = story.seen().count(|action| matches!(action, Action::NeedCredential { .. }));
        assert_eq!(asked, 1, "within one moment");
        story.wait(60_000);
        let asked = story.seen().count(|action| matches!(action, Action::NeedCredential { .. }));
        assert!(
            (1..=20).contains(&asked),
            "the safety floor grows to 5 s, and it was asked for {asked} times in a minute"
        );
    }
}

/// The words of `uni_app`, whose token travels in the URL, with this source and this reaction to a refusal.
fn tokens(source: CredentialSource, unauthorized: Unauthorized) -> Story {
    let preset = Preset::uni_app().configure(|config| {
        config.authentication.credential = source;
        config.authentication.unauthorized = unauthorized;
    });
    Story::new(preset.expect("it is sound"))
}

/// The words of `native`, whose token travels in the hello.
fn native(unauthorized: Unauthorized) -> Story {
    let preset = Preset::native().configure(|config| config.authentication.unauthorized = unauthorized);
    Story::new(preset.expect("it is sound"))
}

const WELCOME: &str = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":false,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;

const REFUSED: &str = r#"{"type":"refused","code":401}"#;

fn logins(story: &mut Story) -> Vec<String> {
    let told = story.seen().sends(|purpose| *purpose == Purpose::Auth);
    let token =
        |frame: &String| frame.split(r#""auth":""#).nth(1).and_then(|rest| rest.split('"').next()).map(String::from);
    told.iter().map(|frame| token(frame).unwrap_or_default()).collect()
}

#[test]
fn a_refusal_under_retry_voids_nothing_and_the_same_token_is_tried_again() {
    for source in [CredentialSource::Optional, CredentialSource::Held] {
        let mut story = tokens(source, Unauthorized::Retry);
        story.credential("T").open();
        for _ in 0..5 {
            assert_eq!(queries(&story.seen()), ["token=T"], "{source:?}");
            story.errored(Failure::from_http(403, None, 0));
            assert_eq!(story.state(), State::Waiting);
            story.wait_for_connect();
        }
        fail(&mut story, CredentialFailure::Refused);
        story.errored(TransportError::Unauthorized).wait_for_connect();
        assert_eq!(queries(&story.seen()).last().map(String::as_str), Some("token=T"));
    }
    let mut story = tokens(CredentialSource::Optional, Unauthorized::Retry);
    story.open().errored(TransportError::Unauthorized).wait_for_connect();
    assert_eq!(queries(&story.seen()), ["", ""], "none was ever given");
}

#[test]
fn a_refusal_of_an_older_token_leaves_the_newer_one_which_the_next_attempt_carries() {
    for (source, unauthorized) in
        [(CredentialSource::Held, Unauthorized::Stop), (CredentialSource::Optional, Unauthorized::Stop)]
    {
        let mut story = tokens(source, unauthorized);
        story.credential("OLD").open().wait(100);
        story.credential("NEW").wait(100);
        story.errored(TransportError::Unauthorized);
        assert_eq!(story.state(), State::Waiting, "{source:?}");
        story.wait_for_connect();
        assert_eq!(queries(&story.seen()), ["token=OLD", "token=NEW"]);
        story.errored(TransportError::Unauthorized);
        assert_eq!((story.state(), story.session.explain().cause), (State::Stopped, Some(Cause::Unauthorized)));
        story.credential("THIRD");
        assert_eq!(story.state(), State::Stopped, "to open it is the user's");
        story.open();
        assert_eq!(queries(&story.seen()), ["token=THIRD"]);
    }
}

#[test]
fn a_token_that_comes_too_late_for_the_hello_survives_its_refusal_and_is_told_next() {
    let mut story = native(Unauthorized::Stop);
    story.credential("OLD").open().opened();
    assert_eq!(logins(&mut story), ["OLD"]);
    story.credential("NEW");
    assert!(logins(&mut story).is_empty(), "the hello is under way");
    story.text(REFUSED);
    assert_eq!(story.state(), State::Waiting);
    story.wait_for_connect();
    story.opened();
    assert_eq!(logins(&mut story), ["NEW"]);
    story.text(REFUSED);
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn a_token_that_comes_while_a_hello_is_under_way_is_told_once_the_connection_is_ready() {
    let mut story = native(Unauthorized::Stop);
    story.credential("OLD").open().opened();
    story.send("hello");
    story.credential("NEW").seen();
    story.text(WELCOME);
    assert_eq!(story.state(), State::Ready);
    let told = story.seen().sends(|_| true);
    assert!(told[0].contains("NEW") && told[1].contains("hello"), "before any message: {told:?}");
    story.text(REFUSED);
    assert_eq!(story.state(), State::Stopped, "this is about the new one");
    let mut story = Story::new(Terse::preset(Login::ConfirmedChallenge, redial::Config::default()));
    story.credential("OLD").open().opened().text("who are you").credential("NEW").seen();
    story.text("welcome");
    assert!(story.seen().sends(|_| true).is_empty(), "this dialect has no word for that");
    story.closed(None).wait_for_connect();
    story.opened().text("who are you");
    assert_eq!(story.seen().sends(|purpose| *purpose == Purpose::Auth), ["me NEW"]);
}

#[test]
fn of_two_tokens_told_on_one_connection_a_refusal_is_about_the_first() {
    let mut story = native(Unauthorized::Stop);
    story.credential("A").open().opened().text(WELCOME).credential("B").credential("C").seen();
    story.text(REFUSED);
    assert_eq!(story.state(), State::Waiting, "C may be good");
    story.wait_for_connect();
    story.opened();
    assert_eq!(logins(&mut story), ["C"]);
}

#[test]
fn a_refused_login_under_retry_is_a_failed_attempt() {
    let mut story = native(Unauthorized::Retry);
    story.credential("T").open();
    for _ in 0..3 {
        story.opened();
        assert_eq!(logins(&mut story), ["T"]);
        story.text(REFUSED);
        let last = story.seen().losses().pop().map(|(cause, _)| cause);
        assert_eq!((story.state(), last), (State::Waiting, Some(Cause::Unauthorized)));
        story.wait_for_connect();
    }
}

#[test]
fn a_session_whose_only_token_is_void_never_goes_without_one() {
    let mut story = tokens(CredentialSource::Optional, Unauthorized::Stop);
    story.credential("T").open().errored(Failure::from_http(401, None, 0)).seen();
    for _ in 0..3 {
        story.open().wait(60_000);
        assert!(story.seen().is_empty());
        assert_eq!((story.state(), story.deadline()), (State::Stopped, None));
        let sentence = story.session.explain().to_string();
        assert!(sentence.starts_with("stopped, because the credential was refused (401"), "{sentence}");
    }
    story.close().open();
    assert_eq!(story.session.explain().cause, Some(Cause::Unauthorized));
    story.credential("U").open();
    assert_eq!(queries(&story.seen()), ["token=U"]);
    let mut story = tokens(CredentialSource::Optional, Unauthorized::Stop);
    story.credential("T").open().opened();
    fail(&mut story, CredentialFailure::Expired);
    story.closed(None).wait(60_000);
    assert_eq!((story.state(), story.connects.len()), (State::Stopped, 1));
    let mut story = native(Unauthorized::Stop);
    story.credential("T").open();
    fail(&mut story, CredentialFailure::Expired);
    story.seen();
    story.opened();
    assert_eq!((logins(&mut story).len(), story.state()), (0, State::Waiting), "no hello goes out without one");
}

#[test]
fn an_answer_that_names_its_question_does_not_hit_the_next_one() {
    let late = |connection: u64, why| Call::CredentialFailed { connection: Some(ConnectionId::new(connection)), why };
    let mut story = asking();
    story.open().wait(10_000);
    story.wait(1_000).seen();
    assert_eq!(story.state(), State::Connecting, "the second question is open");
    for why in [CredentialFailure::Refused, CredentialFailure::Expired, CredentialFailure::Unavailable] {
        story.call(late(1, why)).expect("it cannot be refused");
    }
    let value = || "late".into();
    story.call(Call::Credential { connection: Some(ConnectionId::new(1)), value: value() }).expect("nor can this");
    assert!(story.seen().is_empty());
    assert_eq!((story.state(), story.session.stats().stale_events), (State::Connecting, 4));
    story.call(Call::Credential { connection: Some(ConnectionId::new(2)), value: "right".into() }).expect("it is open");
    assert_eq!(queries(&story.seen()), ["token=right"]);
    story.call(late(2, CredentialFailure::Refused)).expect("it cannot be refused");
    assert_eq!((story.state(), story.session.stats().stale_events), (State::Connecting, 5), "it was answered");
    story.errored(TransportError::Unauthorized);
    story.call(Call::Credential { connection: Some(ConnectionId::new(2)), value: value() }).expect("nor can this");
    story.open();
    assert_eq!((questions(&mut story), story.connects.len()), (1, 1));
    story.call(late(3, CredentialFailure::Refused)).expect("it is open");
    assert_eq!(story.state(), State::Stopped);
}

#[test]
fn where_a_challenge_asks_the_answer_names_its_connection_too() {
    let mut config = redial::Config::default();
    config.authentication.credential = CredentialSource::Asked;
    let mut story = Story::new(Terse::preset(Login::ConfirmedChallenge, config));
    story.open().opened().text("who are you").wait(10_000);
    story.wait_for_connect();
    story.opened().text("who are you").seen();
    let named = |connection: u64, value: &str| Call::Credential {
        connection: Some(ConnectionId::new(connection)),
        value: value.into(),
    };
    story.call(named(1, "late")).expect("it cannot be refused");
    assert!(story.seen().is_empty());
    story.call(named(2, "right")).expect("it cannot be refused");
    assert_eq!(story.seen().sends(|purpose| *purpose == Purpose::Auth), ["me right"]);
}

#[test]
fn what_a_server_says_of_an_older_token_does_not_show_it() {
    let mut story = tokens(CredentialSource::Held, Unauthorized::Stop);
    story.credential("OLDSECRET").open().credential("NEWSECRET").seen();
    story.errored(Failure::new(TransportError::Unauthorized).with_detail("OLDSECRET is no NEWSECRET"));
    let said = format!("{:?} {}", story.seen(), story.session.explain());
    assert!(!said.contains("SECRET"), "{said}");
}

#[test]
fn a_refused_handshake_is_a_failed_attempt_where_the_dialect_has_no_login() {
    for status in [401, 403] {
        let mut story = Story::plain();
        story.open();
        story.send("kept");
        for _ in 0..5 {
            story.errored(Failure::from_http(status, None, 0));
            assert_eq!((story.state(), story.session.explain().cause), (State::Waiting, Some(Cause::Errored)));
            story.wait_for_connect();
        }
        story.seen();
        story.opened();
        assert_eq!(story.seen().messages(), ["kept"]);
    }
}

#[test]
fn to_ask_for_credentials_needs_a_login() {
    let asked = |config: &mut redial::Config| config.authentication.credential = CredentialSource::Asked;
    for service in Service::all() {
        let preset = service.sample().expect("its sample works");
        let without = preset.dialect().capabilities().login == Login::None;
        let expected = if without { Err(ConfigError::NoLogin) } else { Ok(()) };
        assert_eq!(preset.configure(asked).map(drop), expected, "{}", service.name);
    }
    let named = Preset::named("plain", &json!({"authentication": {"credential": "asked"}}));
    assert_eq!(named.map(drop), Err(ConfigError::NoLogin.into()));
    for source in [CredentialSource::Held, CredentialSource::Optional] {
        assert!(Preset::plain().configure(|config| config.authentication.credential = source).is_ok());
    }
}

#[test]
fn questions_keep_to_the_floor_from_when_they_begin() {
    let mut story = asking();
    story.open().wait(10_000);
    let asked_again = story.deadline().expect("it waits").at.as_millis();
    assert!((10_250..=10_500).contains(&asked_again), "{asked_again}: the floor had passed long before");
}

#[test]
fn a_wish_for_another_connection_asks_anew_where_the_answer_does_not_come() {
    let mut story = Story::new(
        Preset::native()
            .configure(|config| {
                config.authentication.credential = CredentialSource::Asked;
                config.authentication.timeout = None;
            })
            .expect("it is sound"),
    );
    story.open().wait(60_000).seen();
    story.call(Call::ReconnectNow).expect("it is open");
    assert_eq!(questions(&mut story), 1);
    let late = Call::Credential { connection: Some(ConnectionId::new(1)), value: "late".into() };
    story.call(late).expect("it cannot be refused");
    assert_eq!((story.seen().connects(), story.state()), (0, State::Connecting));
    story.call(Call::ReconnectNow).expect("it is open");
    assert_eq!((questions(&mut story), story.state()), (0, State::Waiting), "and the safety floor holds");
}

#[test]
fn a_client_that_speaks_first_says_who_it_is_and_waits_for_the_answer() {
    let mut story = Story::new(Terse::preset(Login::First, asked()));
    story.open();
    assert_eq!(story.seen().count(|action| matches!(action, Action::NeedCredential { .. })), 1);
    story.credential("token").opened();
    assert_eq!((story.state(), story.seen().sends(|_| true)), (State::Authenticating, vec!["hi token".to_owned()]));
    let id = story.send("hello");
    assert_eq!(story.seen().sends(|_| true), Vec::<String>::new(), "no message goes before the server has accepted");
    story.text("welcome");
    assert_eq!((story.state(), story.seen().sends(|_| true)), (State::Ready, vec![format!("msg {id} hello")]));
}

#[test]
fn a_client_without_a_credential_speaks_first_all_the_same() {
    let mut config = redial::Config::default();
    config.authentication.credential = CredentialSource::Optional;
    let mut story = Story::new(Terse::preset(Login::First, config));
    story.open().opened();
    assert_eq!(story.seen().sends(|_| true), ["hi"]);
}

#[test]
fn a_connection_is_ready_when_the_server_greets_it_and_the_application_hears_what_it_says() {
    let mut story = Story::new(Terse::preset(Login::Greeted, asked()));
    story.open().credential("token");
    assert_eq!(story.seen().count(|action| matches!(action, Action::Connect { .. })), 1);
    story.opened();
    assert_eq!((story.state(), story.seen().sends(|_| true)), (State::Authenticating, vec![]));
    story.text("welcome 9000 your socket is 7");
    let seen = story.seen();
    let at = |wanted: &dyn Fn(&Action) -> bool| seen.all().iter().position(wanted);
    let greeted =
        at(&|action| matches!(action, Action::Greeted { body, .. } if body.as_text() == Some("your socket is 7")));
    let ready = at(&|action| matches!(action, Action::State { state: State::Ready, .. }));
    assert!(greeted.is_some() && greeted < ready, "{seen:?}");
    assert_eq!(story.deadline().map(|due| due.at.as_millis()), Some(story.now() + 9_000), "the server's own rhythm");
    story.text("welcome 20000 again");
    assert_eq!(story.seen().count(|action| matches!(action, Action::Greeted { .. })), 0, "it was greeted");
}

#[test]
fn a_server_that_greets_nobody_is_left_and_one_that_refuses_need_not_close() {
    let mut silent = Story::new(Terse::preset(Login::Greeted, asked()));
    silent.open().credential("token").opened().wait(10_000);
    assert_eq!(silent.seen().losses().first().map(|(cause, _)| *cause), Some(Cause::AuthenticationTimeout));

    let mut refusing = Story::new(Terse::preset(Login::Greeted, asked()));
    refusing.open().credential("token").opened().text("refused 3 no such user");
    assert_eq!((refusing.state(), refusing.seen().aborts()), (State::Stopped, 1));
}

#[test]
fn a_refusal_says_what_may_help() {
    for login in [Login::First, Login::Greeted, Login::ConfirmedChallenge] {
        let told = |words: &str| {
            let mut config = asked();
            // Under this policy a refusal by itself is no end.
            config.authentication.unauthorized = Unauthorized::Retry;
            let mut story = Story::new(Terse::preset(login, config));
            let id = story.send("hello");
            story.open().credential("token").opened().text(words);
            (story, id)
        };
        let (mut later, _) = told("later 30000");
        let wait = later.seen().losses().last().map(|(_, at)| at - later.now());
        assert!(wait.is_some_and(|wait| (30_000..=31_000).contains(&wait)), "{login:?}: {wait:?}");

        let (mut never, id) = told("never");
        assert_eq!(never.session.explain().cause, Some(Cause::Unauthorized), "{login:?}");
        assert_eq!(
            (never.state(), never.seen().statuses(&id)),
            (State::Stopped, vec![Status::Queued]),
            "the message is kept"
        );
    }
}

#[test]
fn a_later_attempt_is_no_sooner_than_asked_for_and_no_later_than_an_hour() {
    for (asked_for, least, most) in [(0, 0, 1_000), (30_000, 30_000, 31_000), (u64::MAX, 3_600_000, 3_601_000)] {
        let mut story = Story::new(Terse::preset(Login::First, asked()));
        story.open().credential("token").opened().text(&format!("later {asked_for}"));
        let wait = story.seen().losses().last().map(|(_, at)| at - story.now());
        assert!(wait.is_some_and(|wait| (least..=most).contains(&wait)), "{asked_for}: {wait:?}");
    }
}

#[test]
fn a_greeting_sets_a_rhythm_that_a_session_can_keep() {
    for (asked_for, every) in [(0, 5_000), (9_000, 9_000), (u64::MAX, 300_000)] {
        let mut story = Story::new(Terse::preset(Login::Greeted, asked()));
        story.open().credential("token").opened().text(&format!("welcome {asked_for} news"));
        assert_eq!(story.deadline().map(|due| due.at.as_millis() - story.now()), Some(every), "{asked_for}");
    }
    // Where nobody is greeted, a greeting is no news.
    let mut story = Story::new(Terse::preset(Login::None, redial::Config::default()));
    story.ready().seen();
    story.text("welcome 9000 news");
    assert_eq!(story.seen().count(|action| matches!(action, Action::Greeted { .. })), 0);
}

#[test]
fn a_refusal_on_a_live_connection_says_what_may_help_too() {
    let ready = || {
        let mut story = Story::new(Terse::preset(Login::First, asked()));
        story.open().credential("token").opened().text("welcome");
        let id = story.send("hello");
        story.seen();
        (story, id)
    };
    let (mut later, id) = ready();
    later.text("later 30000");
    assert!(later.seen().losses().last().is_some_and(|(cause, at)| *cause == Cause::Unauthorized && *at >= 30_000));
    assert_eq!(later.session.status(&id), Some(Status::Sent), "it goes out again");
    let (mut never, id) = ready();
    never.text("never");
    assert_eq!((never.state(), never.session.status(&id)), (State::Stopped, Some(Status::Sent)));
}

/// The host is asked for every credential.
fn asked() -> redial::Config {
    let mut config = redial::Config::default();
    config.authentication.credential = CredentialSource::Asked;
    config
}
