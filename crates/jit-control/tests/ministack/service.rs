//! Requests as jit-aws builds them, what ministack answers, and what jit-aws makes of it.
//! Not here: what is expected.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use jit_aws::dynamodb::{
    ConditionCheck, Consistency, DynamoDbError, GetItem, Item, OnFailure, Placeholders, Query, Returned,
    TransactWriteItems, TransactionItem, Update, UpdateItem,
};
use jit_aws::ec2::{
    DescribeInstances, DescribeSpotPriceHistory, Ec2Error, InstanceId, Market, PageSize, RunInstances,
    TerminateInstances,
};
use jit_aws::lookup::LookupError;
use jit_aws::secrets_manager::{GetSecretValue, SecretArn, Stage};
use jit_aws::sigv4::SignedAt;
use jit_aws::sqs::{MESSAGE_BYTES_MAX, MessageBatch, QueueUrl, ReceiveMessage, SendMessage, SqsError};
use jit_aws::ssm::{GetParameter, ParameterName};
use jit_aws::sts::{AssumeRole, RoleArn, SessionDuration, SessionName, StsError};
use jit_aws::{Credentials, Endpoint, ErrorDetail, Service};

use super::server::{ACCOUNT, Ministack, QUEUE, REGION, ROLE, SESSION, TABLE};

const UNKNOWN_INSTANCE: &str = "i-0fedcba9876543210";

/// What came of a request: status, code, and the variant of the service's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    status: u16,
    code: String,
    class: String,
}

impl Asked {
    pub(crate) const OK: Self = Self { status: 200, code: String::new(), class: String::new() };

    pub(crate) fn new(status: u16, code: &str, class: &str) -> Self {
        Self { status, code: code.to_owned(), class: class.to_owned() }
    }
}

/// The variant of an error, and the code that it was told.
struct Failure(&'static str, String);

impl Failure {
    fn new(class: &'static str, detail: &ErrorDetail) -> Self {
        Self(class, detail.code.clone())
    }
}

impl From<Ec2Error> for Failure {
    fn from(error: Ec2Error) -> Self {
        let class = match &error {
            Ec2Error::InsufficientCapacity(_) => "InsufficientCapacity",
            Ec2Error::Quota(_) => "Quota",
            Ec2Error::Throttled(_) => "Throttled",
            Ec2Error::UnknownOutcome(_) => "UnknownOutcome",
            Ec2Error::Refused(_) => "Refused",
            Ec2Error::IdempotencyMismatch(_) => "IdempotencyMismatch",
            Ec2Error::NotFound { ids, .. } => {
                let named: Vec<&str> = ids.iter().map(InstanceId::as_str).collect();
                assert_eq!(named, [UNKNOWN_INSTANCE], "the message names the instance");
                "NotFound"
            }
            Ec2Error::ClockSkew(_) => "ClockSkew",
            Ec2Error::Unclassified(_) => "Unclassified",
        };
        Self::new(class, error.detail())
    }
}

impl From<SqsError> for Failure {
    fn from(error: SqsError) -> Self {
        let class = match &error {
            SqsError::Throttled(_) => "Throttled",
            SqsError::UnknownOutcome(_) => "UnknownOutcome",
            SqsError::QueueDoesNotExist(_) => "QueueDoesNotExist",
            SqsError::ReceiptHandleInvalid(_) => "ReceiptHandleInvalid",
            SqsError::ClockSkew(_) => "ClockSkew",
            SqsError::Refused(_) => "Refused",
            SqsError::Unclassified(_) => "Unclassified",
        };
        Self::new(class, error.detail())
    }
}

impl From<DynamoDbError> for Failure {
    fn from(error: DynamoDbError) -> Self {
        let class = match &error {
            DynamoDbError::ConditionFailed { .. } => "ConditionFailed",
            DynamoDbError::Cancelled { .. } => "Cancelled",
            DynamoDbError::Throttled(_) => "Throttled",
            DynamoDbError::UnknownOutcome(_) => "UnknownOutcome",
            DynamoDbError::ClockSkew(_) => "ClockSkew",
            DynamoDbError::Refused(_) => "Refused",
            DynamoDbError::Unclassified(_) => "Unclassified",
        };
        Self::new(class, error.detail())
    }
}

impl From<StsError> for Failure {
    fn from(error: StsError) -> Self {
        match error {
            StsError::Refused(detail) => Self::new("Refused", &detail),
            StsError::Expired(detail) => Self::new("Expired", &detail),
            StsError::ClockSkew(detail) => Self::new("ClockSkew", &detail),
            StsError::Unavailable(detail) => Self::new("Unavailable", &detail),
            StsError::Unclassified(detail) => Self::new("Unclassified", &detail),
            StsError::Malformed(why) => Self("Malformed", why.to_owned()),
        }
    }
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NotFound(detail) => Self::new("NotFound", &detail),
            LookupError::Refused(detail) => Self::new("Refused", &detail),
            LookupError::ClockSkew(detail) => Self::new("ClockSkew", &detail),
            LookupError::Unavailable(detail) => Self::new("Unavailable", &detail),
            LookupError::Unclassified(detail) => Self::new("Unclassified", &detail),
            LookupError::Malformed(why) => Self("Malformed", why.to_owned()),
        }
    }
}

type Read = Box<dyn Fn(&Response<Vec<u8>>) -> Result<(), Failure>>;

/// One request to one service, and how its reply is read.
pub(crate) struct Door<'m> {
    ministack: &'m Ministack,
    endpoint: Endpoint,
    request: Request<Vec<u8>>,
    read: Read,
    /// What comes of it under a right key.
    usual: Asked,
}

impl fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let body = String::from_utf8_lossy(self.request.body());
        let form = body.split('&').next().unwrap_or_default();
        write!(f, "{:?} {}", self.endpoint.service(), action.unwrap_or(form))
    }
}

/// Reads with a parser of jit-aws.
fn reader<T, E: Into<Failure>>(parse: impl Fn(&Response<Vec<u8>>) -> Result<T, E> + 'static) -> Read {
    Box::new(move |reply| parse(reply).map(drop).map_err(Into::into))
}

impl<'m> Door<'m> {
    fn new(
        ministack: &'m Ministack,
        service: Service,
        request: impl FnOnce(&Endpoint) -> Request<Vec<u8>>,
        read: Read,
        usual: Asked,
    ) -> Self {
        let endpoint = ministack.endpoint(service);
        Self { ministack, request: request(&endpoint), endpoint, read, usual }
    }

    /// A request of the service that needs a right.
    pub(crate) fn usual_of(ministack: &'m Ministack, service: Service) -> Self {
        let new =
            |request: Request<Vec<u8>>, read, usual| Self::new(ministack, service, |_| request, read, usual);
        let endpoint = ministack.endpoint(service);
        match service {
            Service::Ec2 => {
                let describe = DescribeInstances::page(vec![], PageSize::MAX);
                new(describe.request(&endpoint), reader(DescribeInstances::parse), Asked::OK)
            }
            Service::Sts => new(assume_role(ROLE).request(&endpoint), reader(AssumeRole::parse), Asked::OK),
            Service::Sqs => {
                let receive = receive(&queue(&endpoint, QUEUE));
                new(receive.request(&endpoint), reader(ReceiveMessage::parse), Asked::OK)
            }
            Service::DynamoDb => new(get_item(TABLE).request(&endpoint), reader(GetItem::parse), Asked::OK),
            Service::SecretsManager => {
                let secret = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:none-AbCdEf");
                let secret = SecretArn::parse(&secret).expect("it is a secret's arn");
                let get = GetSecretValue { secret, stage: Stage::Current };
                let usual = Asked::new(400, "ResourceNotFoundException", "NotFound");
                new(get.request(&endpoint), reader(move |reply| get.parse(reply)), usual)
            }
            Service::Ssm => {
                let get = GetParameter { name: ParameterName::parse("/jit/none").expect("it is a name") };
                let usual = Asked::new(400, "ParameterNotFound", "NotFound");
                new(get.request(&endpoint), reader(move |reply| get.parse(reply)), usual)
            }
        }
    }

    /// The same for another action, which the service does not have.
    pub(crate) fn with_unknown_action(mut self) -> Self {
        match self.request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
            Some(target) => {
                let target = HeaderValue::from_str(&format!("{target}Twice")).expect("it is a header");
                self.request.headers_mut().insert("x-amz-target", target);
            }
            None => {
                let body = String::from_utf8_lossy(self.request.body());
                *self.request.body_mut() = body.replacen("&Version", "Twice&Version", 1).into_bytes();
            }
        }
        self
    }

    /// A request that lacks all that its action needs.
    pub(crate) fn without_parameters(self) -> Self {
        let Self { ministack, endpoint, mut request, mut read, usual } = self;
        if endpoint.service() == Service::Ec2 {
            *request.body_mut() = b"Action=TerminateInstances&Version=2016-11-15".to_vec();
            read = Box::new(|reply| match TerminateInstances::parse(reply) {
                Ok(ended) => {
                    assert!(ended.is_empty(), "nothing was named");
                    Ok(())
                }
                Err(error) => Err(error.into()),
            });
        } else if request.headers().contains_key("x-amz-target") {
            *request.body_mut() = b"{}".to_vec();
        } else {
            let body = String::from_utf8_lossy(request.body());
            let kept: Vec<&str> = body.split('&').take(2).collect();
            *request.body_mut() = kept.join("&").into_bytes();
        }
        Self { ministack, endpoint, request, read, usual }
    }

    pub(crate) fn usual(&self) -> Asked {
        self.usual.clone()
    }

    pub(crate) async fn ask(&self, credentials: &Credentials) -> Asked {
        self.ask_at(credentials, Timestamp::now()).await
    }

    pub(crate) async fn ask_at(&self, credentials: &Credentials, time: Timestamp) -> Asked {
        self.hear(&self.reply(credentials, time).await)
    }

    /// What jit-aws makes of a reply.
    pub(crate) fn hear(&self, reply: &Response<Vec<u8>>) -> Asked {
        let status = reply.status().as_u16();
        match (self.read)(reply) {
            Ok(()) => Asked { status, ..Asked::OK },
            Err(Failure(class, code)) => Asked::new(status, &code, class),
        }
    }

    pub(crate) async fn reply(&self, credentials: &Credentials, time: Timestamp) -> Response<Vec<u8>> {
        let mut request = self.request.clone();
        self.endpoint.sign(&mut request, credentials, time).expect("it can be signed");
        let mut reply = self.ministack.send(request).await;
        reply.extensions_mut().insert(SignedAt(time));
        reply
    }

    /// Requests that are refused for what they ask, and what is to come of them.
    pub(crate) fn refused(ministack: &'m Ministack) -> Vec<(Self, Asked)> {
        let doors = [ec2(ministack), sqs(ministack), dynamodb(ministack)].into_iter().flatten();
        let sts = Self::new(
            ministack,
            Service::Sts,
            |endpoint| assume_role("nobody").request(endpoint),
            reader(AssumeRole::parse),
            Asked::new(403, "AccessDenied", "Refused"),
        );
        doors.chain([sts]).map(|door| (door.usual.clone(), door)).map(|(usual, door)| (door, usual)).collect()
    }
}

fn ec2(ministack: &Ministack) -> Vec<Door<'_>> {
    let unknown = || InstanceId::parse(UNKNOWN_INSTANCE).expect("it is an id");
    let not_found = Asked::new(400, "InvalidInstanceID.NotFound", "NotFound");
    let new = |request: &dyn Fn(&Endpoint) -> Request<Vec<u8>>, read, usual| {
        Door::new(ministack, Service::Ec2, request, read, usual)
    };
    let launch = RunInstances {
        client_token: "words".to_owned(),
        image_id: "ami-0123456789abcdef0".to_owned(),
        instance_type: "c6i.large".to_owned(),
        count_max: NonZeroU32::MIN,
        market: Market::OnDemand,
        subnet_id: None,
        security_group_ids: vec![],
        public_ip: None,
        instance_profile: None,
        user_data: "#!/bin/sh\n".into(),
        root_volume: None,
        tags: vec![],
    };
    vec![
        new(
            &|endpoint| TerminateInstances::batches([unknown()])[0].request(endpoint),
            reader(TerminateInstances::parse),
            not_found.clone(),
        ),
        new(
            &|endpoint| DescribeInstances::ByIds(vec![unknown()]).request(endpoint),
            reader(DescribeInstances::parse),
            not_found,
        ),
        // AWS: `InvalidAMIID.NotFound`; ministack launches from images that nobody made.
        new(
            &|endpoint| launch.request(endpoint).expect("it is a launch"),
            reader(RunInstances::parse),
            Asked::OK,
        ),
        // AWS has this action, and ministack has not.
        new(
            &|endpoint| DescribeSpotPriceHistory::at(Timestamp::now(), ["c6i.large"]).request(endpoint),
            reader(DescribeSpotPriceHistory::parse),
            Asked::new(400, "InvalidAction", "Refused"),
        ),
    ]
}

fn sqs(ministack: &Ministack) -> Vec<Door<'_>> {
    let endpoint = ministack.endpoint(Service::Sqs);
    let (here, nowhere) = (queue(&endpoint, QUEUE), queue(&endpoint, "nowhere"));
    let no_queue = Asked::new(400, "QueueDoesNotExist", "QueueDoesNotExist");
    let new =
        |request: Request<Vec<u8>>, read, usual| Door::new(ministack, Service::Sqs, |_| request, read, usual);
    let without_body = SendMessage::new(&here, b"a").request(&endpoint).map(|body| {
        let mut input: serde_json::Value = serde_json::from_slice(&body).expect("a request is JSON");
        input.as_object_mut().expect("it is an object").remove("MessageBody");
        input.to_string().into_bytes()
    });
    let foreign = MessageBatch::deleting(&here, &["foreign".to_owned()]).remove(0);
    let elsewhere = MessageBatch::deleting(&nowhere, &["foreign".to_owned()]).remove(0);
    let read_foreign: Read = {
        let batch = foreign.clone();
        Box::new(move |reply| {
            let failed = batch.parse(reply)?;
            assert_eq!(failed.len(), 1, "one entry, and it is none of this queue's: {failed:?}");
            Ok(())
        })
    };
    vec![
        new(receive(&nowhere).request(&endpoint), reader(ReceiveMessage::parse), no_queue.clone()),
        new(
            SendMessage::new(&nowhere, b"a").request(&endpoint),
            reader(SendMessage::parse),
            no_queue.clone(),
        ),
        new(elsewhere.request(&endpoint), reader(move |reply| elsewhere.parse(reply)), no_queue),
        new(foreign.request(&endpoint), read_foreign, Asked::OK),
        new(without_body, reader(SendMessage::parse), Asked::new(400, "MissingParameter", "Refused")),
        new(
            SendMessage::new(&here, &vec![b'a'; MESSAGE_BYTES_MAX + 1]).request(&endpoint),
            reader(SendMessage::parse),
            Asked::new(400, "InvalidParameterValue", "Refused"),
        ),
    ]
}

fn dynamodb(ministack: &Ministack) -> Vec<Door<'_>> {
    let endpoint = ministack.endpoint(Service::DynamoDb);
    let new = |request: Request<Vec<u8>>, read, usual| {
        Door::new(ministack, Service::DynamoDb, |_| request, read, usual)
    };
    let no_table = Asked::new(400, "ResourceNotFoundException", "Refused");
    let update = |table: &str| UpdateItem {
        update: Update {
            table_name: table.to_owned(),
            key: key(),
            update_expression: "SET #n = :one".to_owned(),
            condition_expression: Some("attribute_exists(#n)".to_owned()),
            placeholders: Placeholders::default().name("#n", "count").value(":one", 1),
        },
        return_values: Returned::AllNew,
        on_failure: OnFailure::AllOld,
    };
    let check = TransactionItem::ConditionCheck(ConditionCheck {
        table_name: TABLE.to_owned(),
        key: key(),
        condition_expression: "attribute_exists(#n)".to_owned(),
        placeholders: Placeholders::default().name("#n", "count"),
        on_failure: OnFailure::AllOld,
    });
    let transaction =
        TransactWriteItems { transact_items: vec![check], client_request_token: "words".to_owned() };
    let query = Query {
        table_name: TABLE.to_owned(),
        index_name: Some("nowhere".to_owned()),
        key_condition_expression: "#kind = :kind".to_owned(),
        placeholders: Placeholders::default().name("#kind", "kind").value(":kind", "job"),
        consistent_read: Consistency::Eventual,
        limit: 10,
        exclusive_start_key: None,
    };
    vec![
        new(get_item("nowhere").request(&endpoint), reader(GetItem::parse), no_table.clone()),
        new(update("nowhere").request(&endpoint), reader(UpdateItem::parse), no_table),
        new(
            update(TABLE).request(&endpoint),
            reader(UpdateItem::parse),
            Asked::new(400, "ConditionalCheckFailedException", "ConditionFailed"),
        ),
        new(
            transaction.request(&endpoint),
            reader(TransactWriteItems::parse),
            Asked::new(400, "TransactionCanceledException", "Cancelled"),
        ),
        new(
            query.request(&endpoint),
            reader(move |reply| query.parse(reply)),
            Asked::new(400, "ValidationException", "Refused"),
        ),
    ]
}

fn assume_role(role: &str) -> AssumeRole {
    AssumeRole {
        role: RoleArn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/{role}")).expect("it is a role"),
        session: SessionName::parse(SESSION).expect("it is a name"),
        duration: SessionDuration::MIN,
    }
}

fn queue(endpoint: &Endpoint, name: &str) -> QueueUrl {
    QueueUrl::new(endpoint, ACCOUNT, name).expect("it is a queue's name")
}

fn receive(queue: &QueueUrl) -> ReceiveMessage {
    let (wait, visibility) = (Duration::ZERO, Duration::from_secs(30));
    ReceiveMessage { queue: queue.clone(), most: 1, wait, visibility }
}

fn get_item(table: &str) -> GetItem {
    GetItem { table_name: table.to_owned(), key: key(), consistent_read: Consistency::Strong }
}

/// A record that nobody wrote.
fn key() -> Item {
    Item::from([("kind".to_owned(), "job".into()), ("name".to_owned(), "none".into())])
}
