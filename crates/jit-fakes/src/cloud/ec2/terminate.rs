//! TerminateInstances.
//! Not in it: ends that EC2 or the instance bring about; see `ec2`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>

use jiff::Timestamp;

use super::record::{EndReason, InstanceState};
use super::{Ec2, check_dry_run, reply};
use crate::cloud::error::ApiError;
use crate::cloud::pipeline::Call;
use crate::cloud::xml::Xml;

const KNOWN: &[&str] = &["Action", "Version", "DryRun", "InstanceId.N"];

/// The reference allows up to 1000 ids, and recommends smaller batches.
const IDS_MAX: usize = 1000;

impl Ec2 {
    pub(super) fn terminate_instances(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        let now = call.now;
        call.query.only(KNOWN)?;
        let ids = call.query.list("InstanceId");
        if ids.is_empty() {
            return Err(ApiError::missing("InstanceId"));
        }
        if ids.len() > IDS_MAX {
            return Err(ApiError::bad("InvalidParameterValue", "Too many instance IDs in one request"));
        }
        check_dry_run(call)?;
        // One wrong id, and none is terminated.
        let ordinals = self.named(&call.region, &ids, now)?;
        let count = u32::try_from(ordinals.len()).unwrap_or(u32::MAX);
        self.take(call, "TerminateInstances.resources", count)?;
        let mut rows = Vec::new();
        for ordinal in ordinals {
            let before = self.state_of(ordinal, now);
            self.end(ordinal, now, EndReason::Terminated);
            let after = self.state_of(ordinal, now);
            if let Some(instance) = self.instances.get(&ordinal) {
                rows.push((instance.id.clone(), before, after));
            }
        }
        self.advance(now);
        Ok(reply::changes(call, &rows))
    }

    fn state_of(&self, ordinal: u64, now: Timestamp) -> InstanceState {
        self.instances.get(&ordinal).map_or(InstanceState::Terminated, |instance| instance.state_at(now))
    }
}
