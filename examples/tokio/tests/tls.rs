//! TLS by rustls over real sockets.

#![cfg(feature = "rustls")]

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt as _;
use redial::{Action, Preset, Seed, Session, State, TransportError};
use redial_tokio::Options;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use server::{LONG, serve_tls};

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from_bytes([7; 16]))
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap()
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth()
}

#[tokio::test]
async fn a_session_runs_over_tls() {
    let (url, certificate) = serve_tls();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let options = Options::new(&url).unwrap().tls(trusting(roots));
    let (client, mut messages, task) = options.start(session());
    // Far more than TLS, and the kernel, take at once.
    let body = |number: usize| format!("{number} ").repeat(20_000);
    for number in 0..40 {
        client.send(body(number)).unwrap();
    }
    for number in 0..40 {
        assert_eq!(soon(messages.next()).await.unwrap().body.as_text(), Some(body(number).as_str()));
    }
    client.close();
    assert_eq!(soon(task).await.unwrap().stats.connects, 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_a_failure_of_tls() {
    let (url, _) = serve_tls();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let options = Options::new(&url).unwrap().tls(trusting(RootCertStore::empty())).trace(move |_, action| {
        if let Action::ScheduleReconnect { reason, .. } = action {
            let _ = tell.send(reason.failure.as_ref().map(|failure| failure.cause));
        }
    });
    let (_client, _messages, _task) = options.start(session());
    assert_eq!(soon(told.recv()).await.unwrap(), Some(TransportError::Tls));
}

#[tokio::test]
async fn a_url_that_needs_tls_is_not_dialed_without() {
    let (url, _) = serve_tls();
    let (client, _messages, _task) = Options::new(&url).unwrap().start(session());
    soon(client.state().wait_for(|state| *state == State::Stopped)).await.unwrap();
    let explanation = client.look(|session| session.explain().to_string());
    assert!(explanation.contains("TLS"), "{explanation}");
}
