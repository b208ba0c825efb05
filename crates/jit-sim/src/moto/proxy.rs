//! A proxy before an AWS that does as it is told: it carries requests and replies over loopback as they are, counts them, and makes
//! each planned trouble of EC2 once, and the planned faults of the stores (`faults.rs`).
//!
//! It carries to a store one request at a time. moto serves each on a thread of its own and locks nothing: it looks at the
//! condition of an UpdateItem and writes in two steps, so that of two writers at one version both would win, and it takes a
//! message out of a queue by making a new list, so that one sent meanwhile would be lost. AWS does neither. A server with one
//! thread would do as well, but then each long poll of an empty queue would hold up everybody for its second; so here whoever
//! receives does not wait in line, and receiving makes no new list.
//!
//! A reply lost after its effect is one to TerminateInstances, which moto repeats as EC2 does. Not one to RunInstances: moto knows
//! no idempotency by ClientToken, so a proxy would have to play that part itself and would hide what moto says; that loss is
//! played on jit-fakes, whose model of the token boto3 has judged.
//! Not here: TLS, and any answer but those of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::call::{elements, error_code};
use super::faults::{Fault, Plan};
use super::judge::{self, Tags};
use crate::program::exchange;

/// Larger requests are refused; ours have at most 16 kB of user data in base64.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Under this name all instances are counted.
pub(super) const INSTANCE: &str = "instance";

/// Under this name whoever looks at the account from outside is counted.
pub(super) const OPERATOR: &str = "operator";

/// Something that goes wrong once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// The first spot launch finds no capacity; it never reaches AWS.
    NoSpotCapacity,
    /// scaledown's first DescribeInstances is throttled; it never reaches AWS.
    Throttled,
    /// AWS carries out the first TerminateInstances, and its reply is lost.
    ReplyLost,
}

impl Trouble {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::NoSpotCapacity, Self::Throttled, Self::ReplyLost];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NoSpotCapacity => "no_spot_capacity",
            Self::Throttled => "throttled",
            Self::ReplyLost => "reply_lost",
        }
    }

    fn strike(self) -> Struck {
        match self {
            Self::NoSpotCapacity => {
                Struck::Answered(self.as_str(), refusal(500, "InsufficientInstanceCapacity"))
            }
            Self::Throttled => Struck::Answered(self.as_str(), refusal(503, "RequestLimitExceeded")),
            Self::ReplyLost => Struck::ReplyLost,
        }
    }

    /// Whether a request meets it. Forms are compared as they are: these words have nothing to be escaped.
    fn strikes(self, caller: &str, action: &str, body: &[u8]) -> bool {
        match self {
            Self::NoSpotCapacity => {
                action == "RunInstances"
                    && String::from_utf8_lossy(body).contains("InstanceMarketOptions.MarketType=spot")
            }
            Self::Throttled => caller == "scaledown" && action == "DescribeInstances",
            Self::ReplyLost => action == "TerminateInstances",
        }
    }
}

/// What is done to a request besides carrying it, or instead.
enum Struck {
    /// It is answered here, and never gets there.
    Answered(&'static str, Response<Vec<u8>>),
    /// It is carried out, and the reply is lost.
    ReplyLost,
}

/// A call as it is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted {
    /// Whose key signed it: a component, an instance, or the key's id for one that is nobody's.
    pub(super) caller: String,
    pub(super) action: String,
    /// `ok`, the error's code, or the trouble.
    pub(super) outcome: String,
}

/// The proxy. Clones are the same one.
#[derive(Clone)]
pub(super) struct Proxy(Arc<Inner>);

struct Inner {
    upstream: SocketAddr,
    callers: Callers,
    book: Mutex<Book>,
    dynamodb: Arc<Line>,
    sqs: Arc<Line>,
}

/// Whoever holds it has a store for himself.
type Line = tokio::sync::Mutex<()>;

/// Whom the proxy knows.
#[derive(Debug, Default)]
pub(super) struct Callers {
    /// Names by access key id.
    pub(super) names: BTreeMap<String, String>,
    /// Whole policies by name. What each of these callers sends is held against it, and no other caller's.
    pub(super) policies: BTreeMap<String, Value>,
    /// The account of all of them.
    pub(super) account: String,
}

#[derive(Default)]
struct Book {
    pending: Vec<Trouble>,
    faults: Plan,
    calls: BTreeMap<Counted, u64>,
    tags: Tags,
    judged: u64,
    overstepped: Vec<String>,
    /// Who needed which action.
    needed: BTreeSet<(String, String)>,
}

impl Proxy {
    /// Opens it before an address, with troubles and faults to come. It is served until the runtime ends.
    pub(super) async fn open(
        upstream: SocketAddr,
        callers: Callers,
        troubles: &[Trouble],
        faults: Plan,
    ) -> Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let address = listener.local_addr()?;
        let book = Mutex::new(Book { pending: troubles.to_vec(), faults, ..Book::default() });
        let (dynamodb, sqs) = (Arc::default(), Arc::default());
        let proxy = Self(Arc::new(Inner { upstream, callers, book, dynamodb, sqs }));
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().connection(stream));
            }
        });
        Ok((proxy, address))
    }

    /// All calls so far.
    pub(super) fn calls(&self) -> BTreeMap<Counted, u64> {
        self.book().calls.clone()
    }

    /// The troubles that have not happened yet.
    pub(super) fn pending(&self) -> Vec<Trouble> {
        self.book().pending.clone()
    }

    /// How often each fault of the stores has struck, in lines, and those that no call has met.
    pub(super) fn faults(&self) -> (Vec<String>, Vec<String>) {
        let book = self.book();
        (book.faults.lines(), book.faults.missing())
    }

    /// How many requests were held against a policy, and what was asked for beyond one.
    pub(super) fn judged(&self) -> (u64, Vec<String>) {
        let book = self.book();
        (book.judged, book.overstepped.clone())
    }

    /// The actions in policies that nobody has needed so far.
    pub(super) fn untried(&self) -> Vec<(String, String)> {
        let policies = self.0.callers.policies.iter();
        let all: BTreeSet<(String, String)> = policies
            .flat_map(|(caller, policy)| {
                judge::actions(policy).map(|action| (caller.clone(), action.to_owned()))
            })
            .collect();
        all.difference(&self.book().needed).cloned().collect()
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(|request| self.answer(request));
        // A broken connection is the caller's business: it may be a lost reply that was planned.
        let _ =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return Err(io::Error::other("the request is too large, or broke off"));
        };
        let request = Request::from_parts(head, body.to_bytes().to_vec());
        let (caller, action) = (self.caller(&request), action(&request));
        let form = judge::form(request.body());
        self.judge(&caller, &action, &request, &form);
        let store = target(&request).map(str::to_owned);
        let (struck, fault) = self.strike(&caller, &action, &request);
        let reply = match &struck {
            Some(Struck::Answered(_, reply)) => Some(reply.clone()),
            Some(Struck::ReplyLost) | None => self.carry(request).await,
        };
        let outcome = match (&struck, &reply) {
            (Some(Struck::Answered(name, _)), _) => (*name).to_owned(),
            // Lost is the reply to what was done; a refusal stays one.
            (Some(Struck::ReplyLost), Some(reply)) if reply.status().is_success() => {
                Trouble::ReplyLost.as_str().to_owned()
            }
            (_, Some(reply)) => outcome(reply),
            (_, None) => "no reply".to_owned(),
        };
        if let (Some(store), Some(fault)) = (store, fault.filter(|fault| outcome == fault.as_str())) {
            self.book().faults.has_struck(&store, fault);
        }
        if let Some(launched) = reply.as_ref().filter(|_| action == "RunInstances" && outcome == "ok") {
            let (body, tags) =
                (String::from_utf8_lossy(launched.body()), judge::launch_tags(&form, "instance"));
            let ids = elements(&body, "instanceId").map(|id| (id.to_owned(), tags.clone()));
            self.book().tags.extend(ids);
        }
        *self.book().calls.entry(Counted { caller, action, outcome }).or_default() += 1;
        match reply {
            Some(reply) if !matches!(struck, Some(Struck::ReplyLost)) => {
                Ok(reply.map(|body| Bytes::from(body).into()))
            }
            _ => Err(io::Error::other("there is no reply, or it is lost by plan")),
        }
    }

    /// Carries a request to its end, also when nobody waits for the reply any more: only then the next may follow.
    async fn carry(&self, request: Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let line = match target(&request).and_then(|target| target.split_once('.')) {
            Some(("DynamoDB_20120810", _)) => Some(self.0.dynamodb.clone()),
            Some(("AmazonSQS", action)) if action != "ReceiveMessage" => Some(self.0.sqs.clone()),
            _ => None,
        };
        let turn = match line {
            Some(line) => Some(line.lock_owned().await),
            None => None,
        };
        let upstream = self.0.upstream;
        let carried = tokio::spawn(async move {
            let reply = exchange::send(upstream, request).await;
            drop(turn);
            reply
        });
        carried.await.ok().flatten()
    }

    fn caller(&self, request: &Request<Vec<u8>>) -> String {
        let authorization = request.headers().get(http::header::AUTHORIZATION);
        let credential = authorization
            .and_then(|value| value.to_str().ok()?.split_once("Credential=")?.1.split('/').next());
        let id = credential.unwrap_or("nobody");
        // The ids of temporary keys begin so, and nobody but the instances has one:
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes>.
        let stranger = if id.starts_with("ASIA") { INSTANCE } else { id };
        self.0.callers.names.get(id).cloned().unwrap_or_else(|| stranger.to_owned())
    }

    /// Holds a request against its caller's whole policy.
    fn judge(&self, caller: &str, action: &str, request: &Request<Vec<u8>>, form: &judge::Form) {
        let Callers { policies, account, .. } = &self.0.callers;
        let Some(policy) = policies.get(caller) else { return };
        let region = region(request).unwrap_or_default();
        let mut book = self.book();
        book.judged += 1;
        let needs = match target(request) {
            Some(target) => judge::stores::needs(target, request.body(), region, account),
            None => judge::needs(action, form, region, account, &book.tags),
        };
        let beyond = match &needs {
            None => Some(format!("{caller}: nobody knows what {action} needs")),
            Some(needs) => {
                let need = needs.iter().find(|need| !judge::allows(policy, need));
                need.map(|need| format!("{caller} is not allowed {need}"))
            }
        };
        book.overstepped.extend(beyond);
        let needed = needs.iter().flatten().map(|need| (caller.to_owned(), need.action().to_owned()));
        book.needed.extend(needed);
    }

    /// Takes what a request meets from what is to come: a trouble of EC2, or a fault of a store, which strikes components only.
    fn strike(
        &self,
        caller: &str,
        action: &str,
        request: &Request<Vec<u8>>,
    ) -> (Option<Struck>, Option<Fault>) {
        let body = request.body();
        let mut book = self.book();
        if let Some(index) = book.pending.iter().position(|trouble| trouble.strikes(caller, action, body)) {
            return (Some(book.pending.remove(index).strike()), None);
        }
        let store = target(request).filter(|_| self.0.callers.policies.contains_key(caller));
        let Some((store, fault)) = store.and_then(|store| Some((store, book.faults.strike(store)?))) else {
            return (None, None);
        };
        let answered = fault.reply(store, body).map(|reply| Struck::Answered(fault.as_str(), reply));
        (Some(answered.unwrap_or(Struck::ReplyLost)), Some(fault))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The action of a form or of the JSON protocol's header.
fn action(request: &Request<Vec<u8>>) -> String {
    if let Some((_, action)) = target(request).and_then(|target| target.rsplit_once('.')) {
        return action.to_owned();
    }
    let mut fields = url::form_urlencoded::parse(request.body());
    fields.find(|(name, _)| name == "Action").map_or_else(String::new, |(_, action)| action.into_owned())
}

/// Service and action of the JSON protocol; none in a form.
fn target(request: &Request<Vec<u8>>) -> Option<&str> {
    request.headers().get("x-amz-target")?.to_str().ok()
}

/// The region that a request is signed for.
fn region(request: &Request<Vec<u8>>) -> Option<&str> {
    let authorization = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    authorization.split_once("Credential=")?.1.split('/').nth(2)
}

fn outcome(reply: &Response<Vec<u8>>) -> String {
    if reply.status().is_success() {
        return "ok".to_owned();
    }
    let body = String::from_utf8_lossy(reply.body());
    error_code(&body).unwrap_or_else(|| reply.status().as_u16().to_string())
}

/// An error in EC2's form (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
fn refusal(status: u16, code: &str) -> Response<Vec<u8>> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>planned by the proxy</Message></Error></Errors><RequestID>planned</RequestID></Response>"
    );
    let mut reply = Response::new(body.into_bytes());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
}

#[cfg(test)]
mod tests;
