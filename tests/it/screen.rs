//! The screen's parts: a store in order, keyed callbacks, named events, all fed by actions.

#[path = "../../examples/screen/callbacks.rs"]
mod callbacks;
#[path = "../../examples/screen/events.rs"]
mod events;
#[path = "../../examples/screen/store.rs"]
mod store;

use std::sync::{Arc, Mutex};

use callbacks::Callbacks;
use events::{Events, Name};
use redial::services::{ReadState, SendState};
use redial::{Action, Body, Cause, ConnectionId, Message, MessageId, Reason, State, Status};
use store::Store;

fn delivered(id: Option<&str>, text: &str) -> Action {
    Action::Deliver(Message::new(id.map(MessageId::from), text))
}

fn status(id: &str, status: Status) -> Action {
    Action::Status { id: MessageId::from(id), status }
}

fn state(state: State, cause: Option<Cause>, code: Option<u32>) -> Action {
    let text = if code.is_some() { "going away" } else { "" };
    Action::State { state, cause, reason: Reason::new(code, text) }
}

/// A list that callbacks can write to.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn a_store_keeps_the_order_of_first_appearance() {
    let mut store = Store::default();
    let mine = store.on_action(&status("c1", Status::Queued)).unwrap();
    store.write(&MessageId::from("c1"), "one");
    let theirs = store.on_action(&delivered(Some("m1"), "two")).unwrap();
    store.on_action(&delivered(None, "three"));
    assert_eq!(store.on_action(&status("c1", Status::NotSent)), Some(mine), "a failure moves nothing");
    assert_eq!(store.on_action(&status("c1", Status::Queued)), Some(mine), "and neither does sending it again");
    assert_eq!(store.on_action(&delivered(Some("m1"), "two")), Some(theirs), "a second copy has the first one's place");
    let texts = |store: &Store| -> Vec<String> {
        store.iter().filter_map(|(_, entry)| Some(entry.body.as_text()?.to_owned())).collect()
    };
    assert_eq!(texts(&store), ["one", "two", "three"]);

    assert!(store.remove(theirs).is_some());
    assert!(store.remove(theirs).is_none());
    assert_eq!(texts(&store), ["one", "three"]);
    store.on_action(&delivered(Some("m1"), "two"));
    assert_eq!(texts(&store), ["one", "three", "two"], "what was removed comes back at the end");
    assert_eq!(store.len(), 3);
}

#[test]
fn a_store_says_sending_sent_failed_and_unread_read() {
    let mut store = Store::default();
    let mine = store.on_action(&status("c1", Status::Queued)).unwrap();
    let word = |store: &Store| store.iter().next().and_then(|(_, entry)| entry.send_state());
    assert_eq!(word(&store), Some(SendState::Sending));
    store.on_action(&status("c1", Status::Unconfirmed));
    assert_eq!(word(&store), Some(SendState::Failed));
    store.on_action(&status("c1", Status::Queued));
    assert_eq!(word(&store), Some(SendState::Sending), "sending it again starts over under the same id");
    store.on_action(&status("c1", Status::Sent));
    assert_eq!(word(&store), Some(SendState::Sent));

    let theirs = store.on_action(&delivered(None, "hello")).unwrap();
    let read = |store: &Store| -> Vec<ReadState> { store.iter().map(|(_, entry)| entry.read_state()).collect() };
    assert_eq!(read(&store), [ReadState::Unread, ReadState::Unread]);
    assert!(store.mark_read(theirs));
    assert!(!store.mark_read(mine), "only the other side can say that it has read a message of ours");
    store.on_action(&status("c1", Status::Read));
    assert_eq!(read(&store), [ReadState::Read, ReadState::Read]);
}

#[test]
fn a_store_of_a_hundred_thousand_messages_loses_every_other_one_and_keeps_the_order() {
    let mut store = Store::default();
    let keys: Vec<_> = (0..100_000)
        .filter_map(|number: u64| store.on_action(&delivered(Some(&number.to_string()), "hello")))
        .collect();
    for key in keys.iter().step_by(2) {
        assert!(store.remove(*key).is_some());
    }
    assert_eq!(store.len(), 50_000);
    assert!(store.iter().zip(store.iter().skip(1)).all(|((a, _), (b, _))| a.get() < b.get()));
}

#[test]
fn one_key_has_one_callback_and_the_second_replaces_the_first() {
    let (mut callbacks, heard) = (Callbacks::default(), Heard::default());
    let notes = |name: &'static str| {
        let heard = heard.clone();
        move |message: &Message| heard.note(format!("{name} {}", message.body.as_text().unwrap_or_default()))
    };
    assert!(callbacks.on_message("list", notes("old list")));
    assert!(callbacks.on_message("badge", notes("badge")));
    assert!(callbacks.on_message("list", notes("list")));
    assert!(!callbacks.on_message("", notes("nobody")), "an empty key is ignored");

    callbacks.on_action(&delivered(None, "one"));
    callbacks.on_action(&state(State::Waiting, Some(Cause::Closed), None));
    callbacks.on_action(&state(State::Ready, None, None));
    callbacks.on_action(&delivered(None, "two"));
    assert_eq!(heard.lines(), ["list one", "badge one", "list two", "badge two"], "they outlive a connection");
}

#[test]
fn the_seven_events_are_told_with_what_they_carry() {
    let (mut events, heard) = (Events::default(), Heard::default());
    for name in Name::ALL {
        let heard = heard.clone();
        events.on(name, move |news| heard.note(format!("{name}: {news:?}")));
    }
    let connection = ConnectionId::new(1);
    let story = [
        state(State::Connecting, None, None),
        state(State::Authenticating, None, None),
        state(State::Ready, None, None),
        Action::Alive { connection, rtt: None },
        delivered(None, "hello"),
        state(State::Waiting, Some(Cause::Closed), Some(1001)),
        state(State::Connecting, None, None),
        state(State::Waiting, Some(Cause::Errored), None),
        state(State::Connecting, None, None),
        state(State::Waiting, Some(Cause::AttemptTimeout), None),
        Action::GaveUp { attempts: 3 },
        state(State::Stopped, Some(Cause::GaveUp), None),
    ];
    for action in &story {
        events.on_action(action);
    }
    let expected = [
        "connect: Connect",
        "heartbeat: Heartbeat",
        "message: Message(Message { id: None, body: Text(5 bytes) })",
        "close: Close { code: Some(1001), reason: \"going away\" }",
        "error: Error(Errored)",
        "reconnect: Reconnect { attempts: 3 }",
    ];
    assert_eq!(heard.lines(), expected);
}

#[test]
fn a_kick_is_told_before_the_close_and_listeners_chain() {
    let (mut events, heard) = (Events::default(), Heard::default());
    let notes = |line: &'static str| {
        let heard = heard.clone();
        move |_: events::News<'_>| heard.note(line)
    };
    events
        .on(Name::Connect, notes("connect"))
        .on(Name::ConnectOtherPlace, notes("elsewhere"))
        .on(Name::Close, notes("close"))
        .on(Name::Close, notes("close, the second listener"));
    events.on_action(&state(State::Ready, None, None));
    events.on_action(&Action::Kicked { body: Body::from("{}") });
    events.on_action(&state(State::Stopped, Some(Cause::Kicked), None));
    assert_eq!(heard.lines(), ["connect", "elsewhere", "close", "close, the second listener"]);
}
