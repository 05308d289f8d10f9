//! What a screen needs beside a session: an ordered store of messages, keyed callbacks, named events.
//!
//! `cargo run --example screen` plays a scripted conversation of the live chat on a virtual clock: no socket, no
//! waiting. Copy the three files you want; each is fed by actions alone.

include!("../common/say.rs");

mod callbacks;
mod events;
mod store;

use callbacks::Callbacks;
use events::{Events, Name};
use redial::{Action, ConnectionId, Event, Frame, Instant, Preset, Seed, Session};
use store::Store;

/// A session with its screen, and the clock of the script.
struct Page {
    session: Session,
    now: Instant,
    connection: ConnectionId,
    events: Events,
    callbacks: Callbacks,
    store: Store,
}

impl Page {
    fn at(&mut self, millis: u64) -> &mut Self {
        // Whatever falls due on the way happens at its own time.
        while let Some(due) = self.session.next_deadline().filter(|due| due.at.as_millis() < millis) {
            self.now = due.at;
            self.session.handle(self.now, Event::Tick);
            self.show();
        }
        self.now = Instant::from_millis(millis);
        self
    }

    fn hears(&mut self, frame: &'static str) {
        let connection = self.connection;
        self.told(Event::FrameIn { connection, frame: Frame::text(frame) });
    }

    fn told(&mut self, event: Event) {
        self.session.handle(self.now, event);
        self.show();
    }

    /// Feeds the three parts; that is all there is to it.
    fn show(&mut self) {
        while let Some(action) = self.session.poll_action() {
            self.events.on_action(&action);
            self.callbacks.on_action(&action);
            self.store.on_action(&action);
            if let Action::Connect { connection, .. } = action {
                self.connection = connection;
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let session = Session::new(Preset::live_chat(1, 9527)?, Seed::from(1_u64));
    let (events, callbacks, store) = (Events::default(), Callbacks::default(), Store::default());
    let mut page = Page { session, now: Instant::ORIGIN, connection: ConnectionId::new(1), events, callbacks, store };
    for name in Name::ALL {
        page.events.on(name, move |news| say!("event     {name}: {news:?}"));
    }
    page.callbacks.on_message("toast", |_| say!("callback  never seen: the next one takes its place"));
    page.callbacks.on_message("toast", |message| say!("callback  toast: {:?}", message.body));

    page.session.open(page.now);
    page.show();
    let connection = page.connection;
    page.at(20).told(Event::Opened { connection });
    page.at(25).hears(r#"{"cmd":"auth1","msg_id":"a1","result":{"seed":"s"}}"#);
    page.at(30).hears(r#"{"cmd":"wd_heartbeat"}"#);
    let id = page.session.send(page.now, "is anybody there?")?;
    page.store.write(&id, "is anybody there?");
    page.at(900).hears(r#"{"cmd":"message","result":{"message":"yes, good morning","from":"ana"}}"#);
    page.at(1_000).told(Event::Closed { connection, code: Some(1001), reason: "going away".into() });
    page.at(1_001);
    let connection = page.connection;
    page.at(1_020).told(Event::Opened { connection });
    page.at(1_025).hears(r#"{"cmd":"conn_close"}"#);

    let last = page.store.iter().next_back().map(|(key, _)| key);
    last.map(|key| page.store.mark_read(key));
    say!("\nthe store, {} messages in order:", page.store.len());
    for (key, entry) in page.store.iter() {
        let text = entry.body.as_text().unwrap_or("(binary)");
        let sending = entry.send_state().map_or("received".to_owned(), |state| format!("{state:?}").to_lowercase());
        say!("  {}  {sending}, {}: {text}", key.get(), format!("{:?}", entry.read_state()).to_lowercase());
    }
    let gone = last.and_then(|key| page.store.remove(key));
    say!("removed {}; {} left", gone.is_some(), page.store.len());
    Ok(())
}
