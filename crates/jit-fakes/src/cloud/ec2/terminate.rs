//! TerminateInstances.
//! Not in it: ends that EC2 or the instance bring about; see `ec2`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>

use http::Response;
use jiff::Timestamp;

use super::record::{EndReason, InstanceState};
use super::{Ec2, reply};
use crate::cloud::error::ApiError;
use crate::cloud::query::Query;

const KNOWN: &[&str] = &["Action", "Version", "DryRun", "InstanceId.N"];

/// The reference allows up to 1000 ids, and recommends smaller batches.
const IDS_MAX: usize = 1000;

impl Ec2 {
    pub(crate) fn terminate_instances(
        &mut self,
        region: &str,
        query: &Query,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, ApiError> {
        query.only(KNOWN)?;
        let ids = query.list("InstanceId");
        if ids.is_empty() {
            return Err(ApiError::missing("InstanceId"));
        }
        if ids.len() > IDS_MAX {
            return Err(ApiError::bad("InvalidParameterValue", "Too many instance IDs in one request"));
        }
        if query.flag("DryRun")? {
            return Err(super::dry_run());
        }
        // One wrong id, and none is terminated.
        let ordinals = self.named(region, &ids, now)?;
        let count = u32::try_from(ordinals.len()).unwrap_or(u32::MAX);
        if !self.bucket(region, "TerminateInstances.resources", now).take(count, now) {
            return Err(ApiError::throttled());
        }
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
        Ok(reply::changes(&rows, request_id))
    }

    fn state_of(&self, ordinal: u64, now: Timestamp) -> InstanceState {
        self.instances.get(&ordinal).map_or(InstanceState::Terminated, |instance| instance.state_at(now))
    }
}
