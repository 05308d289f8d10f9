//! redial over tokio: the adapter redial-tokio, with the preset that is named.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lines::{Taken, Work, drive, fail, number, say, say_of};
use redial::config::Limit;
use redial::journal::Call;
use redial::{Action, Config, Instant, MessageId, Preset, Seed, SendError, Session, State, Status};
use redial_tokio::Options;

fn main() -> std::io::Result<()> {
    let work = Work::from_args();
    let session = session(&work.variant);
    let receipts = session.preset().dialect().capabilities().receipts;
    let numbers: Arc<Mutex<HashMap<MessageId, u64>>> = Arc::default();
    let watcher = observer(Arc::clone(&numbers), receipts);
    let url = format!("ws://{}/", work.address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let options = Options::new(&url).map_err(std::io::Error::other)?.trace(watcher);
    // The observer hears the messages.
    let (client, _, _task) = options.start(session);
    let teller = client.clone();
    std::thread::spawn(move || {
        let send = move |n, text| send(n, &numbers, || Ok(client.send(text)?.id.clone()));
        // A session that is closed has nothing to connect again.
        drive(&work, send, move |word| {
            if word == "online" {
                let _ = teller.call(Call::ReconnectNow);
            }
        });
    });
    runtime.block_on(std::future::pending())
}

include!("../redial_driver.rs");
