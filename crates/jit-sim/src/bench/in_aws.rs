//! The bench's configuration with records and messages in AWS, in the account and the first region that it launches in.
//! Not here: the table and the queues, which every such world has (`world/storage.rs`).

use anyhow::{Context as _, Result, anyhow, ensure};
use jit_control::configuration;
use jit_domain::policy::Policy;

/// The line that keeps records and messages in the host's store.
const IN_THE_HOST: &str = "backend = \"key-value\"";

/// Moves records and messages of a configuration to AWS. Returns its text with what it means.
///
/// # Errors
/// The text is no valid configuration that keeps them in the host's store, or it launches nowhere in AWS.
pub fn in_aws(text: &str) -> Result<(String, Policy)> {
    let parse = |text: &str| configuration::parse(text).map_err(|faults| anyhow!("{faults:?}"));
    let policy = parse(text)?;
    let role = policy.pools.iter().find_map(|pool| pool.machine.runner_role());
    let (account, _) = role.context("the configuration names no instance profile")?;
    let (_, region) = policy.regions().into_iter().next().context("the configuration names no region")?;
    let found = text.lines().filter(|line| *line == IN_THE_HOST).count();
    ensure!(found == 1, "the configuration has {found} lines `{IN_THE_HOST}`, not one");
    let place = format!("backend = \"aws\"\nregion = \"{}\"\naccount = \"{account}\"", region.as_str());
    let text = text.replace(IN_THE_HOST, &place);
    let policy = parse(&text)?;
    Ok((text, policy))
}

#[cfg(test)]
mod tests {
    use jit_domain::policy::Storage;

    use super::*;

    #[test]
    fn the_shipped_configuration_can_be_moved_to_aws_once() {
        let (text, policy) = in_aws(include_str!("../../../../config/jit-runners.toml")).unwrap();
        let Storage::Aws(place) = &policy.storage else { panic!("{:?}", policy.storage) };
        assert_eq!((place.region.as_str(), place.account.as_str()), ("us-east-1", "123456789012"));
        assert!(in_aws(&text).unwrap_err().to_string().contains("0 lines"));
    }
}
