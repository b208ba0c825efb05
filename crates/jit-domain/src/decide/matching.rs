//! Which queued jobs the supply covers: a maximum matching on counts, not a subtraction.
//!
//! A runner takes any job whose labels it has, and at most one. So each unit of supply covers at most one queued job that it
//! can reach. The matching is as large as any, and among those it covers jobs that may run now before those that will soon, then the
//! most specific, then the oldest:
//! jobs are served in that order, and an augmenting path never uncovers a job served before.
//! What supply is, is in `supply.rs`.

use std::collections::{BTreeSet, VecDeque};

use crate::class::Scope;
use crate::ids::{InstallationId, RepositoryName};
use crate::labels::LabelSet;
use crate::time::Timestamp;

/// Queued jobs that differ in nothing that matters to a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Their installation.
    pub installation: InstallationId,
    /// Their repository.
    pub repository: RepositoryName,
    /// Their labels.
    pub labels: LabelSet,
    /// How many.
    pub count: u32,
    /// The oldest of them.
    pub oldest: Timestamp,
    /// When they want a runner.
    pub when: When,
}

/// When jobs want a runner. Who wants one now is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Now.
    Now,
    /// Once a job of their group has ended, which is soon.
    Soon,
}

/// Runners, there or on their way, that differ in nothing that matters to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Their installation.
    pub installation: InstallationId,
    /// Where they register.
    pub scope: Scope,
    /// The repositories that their group is open to; empty means all of the scope.
    pub repositories: BTreeSet<RepositoryName>,
    /// Their labels.
    pub labels: LabelSet,
    /// How many.
    pub count: u32,
}

impl Supply {
    /// Whether one of these runners may be given one of those jobs.
    pub fn reaches(&self, demand: &Demand) -> bool {
        self.scope.reaches(&demand.repository)
            && self.installation == demand.installation
            && (self.repositories.is_empty() || self.repositories.contains(&demand.repository))
            && demand.labels.is_subset(&self.labels)
    }
}

/// A maximum matching, by the places of its inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// For each demand: how many of its jobs are covered.
    pub covered: Vec<u32>,
    /// For each supply: how many of its runners are used. Earlier supply is used first where it makes no difference.
    pub used: Vec<u32>,
}

/// Matches demand and supply.
pub fn cover(demand: &[Demand], supply: &[Supply]) -> Cover {
    let reach: Vec<Vec<usize>> = demand
        .iter()
        .map(|d| (0..supply.len()).filter(|&s| supply[s].count > 0 && supply[s].reaches(d)).collect())
        .collect();
    let mut order: Vec<usize> = (0..demand.len()).collect();
    order.sort_by_key(|&d| (demand[d].when, std::cmp::Reverse(demand[d].labels.len()), demand[d].oldest, d));
    let mut flow =
        Flow { reach, flow: vec![vec![0; supply.len()]; demand.len()], used: vec![0; supply.len()] };
    let mut covered = vec![0; demand.len()];
    for d in order {
        while covered[d] < demand[d].count {
            let pushed = flow.augment(d, demand[d].count - covered[d], supply);
            if pushed == 0 {
                break;
            }
            covered[d] += pushed;
        }
    }
    Cover { covered, used: flow.used }
}

struct Flow {
    reach: Vec<Vec<usize>>,
    flow: Vec<Vec<u32>>,
    used: Vec<u32>,
}

impl Flow {
    /// Pushes up to `want` units from demand `start` along one shortest augmenting path. Returns how many.
    fn augment(&mut self, start: usize, want: u32, supply: &[Supply]) -> u32 {
        let (demands, supplies) = (self.flow.len(), supply.len());
        let mut to_supply: Vec<Option<usize>> = vec![None; supplies];
        let mut to_demand: Vec<Option<usize>> = vec![None; demands];
        let mut queue = VecDeque::from([start]);
        while let Some(d) = queue.pop_front() {
            for &s in &self.reach[d] {
                if to_supply[s].is_some() {
                    continue;
                }
                to_supply[s] = Some(d);
                if self.used[s] < supply[s].count {
                    return self.push(start, s, want, supply[s].count, &to_supply, &to_demand);
                }
                for (other, entered) in to_demand.iter_mut().enumerate() {
                    if other != start && entered.is_none() && self.flow[other][s] > 0 {
                        *entered = Some(s);
                        queue.push_back(other);
                    }
                }
            }
        }
        0
    }

    fn push(
        &mut self,
        start: usize,
        end: usize,
        want: u32,
        capacity: u32,
        to_supply: &[Option<usize>],
        to_demand: &[Option<usize>],
    ) -> u32 {
        let mut steps = Vec::new(); // (demand, supply that gains, supply that it gives up)
        let mut s = end;
        let mut amount = want.min(capacity - self.used[end]);
        while let Some(d) = to_supply[s] {
            let from = to_demand[d].filter(|_| d != start);
            if let Some(from) = from {
                amount = amount.min(self.flow[d][from]);
            }
            steps.push((d, s, from));
            match from {
                Some(from) => s = from,
                None => break,
            }
        }
        for (d, gains, from) in steps {
            self.flow[d][gains] += amount;
            if let Some(from) = from {
                self.flow[d][from] -= amount;
            }
        }
        self.used[end] += amount;
        amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABELS: [&str; 4] = ["a", "b", "c", "d"];

    fn labels(mask: u8) -> LabelSet {
        (0..4).filter(|i| mask & (1 << i) != 0).map(|i| LABELS[i]).collect()
    }

    fn repository(n: u8) -> RepositoryName {
        RepositoryName::parse(&format!("o{}/r{n}", n % 2)).unwrap()
    }

    fn demand(mask: u8, repo: u8, count: u32, oldest: u64) -> Demand {
        Demand {
            installation: InstallationId(1),
            repository: repository(repo),
            labels: labels(mask),
            count,
            oldest: Timestamp::from_s(oldest),
            when: When::Now,
        }
    }

    fn supply(mask: u8, scope: Scope, count: u32) -> Supply {
        Supply {
            installation: InstallationId(1),
            scope,
            repositories: BTreeSet::new(),
            labels: labels(mask),
            count,
        }
    }

    /// Largest number of jobs that can be covered, by trying everything.
    fn brute_force(jobs: &[Demand], runners: &[Supply]) -> u32 {
        let Some((job, rest)) = jobs.split_first() else { return 0 };
        let mut best = brute_force(rest, runners);
        for i in 0..runners.len() {
            if runners[i].count > 0 && runners[i].reaches(job) {
                let mut left = runners.to_vec();
                left[i].count -= 1;
                best = best.max(1 + brute_force(rest, &left));
            }
        }
        best
    }

    fn scope() -> impl Strategy<Value = Scope> {
        prop_oneof![
            (0..4_u8).prop_map(|n| Scope::Repository(repository(n))),
            (0..2_u8).prop_map(|n| Scope::Organisation(repository(n).owner())),
        ]
    }

    proptest! {
        #[test]
        fn the_matching_is_as_large_as_any(
            demands in prop::collection::vec((0..16_u8, 0..4_u8, 0..3_u32, 0..5_u64), 0..4),
            supplies in prop::collection::vec((0..16_u8, scope(), 0..3_u32), 0..4),
        ) {
            let demands: Vec<_> = demands.into_iter().map(|(m, r, c, o)| demand(m, r, c, o)).collect();
            let supplies: Vec<_> = supplies.into_iter().map(|(m, s, c)| supply(m, s, c)).collect();
            let jobs: Vec<_> =
                demands.iter().flat_map(|d| (0..d.count).map(|_| Demand { count: 1, ..d.clone() })).collect();
            let cover = cover(&demands, &supplies);
            prop_assert_eq!(cover.covered.iter().sum::<u32>(), brute_force(&jobs, &supplies));
            prop_assert_eq!(cover.covered.iter().sum::<u32>(), cover.used.iter().sum::<u32>());
            prop_assert!(cover.covered.iter().zip(&demands).all(|(c, d)| *c <= d.count));
            prop_assert!(cover.used.iter().zip(&supplies).all(|(u, s)| *u <= s.count));
        }
    }

    #[test]
    fn a_superset_runner_covers_one_job_only() {
        let org = Scope::Organisation(repository(0).owner());
        let cover = cover(&[demand(0b01, 0, 1, 0), demand(0b11, 0, 1, 0)], &[supply(0b11, org, 1)]);
        assert_eq!(cover.covered, [0, 1], "the more specific job is served first");
    }

    #[test]
    fn a_runner_of_another_repository_covers_nothing() {
        let here = Scope::Repository(repository(0));
        assert_eq!(cover(&[demand(1, 2, 1, 0)], &[supply(1, here, 5)]).covered, [0]);
    }

    #[test]
    fn a_greedy_choice_is_undone_where_it_would_cost_a_job() {
        let org = Scope::Organisation(repository(0).owner());
        let wide = supply(0b11, org.clone(), 1);
        let narrow = supply(0b01, org, 1);
        let cover = cover(&[demand(0b01, 0, 1, 0), demand(0b10, 0, 1, 1)], &[wide, narrow]);
        assert_eq!(cover.covered, [1, 1]);
    }

    #[test]
    fn among_equals_the_oldest_job_is_covered() {
        let org = Scope::Organisation(repository(0).owner());
        let cover = cover(&[demand(1, 0, 1, 9), demand(1, 2, 1, 3)], &[supply(1, org, 1)]);
        assert_eq!(cover.covered, [0, 1]);
    }

    #[test]
    fn a_runner_of_a_group_closed_to_the_repository_covers_nothing() {
        let mut closed = supply(1, Scope::Organisation(repository(0).owner()), 1);
        closed.repositories = BTreeSet::from([repository(2)]);
        assert_eq!(cover(&[demand(1, 0, 1, 0)], &[closed]).covered, [0]);
    }
}
