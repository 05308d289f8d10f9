//! Says three things to an echo server, with a new connection before the last, and shows what the session does.
//!
//! `cargo run --example echo [ws://host:port/path]`; without an address it talks to an echo server of its own.

use std::error::Error;
use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use redial::journal::Call;
use redial::{Preset, Seed, Session};
use redial_blocking::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => echo_server()?,
    };
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let session = Session::new(Preset::plain(), Seed::from_bytes(seed));
    let options = Options::new(&url)?.trace(|now, action| {
        // A reader who has seen enough, as in `... | head`, is no reason to stop.
        let _ = writeln!(io::stdout(), "{:>6} ms  {action:?}", now.as_millis());
    });
    let (client, mut messages, thread) = options.start(session)?;
    for text in ["one", "two", "three"] {
        if text == "three" {
            client.call(Call::ReconnectNow)?;
        }
        let sent = client.send(text)?;
        writeln!(io::stdout(), "           {} is {:?}", sent.id.clone(), sent.settled())?;
        let echo = messages.recv_timeout(Duration::from_secs(10))?;
        writeln!(io::stdout(), "           the echo is {:?}", echo.body.as_text())?;
    }
    client.close();
    let summary = thread.join().map_err(|_| "the session's thread has panicked")?;
    writeln!(io::stdout(), "           {}, after {} connections", summary.explanation, summary.stats.connects)?;
    Ok(())
}

fn echo_server() -> io::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if message.is_text() && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}
