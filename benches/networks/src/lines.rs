//! The lines that clients and servers write on standard output and read on standard input.
//!
//! A program gets its work from its arguments, [`Work`]: `ADDRESS EVERY SIZE COUNT VARIANT`. The program writes one
//! JSON object a line: `{"t":UNIX_MS,"ev":EVENT,"n":NUMBER}`. The events are `open`, `down`, `sent`, `recv`, `settled`,
//! `failed`, `refused` and `give_up`; a server also writes `listening`, `accept` with the `port` of the client, and
//! `ended` after a FIN or a RST. The program reads one word a line: `go` and `stop` for its numbered messages, `online`
//! for a client that is told of a new network, and the faults for a server. The program ends with its standard input.

use std::io::{self, BufRead as _, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

/// What a program is asked to do.
#[derive(Clone, Debug)]
pub struct Work {
    /// Host and port of the server.
    pub address: String,
    /// Milliseconds between two messages; zero for all at once.
    pub every: u64,
    /// Bytes of a message.
    pub size: usize,
    /// Messages in all; zero for as many as there is time for.
    pub count: u64,
    /// The preset, where the program has several.
    pub variant: String,
}

impl Work {
    /// Reads the arguments; a wrong one ends the program, with a line that says which.
    pub fn from_args() -> Self {
        let mut args = env::args().skip(1);
        let mut next = |what| args.next().unwrap_or_else(|| fail(&format!("{what} is missing")));
        let address = next("ADDRESS");
        let mut number = |what| next(what).parse().unwrap_or_else(|_| fail(&format!("{what} has to be a number")));
        let (every, size, count) = (number("EVERY"), number("SIZE"), number("COUNT"));
        let size = usize::try_from(size).unwrap_or_else(|_| fail("SIZE is too large"));
        Self { address, every, size, count, variant: next("VARIANT") }
    }
}

/// Ends the program with this complaint.
pub fn fail(complaint: &str) -> ! {
    let _ = writeln!(io::stderr(), "{complaint}");
    process::exit(2)
}

/// Milliseconds since 1970: the clock that all programs of one machine share.
pub fn unix_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// Writes an event without a number.
pub fn say(event: &str) {
    line(&format!(r#"{{"t":{},"ev":"{event}"}}"#, unix_ms()));
}

/// Writes an event about the message of this number.
pub fn say_of(event: &str, n: u64) {
    line(&format!(r#"{{"t":{},"ev":"{event}","n":{n}}}"#, unix_ms()));
}

/// Writes that a client came from this port.
pub fn say_accept(port: u16) {
    line(&format!(r#"{{"t":{},"ev":"accept","port":{port}}}"#, unix_ms()));
}

fn line(line: &str) {
    if writeln!(io::stdout(), "{line}").is_err() {
        // Nobody reads any more.
        process::exit(0);
    }
}

/// The text of the message of this number: text in every dialect, without anything that JSON would escape.
pub fn body(n: u64, size: usize) -> String {
    let head = format!("n={n};");
    let rest = size.saturating_sub(head.len());
    head + &"x".repeat(rest)
}

/// The number in such a text.
pub fn number(text: &str) -> Option<u64> {
    text.split_once("n=")?.1.split_once(';')?.0.parse().ok()
}

/// Calls `hear` for each word on standard input, on a thread of its own, and ends the program with it.
pub fn commands(mut hear: impl FnMut(&str) + Send + 'static) {
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            hear(line.trim());
        }
        process::exit(0);
    });
}

/// What a client said to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It will be sent.
    Yes,
    /// There is no room now.
    NoRoom,
    /// It cannot be sent at all.
    Never,
}

/// Sends numbered messages between `go` and `stop`, on the thread that calls it; other words go to `other`.
///
/// Where there is no room, a message of a burst is tried again. Any other message that is not taken is reported as
/// `refused`, since the application was told.
pub fn drive(work: &Work, send: impl Fn(u64, String) -> Taken, other: impl Fn(&str) + Send + 'static) {
    let (going, went) = std::sync::mpsc::channel();
    commands(move |word| match word {
        "go" => drop(going.send(true)),
        "stop" => drop(going.send(false)),
        word => other(word),
    });
    let pause = std::time::Duration::from_millis(work.every.max(20));
    let mut n = 0;
    while let Ok(go) = went.recv() {
        if !go {
            continue;
        }
        while work.count == 0 || n < work.count {
            n += 1;
            let taken = send(n, body(n, work.size));
            match (taken, work.every) {
                (Taken::Yes, _) => {}
                (Taken::NoRoom, 0) => n -= 1,
                _ => say_of("refused", n),
            }
            // A burst only pauses where the client has no room.
            let pause = if taken != Taken::NoRoom && work.every == 0 { std::time::Duration::ZERO } else { pause };
            if let Ok(false) = went.recv_timeout(pause) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{body, number};

    #[test]
    fn a_text_has_its_number_and_its_size() {
        let text = body(17, 64);
        assert_eq!((text.len(), number(&text)), (64, Some(17)));
        assert_eq!(number(&format!("\"{text}\"")), Some(17), "as a string in JSON too");
        assert_eq!(number("hello"), None);
    }
}
