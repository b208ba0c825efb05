//! Files that are right, what becomes of them, and what holds of any text at all.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jit_domain::group::UnknownWidth;
use jit_domain::ids::{
    Cloud, Digest, EventName, ImageId, InstallationId, Login, MachineType, PoolName, Region, RepositoryName,
    RunnerGroupId, SubnetId,
};
use jit_domain::labels::LabelSet;
use jit_domain::policy::{
    Agent, AgentDownload, Ages, Allow, AwsStorage, CapacityType, Caps, DiskEncryption, DiskType, Image,
    ImageKind, ImageRule, Machine, MachineSelection, OfferingRule, Paused, Policy, Pool, PoolScope,
    PublicAddress, Served, Storage, UnansweredHook, Wish,
};
use proptest::prelude::*;
use toml::de::DeValue;

use super::SMALL;
use crate::configuration::key::{Presence, Table};
use crate::configuration::{digest, keys, parse, reference};

/// A file of this repository.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

const FULL: &str = r#"
[deployment]
name = "prod"
runner_prefix = "ci"
paused = true
served_owners = ["Octo-Org"]
served_installations = [42]
[agent]
version = "2.336.0"
url = "https://example.com/agent.tar.gz"
sha256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
[storage]
backend = "aws"
region = "eu-central-1"
account = "210987654321"
name = "jit"
[[pool]]
name = "large"
labels = ["Self-Hosted", " linux "]
scope = "repository"
repositories = ["Octo-Org/Hello.World"]
runner_group_id = 1
unanswered_hook = "allow"
unknown_width = "full"
default_machine_type = "c6i.xlarge"
paused = true
caps = { instances = 10, instances_per_organisation = 9, instances_per_repository = 8, launches_per_hour = 1_000 }
[pool.allow]
organisations = ["octo-org"]
events = ["push", "pull_request"]
actors = ["Mona", "dependabot[bot]"]
forks = true
public_repositories = true
[[pool.offering]]
cloud = "aws"
region = "us-gov-west-1"
subnets = ["subnet-0123456789abcdef0", "subnet-89abcdef"]
machine_types = ["c6i.xlarge", "u7i-12tb.224xlarge"]
capacity_types = ["on-demand"]
[[pool.image]]
cloud = "aws"
region = "us-gov-west-1"
id = "ami-01234567"
kind = "stock"
machine_types = ["c6i.xlarge"]
[[pool.image]]
region = "us-gov-west-1"
id = "ami-89abcdef"
kind = "baked"
[pool.machine]
security_groups = ["sg-01234567"]
instance_profile = "arn:aws:iam::123456789012:instance-profile/runner"
disk_gib = 0x28
disk_type = "gp3"
disk_iops = 6_000
disk_throughput_mibs = 500
disk_encrypted = true
disk_kms_key = "alias/runner-disks"
root_device = "/dev/xvda"
public_address = "no"
[pool.ages]
unclaimed_max = "10m"
waiting_max = "1h30m"
job_max = "5d2h"
"#;

/// The machine of [`FULL`].
fn full_machine() -> Machine {
    Machine {
        security_groups: vec!["sg-01234567".into()],
        instance_profile: Some("arn:aws:iam::123456789012:instance-profile/runner".into()),
        disk_gib: Some(40),
        disk_type: Some(DiskType::Gp3),
        disk_iops: Some(6_000),
        disk_throughput_mibs: Some(500),
        disk_encryption: DiskEncryption::Key("alias/runner-disks".into()),
        root_device: Some("/dev/xvda".into()),
        public_address: PublicAddress::No,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one value for each key")]
fn every_key_reaches_the_policy() {
    let region = Region::new("us-gov-west-1");
    let image = |id: &str, kind| Image { id: ImageId::new(id), kind };
    let rule = |machine_types: &[&str], image| ImageRule {
        cloud: Cloud::Aws,
        region: region.clone(),
        machine_types: machine_types.iter().map(|t| MachineType::new(*t)).collect(),
        image,
    };
    let expected = Policy {
        storage: Storage::Aws(AwsStorage {
            region: Region::new("eu-central-1"),
            account: "210987654321".into(),
            name: "jit".into(),
        }),
        deployment: "prod".into(),
        runner_prefix: "ci".into(),
        served: Served {
            installations: BTreeSet::from([InstallationId(42)]),
            owners: BTreeSet::from([Login::new("octo-org")]),
        },
        paused: Paused::Yes,
        agent: Agent {
            version: "2.336.0".into(),
            download: Some(AgentDownload {
                url: "https://example.com/agent.tar.gz".into(),
                sha256: Digest::new("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            }),
        },
        pools: vec![Pool {
            name: PoolName::new("large"),
            labels: ["self-hosted", "linux"].iter().collect::<LabelSet>(),
            scope: PoolScope::Repository,
            repositories: RepositoryName::parse("octo-org/hello.world").into_iter().collect(),
            allow: Allow {
                organisations: [Login::new("octo-org")].into(),
                events: ["pull_request", "push"].map(EventName::new).into(),
                actors: ["dependabot[bot]", "mona"].map(Login::new).into(),
                forks: Wish::Allow,
                public_repositories: Wish::Allow,
            },
            runner_group: RunnerGroupId(1),
            caps: Caps {
                instances: 10,
                instances_per_organisation: Some(9),
                instances_per_repository: Some(8),
                launches_per_hour: Some(1000),
            },
            offerings: vec![OfferingRule {
                cloud: Cloud::Aws,
                region: region.clone(),
                subnets: vec![SubnetId::new("subnet-0123456789abcdef0"), SubnetId::new("subnet-89abcdef")],
                machine_types: vec![MachineType::new("c6i.xlarge"), MachineType::new("u7i-12tb.224xlarge")],
                capacity_types: vec![CapacityType::OnDemand],
            }],
            default_machine_type: Some(MachineType::new("c6i.xlarge")),
            images: vec![
                rule(&["c6i.xlarge"], image("ami-01234567", ImageKind::Stock)),
                rule(&[], image("ami-89abcdef", ImageKind::Baked)),
            ],
            machine: full_machine(),
            ages: Ages {
                unclaimed_max: Duration::from_secs(600),
                waiting_max: Duration::from_secs(5_400),
                job_max: Duration::from_secs(439_200),
            },
            unanswered_hook: UnansweredHook::Allow,
            unknown_width: UnknownWidth::Full,
            paused: Paused::Yes,
        }],
    };
    assert_eq!(parse(FULL), Ok(expected));
}

#[test]
fn what_is_left_out_has_its_default() {
    let policy = parse(SMALL).unwrap();
    assert_eq!(
        (policy.runner_prefix.as_str(), policy.paused, policy.served),
        ("jit", Paused::No, Served::default())
    );
    assert_eq!(policy.agent.download, None);
    let pool = &policy.pools[0];
    assert_eq!(
        (pool.scope, pool.runner_group, pool.paused),
        (PoolScope::Organisation, RunnerGroupId(1), Paused::No)
    );
    assert_eq!(pool.unanswered_hook, UnansweredHook::Refuse);
    assert_eq!(pool.unknown_width, UnknownWidth::Probe);
    assert_eq!(pool.offerings[0].capacity_types, [CapacityType::Spot, CapacityType::OnDemand]);
    assert_eq!(pool.machine.public_address, PublicAddress::AsSubnet);
    assert_eq!(pool.ages.unclaimed_max, Duration::from_secs(20 * 60));
    assert_eq!(pool.ages.waiting_max, Duration::from_secs(6 * 3600));
    assert_eq!(pool.ages.job_max, Duration::from_secs(24 * 3600));
    assert!(
        pool.default_machine_type.is_none()
            && pool.repositories.is_empty()
            && (pool.machine.disk_gib, pool.machine.disk_type) == (None, None)
            && (pool.machine.disk_iops, pool.machine.disk_throughput_mibs) == (None, None)
            && pool.machine.disk_encryption == DiskEncryption::AsImage
    );
}

#[test]
fn the_shipped_example_is_valid_and_launches_the_default_on_spot_first() {
    let policy = parse(&file("config/jit-runners.toml")).unwrap();
    let [pool] = policy.pools.as_slice() else { panic!("the example has one pool") };
    let places = pool.expand(&MachineSelection::Default, 0);
    assert_eq!(places.len(), 4, "two subnets on spot and on-demand");
    assert!(
        places.iter().all(|p| p.machine_type.as_str() == "c6i.xlarge" && p.image.kind == ImageKind::Baked)
    );
    assert_eq!(places[0].capacity_type, CapacityType::Spot);
}

#[test]
fn every_default_follows_its_own_rule_and_every_key_is_told_about() {
    fn walk(table: &'static Table, page: &str) {
        assert!(page.contains(&format!("### `{}`", table.header)), "{}", table.header);
        for key in table.keys {
            assert!(page.contains(&format!("| `{}` |", key.name())), "{}", key.name());
            if let Presence::Default(text) = key.presence() {
                assert!(DeValue::parse(text).is_ok(), "the default of {} is TOML", key.name());
            }
        }
        table.tables.iter().for_each(|t| walk(t, page));
    }
    // That the defaults are within range is shown by the small file, which leaves all of them out.
    let page = reference();
    keys::ROOT.tables.iter().for_each(|t| walk(t, &page));
}

#[test]
fn the_committed_reference_is_current() {
    assert_eq!(
        file("docs/configuration.md"),
        reference(),
        "run `cargo run -p jit-cli -- reference > docs/configuration.md`"
    );
}

#[test]
fn a_digest_tells_texts_apart() {
    // The digest of three letters is NIST's own example: https://csrc.nist.gov/csrc/media/projects/cryptographic-standards-and-guidelines/documents/examples/sha256.pdf
    assert_eq!(digest("abc").as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ne!(digest(SMALL), digest(FULL));
}

/// The text's lines with some removed, doubled, swapped or cut, as a hurried editor leaves them.
fn mangled() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = FULL.lines().collect();
    let count = lines.len();
    prop::collection::vec((0..count, 0..count, 0..5_u8), 1..6).prop_map(move |edits| {
        let mut text: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        for (a, b, edit) in edits {
            match edit {
                0 => text[a].clear(),
                1 => text[a] = lines[b].to_owned(),
                2 => text.swap(a, b),
                3 => text[a].truncate(lines[a].len() / 2),
                _ => text[a] = text[a].replace('"', ""),
            }
        }
        text.join("\n")
    })
}

proptest! {
    #[test]
    fn any_text_gives_a_policy_or_faults(text in "\\PC*") {
        prop_assert!(parse(&text).is_err_and(|faults| !faults.is_empty()));
    }

    #[test]
    fn text_that_looks_like_toml_never_panics(text in "([\\[\\]{}=,.#\"'\n a-z0-9_-]|pool|caps|\\[\\[pool\\]\\]\n){0,200}") {
        prop_assert!(parse(&text).is_err_and(|faults| !faults.is_empty()));
    }

    #[test]
    fn a_mangled_file_has_faults_with_lines_of_the_file(text in mangled()) {
        let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        match parse(&text) {
            Ok(policy) => prop_assert!(!policy.pools.is_empty()),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.is_sorted_by_key(|f| f.line));
                prop_assert!(faults.iter().all(|f| f.line.is_none_or(|l| (1..=lines + 1).contains(&l))));
            }
        }
    }

    #[test]
    fn a_file_that_is_read_lets_every_place_be_launched(text in mangled()) {
        if let Ok(policy) = parse(&text) {
            for pool in &policy.pools {
                for machine_type in pool.machine_types() {
                    let places = pool.expand(&MachineSelection::Named(machine_type.clone()), 0);
                    prop_assert!(!places.is_empty(), "{machine_type} has an image wherever it is offered");
                }
            }
        }
    }
}
