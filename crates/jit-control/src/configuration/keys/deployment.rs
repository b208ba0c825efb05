//! The tables about the deployment as a whole: `[deployment]`, `[agent]` and `[storage]`.

use jit_domain::ids::{InstallationId, Login, Region};
use jit_domain::policy::Paused;

use crate::configuration::form::{Flag, Integer, List, Text};
use crate::configuration::key::{Key, Table, Times, default, required};
use crate::configuration::shapes;

/// `[deployment]`.
pub(crate) static TABLE: Table = Table {
    name: "deployment",
    header: "[deployment]",
    times: Times::Once,
    meaning: "Says which deployment this is and whom it serves.",
    keys: &[&NAME, &RUNNER_PREFIX, &PAUSED, &SERVED_OWNERS, &SERVED_INSTALLATIONS],
    tables: &[],
};

pub(crate) static NAME: Key<Text<String>> = required(
    "name",
    shapes::NAME,
    "Tags everything that is launched; a sweep touches nothing that is tagged otherwise. \
     Two deployments in one cloud account need two names.",
);

pub(crate) static RUNNER_PREFIX: Key<Text<String>> = default(
    "runner_prefix",
    shapes::RUNNER_PREFIX,
    "\"jit\"",
    "Is the first part of each runner's name at GitHub.",
);

pub(crate) static PAUSED: Key<Flag<Paused>> = default(
    "paused",
    shapes::PAUSED,
    "false",
    "Stops launching everywhere; jobs wait, and what runs is served to its end.",
);

pub(crate) static SERVED_OWNERS: Key<List<Text<Login>>> = default(
    "served_owners",
    List { of: shapes::LOGIN, min: 0, max: 1000 },
    "[]",
    "Lists the organisations and users that are served; an empty list serves every owner.",
);

pub(crate) static SERVED_INSTALLATIONS: Key<List<Integer<InstallationId>>> = default(
    "served_installations",
    List { of: shapes::INSTALLATION, min: 0, max: 1000 },
    "[]",
    "Lists the installations of the GitHub App that are served; an empty list serves every installation.",
);

/// `[agent]`.
pub(crate) mod agent {
    use jit_domain::ids::Digest;

    use super::*;
    use crate::configuration::key::optional;

    pub(crate) static TABLE: Table = Table {
        name: "agent",
        header: "[agent]",
        times: Times::Once,
        meaning: "Names GitHub's runner program, which each instance runs. \
                  A stock image downloads it, so `url` and `sha256` are required as soon as one image is stock.",
        keys: &[&VERSION, &URL, &SHA256],
        tables: &[],
    };

    pub(crate) static VERSION: Key<Text<String>> = required(
        "version",
        shapes::AGENT_VERSION,
        "Is the version that instances run; baked images must hold the same.",
    );

    pub(crate) static URL: Key<Text<String>> = optional(
        "url",
        shapes::DOWNLOAD,
        "no download",
        "Is where a stock image downloads the agent; it belongs to `sha256`.",
    );

    pub(crate) static SHA256: Key<Text<Digest>> = optional(
        "sha256",
        shapes::SHA256,
        "no download",
        "Is the SHA-256 that the release page shows for that archive; \
         an instance whose download differs powers off before it asks for work.",
    );
}

/// `[storage]`.
pub(crate) mod storage {
    use super::*;
    use crate::configuration::form::Word;
    use crate::configuration::key::optional;
    use crate::configuration::shapes::Backend;

    pub(crate) static TABLE: Table = Table {
        name: "storage",
        header: "[storage]",
        times: Times::Once,
        meaning: "Says where records and messages are kept.",
        keys: &[&BACKEND, &REGION, &ACCOUNT, &NAME],
        tables: &[],
    };

    pub(crate) static BACKEND: Key<Word<Backend>> = default(
        "backend",
        shapes::BACKEND,
        "\"key-value\"",
        "Is the store; `key-value` is Spin's own, for one host, and `aws` a DynamoDB table with SQS queues, for any number of hosts.",
    );

    pub(crate) static REGION: Key<Text<Region>> =
        optional("region", shapes::REGION, "required with `aws`", "Is the region of table and queues.");

    pub(crate) static ACCOUNT: Key<Text<String>> = optional(
        "account",
        shapes::ACCOUNT,
        "required with `aws`",
        "Is the AWS account that owns the queues, as text.",
    );

    pub(crate) static NAME: Key<Text<String>> = optional(
        "name",
        shapes::NAME,
        "the deployment's name",
        "Is the table's name and the beginning of the queues' names: \
         `<name>-jobs`, `<name>-lifecycle`, and for messages that can never be used `<name>-jobs-dead` and `<name>-lifecycle-dead`.",
    );
}
