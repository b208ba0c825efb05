//! Whether a whole policy allows a request, with its resources and conditions, which moto does not judge. It knows the actions that
//! the components call, and of the language what the shipped policies use; anything else is not allowed.
//! Not here: signatures, and the list of actions, which moto judges.
//!
//! What an action needs is from AWS's reference, read 2026-11-22:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>, and for the tags of a launch
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>.

pub(super) mod stores;

use std::collections::BTreeMap;

use serde_json::Value;

/// The tags of instances, by id.
pub(super) type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// The fields of a request in EC2's form, by name.
pub(super) type Form = BTreeMap<String, String>;

/// A right that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    action: String,
    resource: String,
    /// What conditions can look at.
    keys: BTreeMap<String, String>,
}

impl Need {
    /// The action that has to be allowed.
    pub(super) fn action(&self) -> &str {
        &self.action
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

/// Reads a form.
pub(super) fn form(body: &[u8]) -> Form {
    url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The rights that a request to EC2 or STS needs; none for an action that nothing is known of.
pub(super) fn needs(
    action: &str,
    form: &Form,
    region: &str,
    account: &str,
    tags: &Tags,
) -> Option<Vec<Need>> {
    let arn = |kind: &str, id: &str| format!("arn:aws:ec2:{region}:{account}:{kind}/{id}");
    Some(match action {
        // Nobody can be denied it.
        "GetCallerIdentity" => Vec::new(),
        "DescribeInstances" => vec![need("ec2:DescribeInstances", "*".to_owned(), BTreeMap::new())],
        "TerminateInstances" => list(form, "InstanceId.")
            .map(|id| {
                let of = tags.get(id).into_iter().flatten();
                let keys = of.map(|(name, value)| (format!("aws:ResourceTag/{name}"), value.clone()));
                need("ec2:TerminateInstances", arn("instance", id), keys.collect())
            })
            .collect(),
        "RunInstances" => launch(form, region, arn),
        _ => return None,
    })
}

/// Whether some statement allows it. Conditions are those of `StringEquals`; a key that the request does not have fails.
pub(super) fn allows(policy: &Value, need: &Need) -> bool {
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    statements.iter().any(|statement| {
        let has = |field: &str, fits: &dyn Fn(&str) -> bool| {
            let list = statement[field].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(Value::as_str).any(fits)
        };
        statement["Effect"] == "Allow"
            && has("Action", &|action| action == need.action)
            && has("Resource", &|pattern| matches(pattern, &need.resource))
            && holds(statement.get("Condition"), &need.keys)
    })
}

/// All actions that a policy names, on whatever resource.
pub(super) fn actions(policy: &Value) -> impl Iterator<Item = &str> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements
        .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
}

/// The tags that a launch gives to a kind of what it makes.
pub(super) fn launch_tags(form: &Form, kind: &str) -> BTreeMap<String, String> {
    let named = |(name, value): (&String, &String)| {
        let specification = name.strip_suffix(".ResourceType")?;
        (value == kind && specification.starts_with("TagSpecification."))
            .then(|| format!("{specification}.Tag."))
    };
    let mut tags = BTreeMap::new();
    for prefix in form.iter().filter_map(named) {
        for (name, key) in form.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix)) {
            if let Some(value) = name.strip_suffix(".Key").and_then(|tag| form.get(&format!("{tag}.Value"))) {
                tags.insert(key.clone(), value.clone());
            }
        }
    }
    tags
}

/// A launch: what it uses, what it makes with its tags, and the role that it passes.
fn launch(form: &Form, region: &str, arn: impl Fn(&str, &str) -> String) -> Vec<Need> {
    let run = |resource: String, keys| need("ec2:RunInstances", resource, keys);
    let used = |kind: &str, id: &str| run(arn(kind, id), BTreeMap::new());
    let field = |name: &str| form.get(name).map(String::as_str);
    let mut needs = vec![used("network-interface", "*")];
    // An image may belong to anybody, so its name has no account.
    needs
        .extend(field("ImageId").map(|id| run(format!("arn:aws:ec2:{region}::image/{id}"), BTreeMap::new())));
    needs.extend(field("SubnetId").map(|id| used("subnet", id)));
    needs.extend(list(form, "SecurityGroupId.").map(|id| used("security-group", id)));
    for kind in ["instance", "volume"] {
        let tags = launch_tags(form, kind);
        let mut keys: BTreeMap<_, _> =
            tags.iter().map(|(name, value)| (format!("aws:RequestTag/{name}"), value.clone())).collect();
        if !tags.is_empty() {
            let mut keys = keys.clone();
            keys.insert("ec2:CreateAction".to_owned(), "RunInstances".to_owned());
            needs.push(need("ec2:CreateTags", arn(kind, "*"), keys));
        }
        if let Some(tokens) = field("MetadataOptions.HttpTokens").filter(|_| kind == "instance") {
            keys.insert("ec2:MetadataHttpTokens".to_owned(), tokens.to_owned());
        }
        needs.push(run(arn(kind, "*"), keys));
    }
    // The role in a profile of ours has the profile's name.
    needs.extend(field("IamInstanceProfile.Arn").map(|profile| {
        let keys = [("iam:PassedToService".to_owned(), "ec2.amazonaws.com".to_owned())];
        need("iam:PassRole", profile.replace(":instance-profile/", ":role/"), keys.into())
    }));
    needs
}

fn need(action: &str, resource: String, keys: BTreeMap<String, String>) -> Need {
    Need { action: action.to_owned(), resource, keys }
}

/// The values of a numbered list.
fn list<'a>(form: &'a Form, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let numbered = move |name: &str| {
        name.strip_prefix(prefix).is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    form.iter().filter(move |(name, _)| numbered(name)).map(|(_, value)| value.as_str())
}

/// Whether a pattern, whose stars stand for any text, is the resource.
fn matches(pattern: &str, resource: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == resource,
        Some((start, rest)) => resource.strip_prefix(start).is_some_and(|left| {
            left.char_indices().map(|(at, _)| &left[at..]).chain([""]).any(|end| matches(rest, end))
        }),
    }
}

fn holds(condition: Option<&Value>, keys: &BTreeMap<String, String>) -> bool {
    let Some(condition) = condition else { return true };
    condition.as_object().is_some_and(|operators| {
        operators.iter().all(|(operator, tests)| {
            let test = |(key, wanted): (&String, &Value)| keys.get(key).is_some_and(|value| wanted == value);
            operator == "StringEquals" && tests.as_object().is_some_and(|tests| tests.iter().all(test))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moto::policy;

    pub(super) const ACCOUNT: &str = "123456789012";

    pub(super) fn shipped(component: &str) -> Value {
        let values = policy::values("us-east-1", ACCOUNT, "jit-runners", "jit-runners-runner");
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        policy::read(&root, component, &values).unwrap()
    }

    fn is_allowed(component: &str, action: &str, body: &str, tags: &Tags) -> bool {
        let policy = shipped(component);
        let needs = needs(action, &form(body.as_bytes()), "us-east-1", ACCOUNT, tags).unwrap();
        !needs.is_empty() && needs.iter().all(|need| allows(&policy, need))
    }

    const LAUNCH: &str = "ImageId=ami-1&SubnetId=subnet-1&SecurityGroupId.1=sg-1&MetadataOptions.HttpTokens=required\
        &IamInstanceProfile.Arn=arn:aws:iam::123456789012:instance-profile/jit-runners-runner\
        &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=jit-runners:deployment\
        &TagSpecification.1.Tag.1.Value=jit-runners&TagSpecification.2.ResourceType=volume\
        &TagSpecification.2.Tag.1.Key=jit-runners:deployment&TagSpecification.2.Tag.1.Value=jit-runners";

    #[test]
    fn scaleup_may_launch_what_is_tagged_safe_and_of_the_runner_role_and_nothing_else() {
        let may = |body: &str| is_allowed("scaleup", "RunInstances", body, &Tags::new());
        assert!(may(LAUNCH));
        for (from, to) in [
            ("HttpTokens=required", "HttpTokens=optional"),
            ("profile/jit-runners-runner", "profile/admin"),
            ("TagSpecification.1.Tag.1.Value=jit-runners", "TagSpecification.1.Tag.1.Value=other"),
            ("TagSpecification.2.Tag.1.Value=jit-runners", "TagSpecification.2.Tag.1.Value=other"),
            ("TagSpecification.2.Tag.1.Key=jit-runners:deployment", "TagSpecification.2.Tag.1.Key=Name"),
        ] {
            assert!(LAUNCH.contains(from) && !may(&LAUNCH.replace(from, to)), "{to}");
        }
        assert!(!is_allowed("lifecycle", "RunInstances", LAUNCH, &Tags::new()));
    }

    #[test]
    fn only_instances_of_this_deployment_may_be_terminated() {
        let tag = |value: &str| [("jit-runners:deployment".to_owned(), value.to_owned())].into();
        let tags = Tags::from([("i-1".to_owned(), tag("jit-runners")), ("i-2".to_owned(), tag("other"))]);
        let may = |component, body| is_allowed(component, "TerminateInstances", body, &tags);
        assert!(may("lifecycle", "InstanceId.1=i-1") && may("scaledown", "InstanceId.1=i-1"));
        assert!(!may("lifecycle", "InstanceId.1=i-1&InstanceId.2=i-2"));
        assert!(!may("lifecycle", "InstanceId.1=i-3"));
        assert!(!may("scaleup", "InstanceId.1=i-1"));
    }

    #[test]
    fn who_may_list_may_and_what_is_not_known_is_not_judged() {
        let may = |component| is_allowed(component, "DescribeInstances", "", &Tags::new());
        assert!(may("rebalancer") && may("scaledown") && !may("scaleup") && !may("webhook"));
        assert_eq!(needs("DeleteVpc", &Form::new(), "us-east-1", ACCOUNT, &Tags::new()), None);
        assert_eq!(
            needs("GetCallerIdentity", &Form::new(), "us-east-1", ACCOUNT, &Tags::new()),
            Some(vec![])
        );
    }

    #[test]
    fn a_star_stands_for_any_text_and_an_unknown_operator_for_no() {
        assert!(matches("*", "") && matches("a/*", "a/b") && matches("a*c", "abbc") && matches("a", "a"));
        assert!(!matches("a/*", "b/a/") && !matches("a*c", "abb") && !matches("", "a"));
        let keys = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        assert!(holds(Some(&serde_json::json!({ "StringEquals": { "k": "v" } })), &keys));
        assert!(!holds(Some(&serde_json::json!({ "StringLike": { "k": "v" } })), &keys));
        assert!(!holds(Some(&serde_json::json!({ "StringEquals": { "k": null } })), &BTreeMap::new()));
    }
}
