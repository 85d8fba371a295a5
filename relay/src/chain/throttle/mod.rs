//! Limits what one RPC node is asked: requests per second, requests at a time, and nothing while it limits the rate itself.
//!
//! Whoever asks may hold a lease, so nothing here waits for long. A request waits for its turn for a fraction of a lease at most.
//! While the node has asked not to be asked, every request is refused at once, with the time that is left: the caller decides
//! whether to ask another node, or to release the lease and to wait.

mod pace;
mod permits;
mod refusal;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use serde_json::Value;

use super::{RpcError, Transport};
use pace::Pace;
use permits::{Permit, Permits};
use refusal::Refusal;

/// How many requests per second one RPC node is sent, unless an operator says otherwise.
pub const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);

/// How long a request waits before it is sent, at most: a quarter of a lease, in milliseconds.
const MAX_WAIT_MS: u64 = 7_500;

/// Measures time, and lets it pass.
#[allow(async_fn_in_trait, reason = "requests are never sent between threads")]
pub trait Timer {
    /// Milliseconds since a fixed moment.
    fn now_ms(&self) -> u64;

    /// Waits for that many milliseconds.
    async fn sleep_ms(&self, ms: u64);
}

/// How often one RPC node is asked. All clients of the node should share it.
pub struct Rate {
    pace: RefCell<Pace>,
    refusal: RefCell<Refusal>,
}

impl Rate {
    /// Allows that many requests in any second.
    pub fn new(requests_per_second: NonZeroU32) -> Self {
        Self { pace: RefCell::new(Pace::new(requests_per_second)), refusal: RefCell::default() }
    }

    /// An error as long as the node has asked not to be asked.
    fn check(&self, now_ms: u64) -> Result<(), RpcError> {
        match self.refusal.borrow_mut().remaining_ms(now_ms) {
            0 => Ok(()),
            ms => Err(RpcError::RateLimited { retry_after_ms: Some(ms) }),
        }
    }
}

/// The number of requests that one of `nodes` RPC nodes may be working on, so that all together work on `total`.
pub fn share_of_requests(total: usize, nodes: usize) -> usize {
    total.checked_div(nodes).unwrap_or(total).max(1)
}

/// A transport to one RPC node, which is not asked more than it is to be.
pub struct Throttled<T, M> {
    transport: T,
    timer: M,
    rate: Rc<Rate>,
    permits: Permits,
}

impl<T: Transport, M: Timer> Throttled<T, M> {
    /// Limits the requests that are sent over `transport`: to `rate`, and to `in_flight` at a time.
    pub fn new(transport: T, timer: M, rate: Rc<Rate>, in_flight: usize) -> Self {
        Self { transport, timer, rate, permits: Permits::new(in_flight) }
    }

    /// Waits until fewer requests are in flight.
    async fn permit(&self) -> Result<Permit<'_>, RpcError> {
        if let Some(permit) = self.permits.try_take() {
            return Ok(permit);
        }
        let (permit, timeout) = (pin!(self.permits.take()), pin!(self.timer.sleep_ms(MAX_WAIT_MS)));
        match select(permit, timeout).await {
            Either::Left((permit, _)) => Ok(permit),
            Either::Right(_) => Err(RpcError::Unreachable(
                "it has not answered earlier requests yet, so it is not sent more".to_owned(),
            )),
        }
    }

    /// Waits until another request may be sent. `since_ms` is when the request was made.
    async fn turn(&self, since_ms: u64) -> Result<(), RpcError> {
        let now = self.timer.now_ms();
        let waited = now.saturating_sub(since_ms);
        let wait = self.rate.pace.borrow_mut().reserve(now, MAX_WAIT_MS.saturating_sub(waited));
        match wait {
            Ok(0) => Ok(()),
            Ok(ms) => {
                self.timer.sleep_ms(ms).await;
                Ok(())
            }
            Err(ms) => Err(RpcError::RateLimited { retry_after_ms: Some(ms) }),
        }
    }
}

impl<T: Transport, M: Timer> Transport for Throttled<T, M> {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        let since = self.timer.now_ms();
        self.rate.check(since)?;
        let _permit = self.permit().await?;
        self.turn(since).await?;
        // Meanwhile, another request may have been refused.
        let sent = self.timer.now_ms();
        self.rate.check(sent)?;
        match self.transport.call(method, params).await {
            Err(RpcError::RateLimited { retry_after_ms }) => {
                let now = self.timer.now_ms();
                let ms = self.rate.refusal.borrow_mut().refused(sent, now, retry_after_ms);
                Err(RpcError::RateLimited { retry_after_ms: Some(ms) })
            }
            answer => {
                self.rate.refusal.borrow_mut().answered(sent);
                answer
            }
        }
    }
}
