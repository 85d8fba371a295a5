//! The current time.
//!
//! Code that depends on time takes a [`Clock`], so that tests can control it and the Worker can use its runtime's clock.

/// A source of the current time.
pub trait Clock {
    /// The current time in Unix milliseconds.
    fn now_ms(&self) -> i64;
}

/// The operating system's clock.
#[cfg(feature = "native")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(feature = "native")]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    fn now_ms(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock for tests that only advances when told to.
#[derive(Debug)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// Creates a clock that returns `now_ms`, in Unix milliseconds.
    pub fn at(now_ms: i64) -> Self {
        Self(now_ms.into())
    }

    /// Advances the clock by `ms` milliseconds, or moves it back if `ms` is negative.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now_ms(&self) -> i64 {
        (**self).now_ms()
    }
}
