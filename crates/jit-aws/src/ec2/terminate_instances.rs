//! TerminateInstances, in batches.
//!
//! Not here: which instances, and what to do about an unknown id beyond naming it ([`Ec2Error::NotFound`]).
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>

use std::collections::BTreeSet;

use http::{Request, Response};
use serde::Deserialize;

use super::instance::{InstanceId, InstanceState, ItemSet, StateItem};
use super::{Ec2Error, VERSION};
use crate::endpoint::Endpoint;
use crate::form::Form;

/// The most ids in one request; EC2 allows 1,000 and advises small batches, and one unknown id fails its whole batch.
pub const TERMINATE_IDS_MAX: usize = 100;

/// One request to terminate 1 to 100 instances; made by [`TerminateInstances::batches`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminateInstances {
    ids: Vec<InstanceId>,
}

/// What a terminate request did to one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    /// The instance.
    pub id: InstanceId,
    /// Its state before; `terminated` when it had ended already, which is a success too.
    pub previous: InstanceState,
    /// Its state now.
    pub current: InstanceState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    instances_set: ItemSet<TerminationItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TerminationItem {
    instance_id: String,
    previous_state: StateItem,
    current_state: StateItem,
}

impl TerminationItem {
    fn read(self) -> Option<Termination> {
        let id = InstanceId::parse(&self.instance_id)?;
        Some(Termination { id, previous: self.previous_state.read(), current: self.current_state.read() })
    }
}

impl TerminateInstances {
    /// Spreads instances over as few requests as possible, in the order of their ids, each id once; no ids, no requests.
    ///
    /// ```
    /// use jit_aws::ec2::{InstanceId, TerminateInstances};
    /// let ids = (0..250).filter_map(|n| InstanceId::parse(&format!("i-{n:017x}")));
    /// assert_eq!(TerminateInstances::batches(ids).len(), 3);
    /// ```
    #[must_use]
    pub fn batches(ids: impl IntoIterator<Item = InstanceId>) -> Vec<Self> {
        let ids: Vec<InstanceId> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        ids.chunks(TERMINATE_IDS_MAX).map(|ids| Self { ids: ids.to_vec() }).collect()
    }

    /// Returns the instances that the request names.
    #[must_use]
    pub fn ids(&self) -> &[InstanceId] {
        &self.ids
    }

    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let mut form = Form::new("TerminateInstances", VERSION);
        form.push_list("InstanceId", self.ids.iter().map(InstanceId::as_str));
        form.into_request(endpoint)
    }

    /// Reads the reply: what became of each instance.
    ///
    /// # Errors
    /// [`Ec2Error`]. After [`Ec2Error::NotFound`] none of the batch was terminated: take out the ids that it names, and send
    /// the rest again. After a refusal because of termination protection, instances in other zones were.
    ///
    /// ```
    /// use jit_aws::ec2::{InstanceState, TerminateInstances};
    /// let body = "<TerminateInstancesResponse><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId>\
    ///             <currentState><code>32</code><name>shutting-down</name></currentState>\
    ///             <previousState><code>16</code><name>running</name></previousState>\
    ///             </item></instancesSet></TerminateInstancesResponse>";
    /// let terminations = TerminateInstances::parse(&http::Response::new(body.into()))?;
    /// assert_eq!(terminations[0].current, InstanceState::ShuttingDown);
    /// # Ok::<(), jit_aws::ec2::Ec2Error>(())
    /// ```
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Vec<Termination>, Ec2Error> {
        let reply: Reply = Ec2Error::check(response, "TerminateInstancesResponse")?;
        let terminations: Option<Vec<Termination>> =
            reply.instances_set.items.into_iter().map(TerminationItem::read).collect();
        terminations
            .ok_or_else(|| Ec2Error::unreadable(response, "the reply names an instance that cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Region, Service};

    fn id(number: u32) -> InstanceId {
        InstanceId::parse(&format!("i-{number:017x}")).unwrap()
    }

    #[test]
    fn every_result_is_read_for_itself() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
            <TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
              <requestId>r</requestId>
              <instancesSet>
                <item><instanceId>i-00000000000000001</instanceId>
                  <currentState><code>32</code><name>shutting-down</name></currentState>
                  <previousState><code>16</code><name>running</name></previousState></item>
                <item><instanceId>i-00000000000000002</instanceId>
                  <currentState><code>48</code><name>terminated</name></currentState>
                  <previousState><code>48</code><name>terminated</name></previousState></item>
              </instancesSet>
            </TerminateInstancesResponse>"#;
        let terminations = TerminateInstances::parse(&Response::new(body.into())).unwrap();
        let expected = [
            Termination { id: id(1), previous: InstanceState::Running, current: InstanceState::ShuttingDown },
            Termination {
                id: id(2),
                previous: InstanceState::Terminated,
                current: InstanceState::Terminated,
            },
        ];
        assert_eq!(terminations, expected);
    }

    #[test]
    fn the_request_names_each_id() {
        let endpoint = Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap());
        let batches = TerminateInstances::batches([id(2), id(1), id(2)]);
        assert_eq!(batches.len(), 1);
        let expected = "Action=TerminateInstances&Version=2016-11-15\
                        &InstanceId.1=i-00000000000000001&InstanceId.2=i-00000000000000002";
        assert_eq!(batches[0].request(&endpoint).body(), expected.as_bytes());
    }

    proptest! {
        #[test]
        fn every_id_is_in_exactly_one_batch(numbers in prop::collection::vec(0_u32..2_000, 0..500)) {
            let batches = TerminateInstances::batches(numbers.iter().copied().map(id));
            let batched: Vec<InstanceId> = batches.iter().flat_map(|batch| batch.ids().to_vec()).collect();
            let unique: BTreeSet<InstanceId> = numbers.iter().copied().map(id).collect();
            prop_assert_eq!(batched, unique.into_iter().collect::<Vec<_>>());
            prop_assert!(batches.iter().all(|batch| (1..=TERMINATE_IDS_MAX).contains(&batch.ids().len())));
        }
    }
}
