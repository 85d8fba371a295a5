//! Metrics over HTTP, for Prometheus.
//!
//! The page is made at fixed intervals and kept: however often it is asked for, the ledger is read four times a minute and the
//! RPC nodes once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use solana_pubkey::Pubkey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use williw_relay::chain::{Chain, RpcCounters};
use williw_relay::clock::{Clock, SystemClock};
use williw_relay::database::Database;
use williw_relay::metrics::{ChainReading, LedgerReading, Readings};

use crate::error::CliError;

/// How often the ledger is read.
const INTERVAL: Duration = Duration::from_secs(15);

/// After how many readings of the ledger the chain is read again.
const LEDGER_READINGS_PER_CHAIN_READING: u32 = 4;

/// The maximum number of connections at a time; others wait.
const MAX_CONNECTIONS: usize = 8;

/// How long a connection may take. Each serves one request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The media type of the page.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The current page; empty until the first reading.
type Page = watch::Receiver<Arc<str>>;

/// Serves metrics on a port.
pub(crate) struct Exporter {
    page: watch::Sender<Arc<str>>,
    network: Pubkey,
    payer: Pubkey,
    counters: Rc<RpcCounters>,
}

impl Exporter {
    /// Listens on `address`. Must be called within the async runtime.
    ///
    /// # Errors
    /// [`CliError::Setting`] if the address cannot be listened on.
    pub(crate) async fn listen(
        address: SocketAddr,
        network: Pubkey,
        payer: Pubkey,
        counters: Rc<RpcCounters>,
    ) -> Result<Self, CliError> {
        let failed = |error| {
            CliError::Setting(format!(
                "cannot listen on {address} for metrics ({error}): choose another --metrics-addr"
            ))
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!("metrics at http://{address}/metrics");
        let (page, receiver) = watch::channel(Arc::from(""));
        tokio::spawn(serve(listener, receiver));
        Ok(Self { page, network, payer, counters })
    }

    /// Makes the page again and again. Never returns.
    pub(crate) async fn collect(&self, database: &impl Database, chain: &impl Chain) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut from_chain = None;
        let mut readings = 0_u32;
        loop {
            ticks.tick().await;
            if readings.is_multiple_of(LEDGER_READINGS_PER_CHAIN_READING) {
                from_chain = ChainReading::read(chain, &self.network, &self.payer)
                    .await
                    .inspect_err(|error| tracing::debug!("no metrics of the chain: {error}"))
                    .ok();
            }
            readings = readings.wrapping_add(1);
            let ledger = LedgerReading::read(database)
                .await
                .inspect_err(|error| tracing::debug!("no metrics of the ledger: {error}"))
                .ok();
            let page = Readings {
                ledger: ledger.as_ref(),
                chain: from_chain.as_ref(),
                rpc: Some(&self.counters),
                now_ms: SystemClock.now_ms(),
            };
            self.page.send_replace(page.to_text().into());
        }
    }
}

async fn serve(listener: TcpListener, page: Page) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = page.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    if timeout(CONNECTION_TIMEOUT, serve_one(stream, page)).await.is_err() {
                        tracing::debug!("a request for metrics has timed out");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a request for metrics: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, page: Page) {
    let respond = service_fn(|request| {
        let response = respond(&request, &page.borrow());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), respond);
    if let Err(error) = connection.await {
        tracing::debug!("a request for metrics failed: {error}");
    }
}

fn respond<B>(request: &Request<B>, page: &Arc<str>) -> Response<Full<Bytes>> {
    let (status, body) = match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) if page.is_empty() => {
            (StatusCode::SERVICE_UNAVAILABLE, "nothing was read yet: try again\n".to_owned())
        }
        ("/metrics", &Method::GET | &Method::HEAD) => (StatusCode::OK, page.to_string()),
        ("/metrics", _) => (StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(TEXT_FORMAT));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}
