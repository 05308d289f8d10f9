//! What loop and application share, and the calls of the application.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redial::host::{Host, Ticket, WaitFor};
use redial::journal::{Call, CallError};
use redial::{Event, MessageId, Outgoing, SendError, Session, Status};

/// What both sides of an adapter use of its runtime.
pub trait Runtime: Send + Sync + 'static {
    /// Wakes one who waits for a message, such as the sender of a one-shot channel.
    type Waiter: Send;
    /// Tells it the status. Whoever waited may have stopped.
    fn tell(waiter: Self::Waiter, status: Status);
    /// Wakes the loop.
    fn wake(&self);
    /// Time of a monotonic clock.
    fn elapsed(&self) -> Duration;
}

/// What loop and application share.
pub struct Shared<R: Runtime> {
    /// The runtime.
    pub runtime: R,
    host: Mutex<Host<R::Waiter>>,
    wall: Option<fn() -> Duration>,
    /// Messages that the application has taken; all of them once it takes no more.
    taken: AtomicU64,
    /// Actions that passed the observer by.
    pub(crate) missed: AtomicU64,
}

impl<R: Runtime> Shared<R> {
    pub(crate) fn new(runtime: R, host: Host<R::Waiter>, wall: Option<fn() -> Duration>) -> Arc<Self> {
        // A session may have delivered messages before it came here.
        let taken = AtomicU64::new(host.session().stats().delivered);
        Arc::new(Self { runtime, host: Mutex::new(host), wall, taken, missed: AtomicU64::new(0) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Host<R::Waiter>> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works under the lock, at the time of the clocks, which are read there so that time never runs backwards.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Host<R::Waiter>) -> T) -> T {
        let mut host = self.lock();
        host.read_clocks(self.runtime.elapsed(), self.wall.map(|wall| wall()));
        work(&mut host)
    }

    fn input<T>(&self, work: impl FnOnce(&mut Host<R::Waiter>) -> T) -> T {
        let result = self.with(work);
        self.runtime.wake();
        result
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// The calls of the application. The session closes when the last handle is dropped.
pub struct Handle<R: Runtime>(Arc<Owner<R>>);

/// A handle that does not keep the session open.
pub struct WeakHandle<R: Runtime>(Weak<Owner<R>>);

struct Owner<R: Runtime>(Arc<Shared<R>>);

impl<R: Runtime> Drop for Owner<R> {
    fn drop(&mut self) {
        self.0.input(Host::close);
    }
}

impl<R: Runtime> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Runtime> Clone for WeakHandle<R> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<R: Runtime> Handle<R> {
    pub(crate) fn new(shared: &Arc<Shared<R>>) -> Self {
        Self(Arc::new(Owner(Arc::clone(shared))))
    }

    /// Any call but `send`: `Call::Resend`, `Call::Credential`, `Call::ReconnectNow` and the rest.
    pub fn call(&self, call: Call) -> Result<(), CallError> {
        self.shared().input(|host| host.call(call).map(drop))
    }

    /// Passes on a hint: `Event::Online`, `Event::Offline` or `Event::Woke`. Sleep is noticed without it.
    pub fn tell(&self, hint: Event) {
        self.shared().input(|host| host.handle(hint));
    }

    /// Looks at the session: its counters, where a message stands, why it waits.
    ///
    /// The session stands still meanwhile: within the closure no other call may be made, and nothing of this session
    /// may be dropped.
    pub fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        self.shared().with(|host| look(host.session()))
    }

    /// Closes the session politely. The loop ends whatever the observer does, a second after all else at the latest.
    pub fn close(&self) {
        self.shared().input(Host::close);
    }

    /// How many actions the observer did not hear, because it was too far behind, or has panicked.
    pub fn missed(&self) -> u64 {
        self.shared().missed.load(Ordering::Relaxed)
    }

    /// What the application shares with the loop.
    pub fn shared(&self) -> &Arc<Shared<R>> {
        &self.0.0
    }

    /// Takes a message, with the waiter for its outcome.
    pub fn take(&self, message: impl Into<Outgoing>, waiter: R::Waiter) -> Result<Place<R>, SendError> {
        let message = message.into();
        let ticket = self.shared().input(|host| host.send(message, Some(waiter)))?;
        Ok(Place { shared: Arc::clone(self.shared()), ticket })
    }

    /// A handle that does not keep the session open.
    pub fn downgrade(&self) -> WeakHandle<R> {
        WeakHandle(Arc::downgrade(&self.0))
    }
}

impl<R: Runtime> WeakHandle<R> {
    /// The handle, unless the last one was dropped.
    pub fn upgrade(&self) -> Option<Handle<R>> {
        self.0.upgrade().map(Handle)
    }
}

/// The place of one who waits for a message, given back when it is dropped.
pub struct Place<R: Runtime> {
    shared: Arc<Shared<R>>,
    ticket: Ticket,
}

impl<R: Runtime> Place<R> {
    /// The id of the message.
    pub fn id(&self) -> &MessageId {
        self.ticket.id()
    }

    /// Waits for the same message once more. Where the waiter is told at once, it takes no place.
    pub fn wait(&self, wait_for: WaitFor, waiter: R::Waiter) -> Option<Self> {
        match self.shared.with(|host| host.wait(self.id(), wait_for, waiter)) {
            Ok(ticket) => Some(Self { shared: Arc::clone(&self.shared), ticket }),
            Err((waiter, status)) => {
                R::tell(waiter, status.unwrap_or(Status::Unconfirmed));
                None
            }
        }
    }
}

impl<R: Runtime> Drop for Place<R> {
    fn drop(&mut self) {
        let waiter = self.shared.lock().forget(&self.ticket);
        // Dropped without the lock: it may wake somebody.
        drop(waiter);
    }
}

/// The receiving end of the messages: says which were taken, and when no more will be.
pub struct Taking<R: Runtime>(pub(crate) Arc<Shared<R>>);

impl<R: Runtime> Taking<R> {
    /// Notes that the application took a message.
    pub fn took(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        self.0.runtime.wake();
    }
}

impl<R: Runtime> Drop for Taking<R> {
    fn drop(&mut self) {
        self.0.taken.store(u64::MAX, Ordering::Relaxed);
        self.0.runtime.wake();
    }
}
