//! TLS by rustls over real sockets.

#![cfg(feature = "rustls")]

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use std::sync::Arc;
use std::sync::mpsc::channel;

use redial::{Action, Preset, Seed, Session, State, TransportError};
use redial_blocking::Options;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use server::{LONG, serve_tls};

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from_bytes([7; 16]))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth()
}

#[test]
fn a_session_runs_over_tls() {
    let (url, certificate) = serve_tls();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let options = Options::new(&url).unwrap().tls(trusting(roots));
    let (client, mut messages, thread) = options.start(session()).unwrap();
    // Far more than TLS, and the kernel, take at once.
    let body = |number: usize| format!("{number} ").repeat(20_000);
    for number in 0..40 {
        client.send(body(number)).unwrap();
    }
    for number in 0..40 {
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some(body(number).as_str()));
    }
    client.close();
    assert_eq!(thread.join().unwrap().stats.connects, 1);
}

#[test]
fn a_certificate_that_nobody_trusts_is_a_failure_of_tls() {
    let (url, _) = serve_tls();
    let (tell, told) = channel();
    let options = Options::new(&url).unwrap().tls(trusting(RootCertStore::empty())).trace(move |_, action| {
        if let Action::ScheduleReconnect { reason, .. } = action {
            let _ = tell.send(reason.failure.as_ref().map(|failure| failure.cause));
        }
    });
    let (_client, _messages, _thread) = options.start(session()).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), Some(TransportError::Tls));
}

#[test]
fn a_url_that_needs_tls_is_not_dialed_without() {
    let (url, _) = serve_tls();
    let (client, _messages, _thread) = Options::new(&url).unwrap().start(session()).unwrap();
    assert_eq!(client.wait_for_state(LONG, |state| state == State::Stopped), State::Stopped);
    let explanation = client.look(|session| session.explain().to_string());
    assert!(explanation.contains("TLS"), "{explanation}");
}
