//! A program of the table at work: its lines are read as they come, and it ends with this value.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// One line of a program.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) t: u64,
    pub(crate) event: String,
    pub(crate) n: Option<u64>,
    pub(crate) port: Option<u16>,
}

pub(crate) struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    complaints: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a program in a namespace; `ip netns exec` becomes the program, so that the process is its own.
    pub(crate) fn start(namespace: &str, words: &[String]) -> Result<Self, String> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let (lines, complaints) = (Arc::<Mutex<Vec<Line>>>::default(), Arc::<Mutex<String>>::default());
        let (to_lines, to_complaints) = (Arc::clone(&lines), Arc::clone(&complaints));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
                if let Some(line) = parse(&line) {
                    to_lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            }
        });
        thread::spawn(move || {
            let mut text = String::new();
            // What is no text is no complaint that could be shown.
            let _ = stderr.map(|err| err.take(4_096).read_to_string(&mut text));
            *to_complaints.lock().unwrap_or_else(PoisonError::into_inner) = text;
        });
        Ok(Self { child, lines, complaints })
    }

    /// Says a word to the program.
    pub(crate) fn say(&mut self, word: &str) {
        if let Some(stdin) = &mut self.child.stdin {
            // A program that is gone shows in what it does not say.
            let _ = writeln!(stdin, "{word}");
        }
    }

    pub(crate) fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).map_err(|error| error.to_string())?;
        kill(Pid::from_raw(pid), signal).map_err(|error| error.to_string())
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let ticks: u32 = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
        // Linux counts hundredths wherever it talks to programs.
        Some(f64::from(ticks) / 100.0)
    }

    /// Whether it has ended by itself, and its complaint.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let complaint = self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(format!("ended with {status}: {}", complaint.trim()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Line> {
    let line: Value = serde_json::from_str(line).ok()?;
    let port = line["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    Some(Line { t: line["t"].as_u64()?, event: line["ev"].as_str()?.to_owned(), n: line["n"].as_u64(), port })
}
