//! An account in a running moto: an operator who may do everything, one user per component with its shipped policy, and all that
//! the configuration names. The operator also plays the parts that are EC2's own: the metadata service of instances.
//! Not here: moto itself, and what the components do in the account.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jit_control::configuration;
use jit_domain::policy::{AwsStorage, Policy};
use jit_fakes::cloud::RoleCredentials;
use secrecy::SecretSlice;
use serde_json::{Value, json};

use super::call::{Call, Input, Key, Service, element, elements};
use super::{policy, stores};
use crate::mirror::Found;

/// The components, each of which is an IAM user.
pub(super) const COMPONENTS: [&str; 6] =
    ["webhook", "scaleup", "lifecycle", "scaledown", "rebalancer", "registrar"];
/// IAM and calls of no region in particular.
pub(super) const HOME: &str = "us-east-1";
/// The calls that moto has to let in before anybody has a key: those of [`Account::open`].
pub(super) const FREE_CALLS: &str = "3";
/// Listings have at most so many pages; a demo has some twenty instances.
const PAGES_MAX: usize = 20;

/// The account, and who may do what in it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) address: SocketAddr,
    pub(super) operator: Key,
    /// The components' keys.
    pub(super) keys: BTreeMap<&'static str, Key>,
    /// The components' whole policies.
    pub(super) policies: BTreeMap<String, Value>,
    /// The regions that the configuration launches in.
    regions: BTreeSet<String>,
    /// Account and runner role.
    pub(super) role: (String, String),
    /// The ledger's table and the queues.
    pub(super) place: AwsStorage,
    /// The configuration with the ids of what was made.
    pub(super) configuration: String,
}

/// An instance in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) image_id: String,
    pub(super) is_live: bool,
}

impl Account {
    /// Makes the operator, and with its key all else.
    pub(super) async fn open(address: SocketAddr, configuration: String) -> Result<Self> {
        let parsed: Policy = configuration::parse(&configuration).map_err(|faults| anyhow!("{faults:?}"))?;
        let regions = parsed.pools.iter().flat_map(|pool| &pool.offerings);
        let regions: BTreeSet<_> = regions.map(|offering| offering.region.as_str().to_owned()).collect();
        let role = parsed.pools.iter().find_map(|pool| pool.machine.runner_role());
        let (account, role) = role.context("the configuration names no instance profile")?;
        let role = (account.to_owned(), role.to_owned());
        let region = regions.first().context("the configuration has no region")?;
        let (configuration, place) = stores::in_aws(&configuration, region, &role.0)?;
        let everything = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
        });
        let operator = user(address, &Key::unknown(), "operator", &everything.to_string()).await?;
        let (keys, policies) = (BTreeMap::new(), BTreeMap::new());
        let mut opened = Self { address, operator, keys, policies, regions, role, place, configuration };
        stores::make(address, &opened.operator, &opened.place).await?;
        opened.make_runner_role().await?;
        opened.make_places(&parsed).await?;
        opened.make_components(&parsed).await?;
        Ok(opened)
    }

    /// One user for each component.
    async fn make_components(&mut self, parsed: &Policy) -> Result<()> {
        let name = parsed.deployment.as_str();
        let region = self.place.region.as_str();
        let values = policy::values(region, &self.role.0, name, &self.role.1);
        for component in COMPONENTS {
            let policy = policy::read(Path::new(""), component, &values)?;
            let judged = policy::for_moto(policy.clone()).to_string();
            self.keys.insert(component, user(self.address, &self.operator, component, &judged).await?);
            self.policies.insert(component.to_owned(), policy);
        }
        Ok(())
    }

    /// The role that instances have. At AWS nobody but EC2 may assume it; here the operator is EC2's metadata service.
    async fn make_runner_role(&self) -> Result<()> {
        let (account, role) = &self.role;
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {
                    "Service": "ec2.amazonaws.com",
                    "AWS": format!("arn:aws:iam::{account}:user/operator"),
                },
            }],
        });
        let trust = trust.to_string();
        self.iam("CreateRole", vec![("RoleName", role), ("AssumeRolePolicyDocument", &trust)]).await?;
        self.iam("CreateInstanceProfile", vec![("InstanceProfileName", role)]).await?;
        let parts = vec![("InstanceProfileName", role.as_str()), ("RoleName", role)];
        self.iam("AddRoleToInstanceProfile", parts).await.map(drop)
    }

    /// A network with everything that the configuration names, whose ids it then names.
    async fn make_places(&mut self, parsed: &Policy) -> Result<()> {
        let regions = self.regions.clone();
        for region in &regions {
            let vpc = self.ec2(region, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await?;
            let vpc = element(&vpc, "vpcId")?.to_owned();
            let mut wanted = Wanted::default();
            for pool in &parsed.pools {
                let offerings = pool.offerings.iter().filter(|offering| offering.region.as_str() == region);
                let mut is_here = false;
                for offering in offerings {
                    is_here = true;
                    wanted.subnets.extend(offering.subnets.iter().map(|subnet| subnet.as_str().to_owned()));
                }
                if is_here {
                    wanted.groups.extend(pool.machine.security_groups.iter().cloned());
                }
                let images = pool.images.iter().filter(|rule| rule.region.as_str() == region);
                wanted.images.extend(images.map(|rule| rule.image.id.as_str().to_owned()));
            }
            self.make_wanted(region, &vpc, wanted).await?;
        }
        Ok(())
    }

    async fn make_wanted(&mut self, region: &str, vpc: &str, wanted: Wanted) -> Result<()> {
        for (index, (named, letter)) in wanted.subnets.iter().zip('a'..='f').enumerate() {
            let (block, zone) = (format!("10.0.{index}.0/24"), format!("{region}{letter}"));
            let parameters = [("VpcId", vpc), ("CidrBlock", &block), ("AvailabilityZone", &zone)];
            let made = self.ec2(region, "CreateSubnet", &parameters).await?;
            self.rename(named, element(&made, "subnetId")?);
        }
        for named in &wanted.groups {
            let parameters = [("VpcId", vpc), ("GroupName", named), ("GroupDescription", "runners")];
            let made = self.ec2(region, "CreateSecurityGroup", &parameters).await?;
            self.rename(named, element(&made, "groupId")?);
        }
        for named in &wanted.images {
            let parameters =
                [("Name", named.as_str()), ("Architecture", "x86_64"), ("RootDeviceName", "/dev/sda1")];
            let made = self.ec2(region, "RegisterImage", &parameters).await?;
            self.rename(named, element(&made, "imageId")?);
        }
        Ok(())
    }

    fn rename(&mut self, named: &str, made: &str) {
        self.configuration = self.configuration.replace(named, made);
    }

    /// All instances of all regions, in whatever state.
    pub(super) async fn instances(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for region in &self.regions {
            let mut token: Option<String> = None;
            for page in 0.. {
                anyhow::ensure!(page < PAGES_MAX, "the listing has more than {PAGES_MAX} pages");
                let next: Vec<(&str, &str)> =
                    token.iter().map(|token| ("NextToken", token.as_str())).collect();
                let xml = self.ec2(region, "DescribeInstances", &next).await?;
                listed.append(&mut read_instances(&xml, region)?);
                token = element(&xml, "nextToken").ok().filter(|token| !token.is_empty()).map(str::to_owned);
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(listed)
    }

    /// What an instance was launched with, and its role's credentials as the metadata service would hand them out.
    pub(super) async fn found(&self, listed: &Listed) -> Result<Found> {
        let of = [("InstanceId", listed.id.as_str()), ("Attribute", "userData")];
        let attribute = self.ec2(&listed.region, "DescribeInstanceAttribute", &of).await?;
        let user_data = STANDARD.decode(element(element(&attribute, "userData")?, "value")?.trim())?;
        let arn = format!("arn:aws:iam::{}:role/{}", self.role.0, self.role.1);
        let assume = Call {
            service: Service::Sts,
            region: &listed.region,
            action: "AssumeRole",
            input: Input::Form(vec![("RoleArn", &arn), ("RoleSessionName", &listed.id)]),
        };
        let session = assume.succeed(self.address, &self.operator).await?;
        let credentials = RoleCredentials {
            access_key_id: element(&session, "AccessKeyId")?.to_owned(),
            secret_access_key: element(&session, "SecretAccessKey")?.into(),
            session_token: element(&session, "SessionToken")?.into(),
            expires_at: element(&session, "Expiration")?.parse()?,
        };
        Ok(Found {
            id: listed.id.clone(),
            region: listed.region.clone(),
            image_id: listed.image_id.clone(),
            user_data: SecretSlice::from(user_data),
            credentials,
        })
    }

    /// Ends an instance that has powered itself off, as EC2 does to one launched to terminate then.
    pub(super) async fn end(&self, region: &str, instance_id: &str) -> Result<()> {
        self.ec2(region, "TerminateInstances", &[("InstanceId.1", instance_id)]).await.map(drop)
    }

    async fn iam(&self, action: &str, parameters: Vec<(&str, &str)>) -> Result<String> {
        let call = Call { service: Service::Iam, region: HOME, action, input: Input::Form(parameters) };
        call.succeed(self.address, &self.operator).await
    }

    async fn ec2(&self, region: &str, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let input = Input::Form(parameters.to_vec());
        let call = Call { service: Service::Ec2, region, action, input };
        call.succeed(self.address, &self.operator).await
    }
}

/// The ids in the configuration for which something has to be made.
#[derive(Default)]
struct Wanted {
    subnets: BTreeSet<String>,
    groups: BTreeSet<String>,
    images: BTreeSet<String>,
}

/// Makes a user with one key and one policy.
async fn user(address: SocketAddr, by: &Key, name: &str, policy: &str) -> Result<Key> {
    let call = |action, parameters| {
        let input = Input::Form(parameters);
        Call { service: Service::Iam, region: HOME, action, input }
    };
    call("CreateUser", vec![("UserName", name)]).succeed(address, by).await?;
    let key = call("CreateAccessKey", vec![("UserName", name)]).succeed(address, by).await?;
    let put = vec![("UserName", name), ("PolicyName", "shipped"), ("PolicyDocument", policy)];
    call("PutUserPolicy", put).succeed(address, by).await?;
    Ok(Key { id: element(&key, "AccessKeyId")?.to_owned(), secret: element(&key, "SecretAccessKey")?.into() })
}

/// Reads a listing. An item begins at its id; of its states, the first is the instance's own.
fn read_instances(xml: &str, region: &str) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for set in elements(xml, "instancesSet") {
        for item in set.split("<instanceId>").skip(1) {
            let (id, rest) = item.split_once("</instanceId>").context("the listing breaks off")?;
            let state = element(element(rest, "instanceState")?, "name")?;
            listed.push(Listed {
                id: id.to_owned(),
                region: region.to_owned(),
                image_id: element(rest, "imageId")?.to_owned(),
                is_live: !matches!(state, "shutting-down" | "terminated"),
            });
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_with_all_its_reservations() {
        let item = |id: &str, state: &str| {
            format!(
                "<item><instanceId>{id}</instanceId><imageId>ami-1</imageId><instanceState><code>0</code>\
                 <name>{state}</name></instanceState></item>"
            )
        };
        let (one, two, three) = (item("i-1", "pending"), item("i-2", "terminated"), item("i-3", "running"));
        let xml = format!(
            "<r><instancesSet>{one}{two}</instancesSet></r><r><instancesSet>{three}</instancesSet></r>"
        );
        let listed = read_instances(&xml, "us-east-1").unwrap();
        let seen: Vec<_> = listed.iter().map(|instance| (instance.id.as_str(), instance.is_live)).collect();
        assert_eq!(seen, [("i-1", true), ("i-2", false), ("i-3", true)]);
        assert!(read_instances("<instancesSet><item><instanceId>i-1", "us-east-1").unwrap().is_empty());
        assert!(read_instances("<instancesSet><instanceId>i-1</instancesSet>", "us-east-1").is_err());
    }
}
