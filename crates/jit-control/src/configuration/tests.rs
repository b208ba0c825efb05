//! Tests of the configuration as a whole: each fault with its line, many at once, and files that are right.
//! Rules of a single value are tested here too, as each is a fault of a file; durations and near words are tested beside their code.

mod disk;
mod faults;
mod valid;

use super::Fault;

/// A file with every key that is required and nothing else.
const SMALL: &str = r#"
[deployment]
name = "test"

[agent]
version = "2.336.0"

[[pool]]
name = "small"
labels = ["self-hosted", "linux"]

[pool.caps]
instances = 10

[[pool.offering]]
region = "us-east-1"
subnets = ["subnet-0123456789abcdef0"]
machine_types = ["c6i.xlarge", "c6a.xlarge"]

[[pool.image]]
region = "us-east-1"
id = "ami-0123456789abcdef0"
kind = "baked"

[pool.machine]
instance_profile = "arn:aws:iam::123456789012:instance-profile/runner"
"#;

/// The small file with one part replaced.
fn with(part: &str, by: &str) -> String {
    assert_eq!(SMALL.matches(part).count(), 1, "{part} stands once in the small file");
    SMALL.replacen(part, by, 1)
}

/// The faults of a text that has some.
fn faults(text: &str) -> Vec<Fault> {
    super::parse(text).expect_err("the text has faults")
}
