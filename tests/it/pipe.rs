//! The program `stdio`, as another program would drive it: a line in, its answer out at once, over real pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use crate::support::example::example;

fn stdio() -> Command {
    Command::new(example("stdio"))
}

fn run(words: &[&str]) -> Output {
    stdio().args(words).stdin(Stdio::null()).output().expect("it starts")
}

#[test]
fn each_line_is_answered_before_the_next_is_written() {
    let mut child = stdio()
        .args(["--preset", "wechat", "--seed", "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its stdin is a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("its stdout is a pipe"));
    let mut answer = |line: &str| {
        writeln!(input, "{line}").expect("it reads");
        let mut answer = String::new();
        while !answer.contains("next_deadline_ms") {
            assert!(output.read_line(&mut answer).expect("it writes") > 0, "it ended after {answer}");
        }
        answer
    };
    assert!(answer(r#"{"now_ms":0,"call":{"type":"open"}}"#).contains(r#""connect""#));
    assert!(
        answer(r#"{"now_ms":9,"event":{"type":"opened","connection":1}}"#)
            .ends_with("10009,\"timer\":\"heartbeat\"}\n")
    );
    assert!(answer(r#"{"now_ms":10009,"event":{"type":"tick"}}"#).contains(r#""frame":{"text":"ping"}"#));
    assert!(answer("what?").contains("cannot be read"));
    drop(input);
    assert!(child.wait().expect("it ends with its input").success());
}

#[test]
fn it_lists_the_presets_and_describes_what_each_promises() {
    let list = String::from_utf8(run(&["--list"]).stdout).expect("text");
    assert_eq!(
        list.lines().collect::<Vec<_>>(),
        ["plain", "uni_app", "react_im", "vue_polling", "wechat", "live_chat", "native"]
    );
    let bounds = String::from_utf8(run(&["--preset", "plain", "--describe"]).stdout).expect("text");
    assert!(bounds.contains("a dead link is noticed within: 33 s"), "{bounds}");
    assert!(bounds.contains("connects in 120 s at most: 20\n"), "{bounds}");
}

#[test]
fn what_is_missing_or_unknown_is_said_in_a_sentence_with_exit_code_2() {
    for (words, said) in [
        (&["--preset", "live_chat"][..], "the preset `live_chat` needs the setting `room_id`"),
        (&["--preset", "nobody"], "there is no preset of that name"),
        (&["--preset"], "--preset needs a value"),
        (&["--dance"], "there is no option `--dance`"),
        (&[], "--preset is missing"),
    ] {
        let output = run(words);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_refused_header_ends_in_exit_code_2_in_both_programs() {
    let journal =
        concat!(r#"{"redial":1,"preset":"nobody","seed":1}"#, "\n", r#"{"now_ms":0,"call":{"type":"open"}}"#, "\n");
    let mut child = stdio()
        .args(["--preset", "plain", "--seed", "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("its stdin is a pipe").write_all(journal.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends with its input");
    let (lines, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(lines.lines().count(), 4, "an error and a deadline for each line: {lines}");
    assert_eq!(lines.matches(r#""code":"unknown_preset""#).count(), 2, "{lines}");
    assert!(said.contains("there is no preset of that name"), "{said}");

    let file = std::env::temp_dir().join(format!("redial-refused-header-{}", std::process::id()));
    std::fs::write(&file, journal).expect("the file can be written");
    let output = Command::new(example("replay")).arg(&file).output().expect("it starts");
    std::fs::remove_file(&file).expect("the file is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no preset of that name") && output.stdout.is_empty(), "{said}");
}

#[test]
fn a_query_is_answered_over_a_pipe_and_passed_over_by_a_replay() {
    let header = r#"{"redial":1,"preset":"plain","seed":7}"#;
    let open = r#"{"now_ms":0,"call":{"type":"open"}}"#;
    let recorded = |lines: &[&str]| {
        let mut child = stdio()
            .args(["--preset", "plain", "--seed", "7"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("its stdin is a pipe").write_all(lines.join("\n").as_bytes()).expect("it reads");
        String::from_utf8(child.wait_with_output().expect("it ends with its input").stdout).expect("text")
    };
    let query = r#"{"query":{"type":"snapshot"}}"#;
    let (asked, unasked) = (recorded(&[header, query, open]), recorded(&[header, open]));
    let answered: Vec<&str> = asked.lines().collect();
    assert!(answered[1].starts_with(r#"{"now_ms":0,"snapshot":{"#), "{asked}");
    assert_eq!([&answered[..1], &answered[3..]].concat(), unasked.lines().collect::<Vec<_>>());
    let other = r#"{"now_ms":0,"snapshot":{"of":"another version"}}"#;
    let journal = [header, answered[0], query, other, answered[2], open, &answered[3..].join("\n")].join("\n");
    let file = std::env::temp_dir().join(format!("redial-queries-{}", std::process::id()));
    std::fs::write(&file, journal).expect("the file can be written");
    let output = Command::new(example("replay")).arg(&file).output().expect("it starts");
    std::fs::remove_file(&file).expect("the file is there");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 inputs played, 4 outputs the same"), "{said}");
}
