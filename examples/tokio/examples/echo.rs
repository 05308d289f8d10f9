//! Says three things to an echo server, with a new connection before the last, and shows what the session does.
//!
//! `cargo run --example echo [ws://host:port/path]`; without an address it talks to an echo server of its own.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redial::journal::Call;
use redial::{Preset, Seed, Session};
use redial_tokio::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => echo_server().await?,
    };
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
    let options = Options::new(&url)?.trace(|now, action| {
        // A reader who has seen enough, as in `... | head`, is no reason to stop.
        let _ = writeln!(io::stdout(), "{:>6} ms  {action:?}", now.as_millis());
    });
    let (client, mut messages, task) = options.start(session);
    for text in ["one", "two", "three"] {
        if text == "three" {
            client.call(Call::ReconnectNow)?;
        }
        let sent = client.send(text)?;
        writeln!(io::stdout(), "           {} is {:?}", sent.id.clone(), sent.settled().await)?;
        let echo = tokio::time::timeout(Duration::from_secs(10), messages.next()).await?;
        let echo = echo.and_then(|echo| Some(echo.body.as_text()?.to_owned()));
        writeln!(io::stdout(), "           the echo is {echo:?}")?;
    }
    client.close();
    let summary = task.await?;
    writeln!(io::stdout(), "           {}, after {} connections", summary.explanation, summary.stats.connects)?;
    Ok(())
}

async fn echo_server() -> io::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}
