//! The world outside the control plane: GitHub, AWS and the instances, sharing one clock. It is plain state: `play.rs` makes
//! time go on and carries requests.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use http::{Request, Response};
use jiff::Timestamp;
use jit_domain::policy::{Policy, Storage};
use jit_fakes::cloud::{Aws, AwsConfig, Catalogue, MachineType, Principal, Subnet};
use jit_fakes::github::{
    AccountId, GitHub, InstallationId, Level, RepositoryId, RepositorySelection, Settings, Visibility,
};
use jit_fakes::instance::{Fleet, InstanceSettings, Outgoing, Tag};
use jit_fakes::model::Model as _;
use secrecy::SecretString;

use crate::mirror::Mirror;

pub(crate) mod storage;

/// The App's private key in every world; it belongs to no App anywhere.
pub const APP_PRIVATE_KEY: &str = include_str!("../keys/app-private.pem");
/// The App's public key.
pub const APP_PUBLIC_KEY: &str = include_str!("../keys/app-public.pem");
/// The App's number.
pub const APP_ID: u64 = 4_711;
/// What deliveries are signed with.
pub const WEBHOOK_SECRET: &str = "the webhook secret of a world";
/// Where instances reach the registrar.
pub const PUBLIC_URL: &str = "https://runners.example.com";
/// The organisation whose jobs are run.
pub const ORGANISATION: &str = "octo-org";

/// The functions that act in the cloud, with what each may do there.
pub const PRINCIPALS: [(&str, &[&str]); 4] = [
    ("scaleup", &["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"]),
    ("lifecycle", &["ec2:TerminateInstances"]),
    ("rebalancer", &["ec2:DescribeInstances"]),
    ("scaledown", &["ec2:DescribeInstances", "ec2:TerminateInstances"]),
];

/// What an App may do that nobody let read contents.
const WITHOUT_CONTENTS: [(&str, Level); 4] = [
    ("actions", Level::Write),
    ("administration", Level::Write),
    ("metadata", Level::Read),
    ("organization_self_hosted_runners", Level::Write),
];

/// GitHub, AWS and the instances.
#[derive(Debug)]
pub struct World {
    /// GitHub.
    pub github: GitHub,
    /// AWS.
    pub aws: Aws,
    /// The account that the instances run in, where it is not `aws`; nobody asks `aws` anything then.
    pub elsewhere: Option<Mirror>,
    /// The instances that run in AWS.
    pub fleet: Fleet,
    /// The organisation that the repository belongs to.
    pub organisation: AccountId,
    /// The repository whose workflows are started.
    pub repository: RepositoryId,
    /// The App's installation.
    pub installation: InstallationId,
    /// Where the components keep records and messages.
    pub storage: Storage,
    points: BTreeMap<String, u64>,
}

impl World {
    /// A world in which everything that the configuration names exists.
    ///
    /// # Errors
    /// The configuration cannot be lived in.
    pub fn new(policy: &Policy, instances: InstanceSettings, seed: u64, start: Timestamp) -> Result<Self> {
        let settings = Settings::new(seed, APP_ID, APP_PUBLIC_KEY, SecretString::from(WEBHOOK_SECRET));
        let mut github = GitHub::new(settings, start).map_err(|e| anyhow!("{e:?}"))?;
        let organisation = github.add_organization(ORGANISATION);
        let repository = github.add_repository(organisation, "app", Visibility::Private);
        let installation = github.install(organisation, RepositorySelection::All);
        let account =
            policy.pools.iter().find_map(|p| p.machine.runner_role()).context("no instance profile")?.0;
        let config = AwsConfig {
            account: account.to_owned(),
            seed,
            catalogue: catalogue(policy),
            ..AwsConfig::default()
        };
        let mut aws = Aws::new(config);
        for (name, actions) in PRINCIPALS {
            aws.add_principal(Principal::new(
                name,
                &access_key_id(name),
                secret_access_key(name).into(),
                actions,
            ));
        }
        if let Storage::Aws(place) = &policy.storage {
            storage::furnish(&mut aws, place, start)?;
        }
        Ok(Self {
            github,
            aws,
            elsewhere: None,
            fleet: Fleet::new(instances),
            organisation,
            repository,
            installation,
            storage: policy.storage.clone(),
            points: BTreeMap::new(),
        })
    }

    /// When something happens by itself next.
    pub fn next_at(&self) -> Option<Timestamp> {
        let machines = match &self.elsewhere {
            Some(mirror) => self.fleet.next_at(mirror),
            None => self.fleet.next_at(&self.aws),
        };
        [self.github.next_at(), machines].into_iter().flatten().min()
    }

    /// Lets the instances go on until `now`, and hands over what they send.
    pub fn poll_instances(&mut self, now: Timestamp) -> Vec<Outgoing> {
        match &mut self.elsewhere {
            Some(mirror) => self.fleet.poll(now, mirror),
            None => self.fleet.poll(now, &mut self.aws),
        }
    }

    /// Brings an instance the reply to a request; none if it was lost.
    pub fn answer_instance(
        &mut self,
        now: Timestamp,
        instance_id: &str,
        tag: Tag,
        response: Option<&Response<Vec<u8>>>,
    ) {
        match &mut self.elsewhere {
            Some(mirror) => self.fleet.reply(now, instance_id, tag, response, mirror),
            None => self.fleet.reply(now, instance_id, tag, response, &mut self.aws),
        }
    }

    /// Answers a request that a component, or an instance's agent, sends to a host.
    pub fn answer(
        &mut self,
        sender: &str,
        now: Timestamp,
        host: &str,
        request: Request<Vec<u8>>,
    ) -> Option<Response<Vec<u8>>> {
        match host {
            "api.github.com" | "github.test" => {
                let before = self.github.points_spent();
                let reply = self.github.handle(now, request);
                // What a request costs is GitHub's to say; here it only gets a name.
                let spent = self.github.points_spent() - before;
                *self.points.entry(sender.to_owned()).or_default() += spent;
                Some(reply)
            }
            _ if host.ends_with(".amazonaws.com") => Some(self.aws.handle(now, request)),
            _ => None,
        }
    }

    /// Lets GitHub and EC2 put no more than that on one page, whatever they are asked for.
    pub fn list_little(&mut self, page_max: u8) {
        self.github.settings_mut().limits.page_max = page_max.into();
        self.aws.limits_mut().describe_page_max = page_max.into();
    }

    /// Takes the permission to read contents, and with it workflow files, from the installation.
    pub fn deny_contents(&mut self) {
        self.github.set_permissions(self.installation, &WITHOUT_CONTENTS);
    }

    /// The components' variables in this world.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut all = variables();
        match &self.storage {
            Storage::KeyValue => {}
            Storage::Aws(_) => all.extend(storage::NAMES.into_iter().flat_map(key_variables)),
        }
        all
    }

    /// The points of GitHub's secondary limit that each sender has spent.
    pub fn github_points(&self) -> &BTreeMap<String, u64> {
        &self.points
    }

    /// Instances that cost money now.
    pub fn instances_live(&self) -> usize {
        self.elsewhere.as_ref().map_or_else(|| self.aws.live_instances().count(), Mirror::live)
    }

    /// Instances that were ever launched.
    pub fn launches(&self) -> usize {
        self.elsewhere.as_ref().map_or_else(|| self.aws.instances().count(), Mirror::launches)
    }
}

/// A function's access key id in every world.
pub fn access_key_id(function: &str) -> String {
    format!("AKIA{:0>16}", function.to_uppercase())
}

/// A function's secret key in every world.
pub fn secret_access_key(function: &str) -> String {
    format!("{function:-<40}")
}

/// The components' variables in every world. Where records are in AWS, [`World::variables`] has more.
pub fn variables() -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = [
        ("github_app_id", APP_ID.to_string()),
        ("github_private_key", APP_PRIVATE_KEY.to_owned()),
        ("github_webhook_secret", WEBHOOK_SECRET.to_owned()),
        ("public_url", PUBLIC_URL.to_owned()),
        ("claim_key", "a claim key of 32 bytes for worlds".to_owned()),
        ("cron_token", "cron-token-of-a-world".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    variables.extend(PRINCIPALS.into_iter().flat_map(|(name, _)| key_variables(name)));
    variables
}

/// The variables that give a component its key in AWS.
fn key_variables(name: &str) -> [(String, String); 2] {
    [
        (format!("{name}_aws_access_key_id"), access_key_id(name)),
        (format!("{name}_aws_secret_access_key"), secret_access_key(name)),
    ]
}

/// What nobody may find in logs, records, tags or replies.
pub fn secrets() -> Vec<String> {
    let lines = APP_PRIVATE_KEY.lines().filter(|line| !line.contains("-----")).map(str::to_owned);
    let variables = variables();
    let secret = ["github_webhook_secret", "claim_key", "cron_token"].map(|name| variables[name].clone());
    let names = PRINCIPALS.iter().map(|(name, _)| *name).chain(storage::NAMES);
    lines.chain(secret).chain(names.map(secret_access_key)).collect()
}

/// A request to our public address, as a host's router takes it.
pub fn to_route(request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    let (mut parts, body) = request.into_parts();
    if let Some(path) = parts.uri.path_and_query() {
        parts.uri = http::Uri::from(path.clone());
    }
    Request::from_parts(parts, body)
}

/// Everything that the configuration names: subnets in zones of their own, images, machine types, groups and profiles.
fn catalogue(policy: &Policy) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for pool in &policy.pools {
        for rule in &pool.offerings {
            let region = rule.region.as_str();
            for (subnet, letter) in rule.subnets.iter().zip('a'..='z') {
                let zone = format!("{region}{letter}");
                let subnet_of_zone =
                    Subnet { region: region.into(), zone, vpc_id: "vpc-00000001".into(), addresses: 4_000 };
                catalogue.subnets.insert(subnet.as_str().to_owned(), subnet_of_zone);
            }
            for machine_type in &rule.machine_types {
                let vcpus = if machine_type.as_str().ends_with("4xlarge") { 16 } else { 4 };
                let known = MachineType { vcpus, zones: None };
                catalogue.machine_types.insert(machine_type.as_str().to_owned(), known);
            }
            for group in &pool.machine.security_groups {
                catalogue.security_groups.insert(group.clone(), region.to_owned());
            }
        }
        for rule in &pool.images {
            catalogue.images.insert(rule.image.id.as_str().to_owned(), rule.region.as_str().to_owned());
        }
        if let Some((_, role)) = pool.machine.runner_role() {
            catalogue.instance_profiles.insert(role.to_owned(), role.to_owned());
        }
    }
    catalogue
}
