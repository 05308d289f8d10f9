//! The adapter under tokio's paused clock, over a pipe in memory: hours of session time take no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redial::config::Limit;
use redial::host::HostClock;
use redial::{Cause, Preset, Seed, Session, State};
use redial_tokio::{Io, Options};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message;

/// Serves each connection with a future of its own, by the number of connections before it.
fn over_pipes<F>(serve: impl Fn(u64, DuplexStream) -> F + Send + Sync + 'static) -> Options
where
    F: Future<Output = ()> + Send + 'static,
{
    let number = Arc::new(AtomicU64::new(0));
    let options = Options::new("ws://localhost/").unwrap().clock(HostClock::new(), None);
    options.connect(move |_| {
        let (here, there) = tokio::io::duplex(64 << 10);
        tokio::spawn(serve(number.fetch_add(1, Ordering::Relaxed), there));
        async move { Ok(Box::new(here) as Box<dyn Io>) }
    })
}

/// Says everything again; `reads` ends it.
async fn echo(stream: DuplexStream, mut reads: usize) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
        reads -= 1;
        if reads == 0 {
            // The connection stays, and is silent.
            return std::future::pending().await;
        }
    }
}

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from_bytes([7; 16]))
}

#[tokio::test(start_paused = true)]
async fn a_quiet_day_is_kept_up_by_heartbeats() {
    let began = tokio::time::Instant::now();
    let options = over_pipes(|_, stream| echo(stream, usize::MAX));
    let (client, mut messages, task) = options.start(session());
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    client.send("still there?").unwrap();
    assert_eq!(messages.next().await.unwrap().body.as_text(), Some("still there?"));
    client.close();
    let summary = task.await.unwrap();
    assert_eq!((summary.stats.connects, summary.stats.lost), (1, 0));
    // One in 25 s.
    assert!((3_400..=3_456).contains(&summary.stats.heartbeats), "{}", summary.stats.heartbeats);
    assert!(began.elapsed() < Duration::from_secs(86_402));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_noticed_and_replaced() {
    let options = over_pipes(|number, stream| echo(stream, if number == 0 { 1 } else { usize::MAX }));
    let (client, mut messages, _task) = options.start(session());
    client.send("one").unwrap();
    assert_eq!(messages.next().await.unwrap().body.as_text(), Some("one"));
    client.state().wait_for(|state| *state == State::Waiting).await.unwrap();
    client.send("two").unwrap();
    assert_eq!(messages.next().await.unwrap().body.as_text(), Some("two"));
    let losses = client.look(|session| session.stats().losses.clone());
    assert_eq!(losses.into_iter().collect::<Vec<_>>(), [(Cause::Dead, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_without_an_answer_ends_by_the_session_and_not_by_the_machine() {
    let options = over_pipes(|number, stream| async move {
        match number {
            0..3 => {
                let _stream = stream;
                std::future::pending().await
            }
            _ => echo(stream, usize::MAX).await,
        }
    });
    let (client, mut messages, _task) = options.start(session());
    client.send("the fourth attempt").unwrap();
    assert_eq!(messages.next().await.unwrap().body.as_text(), Some("the fourth attempt"));
    assert_eq!(client.look(|session| session.stats().connects), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_an_end_of_a_close_is_waited_for_and_then_left() {
    let options = over_pipes(|_, stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let _ = socket.send(Message::text("hello")).await;
        // Nothing is read, so that the close is not answered.
        std::future::pending::<()>().await;
        drop(socket);
    });
    let (client, mut messages, task) = options.start(session());
    assert_eq!(messages.next().await.unwrap().body.as_text(), Some("hello"));
    client.close();
    assert!(task.await.unwrap().explanation.contains("the application closed"));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_listens_no_more_holds_nobody_back() {
    let options = over_pipes(|_, stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        for number in 0..500 {
            let _ = socket.send(Message::text(number.to_string())).await;
        }
        while socket.next().await.is_some() {}
    });
    let preset = Preset::plain().configure(|config| config.inbox.pending = Limit::new(8)).unwrap();
    let (client, messages, _task) = options.start(Session::new(preset, Seed::from_bytes([7; 16])));
    drop(messages);
    // No heartbeat is due in this time, which would wake the loop.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(client.look(|session| session.stats().delivered), 500);
}
