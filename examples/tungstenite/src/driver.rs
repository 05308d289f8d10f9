//! The loop of an adapter but for its waiting.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redial::dialect::Handshake;
use redial::host::{Host, HostClock, RecordedSession, Target, TargetError, Turn};
use redial::journal::Call;
use redial::{
    Action, ConnectionId, CredentialFailure, Event, Failure, Instant, Message, Secret, Session, State, Stats, Status,
    TransportError,
};

use crate::handle::{Handle, Runtime, Shared, Taking};
use crate::socket::{Opening, Socket, io_failure, request};
use crate::trace::{Trace, Tracer};
use crate::{Request, Response};

/// How long a dial may take where `reconnect.attempt_timeout` sets no limit.
const DIAL_LIMIT: Duration = Duration::from_secs(30);

/// What an application can set that no runtime is needed for; [`setters`](crate::setters) has the methods.
pub struct Settings {
    /// Chooses the server of an attempt.
    pub target: Box<dyn FnMut(u32) -> Target + Send>,
    /// Changes the request of an attempt.
    pub request: Box<dyn FnMut(u32, &mut Request) + Send>,
    /// Whether `wss://` URLs can be dialed.
    pub has_tls: bool,
    /// Hears every action.
    pub trace: Option<Trace>,
    /// The clock of the session.
    pub clock: HostClock,
    /// The wall clock, by which sleep is noticed.
    pub wall: Option<fn() -> Duration>,
    /// The size of the kernel's send buffer.
    pub send_buffer: u32,
}

/// What the loop of an adapter does by the means of its runtime. Its end is the end of the loop.
pub trait Worker {
    /// What both sides use of the runtime.
    type Runtime: Runtime;
    /// A byte stream that does not block.
    type Stream: Read + Write;
    /// Work that goes on beside the loop, and wakes it at the end. Work that is dropped is not heard of again.
    type Work<T>;
    /// Begins to open a byte stream.
    fn connect(&mut self, target: Target, send_buffer: u32) -> Self::Work<io::Result<Self::Stream>>;
    /// Begins to ask for a credential, where there is somebody to ask.
    fn ask(&mut self, challenge: Option<String>) -> Option<Self::Work<Result<Secret, CredentialFailure>>>;
    /// Asks for the result of the work; `None` where it panicked.
    fn poll<T>(&mut self, work: &mut Self::Work<T>) -> Poll<Option<T>>;
    /// Makes sure that the byte stream wakes the loop; called before each turn.
    fn watch(&mut self, stream: &mut Self::Stream);
    /// Passes a message on.
    fn deliver(&mut self, message: Message);
    /// Shows the state.
    fn show(&mut self, state: State);
    /// Shows the server's answer to the opening handshake.
    fn opened(&mut self, response: Response);
}

/// The loop of an adapter but for its waiting. Dropping it tells all who wait.
pub struct Driver<W: Worker> {
    /// The means of the runtime.
    pub worker: W,
    shared: Arc<Shared<W::Runtime>>,
    settings: Settings,
    tracer: Tracer,
    link: Link<W::Work<io::Result<W::Stream>>, W::Stream>,
    /// The question for a credential that is under way, and the connection that asked.
    asking: Option<(ConnectionId, W::Work<Result<Secret, CredentialFailure>>)>,
    told: Vec<(<W::Runtime as Runtime>::Waiter, Status)>,
    /// Messages that were passed on, and of these the ones whose taking was reported.
    delivered: u64,
    taken: u64,
}

/// At most one connection. Dropping a dial ends it.
enum Link<D, S: Read + Write> {
    None,
    Dialing(Box<Dialing<D, S>>),
    Open(Box<Socket<S>>),
}

struct Dialing<D, S: Read + Write> {
    connection: ConnectionId,
    /// Time of the runtime's clock.
    ends: Duration,
    step: Dial<D, S>,
}

enum Dial<D, S: Read + Write> {
    /// The byte stream is being opened, for this request.
    Stream(D, Option<Request>),
    Handshake(Opening<S>),
}

/// What the loop does next.
pub enum Step {
    /// It waits for its socket, for a wake-up, and for no longer than this.
    Wait(Duration),
    /// It returns.
    Return(Box<Summary>),
}

/// How a session stood when its loop ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Why it stopped, as a sentence.
    pub explanation: String,
    /// Its counters.
    pub stats: Stats,
}

impl Summary {
    fn of(session: &Session) -> Self {
        Self { explanation: session.explain().to_string(), stats: session.stats().clone() }
    }
}

impl Settings {
    /// Takes a `ws://` or `wss://` URL; refuses one that can never work.
    pub fn new(url: &str) -> Result<Self, TargetError> {
        let target: Target = url.parse()?;
        Ok(Self {
            target: Box::new(move |_| target.clone()),
            request: Box::new(|_, _| {}),
            has_tls: false,
            trace: None,
            clock: HostClock::new(),
            wall: Some(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            send_buffer: 64 << 10,
        })
    }
}

/// The setters of an adapter's `Options`, which have a field `settings`.
#[macro_export]
macro_rules! setters {
    () => {
        /// Chooses the server of each attempt, by the number of failed attempts before it: a list to fail over, or a
        /// URL that is asked for anew. It runs within the loop, and must not block; an attempt in which it panics has
        /// failed.
        #[must_use]
        pub fn target(mut self, target: impl FnMut(u32) -> ::redial::host::Target + Send + 'static) -> Self {
            self.settings.target = Box::new(target);
            self
        }

        /// Changes the request of each attempt before it is sent, for instance its headers. It runs as `target` does.
        #[must_use]
        pub fn request(mut self, request: impl FnMut(u32, &mut $crate::Request) + Send + 'static) -> Self {
            self.settings.request = Box::new(request);
            self
        }

        /// Hears every action, those that the loop carries out included, on a thread of its own.
        ///
        /// The loop never waits for it. Actions that wait to be heard hold 16 MiB at most, about 65,000 small ones;
        /// those beyond pass the observer by, and `Client::missed` counts them. The end of the loop gives the observer
        /// a second to hear the rest. An observer that panics hears no more, and the session goes on.
        #[must_use]
        pub fn trace(mut self, trace: impl FnMut(::redial::Instant, &::redial::Action) + Send + 'static) -> Self {
            self.settings.trace = Some(Box::new(trace));
            self
        }

        /// Sets the clock, which may run faster than time for a demo or a test, and the wall clock by which sleep of
        /// the machine is noticed; `None` notices none.
        #[must_use]
        pub fn clock(mut self, clock: ::redial::host::HostClock, wall: Option<fn() -> ::std::time::Duration>) -> Self {
            (self.settings.clock, self.settings.wall) = (clock, wall);
            self
        }

        /// Bounds the kernel's send buffer in bytes. Default 64 KiB, which limits a connection to 64 KiB a round trip;
        /// what the buffer holds cannot be judged, so a larger one finds dead links later under traffic.
        #[must_use]
        pub fn send_buffer(mut self, bytes: u32) -> Self {
            self.settings.send_buffer = bytes;
            self
        }
    };
}

impl<W: Worker> Driver<W> {
    /// Opens the session. Returns the loop, the calls of the application, and the receiving end of the messages.
    pub fn start(
        mut settings: Settings,
        session: impl Into<RecordedSession>,
        runtime: W::Runtime,
        worker: W,
    ) -> (Self, Handle<W::Runtime>, Taking<W::Runtime>) {
        let shared = Shared::new(runtime, Host::new(session, settings.clock), settings.wall);
        let taken = shared.taken();
        // A fresh or a closed session can always be opened, and a host that reports what is taken says so first.
        shared.with(|host| {
            host.handle(Event::Taken { messages: taken });
            let _ = host.call(Call::Open);
        });
        let (handle, taking) = (Handle::new(&shared), Taking(Arc::clone(&shared)));
        let driver = Self {
            worker,
            tracer: Tracer::start(settings.trace.take(), &shared),
            shared,
            settings,
            link: Link::None,
            asking: None,
            told: Vec::new(),
            delivered: taken,
            taken,
        };
        (driver, handle, taking)
    }

    /// What loop and application share.
    pub fn shared(&self) -> &Arc<Shared<W::Runtime>> {
        &self.shared
    }

    /// Carries out what the session wants done, and says what the loop does next.
    pub fn step(&mut self) -> Step {
        loop {
            self.perform();
            let (has_socket, elapsed) = (!matches!(self.link, Link::None), self.shared.runtime.elapsed());
            let turn = self.shared.with(|host| host.turn(has_socket));
            match turn {
                Turn::Wait { until } => {
                    let wait = self.shared.lock().clock().wait(elapsed, until.unwrap_or(Instant::NEVER));
                    let Link::Dialing(dialing) = &self.link else { return Step::Wait(wait) };
                    return Step::Wait(wait.min(dialing.ends.saturating_sub(elapsed)));
                }
                Turn::DropSocket => self.link = Link::None,
                _ => {
                    return match self.tracer.end(elapsed) {
                        Some(wait) => Step::Wait(wait),
                        None => Step::Return(Box::new(self.shared.with(|host| Summary::of(host.session())))),
                    };
                }
            }
        }
    }

    /// Tells the session what has happened. Returns whether anything has; otherwise that has to be waited for.
    pub fn turn(&mut self) -> bool {
        if let Some((connection, asking)) = &mut self.asking {
            let connection = *connection;
            if let Poll::Ready(answer) = self.worker.poll(asking) {
                self.answer(connection, answer);
                return true;
            }
        }
        let events = self.events();
        let has_any = !events.is_empty();
        self.shared.with(|host| events.into_iter().for_each(|event| host.handle(event)));
        has_any
    }

    /// Tells the session that time has passed.
    pub fn tick(&self) {
        self.shared.with(|host| host.handle(Event::Tick));
    }

    fn perform(&mut self) {
        loop {
            let action = {
                let mut host = self.shared.lock();
                host.poll_action(&mut self.told).map(|action| (host.session().now(), action))
            };
            self.told.drain(..).for_each(|(waiter, status)| W::Runtime::tell(waiter, status));
            let Some((now, action)) = action else { if self.report_taken() { continue } else { return } };
            self.tracer.tell(now, &action, &self.shared);
            match action {
                Action::Connect { connection, attempt, handshake } => self.dial(connection, attempt, &handshake),
                Action::State { state, .. } => self.worker.show(state),
                Action::Deliver(message) => {
                    self.delivered += 1;
                    self.worker.deliver(message);
                }
                Action::NeedCredential { connection, challenge } => match guarded(|| self.worker.ask(challenge)) {
                    Some(asking) => self.asking = asking.map(|asking| (connection, asking)),
                    None => self.answer(connection, None),
                },
                action => self.link.perform(action),
            }
        }
    }

    /// Hands the credential over; `None` stands for an answer that does not come.
    fn answer(&mut self, connection: ConnectionId, answer: Option<Result<Secret, CredentialFailure>>) {
        self.asking = None;
        let call = match answer.unwrap_or(Err(CredentialFailure::Unavailable)) {
            // One that comes too late is kept for the next time.
            Ok(value) => Call::Credential { connection: None, value },
            Err(why) => Call::CredentialFailed { connection: Some(connection), why },
        };
        // After the end of the loop there is nobody to answer.
        let _ = self.shared.with(|host| host.call(call));
    }

    /// Reports what the application has taken, where it has taken more.
    fn report_taken(&mut self) -> bool {
        let messages = self.shared.taken().min(self.delivered);
        let is_more = messages > std::mem::replace(&mut self.taken, messages);
        if is_more {
            self.shared.with(|host| host.handle(Event::Taken { messages }));
        }
        is_more
    }

    fn dial(&mut self, connection: ConnectionId, attempt: u32, handshake: &Handshake) {
        let (settings, worker) = (&mut self.settings, &mut self.worker);
        let begun = guarded(|| {
            let (target, mut request) = request(&(settings.target)(attempt), handshake, settings.has_tls)?;
            (settings.request)(attempt, &mut request);
            Ok(Dial::Stream(worker.connect(target, settings.send_buffer), Some(request)))
        });
        match begun.unwrap_or_else(|| Err(panicked())) {
            Ok(step) => {
                let ends = self.shared.runtime.elapsed() + DIAL_LIMIT;
                self.link = Link::Dialing(Box::new(Dialing { connection, ends, step }));
            }
            Err(failure) => self.shared.with(|host| host.handle(Event::errored(connection, failure))),
        }
    }

    fn events(&mut self) -> Vec<Event> {
        let events = match &mut self.link {
            Link::None => Vec::new(),
            Link::Dialing(dialing) => {
                let connection = dialing.connection;
                let is_late = self.shared.runtime.elapsed() >= dialing.ends;
                match dialing.turn(&mut self.worker) {
                    Poll::Ready(Ok((socket, response))) => {
                        self.link = Link::Open(Box::new(socket));
                        self.worker.opened(response);
                        // Whoever says so first is asked to send no more than the socket takes.
                        vec![Event::Written { connection, frames: 0 }, Event::Opened { connection }]
                    }
                    Poll::Ready(Err(failure)) => vec![Event::errored(connection, failure)],
                    Poll::Pending if is_late => vec![Event::errored(connection, TransportError::TimedOut)],
                    Poll::Pending => Vec::new(),
                }
            }
            Link::Open(socket) => {
                self.worker.watch(socket.get_mut());
                // The clocks are read: no input may have come for long, while bytes moved.
                let (now, reads) = self.shared.with(|host| (host.clock().now(), host.session().wants_read()));
                socket.turn(now, reads)
            }
        };
        if let Some(Event::Closed { .. } | Event::Errored { .. }) = events.last() {
            self.link = Link::None;
        }
        events
    }
}

impl<W: Worker> Drop for Driver<W> {
    fn drop(&mut self) {
        let told = self.shared.lock().finish();
        told.into_iter().for_each(|(waiter, status)| W::Runtime::tell(waiter, status));
    }
}

impl<D, S: Read + Write> Dialing<D, S> {
    fn turn<W>(&mut self, worker: &mut W) -> Poll<Result<(Socket<S>, Response), Failure>>
    where
        W: Worker<Stream = S, Work<io::Result<S>> = D>,
    {
        if let Dial::Stream(work, request) = &mut self.step {
            let io: Option<io::Result<S>> = ready!(worker.poll(work));
            let io = io.ok_or_else(panicked)?.map_err(|error| io_failure(&error))?;
            self.step = Dial::Handshake(Opening::new(request.take().ok_or_else(panicked)?, io));
        }
        let Dial::Handshake(opening) = &mut self.step else { return Poll::Pending };
        opening.get_mut().into_iter().for_each(|stream| worker.watch(stream));
        opening.turn(self.connection).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<D, S: Read + Write> Link<D, S> {
    /// Carries out `Send`, `Close` and `Abort`, where they are about this connection. A close ends a dial.
    fn perform(&mut self, action: Action) {
        let current = match self {
            Self::None => return,
            Self::Dialing(dialing) => dialing.connection,
            Self::Open(socket) => socket.connection(),
        };
        match (action, &mut *self) {
            (Action::Send { connection, .. } | Action::Close { connection, .. } | Action::Abort { connection }, _)
                if connection != current => {}
            (action @ (Action::Send { .. } | Action::Close { .. }), Self::Open(socket)) => socket.perform(action),
            (Action::Close { .. } | Action::Abort { .. }, _) => *self = Self::None,
            _ => {}
        }
    }
}

/// The failure of an attempt in which a closure panicked.
fn panicked() -> Failure {
    Failure::new(TransportError::Other).with_detail("a closure of the application has panicked")
}

/// Runs a closure of the application's own; `None` where it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
