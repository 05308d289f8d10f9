//! redial over threads: the adapter redial-blocking, with the preset that is named.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lines::{Taken, Work, drive, fail, number, say, say_of};
use redial::config::Limit;
use redial::journal::Call;
use redial::{Action, Config, Instant, MessageId, Preset, Seed, SendError, Session, State, Status};
use redial_blocking::Options;

fn main() -> std::io::Result<()> {
    let work = Work::from_args();
    let session = session(&work.variant);
    let receipts = session.preset().dialect().capabilities().receipts;
    let numbers: Arc<Mutex<HashMap<MessageId, u64>>> = Arc::default();
    let watcher = observer(Arc::clone(&numbers), receipts);
    let url = format!("ws://{}/", work.address);
    let options = Options::new(&url).map_err(std::io::Error::other)?.trace(watcher);
    // The observer hears the messages.
    let (client, _, _thread) = options.start(session)?;
    let teller = client.clone();
    let send = move |n, text: String| send(n, &numbers, || Ok(client.send(text)?.id.clone()));
    // A session that is closed has nothing to connect again.
    drive(&work, send, move |word| {
        if word == "online" {
            let _ = teller.call(Call::ReconnectNow);
        }
    });
    Ok(())
}

include!("../redial_driver.rs");
