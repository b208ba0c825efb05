//! The IAM policies of `infra/aws/policies`: one for each function, exact actions, no wider resources than AWS demands, and what
//! only one function may do.
//! Not here: what a function really calls; `make demo AWS=moto` runs each under its policy.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fault::Findings;
use super::tree::Tree;
use crate::workspace::{FUNCTIONS, Workspace};

const FOLDER: &str = "infra/aws/policies";

/// What a file leaves open. Terraform's `templatefile` and CloudFormation's `Fn::Sub` both fill `${Name}`.
pub(crate) const PLACEHOLDERS: [&str; 10] = [
    "Account",
    "Deployment",
    "JobsDeadLetterQueue",
    "JobsQueue",
    "LifecycleDeadLetterQueue",
    "LifecycleQueue",
    "Partition",
    "Region",
    "RunnerRole",
    "Table",
];

/// The actions that AWS cannot limit to single resources
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>, read 2026-11-22: the column
/// "Resource types" of the action is empty).
const WITHOUT_RESOURCES: [&str; 1] = ["ec2:DescribeInstances"];

/// Who alone may do what; and all others may not.
const ONLY: [(&str, &[&str]); 5] = [
    ("ec2:RunInstances", &["scaleup"]),
    ("ec2:CreateTags", &["scaleup"]),
    ("iam:PassRole", &["scaleup"]),
    ("ec2:TerminateInstances", &["lifecycle", "scaledown"]),
    ("ec2:DescribeInstances", &["rebalancer", "scaledown"]),
];

/// The condition without which an action on a kind of resource is too much; every kind for the empty text.
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("ec2:RunInstances", ":instance/", "aws:RequestTag/jit-runners:deployment"),
    ("ec2:RunInstances", ":volume/", "aws:RequestTag/jit-runners:deployment"),
    ("ec2:CreateTags", "", "ec2:CreateAction"),
    ("ec2:TerminateInstances", "", "aws:ResourceTag/jit-runners:deployment"),
    ("iam:PassRole", "", "iam:PassedToService"),
];

/// Checks that each function has its policy, and each policy.
pub(super) fn check(_: &Workspace, tree: &Tree, findings: &mut Findings) {
    check_tree(tree, findings);
}

fn check_tree(tree: &Tree, findings: &mut Findings) {
    for function in FUNCTIONS {
        let path = format!("{FOLDER}/{function}.json");
        match tree.text(&path).map(serde_json::from_str::<Value>) {
            Some(Ok(policy)) => check_policy(&path, function, &policy, findings),
            Some(Err(error)) => findings.file(&path, format!("is not JSON: {error}"), "mend it"),
            None => findings.file(&path, "is missing", "write what the function calls, and no more"),
        }
    }
    let known: BTreeSet<String> =
        FUNCTIONS.iter().map(|function| format!("{FOLDER}/{function}.json")).collect();
    for path in tree.paths(FOLDER).filter(|path| path.ends_with(".json") && !known.contains(*path)) {
        findings.file(
            path,
            "is a policy of none of the functions",
            "remove it, or name it like its function",
        );
    }
}

fn check_policy(path: &str, function: &str, policy: &Value, findings: &mut Findings) {
    let mut fault = |what: String, remedy: &str| findings.file(path, what, remedy);
    if policy["Version"] != "2012-10-17" {
        fault("has another version of the language".into(), "write \"Version\": \"2012-10-17\"");
    }
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    if statements.is_empty() {
        fault("allows nothing".into(), "write its statements as a list");
    }
    let mut seen = BTreeSet::new();
    for statement in statements {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !seen.insert(sid) {
            fault(
                format!("a statement is called `{sid}`"),
                "give each a name of its own that says why it is there",
            );
        }
        for (what, remedy) in statement_faults(function, statement) {
            fault(format!("{sid}: {what}"), remedy);
        }
    }
    for name in placeholders(&policy.to_string()).filter(|name| !PLACEHOLDERS.contains(&name.as_str())) {
        fault(format!("has the placeholder `{name}`"), "use one that infra/aws/policies/README.md names");
    }
}

fn statement_faults(function: &str, statement: &Value) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    let keys = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let fields = statement.as_object().into_iter().flatten();
    for (name, _) in fields.filter(|(name, _)| !keys.contains(&name.as_str())) {
        faults.push((format!("has `{name}`"), "say what is allowed, by action and resource"));
    }
    if statement["Effect"] != "Allow" {
        faults.push(("does not allow".into(), "leave out what is not allowed; everything else is denied"));
    }
    let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
    if actions.is_empty() || resources.is_empty() {
        faults.push(("lists no action or no resource".into(), "write both as lists of texts"));
    }
    for action in &actions {
        let is_exact = action.split_once(':').is_some_and(|(service, name)| {
            !service.is_empty() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !is_exact {
            faults.push((format!("allows `{action}`"), "name each action"));
        }
        let owners = ONLY.iter().find(|(only, _)| only == action).map(|(_, owners)| *owners);
        if owners.is_some_and(|owners| !owners.contains(&function)) {
            faults.push((format!("lets {function} do `{action}`"), "that is another function's part"));
        }
        faults.extend(resources.iter().filter_map(|resource| resource_fault(action, resource)));
        faults.extend(resources.iter().filter_map(|resource| missing_condition(action, resource, statement)));
    }
    if function == "webhook" && actions.iter().any(|action| *action != "sqs:SendMessage") {
        faults.push(("lets webhook do more than send".into(), "webhook faces the world and only enqueues"));
    }
    faults
}

/// A resource is of the action's service, and everything of a kind only where `*` stands for ids that nobody knows before.
fn resource_fault(action: &str, resource: &str) -> Option<(String, &'static str)> {
    let service = action.split(':').next().unwrap_or_default();
    if resource == "*" {
        let is_needed = WITHOUT_RESOURCES.contains(&action);
        return (!is_needed).then(|| (format!("`{action}` is for every resource"), "name the resources"));
    }
    let Some(rest) = resource.strip_prefix("arn:${Partition}:").and_then(|rest| rest.strip_prefix(service))
    else {
        return Some((
            format!("`{resource}` is none of {service}"),
            "begin with arn:${Partition}:<service>:",
        ));
    };
    let is_id = service == "ec2" && rest.ends_with("/*") && rest.matches('*').count() == 1;
    (rest.contains('*') && !is_id)
        .then(|| (format!("`{resource}` is more than it needs"), "name the resource"))
}

fn missing_condition(action: &str, resource: &str, statement: &Value) -> Option<(String, &'static str)> {
    let needed = |(of, kind, _): &&(&str, &str, &str)| *of == action && resource.contains(kind);
    let (_, _, key) = CONDITIONS.iter().find(needed)?;
    let has = statement["Condition"]["StringEquals"].get(key).is_some_and(Value::is_string);
    let remedy = "add the condition under StringEquals";
    (!has).then(|| (format!("`{action}` on `{resource}` has no condition on `{key}`"), remedy))
}

fn texts(list: &Value) -> Vec<&str> {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    if texts.len() == all.len() { texts } else { Vec::new() }
}

fn placeholders(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn tree(changed: &str, text: &str) -> Findings {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let whole = Tree::read(root).unwrap();
        let mut files: BTreeMap<&str, &str> = whole.texts(FOLDER).collect();
        files.insert(changed, text);
        let files: Vec<(&str, &str)> = files.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        let mut findings = Findings::default();
        check_tree(&Tree::of(&files), &mut findings);
        findings
    }

    fn faults(function: &str, statement: Value) -> Vec<String> {
        let mut findings = Findings::default();
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        check_policy("x.json", function, &policy, &mut findings);
        findings.faults.into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn the_shipped_policies_are_sound_and_each_function_has_one() {
        assert_eq!(tree("infra/aws/policies/notes.txt", "").faults, []);
        assert_eq!(tree("infra/aws/policies/scaleup.json", "").faults.len(), 1);
        assert_eq!(tree("infra/aws/policies/scaleup.json", "{").faults.len(), 1);
        assert_eq!(tree("infra/aws/policies/everybody.json", "{}").faults.len(), 1);
    }

    #[test]
    fn what_is_too_much_is_told() {
        let instances = "arn:${Partition}:ec2:${Region}:${Account}:instance/*";
        let tag = json!({ "StringEquals": { "aws:ResourceTag/jit-runners:deployment": "${Deployment}" } });
        let sound = json!({
            "Sid": "Why", "Effect": "Allow", "Action": ["ec2:TerminateInstances"], "Resource": [instances],
            "Condition": tag,
        });
        let with = |name: &str, value: Value| {
            let mut statement = sound.clone();
            statement[name] = value;
            statement
        };
        assert_eq!(faults("lifecycle", sound.clone()), [""; 0]);
        for (function, statement) in [
            ("rebalancer", sound.clone()),
            ("lifecycle", with("Condition", json!({}))),
            ("lifecycle", with("Condition", json!({ "StringLike": tag["StringEquals"] }))),
            ("lifecycle", with("Effect", json!("Deny"))),
            ("lifecycle", with("Sid", json!("no name"))),
            ("lifecycle", with("Resource", json!(["*"]))),
            ("lifecycle", with("Resource", json!(instances))),
            ("lifecycle", with("Resource", json!(["arn:${Partition}:ec2:*:${Account}:instance/*"]))),
            ("lifecycle", with("Resource", json!(["arn:${Partition}:sqs:${Region}:${Account}:q"]))),
            ("lifecycle", with("Resource", json!(["arn:${Cloud}:ec2:${Region}:${Account}:instance/*"]))),
            ("lifecycle", with("Action", json!(["ec2:*"]))),
            ("lifecycle", with("Action", json!(["ec2:Terminate*"]))),
            ("lifecycle", with("Action", json!([]))),
            ("lifecycle", with("NotAction", json!(["ec2:RunInstances"]))),
            ("webhook", with("Action", json!(["ec2:DescribeImages"]))),
        ] {
            assert!(!faults(function, statement.clone()).is_empty(), "{function}: {statement}");
        }
    }

    #[test]
    fn what_a_launch_makes_needs_the_tag_and_what_it_uses_does_not() {
        let launch = |kind: &str| {
            let resource = format!("arn:${{Partition}}:ec2:${{Region}}:${{Account}}:{kind}/*");
            json!({ "Sid": "Why", "Effect": "Allow", "Action": ["ec2:RunInstances"], "Resource": [resource] })
        };
        assert_eq!(faults("scaleup", launch("subnet")).len(), 0);
        assert_eq!(faults("scaleup", launch("instance")).len(), 1);
        assert_eq!(faults("scaleup", launch("volume")).len(), 1);
    }
}
