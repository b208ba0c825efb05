//! The page that takes a reader to a deployment (`docs/getting-started-spin.md`), held against the code that its blocks are for: the
//! configuration parses, and the table is the ledger's.
//! Not here: its shell commands as such, which xtask runs.

use std::collections::BTreeMap;

use jit_control::configuration;
use jit_control::ledger::dynamodb::table;
use jit_domain::policy::{ImageKind, Storage};
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("../../../docs/getting-started-spin.md");
const CONFIGURATION: &str = include_str!("../../../config/jit-runners.toml");
const POLICY: &str = include_str!("../../../infra/aws/policies/README.md");

/// The page's fenced blocks in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("\n```{language}\n");
    PAGE.split(opening.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(text, _)| text))
        .collect()
}

/// The lines of a file from a header to the next one.
fn section<'t>(text: &'t str, header: &str) -> &'t str {
    let start = text.find(&format!("\n{header}\n")).expect("the header is there") + 1;
    let rest = &text[start + header.len()..];
    let length = rest.find("\n[").unwrap_or(rest.len());
    &text[start..start + header.len() + length]
}

#[test]
fn the_configuration_with_the_pages_blocks_in_it_is_valid() {
    let blocks = blocks("toml");
    assert_eq!(blocks.len(), 3);
    let mut text = CONFIGURATION.to_owned();
    for block in blocks {
        let header = block.lines().next().expect("a block has a line");
        let known = section(CONFIGURATION, header).to_owned();
        // Comments that stand before the next header stay out of it, as they would if a person replaced the section.
        text = text.replace(&known, &format!("{block}\n"));
    }
    let policy = configuration::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    let Storage::Aws(place) = &policy.storage else { panic!("records are in {:?}", policy.storage) };
    assert_eq!((place.region.as_str(), place.name.as_str()), ("us-east-1", "jit-runners"));
    let image = &policy.pools[0].images[0].image;
    assert_eq!(image.kind, ImageKind::Stock);
    let parameter = image.id.as_str().strip_prefix("resolve:ssm:").expect("it is a parameter's name");
    assert!(PAGE.contains(&format!("\nimage_parameter={parameter}\n")), "scaleup may read that one");
    assert!(POLICY.contains("needs `ssm:GetParameter` on that parameter for scaleup"));
    assert!(policy.agent.download.is_some(), "a stock image downloads the agent");
}

/// The words of a shell command that begins with `start`, without quotes; lines that end in a backslash go on.
fn words(start: &str) -> Vec<String> {
    let page = PAGE.replace("\\\n", " ");
    let line = page.lines().find(|line| line.starts_with(start)).expect("the page has the command");
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ' ' => words.push(std::mem::take(&mut word)),
            None => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The options of a command, each with its values.
fn options(words: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut options: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for word in words {
        match word.strip_prefix("--") {
            Some(name) => current = name,
            None => options.entry(current).or_default().push(word),
        }
    }
    options
}

/// AWS's shorthand, `a=b,c=[{d=e}],f={g=h}`, as JSON.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html>
fn shorthand(text: &str) -> Value {
    let (value, rest) = fields(text);
    assert_eq!(rest, "", "{text}");
    value
}

fn fields(mut text: &str) -> (Value, &str) {
    let mut map = Map::new();
    loop {
        let (name, rest) = text.split_once('=').expect("a name and a value");
        let (value, rest) = value(rest);
        map.insert(name.to_owned(), value);
        match rest.strip_prefix(',') {
            Some(next) => text = next,
            None => return (Value::Object(map), rest),
        }
    }
}

fn value(text: &str) -> (Value, &str) {
    if let Some(mut rest) = text.strip_prefix('[') {
        let mut list = Vec::new();
        loop {
            let (item, after) = value(rest);
            list.push(item);
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => return (Value::Array(list), after.strip_prefix(']').expect("a list ends")),
            }
        }
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (map, rest) = fields(rest);
        return (map, rest.strip_prefix('}').expect("a map ends"));
    }
    let end = text.find([',', ']', '}']).unwrap_or(text.len());
    let word = match &text[..end] {
        "true" => json!(true),
        word => json!(word),
    };
    (word, &text[end..])
}

#[test]
fn the_pages_table_is_the_ledgers() {
    let made = words("aws dynamodb create-table ");
    let made = options(&made);
    let list = |name: &str| Value::Array(made[name].iter().map(|text| shorthand(text)).collect());
    let definition = json!({
        "TableName": made["table-name"][0],
        "BillingMode": made["billing-mode"][0],
        "AttributeDefinitions": list("attribute-definitions"),
        "KeySchema": list("key-schema"),
        "LocalSecondaryIndexes": list("local-secondary-indexes"),
    });
    assert_eq!(definition, table::create_table("$name"));

    let set = words("aws dynamodb update-time-to-live ");
    let set = options(&set);
    let specification = shorthand(set["time-to-live-specification"][0]);
    let asked = json!({ "TableName": set["table-name"][0], "TimeToLiveSpecification": specification });
    assert_eq!(asked, table::time_to_live("$name"));
}

#[test]
fn the_pages_queues_are_the_components() {
    let queues: Vec<String> = [
        "create-queue --region \"$region\" --queue-name \"$name-$queue\"\n",
        "--queue-name \"$name-$queue-dead\" ",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    for queue in queues {
        assert!(PAGE.contains(&queue), "{queue}");
    }
    let names =
        [jit_control::queue::QueueName::Jobs, jit_control::queue::QueueName::Lifecycle].map(|q| q.as_str());
    assert!(PAGE.contains(&format!("\nfor queue in {}; do\n", names.join(" "))));
}
