//! Each fault: a text that has just this one, its line, its path and what it says.

use super::{SMALL, faults, with};
use crate::configuration::{TEXT_BYTES_MAX, parse};
use jit_domain::policy::Storage;

/// The text has one fault: at the line that says `# here`, of that path, and with these words in it.
#[track_caller]
pub(super) fn one_fault(text: &str, path: &str, words: &str) {
    let line = text.lines().position(|l| l.contains("# here")).expect("a line is marked") + 1;
    let found = faults(text);
    let [fault] = found.as_slice() else { panic!("one fault is expected, not {found:#?}") };
    assert_eq!((fault.line, fault.path.as_str()), (u32::try_from(line).ok(), path), "{fault}");
    assert!(fault.to_string().contains(words), "{fault}");
}

/// A second pool behind the small file's one.
fn second_pool(head: &str, machine_types: &str) -> String {
    format!(
        r#"{SMALL}
[[pool]] # here
{head}
[pool.caps]
instances = 1
[[pool.offering]]
region = "us-east-1"
subnets = ["subnet-0123456789abcdef0"]
machine_types = [{machine_types}]
[[pool.image]]
region = "us-east-1"
id = "ami-0123456789abcdef0"
kind = "baked"
[pool.machine]
instance_profile = "arn:aws:iam::123456789012:instance-profile/runner"
"#
    )
}

#[test]
fn a_key_that_is_not_known_is_refused_everywhere_with_the_word_that_was_meant() {
    one_fault(
        &with("[agent]", "runner_perfix = \"x\" # here\n[agent]"),
        "deployment.runner_perfix",
        "`runner_prefix`?",
    );
    one_fault(&with("[agent]", "[agents] # here\n[agent]"), "agents", "did you mean `agent`?");
    one_fault(
        &with("labels =", "lables = [\"a\"] # here\nlabels ="),
        "pool[0].lables",
        "did you mean `labels`?",
    );
    one_fault(
        &with("instances =", "cpus = 4 # here\ninstances ="),
        "pool[0].caps.cpus",
        "known here are `instances`",
    );
    one_fault(
        &with("subnets =", "subnet = \"x\" # here\nsubnets ="),
        "pool[0].offering[0].subnet",
        "`subnets`?",
    );
    one_fault(&with("kind =", "type = \"x\" # here\nkind ="), "pool[0].image[0].type", "not known");
    one_fault(
        &with("[pool.machine]", "[pool.machine]\ndisk = 1 # here"),
        "pool[0].machine.disk",
        "not known",
    );
}

#[test]
fn a_key_that_is_required_is_missed_at_its_table() {
    one_fault(&with("[deployment]\nname = \"test\"", "[deployment] # here"), "deployment.name", "is missing");
    one_fault(&with("[agent]\nversion = \"2.336.0\"", "[agent] # here"), "agent.version", "is missing");
    one_fault(&with("[[pool]]\nname = \"small\"", "[[pool]] # here"), "pool[0].name", "is missing");
    one_fault(
        &with("[pool.caps]\ninstances = 10", "[pool.caps] # here"),
        "pool[0].caps.instances",
        "is missing",
    );
    one_fault(
        &with("[[pool.offering]]\nregion = \"us-east-1\"", "[[pool.offering]] # here"),
        "pool[0].offering[0].region",
        "is missing",
    );
}

#[test]
fn a_table_that_is_required_is_missed_at_the_table_above() {
    let without_caps = with("[pool.caps]\ninstances = 10\n", "").replace("[[pool]]", "[[pool]] # here");
    one_fault(&without_caps, "pool[0].caps.instances", "is missing");
    let without_machine =
        with("[pool.machine]\ninstance_profile = \"arn:aws:iam::123456789012:instance-profile/runner\"", "")
            .replace("[[pool]]", "[[pool]] # here");
    one_fault(&without_machine, "pool[0].machine.instance_profile", "prove its identity");
    let found = faults("[deployment]\nname = \"test\"\n[agent]\nversion = \"2.336.0\"\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].path.as_str()), (None, "pool"));
    assert!(found[0].remedy.contains("[[pool]]"));
}

#[test]
fn a_value_of_another_type_is_told_from_one_out_of_range() {
    one_fault(&with("instances = 10", "instances = \"10\" # here"), "pool[0].caps.instances", "type string");
    one_fault(
        &with("instances = 10", "instances = 0 # here"),
        "pool[0].caps.instances",
        "`0` is not within 1 to",
    );
    one_fault(
        &with("instances = 10", "instances = -1 # here"),
        "pool[0].caps.instances",
        "`-1` is not within",
    );
    one_fault(&with("name = \"small\"", "name = 7 # here"), "pool[0].name", "type integer");
    one_fault(&with("kind = \"baked\"", "kind = true # here"), "pool[0].image[0].kind", "type boolean");
    one_fault(&with("\n[agent]", "paused = \"yes\" # here\n[agent]"), "deployment.paused", "type string");
    one_fault(
        &with("labels = [\"self-hosted\", \"linux\"]", "labels = \"linux\" # here"),
        "pool[0].labels",
        "type string",
    );
}

#[test]
fn a_table_written_as_something_else_is_refused_once() {
    one_fault(
        &with("[deployment]\nname = \"test\"", "deployment = \"test\" # here"),
        "deployment",
        "`[deployment]`",
    );
    one_fault(
        &with("[[pool.offering]]", "[pool.offering] # here"),
        "pool[0].offering",
        "`[[pool.offering]]`",
    );
    one_fault(
        "pool = [1] # here\n[deployment]\nname = \"a\"\n[agent]\nversion = \"2.336.0\"",
        "pool[0]",
        "`[[pool]]`",
    );
}

#[test]
fn a_text_that_does_not_follow_its_rule_is_refused() {
    for (part, by, path) in [
        ("name = \"test\"", "name = \"Test\"", "deployment.name"),
        ("name = \"test\"", "name = \"\"", "deployment.name"),
        ("version = \"2.336.0\"", "version = \"latest\"", "agent.version"),
        ("name = \"small\"", "name = \"small pool\"", "pool[0].name"),
        ("\"us-east-1\"\nsubnets", "\"us-east1\" # here\nsubnets", "pool[0].offering[0].region"),
        ("[\"subnet-0123456789abcdef0\"]", "[\"vpc-0123456789abcdef0\"]", "pool[0].offering[0].subnets[0]"),
        (
            "[\"subnet-0123456789abcdef0\"]",
            "[\"subnet-0123456789ABCDEF0\"]",
            "pool[0].offering[0].subnets[0]",
        ),
        (
            "[\"c6i.xlarge\", \"c6a.xlarge\"]",
            "[\"c6i.xlarge\", \"C6a.xlarge\"]",
            "pool[0].offering[0].machine_types[1]",
        ),
        (
            "[\"c6i.xlarge\", \"c6a.xlarge\"]",
            "[\"c6i.xlarge\", \"xlarge\"]",
            "pool[0].offering[0].machine_types[1]",
        ),
        ("\"ami-0123456789abcdef0\"", "\"ami-0123\"", "pool[0].image[0].id"),
        (
            "\"arn:aws:iam::123456789012:instance-profile/runner\"",
            "\"runner\"",
            "pool[0].machine.instance_profile",
        ),
        ("\"linux\"]", "\" \"]", "pool[0].labels[1]"),
        ("\"linux\"]", "\"a,b\"]", "pool[0].labels[1]"),
    ] {
        let by = if by.contains("# here") { by.to_owned() } else { format!("{by} # here") };
        one_fault(&with(part, &by), path, "does not follow the rule");
    }
}

#[test]
fn a_runner_prefix_leaves_room_for_the_instance_in_a_name_of_64_characters() {
    let prefix = |p: &str| with("[agent]", &format!("runner_prefix = \"{p}\" # here\n[agent]"));
    assert!(parse(&prefix("a2345678901234567890")).is_ok());
    assert!("a2345678901234567890-i-0123456789abcdef0-999".len() <= 64);
    for bad in ["a23456789012345678901", "JIT", "jit_", "-jit", "jit-", ""] {
        one_fault(&prefix(bad), "deployment.runner_prefix", "does not follow the rule");
    }
}

#[test]
fn storage_in_aws_needs_its_place_and_storage_here_needs_none() {
    let storage = |text: &str| with("[agent]", &format!("[storage] # here\n{text}\n[agent]"));
    let whole = "backend = \"aws\"\nregion = \"us-east-1\"\naccount = \"123456789012\"";
    let found = parse(&storage(whole)).expect("nothing is missing").storage;
    let Storage::Aws(found) = found else { panic!("{found:?}") };
    assert_eq!(found.name, "test", "the deployment's name");
    let lacks_region = storage("backend = \"aws\"\naccount = \"123456789012\"");
    assert_eq!(faults(&lacks_region).iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["storage.region"]);
    let lacks_both = faults(&storage("backend = \"aws\""));
    assert_eq!(
        lacks_both.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
        ["storage.region", "storage.account"]
    );
    let number = storage("backend = \"aws\"\nregion = \"us-east-1\"\naccount = \"12345\"");
    assert!(faults(&number).iter().any(|f| f.path == "storage.account" && f.to_string().contains("twelve")));
    let useless = with("[agent]", "[storage]\nname = \"x\" # here\n[agent]");
    one_fault(&useless, "storage.name", "no effect");
}

#[test]
fn what_a_later_version_will_know_is_refused_in_other_words_than_a_slip() {
    let storage = |b: &str| with("[agent]", &format!("[storage]\nbackend = \"{b}\" # here\n[agent]"));
    one_fault(&storage("gcp"), "storage.backend", "not supported yet");
    one_fault(&storage("key-valeu"), "storage.backend", "did you mean `key-value`?");
    one_fault(&storage("excel"), "storage.backend", "use `key-value`");
    let cloud = with("[[pool.offering]]", "[[pool.offering]]\ncloud = \"gcp\" # here");
    one_fault(&cloud, "pool[0].offering[0].cloud", "not supported yet");
    one_fault(
        &with("labels =", "scope = \"organization\" # here\nlabels ="),
        "pool[0].scope",
        "`organisation`?",
    );
}

#[test]
fn a_list_is_bounded_and_holds_nothing_twice() {
    one_fault(&with("[\"self-hosted\", \"linux\"]", "[] # here"), "pool[0].labels", "has 0 elements");
    let hundred: Vec<String> = (0..100).map(|i| format!("\"l{i}\"")).collect();
    let labels =
        |list: &[String]| with("[\"self-hosted\", \"linux\"]", &format!("[{}] # here", list.join(",")));
    one_fault(&labels(&hundred), "pool[0].labels", "has 100 elements");
    assert!(parse(&labels(&hundred[..99])).is_ok());
    one_fault(&with("\"linux\"]", "\" Self-Hosted \"] # here"), "pool[0].labels[1]", "`pool[0].labels[0]`");
    let types = with("[\"c6i.xlarge\", \"c6a.xlarge\"]", "[\"c6i.xlarge\",\n\"c6i.xlarge\"] # here");
    one_fault(&types, "pool[0].offering[0].machine_types[1]", "already");
    let capacity = with("[[pool.offering]]", "[[pool.offering]]\ncapacity_types = [] # here");
    one_fault(&capacity, "pool[0].offering[0].capacity_types", "has 0 elements");
    let repositories = with("labels =", "repositories = [\"octo/a\", \"octo\"] # here\nlabels =");
    one_fault(&repositories, "pool[0].repositories[1]", "`octo` does not follow the rule");
}

#[test]
fn an_age_is_a_duration_within_its_bounds() {
    let age = |key: &str, value: &str| format!("{SMALL}[pool.ages]\n{key} = {value} # here\n");
    for (key, least, most, below, above) in [
        ("unclaimed_max", "\"2m\"", "\"1h\"", "\"119s\"", "\"1h1s\""),
        ("waiting_max", "\"1m\"", "\"24h\"", "\"59s\"", "\"1d1s\""),
        ("job_max", "\"5m\"", "\"5d2h\"", "\"4m59s\"", "\"5d2h1s\""),
    ] {
        assert!(parse(&age(key, least)).is_ok() && parse(&age(key, most)).is_ok(), "{key}");
        one_fault(&age(key, below), &format!("pool[0].ages.{key}"), "is not within");
        one_fault(&age(key, above), &format!("pool[0].ages.{key}"), "is not within");
        one_fault(&age(key, "\"1.5h\""), &format!("pool[0].ages.{key}"), "is not a duration");
        one_fault(&age(key, "3600"), &format!("pool[0].ages.{key}"), "type integer");
    }
}

#[test]
fn a_pools_name_is_its_own() {
    let text = second_pool("name = \"small\" # here\nlabels = [\"other\"]", "\"c6i.xlarge\"")
        .replace("[[pool]] # here", "[[pool]]");
    one_fault(&text, "pool[1].name", "`pool[0].name`");
}

#[test]
fn a_label_is_no_machine_type_of_any_pool() {
    one_fault(&with("\"linux\"]", "\"C6A.xlarge\"] # here"), "pool[0].labels[1]", "is a machine type");
    let text = second_pool("name = \"b\"\nlabels = [\"c6a.xlarge\"] # here", "\"c6i.xlarge\"")
        .replace("[[pool]] # here", "[[pool]]");
    one_fault(&text, "pool[1].labels[0]", "`pool[0].offering[0].machine_types[1]`");
}

#[test]
fn a_default_machine_type_is_listed() {
    let text = with("labels =", "default_machine_type = \"m6i.large\" # here\nlabels =");
    one_fault(&text, "pool[0].default_machine_type", "no offering of the pool lists `m6i.large`");
}

#[test]
fn each_place_to_launch_has_one_image() {
    let types = "machine_types = [\"c6i.xlarge\", \"c6a.xlarge\"]";
    let image = |extra: &str| format!("{extra}\nkind = \"baked\"");
    let partly = with("kind = \"baked\"", &image("machine_types = [\"c6i.xlarge\"]"))
        .replace(&format!("{types}\n"), &format!("{types} # here\n"));
    one_fault(&partly, "pool[0].offering[0].machine_types", "no image in us-east-1 for c6a.xlarge");
    let idle = with("kind = \"baked\"", &image("machine_types = [\"m6i.large\"] # here"));
    let found = faults(&idle);
    assert!(
        found.iter().any(|f| f.path == "pool[0].image[0].machine_types[0]" && f.what.contains("`m6i.large`")),
        "{found:?}"
    );
    let more = |rule: &str| with("[pool.machine]", &format!("{rule}\n[pool.machine]"));
    let elsewhere =
        "[[pool.image]] # here\nregion = \"us-west-2\"\nid = \"ami-0123456789abcdef0\"\nkind = \"baked\"";
    one_fault(&more(elsewhere), "pool[0].image[1]", "no offering of the pool is in us-west-2");
    one_fault(&more(&elsewhere.replace("us-west-2", "us-east-1")), "pool[0].image[1]", "`pool[0].image[0]`");
    let twice = more(
        "[[pool.image]]\nregion = \"us-east-1\"\nid = \"ami-01234567\"\nkind = \"baked\"\nmachine_types = [\"c6i.xlarge\"]\n\
         [[pool.image]]\nregion = \"us-east-1\"\nid = \"ami-01234567\"\nkind = \"baked\"\nmachine_types = [\"c6i.xlarge\"] # here",
    );
    one_fault(&twice, "pool[0].image[2].machine_types[0]", "`pool[0].image[1]` has `c6i.xlarge` already");
}

#[test]
fn the_places_of_one_launch_are_bounded() {
    let list =
        |count: usize, make: &dyn Fn(usize) -> String| (0..count).map(make).collect::<Vec<_>>().join(",");
    let subnets = list(32, &|i| format!("\"subnet-{i:08x}\""));
    let types = list(5, &|i| format!("\"c{i}.large\""));
    let text = with("[\"subnet-0123456789abcdef0\"]", &format!("[{subnets}]"))
        .replace("[\"c6i.xlarge\", \"c6a.xlarge\"]", &format!("[{types}]"))
        .replace("[[pool]]", "[[pool]] # here");
    one_fault(&text, "pool[0].offering", "make 320 places");
    assert!(parse(&text.replace("labels =", "default_machine_type = \"c1.large\"\nlabels =")).is_ok());
}

#[test]
fn an_instance_on_aws_proves_its_identity() {
    one_fault(
        &with(
            "[pool.machine]\ninstance_profile = \"arn:aws:iam::123456789012:instance-profile/runner\"",
            "[pool.machine] # here",
        ),
        "pool[0].machine.instance_profile",
        "no instance can prove its identity",
    );
}

#[test]
fn security_groups_bind_a_pool_to_one_region() {
    let text = SMALL.replace(
        "[[pool.image]]",
        "[[pool.offering]]\nregion = \"us-west-2\"\nsubnets = [\"subnet-01234567\"]\nmachine_types = [\"c6i.xlarge\"]\n\
         [[pool.image]]\nregion = \"us-west-2\"\nid = \"ami-01234567\"\nkind = \"baked\"\n[[pool.image]]",
    );
    assert!(parse(&text).is_ok());
    let groups = format!("{text}security_groups = [\"sg-01234567\"] # here\n");
    one_fault(&groups, "pool[0].machine.security_groups", "launches in 2 regions");
}

#[test]
fn what_belongs_to_one_scope_is_refused_at_the_other() {
    let group = with("labels =", "scope = \"repository\"\nrunner_group_id = 7 # here\nlabels =");
    one_fault(&group, "pool[0].runner_group_id", "no runner groups");
    let cap = with("instances = 10", "instances = 10\ninstances_per_repository = 2 # here");
    one_fault(&cap, "pool[0].caps.instances_per_repository", "no effect at organisation scope");
}

#[test]
fn a_repository_of_an_owner_who_is_not_served_is_found() {
    let text = with("[agent]", "served_owners = [\"Octo\"]\n[agent]")
        .replace("labels =", "repositories = [\"octo/a\",\n\"other/a\"] # here\nlabels =");
    one_fault(&text, "pool[0].repositories[1]", "`other` is not among `deployment.served_owners`");
}

#[test]
fn rules_that_contradict_who_is_served_or_name_nothing_are_found() {
    let allow =
        |line: &str| with("labels =", "repositories = [\"octo/a\"]\nlabels =") + "\n[pool.allow]\n" + line;
    assert!(parse(&allow("organisations = [\"Octo\"]")).is_ok());
    one_fault(
        &allow("organisations = [\"other\"]").replace("[\"octo/a\"]", "[\"octo/a\"] # here"),
        "pool[0].repositories[0]",
        "`octo` is not among `pool[0].allow.organisations`",
    );
    let served = allow("organisations = [\"octo\", \"other\"] # here")
        .replace("[agent]", "served_owners = [\"octo\"]\n[agent]");
    one_fault(&served, "pool[0].allow.organisations[1]", "`other` is not among `deployment.served_owners`");
    one_fault(
        &allow("events = [\"Pull-Request\"] # here"),
        "pool[0].allow.events[0]",
        "small letters and underscores",
    );
    one_fault(&allow("actors = [\"mona lisa\"] # here"), "pool[0].allow.actors[0]", "a user's login");
    one_fault(&allow("forks = \"yes\" # here"), "pool[0].allow.forks", "yes or no");
    one_fault(&allow("fork = true # here"), "pool[0].allow.fork", "is not known");
}

#[test]
fn a_stock_image_needs_an_agent_to_download_and_its_digest() {
    let agent = |lines: &str| with("version = \"2.336.0\"", &format!("version = \"2.336.0\"\n{lines}"));
    let url = "url = \"https://example.com/agent.tar.gz\"";
    let sha256 = "sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"";
    one_fault(&agent(&format!("{url} # here")), "agent.url", "without `sha256`");
    one_fault(&agent(&format!("{sha256} # here")), "agent.sha256", "without `url`");
    let stock = with("kind = \"baked\"", "kind = \"stock\"").replace("[agent]", "[agent] # here");
    one_fault(&stock, "agent", "`pool[0].image[0]` is a stock image");
    let zeros = format!("sha256 = \"{}\" # here\n{url}", "0".repeat(64));
    one_fault(&agent(&zeros), "agent.sha256", "not all the same");
    for bad in [
        "http://example.com/a",
        "https://u:p@example.com/a",
        "https://example.com/a?t=1",
        "example.com/a",
        "https:///",
    ] {
        one_fault(&agent(&format!("{sha256}\nurl = \"{bad}\" # here")), "agent.url", "an https address");
    }
}

#[test]
fn a_pool_that_no_job_can_reach_is_found() {
    let unreachable = "no job can ever reach this pool";
    let b = |labels: &str, more: &str| format!("name = \"b\"\nlabels = {labels}\n{more}");
    one_fault(&second_pool(&b("[\"Linux\", \"self-hosted\"]", ""), "\"c6i.xlarge\""), "pool[1]", unreachable);
    one_fault(
        &second_pool(&b("[\"linux\"]", "repositories = [\"octo/a\"]"), "\"c6i.xlarge\""),
        "pool[1]",
        unreachable,
    );
    for (reason, text) in [
        (
            "it has a label more",
            second_pool(&b("[\"self-hosted\", \"linux\", \"gpu\"]", ""), "\"c6i.xlarge\""),
        ),
        ("it has another machine type", second_pool(&b("[\"linux\"]", ""), "\"c6i.xlarge\", \"m6i.large\"")),
        (
            "it allows public repositories",
            second_pool(&b("[\"linux\"]", "allow = { public_repositories = true }"), "\"c6i.xlarge\""),
        ),
        (
            "the first allows one actor only",
            second_pool(&b("[\"linux\"]", ""), "\"c6i.xlarge\"").replacen(
                "labels =",
                "allow = { actors = [\"mona\"] }\nlabels =",
                1,
            ),
        ),
        ("it serves users too", second_pool(&b("[\"linux\"]", "scope = \"repository\""), "\"c6i.xlarge\"")),
        (
            "the first serves one repository only",
            second_pool(&b("[\"linux\"]", ""), "\"c6i.xlarge\"").replacen(
                "labels =",
                "repositories = [\"octo/a\"]\nlabels =",
                1,
            ),
        ),
    ] {
        assert!(parse(&text).is_ok(), "{reason}: {:?}", parse(&text));
    }
}

#[test]
fn text_that_is_not_toml_is_reported_line_by_line() {
    let found = faults(
        "[deployment]\nname = test\n\n[agent\nversion = \"2.336.0\"\n\n[[pool]]\nlabels = [\"a\" \"b\"]\nlabels = []\n",
    );
    let lines: Vec<_> = found.iter().map(|f| f.line.unwrap()).collect();
    assert_eq!(lines, [2, 4, 8, 9], "{found:#?}");
    assert!(found.iter().all(|f| f.what.starts_with("not TOML")), "{found:#?}");
}

#[test]
fn values_are_looked_at_even_where_another_line_is_not_toml() {
    let text = with("version = \"2.336.0\"", "version = ").replace("instances = 10", "instances = 0");
    let found = faults(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].what.starts_with("not TOML") && found[1].path == "pool[0].caps.instances");
}

#[test]
fn all_faults_come_at_once_in_the_order_of_their_lines() {
    let text = SMALL
        .replace("name = \"test\"", "name = \"TEST\"\ncolour = 1")
        .replace("\"self-hosted\", ", "\"\", ")
        .replace("instances = 10", "instances = 0")
        .replace("region = \"us-east-1\"\nsubnets", "subnets")
        .replace("kind = \"baked\"", "kind = \"backed\"")
        .replace("instance_profile = \"arn:aws:iam::123456789012:instance-profile/runner\"", "disk_gib = 40");
    let found = faults(&text);
    let paths: Vec<&str> = found.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "deployment.name",
            "deployment.colour",
            "pool[0].labels[0]",
            "pool[0].caps.instances",
            "pool[0].offering[0].region",
            "pool[0].image[0].kind",
            "pool[0].machine.instance_profile",
            "pool[0].machine.disk_gib",
        ],
        "{found:#?}"
    );
    assert!(found.iter().all(|f| f.line.is_some() && !f.what.is_empty() && !f.remedy.is_empty()));
    assert!(found[5].remedy.contains("`baked`"));
}

#[test]
fn a_fault_repeats_only_the_beginning_of_a_value_on_one_line() {
    let text = with("name = \"test\"", &format!("name = \"{}\\n\"", "x\\n".repeat(1000)));
    let found = faults(&text);
    assert!(found[0].what.len() < 300 && !found[0].what.contains('\n'), "{found:?}");
    assert_eq!(found[0].in_file("a.toml").lines().count(), 1);
    assert!(
        found[0].in_file("a.toml").starts_with("a.toml:3: deployment.name: "),
        "{}",
        found[0].in_file("a.toml")
    );
}

#[test]
fn a_file_without_end_is_not_read() {
    let found = faults(&"#".repeat(TEXT_BYTES_MAX + 1));
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("bytes"));
}
