//! redial over threads: the adapter of `examples/blocking.rs`, with the preset that is named.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lines::{Taken, Work, drive, fail, number, say, say_of};
use redial::config::Limit;
use redial::journal::Call;
use redial::{Action, Config, Instant, MessageId, Preset, Seed, SendError, Session, State, Status};

#[allow(dead_code, unreachable_pub)]
#[path = "../../../../examples/blocking.rs"]
mod adapter;

fn main() -> std::io::Result<()> {
    let work = Work::from_args();
    let session = session(&work.variant);
    let receipts = session.preset().dialect().capabilities().receipts;
    let numbers: Arc<Mutex<HashMap<MessageId, u64>>> = Arc::default();
    let watcher = observer(Arc::clone(&numbers), receipts);
    let url = format!("ws://{}/", work.address);
    let client = Arc::new(adapter::Client::start(&url, session, adapter::Clock::new(1), None, watcher)?);
    let teller = Arc::clone(&client);
    let send = move |n, text: String| send(n, &numbers, || client.send(text));
    // A session that is closed has nothing to connect again.
    drive(&work, send, move |word| {
        if word == "online" {
            let _ = teller.call(Call::ReconnectNow);
        }
    });
    Ok(())
}

include!("../redial_driver.rs");
