//! A real client process, killed with SIGKILL at random moments: nothing lost, nothing shown twice.

use std::collections::BTreeMap;

#[path = "../../examples/durable/main.rs"]
#[allow(dead_code, reason = "a whole program; the test uses its demonstration and not its command line")]
mod program;

use crate::support::example::example;
use program::demo::{Plan, Tally, folder, run};

#[test]
fn a_client_that_is_killed_over_and_over_loses_nothing_and_shows_nothing_twice() {
    let plan = Plan { seed: 7, kills: 22, messages: 120, speed: 20 };
    let report = run(plan, &example("durable"), &folder("killed")).expect("the plan can be carried out");
    let all_well = Tally { sent: 120, lost: 0, twice: 0 };
    assert_eq!(report.up, all_well, "{report}");
    assert_eq!(report.down, all_well, "{report}");
    assert_eq!(report.statuses, BTreeMap::from([("accepted".to_owned(), 120)]), "{report}");
    assert!(report.connections >= 4, "too few of the clients lived long enough to connect: {report}");
}
