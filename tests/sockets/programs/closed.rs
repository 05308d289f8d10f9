//! Every program, where nobody reads what it says: it ends without a word, as in `... | head`.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::example::example;

#[test]
fn no_program_panics_where_nobody_reads_what_it_says() {
    let journal = std::env::temp_dir().join(format!("redial-closed-{}.jsonl", std::process::id()));
    std::fs::write(&journal, "{\"now_ms\":0,\"call\":{\"type\":\"open\"}}\n").expect("there is room for a file");
    let journal = journal.to_string_lossy().into_owned();
    let programs: [(&str, &[&str]); 10] = [
        ("demo", &["--messages", "10", "--faults", "0"]),
        ("demo", &["--help"]),
        ("durable", &["--kills", "1", "--messages", "3"]),
        ("screen", &[]),
        ("soak", &["--seeds", "2"]),
        ("stdio", &["--list"]),
        ("swarm", &["100"]),
        ("replay", &[&journal]),
        ("serve", &["--preset", "plain", "--addr", "127.0.0.1:0"]),
        ("chat", &["--preset", "plain", "--url", "ws://127.0.0.1:9/"]),
    ];
    let children = programs.map(|(name, arguments)| {
        // The reading end closes before anything can be said.
        let (_, said) = std::io::pipe().expect("there are file handles");
        let mut command = Command::new(example(name));
        command.args(arguments).stdin(Stdio::null()).stdout(said).stderr(Stdio::piped());
        (name, command.spawn().expect("the program starts"))
    });
    for (name, mut child) in children {
        let mut complaints = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut complaints).expect("it is text");
        let status = child.wait().expect("it ends");
        assert!(!complaints.contains("panicked"), "{name}: {complaints}");
        assert!(matches!(status.code(), Some(0 | 1)), "{name}: {status}, {complaints}");
    }
    std::fs::remove_file(journal).expect("it is there");
}
