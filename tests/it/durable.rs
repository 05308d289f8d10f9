//! A real client process, killed with SIGKILL at random moments: nothing lost, nothing shown twice.

#[path = "../../examples/durable/main.rs"]
#[allow(dead_code, reason = "a whole program; the test uses its demonstration and not its command line")]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use program::demo::{Plan, Tally, folder, run};

/// When the youngest file of a folder was written.
fn youngest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry").path());
    let written = |path: PathBuf| {
        if path.is_dir() {
            youngest(&path)
        } else {
            fs::metadata(&path).and_then(|data| data.modified()).expect("the file has a date")
        }
    };
    entries.map(written).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The example as a program. `cargo test` builds it; a run of this test alone does not, so it is built here.
fn example() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let target = here.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    let program = target.join("examples").join(format!("durable{}", std::env::consts::EXE_SUFFIX));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = youngest(&root.join("src")).max(youngest(&root.join("examples/durable")));
    if fs::metadata(&program).and_then(|data| data.modified()).is_ok_and(|built| built >= sources) {
        return program;
    }
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--quiet", "--example", "durable", "--target-dir"]);
    build.arg(target.parent().expect("a profile lies in a target folder"));
    if target.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success(), "the example can be built");
    program
}

#[test]
fn a_client_that_is_killed_over_and_over_loses_nothing_and_shows_nothing_twice() {
    let plan = Plan { seed: 7, kills: 22, messages: 120, speed: 20 };
    let report = run(plan, &example(), &folder("killed")).expect("the plan can be carried out");
    let all_well = Tally { sent: 120, lost: 0, twice: 0 };
    assert_eq!(report.up, all_well, "{report}");
    assert_eq!(report.down, all_well, "{report}");
    assert_eq!(report.statuses, BTreeMap::from([("accepted".to_owned(), 120)]), "{report}");
    assert!(report.connections >= 4, "too few of the clients lived long enough to connect: {report}");
}
