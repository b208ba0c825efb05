//! A configuration that keeps records and messages on the host, moved to AWS.
//! Not here: the table and the queues: every such world has them (`world/storage.rs`), and moto gets them (`moto/stores.rs`).

use anyhow::{Context as _, Result, anyhow, ensure};
use jit_control::configuration;
use jit_domain::policy::Policy;

/// The line that keeps records and messages in the host's store.
pub(crate) const IN_THE_HOST: &str = "backend = \"key-value\"";

/// Moves records and messages to the account and the first region that the configuration launches in. Returns its text with
/// what it means.
///
/// # Errors
/// The text is no valid configuration that keeps them in the host's store, or it launches nowhere in AWS.
pub fn in_aws(text: &str) -> Result<(String, Policy)> {
    let policy = parse(text)?;
    let role = policy.pools.iter().find_map(|pool| pool.machine.runner_role());
    let (account, _) = role.context("the configuration names no instance profile")?;
    let (_, region) = policy.regions().into_iter().next().context("the configuration names no region")?;
    move_to(text, region.as_str(), account)
}

/// Moves records and messages to an account's region.
///
/// # Errors
/// The text does not say once that they are in the host's store, or what comes out is no valid configuration.
pub(crate) fn move_to(text: &str, region: &str, account: &str) -> Result<(String, Policy)> {
    let found = text.lines().filter(|line| *line == IN_THE_HOST).count();
    ensure!(found == 1, "the configuration has {found} lines `{IN_THE_HOST}`, not one");
    let place = format!("backend = \"aws\"\nregion = \"{region}\"\naccount = \"{account}\"");
    let text = text.replace(IN_THE_HOST, &place);
    let policy = parse(&text)?;
    Ok((text, policy))
}

fn parse(text: &str) -> Result<Policy> {
    configuration::parse(text).map_err(|faults| anyhow!("{faults:?}"))
}

#[cfg(test)]
mod tests {
    use jit_domain::policy::Storage;

    use super::*;

    #[test]
    fn the_shipped_configuration_can_be_moved_to_aws_once() {
        let (text, policy) = in_aws(include_str!("../../../config/jit-runners.toml")).unwrap();
        let Storage::Aws(place) = &policy.storage else { panic!("{:?}", policy.storage) };
        assert_eq!((place.region.as_str(), place.account.as_str()), ("us-east-1", "123456789012"));
        assert!(in_aws(&text).unwrap_err().to_string().contains("0 lines"));
    }
}
