//! The demo whose clients are processes of their own, killed over and over: nothing lost, nothing shown twice.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use redial::MessageId;

use super::demo::durable::store::Store;
use super::demo::options::{Dialect, Options};
use super::demo::{durable, restart};
use crate::example::example;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_killed_while_their_links_break_lose_nothing_and_show_nothing_twice() {
    let options =
        Options { messages: 150, faults: 10, dialect: Dialect::UniApp, restart: true, quiet: true, ..Options::new(5) };
    let folder = durable::demo::folder("restart");
    let report = restart::run(options, &example("demo"), &folder).await.expect("the plan can be carried out");
    assert_eq!(report.complaints(), Vec::<String>::new(), "{report}");
    assert_eq!([report.lost(0), report.lost(1), report.shown_twice(0), report.shown_twice(1)], [0; 4], "{report}");
    assert_eq!(report.kills(), 6, "{report}");
}

/// Where redb says, below this bit of this byte, that the file has to be repaired before it is used.
const MARK: (u64, u8) = (9, 2);

fn typed(store: &Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.commit(&[], &[(MessageId::from(format!("c{number:04}")), number)]).expect("there is room");
    }
}

fn take_the_mark_away(path: &Path) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).expect("the file is there");
    let mut byte = [0];
    file.seek(SeekFrom::Start(MARK.0)).and_then(|_| file.read_exact(&mut byte)).expect("it is long enough");
    assert_ne!(byte[0] & MARK.1, 0, "the file of a process that did not end has the mark");
    file.seek(SeekFrom::Start(MARK.0)).and_then(|_| file.write_all(&[byte[0] & !MARK.1])).expect("there is room");
}

#[test]
fn a_process_killed_while_its_database_is_repaired_leaves_one_that_works() {
    let folder = durable::demo::folder("repair");
    fs::create_dir_all(&folder).expect("there is room for a folder");
    let [whole, killed] = ["whole.redb", "killed.redb"].map(|name| folder.join(name));
    let store = Store::open(&whole).expect("there is room for a file");
    typed(&store, 0..60);
    // What a kill leaves at this moment, and another one when the first block of the repair is written.
    fs::copy(&whole, &killed).expect("there is room for a file");
    take_the_mark_away(&killed);
    let store = Store::open(&killed).expect("it can be opened");
    typed(&store, 60..90);
    let mut numbers: Vec<u64> =
        store.contents().expect("it can be read").typed.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..90).collect::<Vec<_>>());
    drop(store);
    fs::remove_dir_all(&folder).expect("it is there");
}
