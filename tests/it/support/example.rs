//! The examples as programs, for tests that start processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

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

/// An example as a program. `cargo test` builds it; a run of one test alone does not, so it is built here.
pub(crate) fn example(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // What judges mutants keeps the test elsewhere, and nothing may be built beside the sources.
    let deps = here.parent().filter(|folder| folder.ends_with("deps"));
    let target = deps.and_then(Path::parent).map_or_else(|| root.join("target/debug"), Path::to_path_buf);
    let program = target.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let sources = youngest(&root.join("src")).max(youngest(&root.join("examples")));
    if fs::metadata(&program).and_then(|data| data.modified()).is_ok_and(|built| built >= sources) {
        return program;
    }
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--quiet", "--example", name, "--target-dir"]);
    build.arg(target.parent().expect("a profile lies in a target folder"));
    if target.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success(), "the example can be built");
    program
}
