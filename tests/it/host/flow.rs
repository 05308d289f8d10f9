//! Progress of bytes: which frames are out, and when an unfinished one is told.

use redial::Instant;
use redial::host::Flow;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn a_frame_is_written_with_its_last_byte_and_not_before() {
    let mut flow = Flow::new();
    flow.on_queued(50);
    flow.on_queued(120);
    assert_eq!(flow.on_written(at(0), 0), None, "nothing moved");
    assert_eq!(flow.on_written(at(0), 49), Some(0), "under way");
    assert_eq!(flow.on_written(at(1), 50), Some(1));
    assert_eq!(flow.unwritten(), 1);
    assert_eq!(flow.on_written(at(2), 119), None, "told a moment ago");
    assert_eq!(flow.on_written(at(3), 120), Some(2));
    assert_eq!(flow.unwritten(), 0);
}

#[test]
fn several_frames_leave_in_one_write() {
    let mut flow = Flow::new();
    for end in [10, 20, 30] {
        flow.on_queued(end);
    }
    assert_eq!(flow.on_written(at(0), 30), Some(3));
}

#[test]
fn bytes_that_the_library_writes_by_itself_count_for_no_frame() {
    let mut flow = Flow::new();
    // A pong of 8 bytes went in before the frame, and one behind it.
    flow.on_queued(108);
    assert_eq!(flow.on_written(at(0), 100), Some(0));
    assert_eq!(flow.on_written(at(1), 108), Some(1));
    assert_eq!(flow.on_written(at(5_000), 116), None, "no frame is under way");
}

#[test]
fn a_large_frame_is_told_once_a_second_while_its_bytes_move() {
    let mut flow = Flow::new();
    flow.on_queued(1_000_000);
    let told: Vec<u64> = (0..50).filter(|turn| flow.on_written(at(turn * 100), turn * 1_000 + 1).is_some()).collect();
    assert_eq!(told, [0, 10, 20, 30, 40]);
    assert_eq!(flow.on_written(at(9_000), 49_001), None, "it stalls, and nothing is told");
}

#[test]
fn an_arriving_frame_is_told_at_most_once_a_second() {
    let mut flow = Flow::new();
    let told: Vec<u64> = (1..40).filter(|turn| flow.on_read(at(turn * 100), turn * 500, 0)).collect();
    assert_eq!(told, [1, 11, 21, 31]);
}

#[test]
fn bytes_that_came_long_ago_are_no_news() {
    let mut flow = Flow::new();
    assert!(flow.on_read(at(0), 10, 0));
    assert!(!flow.on_read(at(500), 20, 0), "told half a second ago");
    assert!(!flow.on_read(at(60_000), 20, 0), "nothing came since");
    assert!(flow.on_read(at(60_001), 21, 0));
}

#[test]
fn a_whole_frame_speaks_for_itself() {
    let mut flow = Flow::new();
    assert!(!flow.on_read(at(0), 100, 1));
    assert!(!flow.on_read(at(999), 150, 0));
    assert!(flow.on_read(at(1_000), 160, 0));
}
