//! Order of dials to the addresses of one name, by RFC 8305 (Happy Eyeballs, version 2).
//!
//! 1. Families take turns, beginning with the family of the first address; within a family the resolver's order stays.
//! 2. The first dial starts at once, each further one 250 ms after the last, or at once when a dial fails.
//! 3. Each address is dialed once, and none after a connection is open.

use alloc::collections::VecDeque;

use crate::time::{Duration, Instant};

/// Order of dials: says which address of a name is dialed next, and when (RFC 8305 §4 and §5).
///
/// A black hole among the addresses costs 250 ms and not the time-out of TCP: the dials overlap, and the first
/// connection wins. The machine knows no sockets. Its host starts the dials, reports how they end, and drops those
/// that are still under way when one has won.
///
/// ```
/// use core::net::IpAddr;
/// use redial::Instant;
/// use redial::host::DialOrder;
///
/// let resolved: [IpAddr; 3] = ["2001:db8::1".parse()?, "2001:db8::2".parse()?, "192.0.2.1".parse()?];
/// let mut order = DialOrder::new(resolved, IpAddr::is_ipv6);
/// let mut now = Instant::ORIGIN;
/// assert_eq!(order.start(now), Some(resolved[0]));
/// assert_eq!(order.start(now), None);
///
/// // The first dial hangs, so the next one starts beside it, in the other family.
/// now = order.next_deadline().unwrap();
/// assert_eq!(now, Instant::from_millis(250));
/// assert_eq!(order.start(now), Some(resolved[2]));
///
/// order.opened();
/// assert_eq!((order.next_deadline(), order.has_failed()), (None, false));
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialOrder<A> {
    waiting: VecDeque<A>,
    /// Dials that have neither failed nor opened a connection.
    running: usize,
    next_at: Instant,
    is_open: bool,
}

impl<A> DialOrder<A> {
    /// Time between two dials: 250 ms, the Connection Attempt Delay that RFC 8305 §5 recommends.
    pub const DELAY: Duration = Duration::from_millis(250);

    /// Most addresses of a name that are dialed: 32, the first that the resolver gives.
    pub const MOST: usize = 32;

    /// Creates the order for the addresses as they were resolved; `is_ipv6` says the family of one.
    pub fn new(addresses: impl IntoIterator<Item = A>, is_ipv6: impl Fn(&A) -> bool) -> Self {
        let mut waiting = VecDeque::new();
        // Addresses of the family that is due later, until its turn comes.
        let mut held = VecDeque::new();
        let mut due = None;
        for address in addresses.into_iter().take(Self::MOST) {
            let family = is_ipv6(&address);
            if *due.get_or_insert(family) != family {
                held.push_back(address);
                continue;
            }
            waiting.push_back(address);
            match held.pop_front() {
                Some(other) => waiting.push_back(other),
                None => due = Some(!family),
            }
        }
        waiting.append(&mut held);
        Self { waiting, running: 0, next_at: Instant::ORIGIN, is_open: false }
    }

    /// Takes the address to dial now; `None` where no dial is due.
    pub fn start(&mut self, now: Instant) -> Option<A> {
        if now < self.next_at {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running += 1;
        self.next_at = now + Self::DELAY;
        Some(address)
    }

    /// Reports that a dial failed: the next one may start at once.
    pub fn failed(&mut self) {
        if self.running > 0 {
            self.running -= 1;
            self.next_at = Instant::ORIGIN;
        }
    }

    /// Reports that a connection is open: no further address is dialed.
    pub fn opened(&mut self) {
        self.waiting.clear();
        self.is_open = true;
    }

    /// Returns when the next dial is due, which is [`Instant::ORIGIN`] for at once; `None` where no address is left.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|_| self.next_at)
    }

    /// Whether every address was dialed, every dial failed and no connection is open. A name without addresses has
    /// failed at once.
    pub fn has_failed(&self) -> bool {
        !self.is_open && self.waiting.is_empty() && self.running == 0
    }
}
