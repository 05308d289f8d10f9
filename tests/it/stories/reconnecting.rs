use crate::support::Story;
#[test]
fn a_server_that_accepts_and_drops_is_not_hammered() {
    let mut story = Story::plain();
    story.open();
    while story.now() < 60_000 {
        story.opened().closed(None);
        story.wait_for_connect();
    }
    assert!(story.connects.iter().filter(|at| **at < 60_000).count() <= 8, "{:?}", story.connects);
}
