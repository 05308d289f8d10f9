//! What the tokio adapter keeps for others: who waits for an outcome, and frames that the socket does not take yet.

use std::sync::mpsc::channel;

use redial::journal::Call;
use redial::{Preset, Seed, Session, Status};
use tungstenite::Message;

use super::demo::tokio_adapter::{self, Clock, Handle, Messages};
use super::guest::{PATIENCE, serve};

fn start(url: &str) -> (Handle, Messages) {
    let session = Session::new(Preset::plain(), Seed::from(7_u64));
    tokio_adapter::start(url, session, Clock::new(1), None, |_, _| {})
}

async fn ready(handle: &Handle) {
    let mut state = handle.state();
    let ready = state.wait_for(|state| *state == redial::State::Ready);
    tokio::time::timeout(PATIENCE, ready).await.expect("the server is there").expect("the loop runs");
}

async fn outcome(sent: tokio_adapter::Sent) -> Status {
    tokio::time::timeout(PATIENCE, sent.settled()).await.expect("every message has an outcome")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_message_hears_how_it_settled() {
    let url = serve(|mut socket| while socket.read().is_ok() {});
    let (handle, _messages) = start(&url);
    ready(&handle).await;
    let [one, two] = ["one", "two"].map(|text| handle.send(text).expect("there is room"));
    assert_eq!((outcome(two).await, outcome(one).await), (Status::Sent, Status::Sent));
    handle.call(Call::Hold).expect("it is open");
    let held = handle.send("held back").expect("there is room");
    handle.call(Call::Close { code: None, reason: String::new() }).expect("a close without a code cannot be refused");
    assert_eq!(outcome(held).await, Status::NotSent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_socket_does_not_take_yet_waits_and_leaves_in_order() {
    // Twelve megabytes before anybody reads, more than the kernel takes; and as many while somebody does.
    const FRAMES: usize = 400;
    let ((read, wait), (tell, heard)) = (channel::<()>(), channel());
    let url = serve(move |mut socket| {
        wait.recv().expect("the test lives");
        for _ in 0..FRAMES {
            let Ok(Message::Text(text)) = socket.read() else { return };
            tell.send(text.split_once(' ').map(|(number, _)| number.to_owned())).expect("the test lives");
        }
    });
    let (handle, _messages) = start(&url);
    ready(&handle).await;
    for number in 0..FRAMES {
        if number == FRAMES / 2 {
            read.send(()).expect("the server lives");
        }
        let sent = handle.send(format!("{number} {}", "x".repeat(60_000))).expect("there is room");
        assert_eq!(outcome(sent).await, Status::Sent);
    }
    for number in 0..FRAMES {
        let next = heard.recv_timeout(PATIENCE).expect("every frame arrives");
        assert_eq!(next, Some(number.to_string()));
    }
}
