//! A session that writes its journal: the journal is the run.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;
use redial::host::{JournalWriter, RecordedSession};
use redial::journal::{Call, Header, Input, Player};
use redial::{Action, Duration, Event, Frame, Instant, Outgoing, Preset, Seed, SendError, Session, Snapshot, State};

use crate::properties::{self, cases, steps};
use crate::support::example::example;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A writer, and the lines that it wrote.
fn writer() -> (JournalWriter, Receiver<String>) {
    let (lines, journal) = channel();
    (JournalWriter::new(move |line| lines.send(line.to_owned()).is_ok()), journal)
}

/// Plays the inputs of a journal again, and gives all lines as a recording with outputs would hold them.
fn replayed(lines: &[String]) -> Vec<String> {
    let mut player = Player::new(Session::new(Preset::plain(), Seed::from(0_u64)));
    let is_input = |line: &&String| Input::from_line(line).is_ok();
    lines
        .iter()
        .filter(is_input)
        .flat_map(|line| {
            let outputs = player.play(line);
            std::iter::once(line.clone()).chain(outputs.into_iter().map(|output| output.to_line()))
        })
        .collect()
}

/// A little conversation, after which everything has been taken.
fn talk(session: &mut RecordedSession) -> Vec<Action> {
    session.call(at(0), Call::Open).expect("it opens");
    session.send(at(5), Outgoing::from("one").id("c1").once().time_to_live(Duration::from_secs(9))).expect("room");
    assert_eq!(session.send(at(6), Outgoing::from("again").id("c1")), Err(SendError::DuplicateId));
    let mut actions: Vec<Action> = std::iter::from_fn(|| session.poll_action()).collect();
    let connection = actions.iter().find_map(|action| match action {
        Action::Connect { connection, .. } => Some(*connection),
        _ => None,
    });
    let connection = connection.expect("it connects");
    session.handle(at(30), Event::Opened { connection });
    session.handle(at(40), Event::FrameIn { connection, frame: Frame::text("hi") });
    session.call(at(50), Call::Close { code: None, reason: String::new() }).expect("it closes");
    session.handle(at(60), Event::Closed { connection, code: Some(1_000), reason: String::new() });
    actions.extend(std::iter::from_fn(|| session.poll_action()));
    assert_eq!(session.session().state(), State::Stopped);
    actions
}

#[test]
fn a_recorded_run_is_the_run_without_a_journal_and_replays_line_by_line() {
    let (preset, seed) = (Preset::plain(), Seed::from(7_u64));
    let bare = talk(&mut RecordedSession::new(preset.clone(), seed, None));
    let (writer, journal) = writer();
    let mut session = RecordedSession::new(preset, seed, Some(writer.with_outputs()));
    assert_eq!(talk(&mut session), bare);
    assert!(session.is_recording());
    let lines: Vec<String> = journal.try_iter().collect();
    assert_eq!(replayed(&lines), lines);
    let text = lines.join("\n");
    assert!(text.contains(r#"{"now_ms":5,"id":"c1"}"#) && text.contains(r#""error":"#), "{text}");
    assert!(text.contains(r#""time_to_live_ms":9000,"once":true"#), "{text}");
}

#[test]
fn the_example_replay_finds_the_outputs_the_same() {
    let (writer, journal) = writer();
    talk(&mut RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer.with_outputs())));
    let path = std::env::temp_dir().join(format!("redial-recorded-{}.jsonl", std::process::id()));
    let mut text: String = journal.try_iter().map(|line| line + "\n").collect();
    std::fs::write(&path, &text).expect("a file");
    let run = |path| Command::new(example("replay")).arg(path).output().expect("it runs");
    let good = run(&path);
    text = text.replace(r#""status":"sent""#, r#""status":"accepted""#);
    std::fs::write(&path, text).expect("a file");
    let bad = run(&path);
    std::fs::remove_file(&path).expect("it was there");
    assert!(good.status.success() && String::from_utf8_lossy(&good.stdout).contains("the same"), "{good:?}");
    assert_eq!(bad.status.code(), Some(1));
}

#[test]
fn without_outputs_the_journal_has_the_inputs_alone() {
    let (writer, journal) = writer();
    let mut session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer));
    talk(&mut session);
    let lines: Vec<String> = journal.try_iter().collect();
    assert_eq!(lines.len(), 8, "the header, three calls and an attempt, three events");
    assert!(lines.iter().all(|line| Input::from_line(line).is_ok()));
}

#[test]
fn a_journal_that_cannot_be_written_ends_and_the_session_goes_on() {
    let mut room = 4;
    let writer = JournalWriter::new(move |_| {
        room -= 1;
        assert!(room >= 0, "nothing is written behind the line that failed");
        room > 0
    });
    let mut session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer.with_outputs()));
    let bare = talk(&mut RecordedSession::new(Preset::plain(), Seed::from(7_u64), None));
    assert_eq!(talk(&mut session), bare);
    assert!(!session.is_recording());
}

#[test]
fn a_line_is_written_before_its_input_is_processed() {
    let (writer, journal) = writer();
    let mut session = RecordedSession::new(Preset::plain(), Seed::from(7_u64), Some(writer));
    session.handle(at(3), Event::Tick);
    assert_eq!(journal.try_iter().last().as_deref(), Some(r#"{"now_ms":3,"event":{"type":"tick"}}"#));
}

#[test]
fn a_restored_run_replays_with_the_time_that_it_was_away() {
    let preset = Preset::plain();
    let mut before = Session::new(preset.clone(), Seed::from(7_u64));
    before.open(at(0));
    before.send(at(0), Outgoing::from("once").once()).expect("room");
    before.send(at(0), Outgoing::from("short").time_to_live(Duration::from_secs(60))).expect("room");
    let snapshot: Snapshot = before.snapshot();
    let (writer, journal) = writer();
    let away = Duration::from_secs(50);
    let session =
        RecordedSession::restore(preset, at(1_000), snapshot, away, Seed::from(8_u64), Some(writer.with_outputs()));
    let mut session = session.expect("it is whole");
    session.call(at(1_000), Call::Open).expect("it opens");
    session.send(at(1_000), "an id that the seed decides").expect("room");
    session.handle(at(20_000), Event::Tick);
    let mut actions = VecDeque::new();
    session.take_actions(&mut actions);
    assert!(actions.iter().any(|action| matches!(action, Action::Status { .. })), "the short one is too old");
    let lines: Vec<String> = journal.try_iter().collect();
    assert!(lines[0].ends_with(r#""restored_at_ms":1000,"away_ms":50000}"#), "{}", lines[0]);
    assert_eq!(replayed(&lines), lines);
}

#[test]
fn a_damaged_snapshot_is_refused_and_nothing_is_written() {
    let snapshot = Session::new(Preset::uni_app(), Seed::from(7_u64)).snapshot();
    let (writer, journal) = writer();
    let seed = Seed::from(8_u64);
    let refused = RecordedSession::restore(Preset::plain(), at(0), snapshot, Duration::ZERO, seed, Some(writer));
    assert!(refused.is_err());
    assert_eq!(journal.try_iter().count(), 0);
}

#[test]
fn without_a_journal_a_message_behind_a_failed_write_is_still_the_sessions() {
    let mut session = RecordedSession::from(Session::new(Preset::plain(), Seed::from(7_u64)));
    session.call(at(0), Call::Open).expect("it opens");
    let id = session.send(at(0), Outgoing::from("one").once()).expect("room");
    let connection = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
        Action::Connect { connection, .. } => Some(connection),
        _ => None,
    });
    let connection = connection.expect("it connects");
    session.handle(at(10), Event::Opened { connection });
    session.handle(at(10), Event::Closed { connection, code: None, reason: String::new() });
    assert_eq!(session.session().status(&id), Some(redial::Status::Queued), "no byte of it was handed over");
}

proptest! {
    #![proptest_config(cases(100))]

    /// However late the host takes its actions.
    #[test]
    fn the_journal_of_any_run_replays_to_the_same_lines(
        steps in steps(60),
        which in 0..4_usize,
        takes in prop::collection::vec(any::<bool>(), 60),
    ) {
        let preset = [Preset::plain(), Preset::uni_app(), Preset::wechat(), Preset::native()][which].clone();
        let world = properties::play(preset.clone(), &steps, 0)?;
        let (writer, journal) = writer();
        let seed = Seed::from(7_u64);
        let mut session = RecordedSession::new(preset.clone(), seed, Some(writer.with_outputs()));
        let mut taken = VecDeque::new();
        for (line, takes) in world.journal().lines().zip(takes) {
            match Input::from_line(line) {
                Ok(Input::Call { now, call }) => drop(session.call(now, call)),
                Ok(Input::Event { now, event }) => session.handle(now, event),
                _ => {}
            }
            if takes {
                session.take_actions(&mut taken);
            }
        }
        session.take_actions(&mut taken);
        let lines: Vec<String> = journal.try_iter().collect();
        prop_assert_eq!(&replayed(&lines), &lines);
        let told = lines.iter().filter(|line| line.contains(r#""action":{"#)).count();
        prop_assert_eq!(told, taken.len(), "each action is written and taken once");
        prop_assert_eq!(lines[0].clone(), Input::Header(Header::new(&preset, seed)).to_line());
    }
}
