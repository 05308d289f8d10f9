//! Many connections and many clients: what they take, and that they give it back. To be run by hand, with the figures:
//! `cargo test --release --test scale -- --ignored --nocapture --test-threads 1`, with room for 4,096 descriptors.

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use redial::journal::Call;
use redial::{Preset, Seed, Session, State};
use redial_blocking::Options;
use server::{LONG, echo, held, serve, wait_until_given_back};

fn session(seed: u64) -> Session {
    Session::new(Preset::plain(), Seed::from(seed))
}

#[test]
#[ignore = "counts what the process holds, to be run by hand"]
fn two_thousand_five_hundred_connects_leave_nothing_behind() {
    let url = serve(|_, socket| echo(socket));
    let before = held();
    let (client, mut messages, thread) = Options::new(&url).unwrap().start(session(1)).unwrap();
    let mut most = before;
    for number in 1..=2_500 {
        let is_next = |state| state == State::Ready && client.look(|session| session.stats().connects == number);
        assert_eq!(client.wait_for_state(LONG, is_next), State::Ready);
        client.send(number.to_string()).unwrap();
        let echo = messages.recv_timeout(LONG).unwrap();
        assert_eq!(echo.body.as_text(), Some(number.to_string().as_str()));
        most = [most[0].max(held()[0]), most[1].max(held()[1])];
        client.call(Call::Close { code: None, reason: String::new() }).unwrap();
        assert_eq!(client.wait_for_state(LONG, |state| state == State::Stopped), State::Stopped);
        client.call(Call::Open).unwrap();
    }
    client.close();
    thread.join().unwrap();
    drop((client, messages));
    let after = wait_until_given_back(before);
    println!("2,500 connects: [threads, descriptors] {before:?} before, {most:?} at most, {after:?} after");
}

#[test]
#[ignore = "counts what the process holds, to be run by hand"]
fn five_hundred_clients_leave_nothing_behind() {
    let url = serve(|_, socket| echo(socket));
    let before = held();
    let mut clients: Vec<_> = (0..500).map(|seed| Options::new(&url).unwrap().start(session(seed)).unwrap()).collect();
    for (client, messages, _) in &mut clients {
        client.send("hello").unwrap();
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("hello"));
    }
    // A thread and a descriptor of each are the server's.
    let meanwhile = held();
    for (client, messages, thread) in clients {
        drop((client, messages));
        assert_eq!(thread.join().unwrap().stats.connects, 1);
    }
    let after = wait_until_given_back(before);
    println!("500 clients: [threads, descriptors] {before:?} before, {meanwhile:?} with them, {after:?} after");
}
