//! WebSocket URLs: what is dialed, what is asked for, and what is refused for good.

use proptest::prelude::*;
use redial::dialect::Handshake;
use redial::host::{Target, TargetError};

use crate::properties::cases;

fn target(url: &str) -> Target {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refusal(url: &str) -> TargetError {
    match url.parse::<Target>() {
        Ok(target) => panic!("{url} is taken: {target:?}"),
        Err(error) => error,
    }
}

/// What the dialect wants, with this query.
fn handshake(query: &str, subprotocols: &[&str]) -> Handshake {
    let mut handshake = Handshake::default().query(Some(query.to_owned()));
    handshake.subprotocols = subprotocols.iter().map(|protocol| (*protocol).to_owned()).collect();
    handshake
}

fn headers(target: &Target) -> Vec<String> {
    target.headers().iter().map(|(name, value)| format!("{name}: {}", value.reveal())).collect()
}

#[test]
fn a_url_is_taken_apart() {
    for (url, secure, host, port, path, authority) in [
        ("ws://example.org", false, "example.org", 80, "/", "example.org"),
        ("wss://example.org/", true, "example.org", 443, "/", "example.org"),
        ("WSS://Example.org:443/a/b", true, "Example.org", 443, "/a/b", "Example.org"),
        ("ws://example.org:443/", false, "example.org", 443, "/", "example.org:443"),
        ("ws://127.0.0.1:9000/chat?x=1&y=%20", false, "127.0.0.1", 9_000, "/chat?x=1&y=%20", "127.0.0.1:9000"),
        ("ws://[::1]:8080/x", false, "::1", 8_080, "/x", "[::1]:8080"),
        ("wss://[2001:db8::1]", true, "2001:db8::1", 443, "/", "[2001:db8::1]"),
        ("ws://example.org?room=7", false, "example.org", 80, "/?room=7", "example.org"),
        ("ws://example.org:/x", false, "example.org", 80, "/x", "example.org"),
        ("ws://example.org/@home:1", false, "example.org", 80, "/@home:1", "example.org"),
        (r"ws://a_b.example/{1|2}", false, "a_b.example", 80, "/{1|2}", "a_b.example"),
    ] {
        let target = target(url);
        assert_eq!((target.is_secure(), target.host(), target.port()), (secure, host, port), "{url}");
        assert_eq!((target.request_target(), target.authority().as_str()), (path, authority), "{url}");
        assert_eq!(target.url().parse(), Ok(target), "{url}: its own URL says the same");
    }
}

#[test]
fn a_url_that_can_never_work_is_refused_with_the_reason() {
    for (url, error) in [
        ("", TargetError::Scheme),
        ("example.org/chat", TargetError::Scheme),
        ("http://example.org", TargetError::Scheme),
        ("ws:/example.org", TargetError::Scheme),
        ("ws://", TargetError::EmptyHost),
        ("ws:///chat", TargetError::EmptyHost),
        ("ws://:80/chat", TargetError::EmptyHost),
        ("ws://user@/chat", TargetError::EmptyHost),
        ("ws://b\u{fc}cher.example", TargetError::Host),
        ("ws://exa mple.org", TargetError::Host),
        ("ws://exa%6dple.org", TargetError::Host),
        ("ws://[::1", TargetError::Host),
        ("ws://[::1]x", TargetError::Host),
        ("ws://[127.0.0.1]/", TargetError::Host),
        ("ws://[fe80::1%25eth0]/", TargetError::Host),
        ("ws://example.org:0", TargetError::Port),
        ("ws://example.org:65536", TargetError::Port),
        ("ws://example.org:+80", TargetError::Port),
        ("ws://example.org:http", TargetError::Port),
        ("ws://example.org:80:80", TargetError::Port),
        ("ws://example.org/#top", TargetError::Fragment),
        ("ws://example.org#", TargetError::Fragment),
        ("ws://example.org/a b", TargetError::Path),
        ("ws://example.org/\u{fc}", TargetError::Path),
        ("ws://example.org/?q=\"x\"", TargetError::Path),
        ("ws://example.org/\r\nHost: other", TargetError::Path),
        ("ws://a%3Ab:c@example.org/", TargetError::UserInfo),
        ("ws://a:%0d%0a@example.org/", TargetError::UserInfo),
        ("ws://a:%4@example.org/", TargetError::UserInfo),
        ("ws://a:%zz@example.org/", TargetError::UserInfo),
        ("ws://a b@example.org/", TargetError::UserInfo),
    ] {
        assert_eq!(refusal(url), error, "{url}");
        assert!(error.to_string().len() > 10, "{error}");
    }
}

#[test]
fn a_user_and_a_password_become_a_header_and_nothing_shows_them() {
    let target = target("wss://Aladdin:open%20sesame@example.org/chat?token=abc");
    assert_eq!(headers(&target), ["Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
    assert_eq!(target.url(), "wss://example.org/chat?token=abc");
    let shown = format!("{target:?} {:?}", target.headers());
    for secret in ["Aladdin", "sesame", "QWxh", "abc"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(headers(&self::target("ws://me@example.org")), ["Authorization: Basic bWU6"]);
    assert_eq!(headers(&self::target("ws://a:b:c@d@example.org")), ["Authorization: Basic YTpiOmNAZA=="]);
}

#[test]
fn the_query_of_the_dialect_goes_behind_the_query_of_the_url() {
    for (url, query, path) in [
        ("ws://example.org", "token=1", "/?token=1"),
        ("ws://example.org/chat", "token=1", "/chat?token=1"),
        ("ws://example.org/chat?", "token=1", "/chat?token=1"),
        ("ws://example.org/chat?a=b", "token=1", "/chat?a=b&token=1"),
        ("ws://example.org/chat?a=b", "", "/chat?a=b"),
    ] {
        let dialed = target(url).with_handshake(&handshake(query, &[])).expect("a request");
        assert_eq!(dialed.request_target(), path);
    }
    let plain = target("ws://example.org/chat");
    assert_eq!(plain.with_handshake(&Handshake::default()), Ok(plain.clone()), "a dialect that wants nothing");
}

#[test]
fn the_subprotocols_are_offered_in_one_header() {
    let target = target("ws://example.org");
    let dialed = target.with_handshake(&handshake("", &["redial.v1", "mqtt"])).expect("a request");
    assert_eq!(headers(&dialed), ["Sec-WebSocket-Protocol: redial.v1, mqtt"]);
    assert_eq!(headers(&target), [""; 0]);
}

#[test]
fn a_handshake_that_would_break_the_request_is_refused() {
    let target = target("ws://example.org");
    for query in ["a b", "a#b", "a\r\nHost: other", "\u{fc}"] {
        assert_eq!(target.with_handshake(&handshake(query, &[])), Err(TargetError::Path), "{query}");
    }
    for protocol in ["", "a b", "a,b", "a\r\nb"] {
        assert_eq!(target.with_handshake(&handshake("", &[protocol])), Err(TargetError::Subprotocol), "{protocol}");
    }
}

#[test]
fn a_url_has_a_greatest_length_with_and_without_the_query_of_the_dialect() {
    let url = |length: usize| format!("ws://example.org/{}", "x".repeat(length - "ws://example.org/".len()));
    let longest = target(&url(Target::LONGEST));
    assert_eq!(refusal(&url(Target::LONGEST + 1)), TargetError::TooLong);
    let room = Target::LONGEST - longest.request_target().len();
    assert!(longest.with_handshake(&handshake(&"q".repeat(room - 1), &[])).is_ok());
    assert_eq!(longest.with_handshake(&handshake(&"q".repeat(room), &[])), Err(TargetError::TooLong));
}

#[test]
fn a_host_without_tls_refuses_wss_at_the_start() {
    assert_eq!(target("wss://example.org").without_tls(), Err(TargetError::NoTls));
    assert!(target("ws://example.org").without_tls().is_ok());
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn whatever_is_taken_is_one_line_of_a_request_and_reads_the_same_again(
        url in "(ws|wss|WS)://[a-z0-9@:%\\[\\]/?#. ~]{0,30}",
        query in "[a-z=&%#\r\n]{0,8}",
    ) {
        let Ok(target) = url.parse::<Target>() else { return Ok(()) };
        prop_assert_eq!(target.url().parse::<Target>().map(|again| again.url()), Ok(target.url()));
        let Ok(dialed) = target.with_handshake(&handshake(&query, &[])) else { return Ok(()) };
        prop_assert!(dialed.request_target().starts_with('/'));
        prop_assert!(dialed.request_target().bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(dialed.headers().iter().all(|(_, value)| !value.reveal().contains(['\r', '\n'])));
    }
}
