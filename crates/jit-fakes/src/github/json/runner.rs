//! Runners and their groups' names.

use serde_json::{Value, json};

use super::super::GitHub;
use super::super::ids::GroupId;
use super::super::runner::{Runner, Scope};

impl GitHub {
    /// `runner`.
    pub(in super::super) fn runner_json(&self, runner: &Runner) -> Value {
        let online = self.is_online(runner) && !runner.stuck;
        let labels = runner.labels.iter().map(|label| {
            // Numbers of labels mean nothing to anybody; equal labels share one.
            let id = label.bytes().fold(7_u32, |id, byte| id.wrapping_mul(31) ^ u32::from(byte));
            json!({ "id": id, "name": label, "type": "custom" })
        });
        json!({
            "id": runner.id,
            "name": runner.name,
            "os": if runner.connected_at.is_some() { "Linux" } else { "unknown" },
            "status": if online { "online" } else { "offline" },
            "busy": runner.is_busy(),
            "ephemeral": true,
            "runner_group_id": runner.group,
            "labels": labels.collect::<Vec<_>>(),
        })
    }

    pub(in super::super) fn group_name(&self, scope: Scope, group: GroupId) -> &str {
        match scope {
            Scope::Organization(organization) => {
                self.accounts.groups.get(&(organization, group)).map_or("", |group| group.name.as_str())
            }
            Scope::Repository(_) => "Default",
        }
    }
}
