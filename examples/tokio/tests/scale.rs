//! Many connections and many clients: what they take, and that they give it back. To be run by hand, with the figures:
//! `cargo test --release --test scale -- --ignored --nocapture --test-threads 1`, with room for 4,096 descriptors.

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use futures_util::StreamExt as _;
use redial::journal::Call;
use redial::{Preset, Seed, Session, State};
use redial_tokio::Options;
use server::{LONG, echo, held, serve, wait_until_given_back};

fn session(seed: u64) -> Session {
    Session::new(Preset::plain(), Seed::from(seed))
}

#[tokio::test]
#[ignore = "counts what the process holds, to be run by hand"]
async fn two_thousand_five_hundred_connects_leave_nothing_behind() {
    let url = serve(|_, socket| echo(socket));
    let before = held();
    let (client, mut messages, task) = Options::new(&url).unwrap().start(session(1));
    let mut most = before;
    for number in 1..=2_500 {
        let is_next =
            |state: &State| *state == State::Ready && client.look(|session| session.stats().connects == number);
        tokio::time::timeout(LONG, client.state().wait_for(is_next)).await.unwrap().unwrap();
        client.send(number.to_string()).unwrap();
        let echo = tokio::time::timeout(LONG, messages.next()).await.unwrap().unwrap();
        assert_eq!(echo.body.as_text(), Some(number.to_string().as_str()));
        most = [most[0].max(held()[0]), most[1].max(held()[1])];
        client.call(Call::Close { code: None, reason: String::new() }).unwrap();
        let is_closed = |state: &State| *state == State::Stopped;
        tokio::time::timeout(LONG, client.state().wait_for(is_closed)).await.unwrap().unwrap();
        client.call(Call::Open).unwrap();
    }
    client.close();
    task.await.unwrap();
    drop((client, messages));
    let after = wait_until_given_back(before);
    println!("2,500 connects: [threads, descriptors] {before:?} before, {most:?} at most, {after:?} after");
}

#[tokio::test]
#[ignore = "counts what the process holds, to be run by hand"]
async fn five_hundred_clients_leave_nothing_behind() {
    let url = serve(|_, socket| echo(socket));
    let before = held();
    let mut clients: Vec<_> = (0..500).map(|seed| Options::new(&url).unwrap().start(session(seed))).collect();
    for (client, messages, _) in &mut clients {
        client.send("hello").unwrap();
        let echo = tokio::time::timeout(LONG, messages.next()).await.unwrap().unwrap();
        assert_eq!(echo.body.as_text(), Some("hello"));
    }
    // Half of each is the server's, which has a thread and a descriptor a connection.
    let meanwhile = held();
    for (client, messages, task) in clients {
        drop((client, messages));
        assert_eq!(tokio::time::timeout(LONG, task).await.unwrap().unwrap().stats.connects, 1);
    }
    let after = wait_until_given_back(before);
    println!("500 clients: [threads, descriptors] {before:?} before, {meanwhile:?} with them, {after:?} after");
}
