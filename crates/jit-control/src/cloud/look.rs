//! What a cloud says is there: all that is live, for the sweep; or the state of instances that we know, for the evidence.
//! Not here: what follows from it, and whether an empty answer is believed.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _};
use jit_aws::Endpoint;
use jit_aws::ec2::{DescribeInstances, Filter, Instance, InstanceId, InstanceState, PageSize};
use jit_domain::decide::rebalancer::CloudView;
use jit_domain::ids::{BatchId, ClassKey, Cloud, InstanceKey, Region};
use jit_domain::time::Timestamp;

use super::{CloudError, Clouds, aws_key};
use crate::effects::Effects;
use crate::limits;
use crate::time::domain_time;

/// An instance as a cloud lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its key.
    pub key: InstanceKey,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// The class in its tags.
    pub class: Option<ClassKey>,
    /// The batch in its tags.
    pub batch: Option<BatchId>,
    /// The try in its tags.
    pub try_n: Option<u32>,
}

/// What a look at known instances showed.
#[derive(Debug, Default)]
pub struct Look {
    /// Each instance of which something is known. Of the others nothing is.
    pub views: BTreeMap<InstanceKey, CloudView>,
    /// Why some are missing.
    pub errors: Vec<CloudError>,
}

/// The states of an instance that still runs, or may run again.
const LIVE: [InstanceState; 4] =
    [InstanceState::Pending, InstanceState::Running, InstanceState::Stopping, InstanceState::Stopped];

impl<E: Effects> Clouds<'_, '_, E> {
    /// All live instances of this deployment in a region; every page, or an error. Those that have ended are left out by
    /// the cloud: it shows them for an hour, and a busy hour has many.
    ///
    /// # Errors
    /// [`CloudError`]; a list that is not whole is an error, as absence from it would prove nothing.
    pub async fn live(
        &self,
        cloud: Cloud,
        region: &Region,
    ) -> Result<BTreeMap<InstanceKey, Seen>, CloudError> {
        match cloud {
            Cloud::Aws => {}
        }
        let endpoint = self.ec2(region)?;
        let ours = Filter::tag("jit-runners:deployment", [self.shell.policy.deployment.as_str()]);
        let mut live = BTreeMap::new();
        let filters = vec![ours, Filter::states(&LIVE)];
        self.pages(&endpoint, filters, |instance| {
            let key = aws_key(region, instance.id.as_str());
            if is_live(&instance.state) {
                live.insert(key.clone(), seen_of(key, instance));
            }
        })
        .await?;
        Ok(live)
    }

    /// What has become of instances that we know of. They are asked for by id, some at a time and several requests at once,
    /// so that neither others nor the ended ones of the last hour make the answer long.
    pub async fn look(&self, cloud: Cloud, region: &Region, known: &[InstanceId]) -> Look {
        match cloud {
            Cloud::Aws => {}
        }
        let endpoint = match self.ec2(region) {
            Ok(endpoint) => endpoint,
            Err(error) => return Look { errors: vec![error], ..Look::default() },
        };
        let looks = known.chunks(limits::LOOK_IDS_MAX).map(|ids| self.look_at(&endpoint, region, ids));
        let mut looks = std::pin::pin!(stream::iter(looks).buffer_unordered(limits::CALLS_AT_ONCE_MAX));
        let mut all = Look::default();
        while let Some(look) = looks.next().await {
            all.views.extend(look.views);
            all.errors.extend(look.errors);
        }
        all
    }

    /// One part of a look. What its pages showed counts even when a later page is missing; absence counts when none is.
    async fn look_at(&self, endpoint: &Endpoint, region: &Region, ids: &[InstanceId]) -> Look {
        let mut look = Look::default();
        let paged = self
            .pages(endpoint, vec![Filter::ids(ids)], |instance| {
                let view = if is_live(&instance.state) { CloudView::Live } else { CloudView::Ended };
                look.views.insert(aws_key(region, instance.id.as_str()), view);
            })
            .await;
        match paged {
            Ok(()) => {
                for id in ids {
                    look.views.entry(aws_key(region, id.as_str())).or_insert(CloudView::Absent);
                }
            }
            Err(error) => look.errors.push(error),
        }
        look
    }

    /// Reads page after page.
    async fn pages(
        &self,
        endpoint: &Endpoint,
        filters: Vec<Filter>,
        mut each: impl FnMut(&Instance),
    ) -> Result<(), CloudError> {
        let mut wanted = Some(DescribeInstances::page(filters, PageSize::MAX));
        for _ in 0..limits::CLOUD_PAGES_MAX {
            let Some(describe) = wanted else { return Ok(()) };
            if !self.shell.has_time() {
                return Err(CloudError::NotAsked("no time was left for a page of the listing".into()));
            }
            let page = DescribeInstances::parse(&self.send(endpoint, describe.request(endpoint)).await?)?;
            page.instances.iter().for_each(&mut each);
            wanted = describe.next(&page)?;
        }
        Err(CloudError::NotAsked("the listing has too many pages".into()))
    }
}

fn seen_of(key: InstanceKey, instance: &Instance) -> Seen {
    let tag = |name: &str| instance.tags.get(name).cloned();
    Seen {
        key,
        launched_at: instance.launched_at.map(domain_time).unwrap_or_default(),
        class: tag("jit-runners:class").map(ClassKey::new),
        batch: tag("jit-runners:batch").map(BatchId::new),
        try_n: tag("jit-runners:try").and_then(|n| n.parse().ok()),
    }
}

pub(super) fn is_live(state: &InstanceState) -> bool {
    !matches!(state, InstanceState::ShuttingDown | InstanceState::Terminated)
}
