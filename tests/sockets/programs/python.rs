//! The client in Python: a session over a pipe, a store in a database, killed with SIGKILL again and again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;
use crate::example::example;

/// Messages each way.
const MESSAGES: usize = 200;
const KILLS: usize = 10;

/// A process that does not outlive the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("the program starts"))
    }

    fn is_at_work(&mut self) -> bool {
        self.0.try_wait().expect("it is a child").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // `Child::kill` is SIGKILL: nothing of the process runs after it. It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts the server, and says where it listens.
fn serve(addr: &str, folder: &Path) -> (Process, String) {
    let begun = Instant::now();
    loop {
        let mut command = Command::new(example("serve"));
        command.args(["--preset", "uni_app", "--addr", addr, "--store"]).arg(folder.join("hub.jsonl"));
        let mut server = Process::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut said = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
        let addr = said.next().and_then(Result::ok).and_then(|line| {
            let (_, url) = line.split_once("ws://")?;
            Some(url.split('/').next()?.to_owned())
        });
        // What it says is read on, so that it can go on saying.
        thread::spawn(move || said.for_each(drop));
        if let Some(addr) = addr {
            return (server, addr);
        }
        // A port that was used a moment ago may take a moment.
        assert!(begun.elapsed() < PATIENCE, "no server at {addr:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn client(addr: &str, folder: &Path, name: &str) -> Process {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/stdio/client.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(example("stdio")).args([addr, name]).arg(folder.join(name));
    Process::start(command.args([MESSAGES.to_string(), MESSAGES.to_string()]))
}

/// What a client's database says: how often each text was shown, and what it said with each last status.
fn rows(folder: &Path, name: &str) -> (BTreeMap<String, usize>, Vec<(String, String)>) {
    let query = "import json, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                 print(json.dumps([db.execute('SELECT text, count(*) FROM shown GROUP BY text').fetchall(), \
                 db.execute('SELECT text, status FROM said ORDER BY rowid').fetchall()]))";
    let output = Command::new("python3").args(["-c", query]).arg(folder.join(name)).output().expect("it starts");
    let (shown, said): (Vec<_>, Vec<_>) = serde_json::from_slice(&output.stdout).expect("it prints its rows");
    (shown.into_iter().collect(), said)
}

#[test]
fn a_client_in_python_that_is_killed_over_and_over_loses_nothing_and_shows_nothing_twice() {
    let found = Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|status| status.success());
    if !found {
        // Past the harness, which shows nothing of a test that passes.
        let line = "SKIPPED the client in Python: this machine has no python3 with sqlite3\n";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        std::io::stderr().write_all(line.as_bytes()).expect("there is a stderr");
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("redial-python-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("there is room for a folder");
    let (mut server, addr) = serve("127.0.0.1:0", &folder.0);
    let names = ["ana", "ben"];
    let mut clients = names.map(|name| client(&addr, &folder.0, name));
    let mut at_work = 0;
    for kill in 0..KILLS {
        // Spans that follow no pattern of the programs, and the same ones each time.
        thread::sleep(Duration::from_millis(150 + (kill as u64 * 7_919) % 293));
        let (at, name) = (kill % 2, names[kill % 2]);
        at_work += usize::from(clients[at].is_at_work());
        if kill % 3 == 2 {
            drop(server);
            server = serve(&addr, &folder.0).0;
        }
        // The one that is replaced is killed first: two processes have no database in common.
        let _ = clients[at].0.kill();
        let _ = clients[at].0.wait();
        clients[at] = client(&addr, &folder.0, name);
    }
    assert!(at_work > KILLS / 2, "most of the kills met a client with nothing left to do: {at_work}");
    let begun = Instant::now();
    while clients.iter_mut().any(Process::is_at_work) {
        assert!(begun.elapsed() < PATIENCE, "the clients do not come to an end");
        thread::sleep(Duration::from_millis(20));
    }
    for (name, other) in [("ana", "ben"), ("ben", "ana")] {
        let (shown, said) = rows(&folder.0, name);
        let texts = |name: &str| (0..MESSAGES).map(|number| format!("{name} says {number}")).collect::<Vec<_>>();
        assert_eq!(said.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>(), texts(name));
        let settled = |status: &str| ["accepted", "delivered", "read"].contains(&status);
        assert!(said.iter().all(|(_, status)| settled(status)), "{name}: {said:?}");
        let once: BTreeMap<_, _> = texts(other).into_iter().map(|text| (format!("{other}: {text}"), 1)).collect();
        assert_eq!(shown, once, "what {name} was shown");
    }
    drop(server);
}
