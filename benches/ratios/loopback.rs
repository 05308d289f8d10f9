//! Messages over a real socket to this machine and their receipts back, through both adapters and by raw tungstenite with no
//! session around it. All of them talk to the same server, which answers as fast as it can.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use redial::config::Limit;
use redial::journal::Call;
use redial::{Action, Config, Preset, Seed, Session, Status};
use tungstenite::{Error, Message, WebSocket};

use crate::floor;
use crate::measure::cpu_time;

/// What one run over the loopback came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) messages_a_second: f64,
    /// Nanoseconds of all threads, the server's too, a message; `None` where the system does not tell.
    pub(crate) cpu: Option<f64>,
}

/// A way to send so many messages, with so many on their way at a time, and to wait for all receipts.
pub(crate) type Way = fn(messages: u64, window: u64) -> Run;

/// What every message holds.
fn body() -> String {
    "0123456789abcdef".repeat(8)
}

/// Runs the stretch that counts.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn timed(messages: u64, work: impl FnOnce()) -> Run {
    let (begun, cpu) = (Instant::now(), cpu_time());
    work();
    let (took, spent) = (begun.elapsed(), cpu_time());
    let cpu = spent.zip(cpu).map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e9 / messages as f64);
    Run { messages_a_second: messages as f64 / took.as_secs_f64(), cpu }
}

/// A server for one client; it ends with its connection.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client comes");
        let mut socket = Turns::new(tungstenite::accept(stream).expect("it speaks WebSocket"), u64::MAX);
        // It ends with an error: the client hangs up.
        let _ = socket.each(|text| receipt(text).map_or(Answer::Nothing, Answer::Text));
    });
    url
}

fn receipt(message: &str) -> Option<String> {
    let (_, id) = message.split_once(r#""clientMessageId":""#)?;
    let (id, _) = id.split_once('"')?;
    Some(format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#))
}

/// What is to be done about a text that has arrived.
enum Answer {
    Nothing,
    Text(String),
    Done,
}

/// A socket that is read until nothing more is there and only then flushed, or after so many answers.
struct Turns {
    socket: WebSocket<TcpStream>,
    step: u64,
    unflushed: u64,
}

impl Turns {
    fn new(socket: WebSocket<TcpStream>, step: u64) -> Self {
        socket.get_ref().set_nodelay(true).expect("it is a TCP socket");
        socket.get_ref().set_nonblocking(true).expect("it is a TCP socket");
        Self { socket, step, unflushed: 0 }
    }

    fn write(&mut self, text: String) -> Result<(), Error> {
        self.unflushed += 1;
        match self.socket.write(Message::text(text)) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok(()) if self.unflushed == self.step => self.flush(),
            result => result,
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.unflushed = 0;
        self.socket.flush()
    }

    /// Answers each text until there is no more to do.
    fn each(&mut self, mut answer: impl FnMut(&str) -> Answer) -> Result<(), Error> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => match answer(&text) {
                    Answer::Nothing => {}
                    Answer::Text(answer) => self.write(answer)?,
                    Answer::Done => return Ok(()),
                },
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.flush()?;
                    self.wait()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sleeps until something arrives.
    fn wait(&self) -> io::Result<()> {
        let stream = self.socket.get_ref();
        stream.set_nonblocking(false)?;
        stream.peek(&mut [0])?;
        stream.set_nonblocking(true)
    }
}

/// By hand: ids are minted, messages written and receipts read with `serde_json`; what is written leaves when nothing more is
/// there to be read.
pub(crate) fn raw(messages: u64, window: u64) -> Run {
    by_hand(messages, window, u64::MAX)
}

/// The same in the steps in which the adapters write.
pub(crate) fn raw_in_steps(messages: u64, window: u64) -> Run {
    by_hand(messages, window, 32)
}

fn by_hand(messages: u64, window: u64, step: u64) -> Run {
    const NONCE: u64 = 0x0123_4567_89ab_cdef;
    let url = server();
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = TcpStream::connect(address).expect("the server listens");
    let (socket, _) = tungstenite::client(url.as_str(), stream).expect("it speaks WebSocket");
    let (mut socket, body) = (Turns::new(socket, step), body());
    let mut waiting = std::collections::VecDeque::new();
    let write = |number| floor::write_message(NONCE, number, &body).expect("text is writable");
    timed(messages, || {
        let mut sent = window.min(messages);
        let mut settled = 0;
        for number in 0..sent {
            let (id, text) = write(number);
            waiting.push_back(id);
            socket.write(text).expect("the server reads");
        }
        socket.flush().expect("the server reads");
        let ended = socket.each(|text| {
            let id = waiting.pop_front().expect("one is on its way");
            assert!(floor::is_receipt_for(text, &id));
            settled += 1;
            if settled == messages {
                return Answer::Done;
            }
            if sent == messages {
                return Answer::Nothing;
            }
            let (id, text) = write(sent);
            waiting.push_back(id);
            sent += 1;
            Answer::Text(text)
        });
        ended.expect("the server answers everything");
    })
}

/// A session that has so many messages to send as soon as it is let, with so many on their way at a time.
fn session(window: u64) -> Session {
    let mut config = Config::default();
    config.outbox.messages = Limit::new(1_000_000);
    config.outbox.bytes = Limit::new(1 << 30);
    config.outbox.in_flight = Limit::new(window);
    let mut session = Session::new(Preset::uni_app().with_config(config).expect("it is sound"), Seed::from(7_u64));
    session.credential(redial::Instant::ORIGIN, "token");
    session.hold(redial::Instant::ORIGIN);
    session
}

/// Counts what an adapter's observer hears: the connection, and each receipt.
fn observer(messages: u64) -> (impl FnMut(redial::Instant, &Action) + Send + 'static, Receiver<()>) {
    let (tell, told): (Sender<()>, _) = channel();
    let mut settled = 0;
    let observer = move |_, action: &Action| {
        let ready = matches!(action, Action::State { state: redial::State::Ready, .. });
        settled += u64::from(matches!(action, Action::Status { status: Status::Accepted, .. }));
        if ready || (settled == messages && matches!(action, Action::Status { .. })) {
            // Nobody listens any more at the end.
            let _ = tell.send(());
        }
    };
    (observer, told)
}

fn await_all(told: &Receiver<()>) {
    told.recv_timeout(Duration::from_secs(60)).expect("the server answers everything");
}

/// Through redial-blocking.
pub(crate) fn blocking(messages: u64, window: u64) -> Run {
    let (observer, told) = observer(messages);
    let options = redial_blocking::Options::new(&server()).expect("a URL").trace(observer);
    let (client, _, thread) = options.start(session(window)).expect("it starts");
    await_all(&told);
    (0..messages).for_each(|_| drop(client.send(body()).expect("there is room")));
    let run = timed(messages, || {
        client.call(Call::Release).expect("it is open");
        await_all(&told);
    });
    client.close();
    thread.join().expect("the loop ends");
    run
}

/// Through redial-tokio, with one worker thread.
pub(crate) fn tokio(messages: u64, window: u64) -> Run {
    let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let (observer, told) = observer(messages);
    let options = redial_tokio::Options::new(&server()).expect("a URL").trace(observer);
    let (client, _, _task) = options.start(session(window));
    await_all(&told);
    (0..messages).for_each(|_| drop(client.send(body()).expect("there is room")));
    timed(messages, || {
        client.call(Call::Release).expect("it is open");
        await_all(&told);
    })
}
