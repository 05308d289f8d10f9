//! What the server's store keeps of more messages than it has room for.

use std::collections::BTreeSet;

use redial::MessageId;

use super::TempFile;
use super::serve::store::{KEPT, Store, Taken};

fn taken(number: u32) -> Taken {
    Taken { from: "ana".into(), id: MessageId::from(format!("c{number}")), text: format!("text {number}") }
}

#[test]
fn the_store_keeps_the_newest_messages_and_its_file_is_not_much_longer_than_they_are() {
    let file = TempFile(std::env::temp_dir().join(format!("redial-kept-{}.jsonl", std::process::id())));
    let mut store = Store::open(&file.0).expect("there is room for a file");
    let more = 2 * KEPT;
    for number in 0..more {
        assert!(store.take(taken(number)).expect("there is room"), "each of them is new");
        // The last few have not reached him yet.
        if number < more - 3 {
            store.reach("ben", &taken(number).push_id()).expect("there is room");
        }
    }
    for round in ["the same process", "the next one"] {
        assert_eq!(store.len(), KEPT as usize, "{round}");
        let owed: Vec<&str> = store.owed_to("ben").map(|taken| taken.text.as_str()).collect();
        assert_eq!(owed.len(), 3, "{round}");
        assert_eq!(owed.last(), Some(&&*format!("text {}", more - 1)), "{round}");
        let told: BTreeSet<&MessageId> = store.reached_of("ana").collect();
        assert_eq!(told.len(), 97, "{round}");
        store = Store::open(&file.0).expect("the file is there");
    }
    assert!(!store.take(taken(more - 1)).expect("there is room"), "a repeat of what is kept is one");
    assert!(store.take(taken(0)).expect("there is room"), "what fell out is forgotten");
    let lines = std::fs::read_to_string(&file.0).expect("the file is there").lines().count();
    // Written in all were four lines for each that is kept.
    assert!(lines <= 7 * KEPT as usize / 2, "{lines} lines");
}
