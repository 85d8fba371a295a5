//! How many requests are in flight.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A number of permits, each of which one request holds while it is in flight.
pub(super) struct Permits {
    free: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

/// A permit, which is free again once it is dropped.
pub(super) struct Permit<'a>(&'a Permits);

impl Permits {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Cell::new(count.max(1)), waiting: RefCell::default() }
    }

    /// Takes a permit if one is free.
    pub(super) fn try_take(&self) -> Option<Permit<'_>> {
        self.free.set(self.free.get().checked_sub(1)?);
        Some(Permit(self))
    }

    /// Takes a permit as soon as one is free.
    pub(super) async fn take(&self) -> Permit<'_> {
        poll_fn(|context| match self.try_take() {
            Some(permit) => Poll::Ready(permit),
            None => {
                let mut waiting = self.waiting.borrow_mut();
                if !waiting.iter().any(|known| known.will_wake(context.waker())) {
                    waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
        })
        .await
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.free.set(self.0.free.get().saturating_add(1));
        // All of them: the first one may have given up.
        self.0.waiting.take().into_iter().for_each(Waker::wake);
    }
}
