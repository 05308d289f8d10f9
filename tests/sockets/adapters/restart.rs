//! The demo whose clients are processes of their own, killed over and over: nothing lost, nothing shown twice.

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
