//! Serves a [`Model`] on a real listener, in real or scaled time, and posts GitHub's webhooks.
//! Not in it: any service's rules, TLS, and more than a demo or a test on loopback needs.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::{SignedDuration, Timestamp};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::github::{Delivery, GitHub};
use crate::model::{Model, ReplyDelay, ReplyLost};

/// Larger request bodies are answered with 413; no service that we imitate is sent more than EC2's 16 kB of user data.
const BODY_BYTES_MAX: usize = 4 << 20;

/// After an error of the listener, such as too many open files, the next try comes this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A clock for models: real time, or time that goes faster by a whole factor.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
    start: Timestamp,
    speed: u32,
}

impl Clock {
    /// The time of this machine.
    pub fn real() -> Self {
        Self::scaled(Timestamp::now(), 1)
    }

    /// Shows `start` now and goes `speed` times as fast as real time; 0 counts as 1.
    pub fn scaled(start: Timestamp, speed: u32) -> Self {
        Self { zero: Instant::now(), start, speed: speed.max(1) }
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        let gone = self.zero.elapsed().saturating_mul(self.speed);
        let gone = SignedDuration::try_from(gone).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(gone).unwrap_or(Timestamp::MAX)
    }

    /// How long a span of its time really takes; nothing when the span is negative.
    pub fn really(&self, span: SignedDuration) -> Duration {
        Duration::try_from(span).unwrap_or(Duration::ZERO) / self.speed
    }
}

/// A model with its clock, shared by all connections. Clones are the same server.
#[derive(Debug)]
pub struct Server<M> {
    model: Arc<Mutex<M>>,
    clock: Clock,
    changed: Arc<Notify>,
}

impl<M> Clone for Server<M> {
    fn clone(&self) -> Self {
        Self { model: Arc::clone(&self.model), clock: self.clock, changed: Arc::clone(&self.changed) }
    }
}

impl<M: Model + Send + 'static> Server<M> {
    /// Puts a model behind a clock; nothing runs yet.
    pub fn new(model: M, clock: Clock) -> Self {
        Self { model: Arc::new(Mutex::new(model)), clock, changed: Arc::new(Notify::new()) }
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Looks at the model or changes it, at the clock's time. Other calls wait meanwhile.
    pub fn with<R>(&self, action: impl FnOnce(&mut M, Timestamp) -> R) -> R {
        let now = self.clock.now();
        let result = action(&mut self.lock(), now);
        self.changed.notify_one();
        result
    }

    /// Serves HTTP/1.1 and keeps the model's appointments, for ever. End it by dropping the future.
    pub async fn serve(&self, listener: TcpListener) -> Infallible {
        self.serve_beside(listener, |_| std::future::ready(())).await
    }

    /// Answers one request as a connection would, without one.
    fn handle(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.with(|model, now| model.handle(now, request))
    }

    async fn serve_beside<F: Future<Output = ()>>(
        &self,
        listener: TcpListener,
        at_change: impl Fn(Self) -> F,
    ) -> Infallible {
        tokio::select! {
            never = self.accept(listener) => never,
            never = self.keep_time(at_change) => never,
        }
    }

    async fn accept(&self, listener: TcpListener) -> Infallible {
        // Dropped with this future, so that ending the server ends its connections too.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().connection(stream));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    async fn connection(self, stream: TcpStream) {
        // Small replies on a local line: waiting to fill a packet would only cost time.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| self.answer(request));
        // A broken connection is the caller's business: it may be a lost reply that was ordered.
        let _ =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            let mut reply = Response::new(Full::default());
            *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(reply);
        };
        let mut reply = self.handle(Request::from_parts(head, body.to_bytes().to_vec()));
        if let Some(ReplyDelay(delay)) = reply.extensions_mut().remove() {
            tokio::time::sleep(self.clock.really(delay)).await;
        }
        if reply.extensions_mut().remove::<ReplyLost>().is_some() {
            return Err(io::Error::other("reply lost on order"));
        }
        Ok(reply.map(|body| Full::new(Bytes::from(body))))
    }

    async fn keep_time<F: Future<Output = ()>>(&self, at_change: impl Fn(Self) -> F) -> Infallible {
        loop {
            let next = self.lock().next_at();
            let pause = next.map(|at| self.clock.really(at.duration_since(self.clock.now())));
            match pause {
                Some(pause) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
            let now = self.clock.now();
            self.lock().advance(now);
            at_change(self.clone()).await;
        }
    }

    /// A panic of another thread leaves the model as it was between two calls, so going on is right.
    fn lock(&self) -> MutexGuard<'_, M> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server<GitHub> {
    /// Serves GitHub and posts its webhooks to `webhook_url` (plain `http`), for ever.
    pub async fn serve_github(&self, listener: TcpListener, webhook_url: Uri) -> Infallible {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        self.serve_beside(listener, |server| {
            let (client, url) = (client.clone(), webhook_url.clone());
            async move {
                let deliveries = server.lock().take_deliveries();
                for delivery in deliveries {
                    tokio::spawn(post(server.clone(), client.clone(), url.clone(), delivery));
                }
            }
        })
        .await
    }
}

/// Posts one delivery and reports its outcome to the model.
async fn post(
    server: Server<GitHub>,
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    delivery: Delivery,
) {
    let mut request = Request::post(url);
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    let limit = server.with(|github, _| github.settings().times.delivery_timeout);
    let status = match request.body(Full::new(Bytes::from(delivery.body))) {
        Ok(request) => {
            let reply = tokio::time::timeout(server.clock.really(limit), client.request(request)).await;
            reply.ok().and_then(Result::ok).map(|reply| reply.status().as_u16())
        }
        Err(_) => None,
    };
    server.with(|github, now| github.delivered(delivery.id, status, now));
}

#[cfg(test)]
mod tests {
    use jwt_simple::prelude::RS256KeyPair;
    use secrecy::SecretString;
    use tokio::sync::mpsc;

    use super::*;
    use crate::github::{JobSpec, RepositorySelection, Settings, Visibility, WorkflowSpec};

    /// Longer than anything here takes, so that a hang is a failure and not a hang.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Answers 202 to everything and hands it to the test.
    struct Receiver(mpsc::UnboundedSender<Request<Vec<u8>>>);

    impl Model for Receiver {
        fn handle(&mut self, _: Timestamp, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
            let _ = self.0.send(request);
            let mut reply = Response::new(Vec::new());
            *reply.status_mut() = StatusCode::ACCEPTED;
            reply
        }

        fn next_at(&self) -> Option<Timestamp> {
            None
        }

        fn advance(&mut self, _: Timestamp) {}
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    fn github() -> GitHub {
        let pem = RS256KeyPair::generate(2048).unwrap().public_key().to_pem().unwrap();
        let settings = Settings::new(1, 1, &pem, SecretString::from("secret"));
        let mut github = GitHub::new(settings, Timestamp::UNIX_EPOCH).unwrap();
        let organization = github.add_organization("octo-org");
        github.add_repository(organization, "octo-repo", Visibility::Private);
        github.install(organization, RepositorySelection::All);
        github
    }

    fn start_a_run(github: &mut GitHub, now: Timestamp) {
        let owner = github.add_organization("octo-org");
        let repository = github.add_repository(owner, "octo-repo", Visibility::Private);
        let spec = WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"])]);
        github.start_run(now, repository, spec).unwrap();
    }

    async fn status_of(url: String) -> Option<StatusCode> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let reply = client.get(url.parse().unwrap());
        tokio::time::timeout(PATIENCE, reply).await.unwrap().ok().map(|reply| reply.status())
    }

    #[tokio::test]
    async fn webhooks_are_posted_as_they_leave_also_those_that_leave_later() {
        let (sender, mut seen) = mpsc::unbounded_channel();
        let (inbox, inbox_url) = listener().await;
        let (own, _) = listener().await;
        let receiver = Server::new(Receiver(sender), Clock::real());
        let server = Server::new(github(), Clock::scaled(Timestamp::UNIX_EPOCH, 1_000));
        let later = SignedDuration::from_secs(100);
        server.with(|github, now| {
            start_a_run(github, now);
            github.settings_mut().times.delivery_delay = (later, later);
            // Virtual seconds fly by here, so the post must not be given up for being slow.
            github.settings_mut().times.delivery_timeout = SignedDuration::from_hours(24);
            start_a_run(github, now);
        });
        let url: Uri = format!("{inbox_url}/webhook").parse().unwrap();
        let post_all = async {
            let mut posts = Vec::new();
            for _ in 0..2 {
                posts.push(tokio::time::timeout(PATIENCE, seen.recv()).await.unwrap().unwrap());
            }
            posts
        };
        let posts = tokio::select! {
            posts = post_all => posts,
            never = receiver.serve(inbox) => match never {},
            never = server.serve_github(own, url) => match never {},
        };
        for post in &posts {
            assert_eq!((post.method().as_str(), post.uri().path()), ("POST", "/webhook"));
            assert_eq!(post.headers()["x-github-event"], "workflow_job");
            assert!(post.headers().contains_key("x-hub-signature-256"));
            assert!(post.body().starts_with(b"{\"action\":\"queued\""));
        }
        assert_ne!(posts[0].headers()["x-github-delivery"], posts[1].headers()["x-github-delivery"]);
    }

    #[tokio::test]
    async fn a_model_answers_over_a_real_connection() {
        let (own, url) = listener().await;
        let server = Server::new(github(), Clock::real());
        let calls = async {
            let agent = status_of(format!("{url}/_agent/session/none/message")).await;
            let unauthorized = status_of(format!("{url}/app")).await;
            (agent, unauthorized)
        };
        let replies = tokio::select! {
            replies = calls => replies,
            never = server.serve(own) => match never {},
        };
        assert_eq!(replies, (Some(StatusCode::NOT_FOUND), Some(StatusCode::UNAUTHORIZED)));
    }

    /// Loses every reply, or delays it by an hour.
    struct Troubled(bool);

    impl Model for Troubled {
        fn handle(&mut self, _: Timestamp, _: Request<Vec<u8>>) -> Response<Vec<u8>> {
            let mut reply = Response::new(Vec::new());
            if self.0 {
                reply.extensions_mut().insert(ReplyLost);
            } else {
                reply.extensions_mut().insert(ReplyDelay(SignedDuration::from_hours(1)));
            }
            reply
        }

        fn next_at(&self) -> Option<Timestamp> {
            None
        }

        fn advance(&mut self, _: Timestamp) {}
    }

    #[tokio::test]
    async fn a_lost_reply_breaks_the_connection_and_a_late_one_comes_in_scaled_time() {
        for (lost, expected) in [(true, None), (false, Some(StatusCode::OK))] {
            let (own, url) = listener().await;
            let server = Server::new(Troubled(lost), Clock::scaled(Timestamp::UNIX_EPOCH, 100_000));
            let reply = tokio::select! {
                reply = status_of(url) => reply,
                never = server.serve(own) => match never {},
            };
            assert_eq!(reply, expected, "lost: {lost}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_goes_faster_by_its_factor() {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 60);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Timestamp::from_second(120).unwrap());
        assert_eq!(clock.really(SignedDuration::from_mins(1)), Duration::from_secs(1));
        assert_eq!(clock.really(SignedDuration::from_mins(-1)), Duration::ZERO);
    }
}
