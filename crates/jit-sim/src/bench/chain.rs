//! The calls that lie one after the other between a delivery whose signature holds and RunInstances, with records and messages in
//! DynamoDB and SQS. Each call takes the same time under virtual time, so calls that are under way together are one step.
//!
//! Not here: the nudge from webhook to scaleup, which the host carries inside of itself; waits that are SQS's own (its short polls
//! may miss a message, and here they never do); and how long a call takes anywhere.

mod names;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::{SignedDuration, Timestamp};
use jit_control::entry::{self, Invocation, NUDGE_PATH, Trigger};
use jit_fakes::cloud::SqsRules;
use jit_fakes::github::{Conclusion, JobSpec, WorkflowSpec};
use jit_fakes::instance::InstanceSettings;
use jit_fakes::model::Model as _;

use self::wire::{Call, Wire};
use crate::in_aws::in_aws;
use crate::world::World;

/// What ends the chain.
const LAUNCH: &str = "ec2:RunInstances";
/// Steps before the launch that are to be enough: send; lease beside receive; job records beside reads; the class's transaction.
pub const GOAL: usize = 4;
/// When the world begins.
const START: &str = "2026-11-22T12:00:00Z";
/// From the first job to the second: the first drain is over, and its instance still boots.
const PAUSE: SignedDuration = SignedDuration::from_secs(20);
const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];

/// The calls of jit-runners v1.0.0-rc for the same job, by name, in the order of its code; it awaits each before the next.
/// Its listing of queued jobs asks for runs of two statuses, then for the jobs of each run: here there is one. SQS's delivery to
/// its function is AWS's own doing and is no call of it, and later releases ask EC2 once more.
///
/// <https://github.com/devopsfactory-io/jit-runners>: its webhook, scaleup and client of GitHub,
/// the latter two at 105a6ae and 2073a92 (read 2026-11-22)
pub const UPSTREAM: [&str; 9] = [
    "sqs:SendMessage(delay_s=30)",
    "github:POST(access_tokens)",
    "github:GET(runs?status=queued)",
    "github:GET(runs?status=pending)",
    "github:GET(jobs)",
    "dynamodb:Scan(pending)",
    "github:POST(generate-jitconfig)",
    "dynamodb:PutItem(pending)",
    LAUNCH,
];

/// Calls by name, with how many of each there are.
pub type Step = BTreeMap<String, usize>;

/// What lay between two deliveries and their launches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chains {
    /// On a ledger that holds nothing.
    pub on_empty_ledger: Vec<Step>,
    /// For every later job. The last step has the launch.
    pub usual: Vec<Step>,
}

/// Lets two jobs be queued, one after the other, under a configuration.
///
/// # Errors
/// A job was not launched for, or the configuration cannot be lived in.
pub fn measure(configuration: &str) -> Result<Chains> {
    let stage = Stage::new(configuration)?;
    let on_empty_ledger = stage.job()?;
    let wire = &stage.wire;
    wire.executor.advance(wire.executor.now().saturating_add(PAUSE)?);
    let usual = stage.job()?;
    Ok(Chains { on_empty_ledger, usual })
}

/// A world in which nothing goes wrong, and everything is in AWS.
fn world(configuration: &str) -> Result<(String, World, Timestamp)> {
    let (text, policy) = in_aws(configuration)?;
    let start: Timestamp = START.parse()?;
    let mut world = World::new(&policy, InstanceSettings::default(), 1, start)?;
    // Every poll asks all servers, and no message comes twice.
    let rules = SqsRules {
        sampled_per_mille: 1_000,
        duplicates_per_mille: 0,
        undead_per_mille: 0,
        ..SqsRules::default()
    };
    *world.aws.sqs_rules_mut() = rules;
    Ok((text, world, start))
}

impl Chains {
    /// Prints ours, upstream's, and the lengths of both.
    pub fn print(&self) {
        for (n, step) in (1..).zip(&self.usual) {
            println!("bench: chain step={n} calls={}", shown(step));
        }
        for (n, call) in (1..).zip(UPSTREAM) {
            println!("bench: chain_upstream step={n} calls={call}");
        }
        println!("bench: chain_ours_on_empty_ledger={}", before_launch(self.on_empty_ledger.len()));
        println!(
            "bench: chain_ours={} goal={GOAL} chain_upstream={}",
            before_launch(self.usual.len()),
            before_launch(UPSTREAM.len())
        );
    }
}

/// A step as it is printed: `name`, or `name*n` where there are several, joined by `+`.
pub fn shown(step: &Step) -> String {
    let call =
        |(name, count): (&String, &usize)| if *count == 1 { name.clone() } else { format!("{name}*{count}") };
    step.iter().map(call).collect::<Vec<_>>().join("+")
}

/// Steps before the one that has the launch.
fn before_launch(steps: usize) -> usize {
    steps.saturating_sub(1)
}

/// The two functions, and what they are given.
struct Stage {
    text: Result<String, String>,
    variables: BTreeMap<String, String>,
    wire: Wire,
}

impl Stage {
    fn new(configuration: &str) -> Result<Rc<Self>> {
        let (text, world, start) = world(configuration)?;
        let variables = world.variables();
        Ok(Rc::new(Self { text: Ok(text), variables, wire: Wire::new(world, start) }))
    }

    /// Queues a job, and lets webhook and scaleup come to their ends.
    fn job(self: &Rc<Self>) -> Result<Vec<Step>> {
        let launched = self.launched();
        self.wire.forget_calls();
        let delivery = self.delivery()?;
        self.play([(SignedDuration::ZERO, delivery)]);
        let new = self.launched() - launched;
        ensure!(new == 1, "{new} instances were launched for one job");
        steps(&self.wire.calls())
    }

    /// Lets deliveries arrive, each so long from now, and all that follows come to its end. There are no schedules.
    fn play(self: &Rc<Self>, deliveries: impl IntoIterator<Item = (SignedDuration, http::Request<Vec<u8>>)>) {
        let executor = &self.wire.executor;
        for (after, delivery) in deliveries {
            let stage = Rc::clone(self);
            executor.spawn(async move {
                stage.wire.executor.sleep(after).await;
                stage.deliver(delivery).await;
            });
        }
        executor.run_ready();
        while let Some(at) = executor.next_timer() {
            executor.advance(at);
            executor.run_ready();
        }
    }

    fn launched(&self) -> usize {
        self.wire.world.borrow().aws.instances().count()
    }

    /// Starts a run of one job and waits until GitHub delivers.
    fn delivery(&self) -> Result<http::Request<Vec<u8>>> {
        let world = &mut *self.wire.world.borrow_mut();
        let executor = &self.wire.executor;
        let job = JobSpec::new("build", &LABELS).lasting(60, Conclusion::Success);
        let repository = world.repository;
        let started = world.github.start_run(executor.now(), repository, WorkflowSpec::new("CI", vec![job]));
        started.map_err(|e| anyhow!("{e:?}"))?;
        loop {
            world.github.advance(executor.now());
            if let Some(delivery) = world.github.take_deliveries().pop() {
                let builder = http::Request::post("/webhook");
                let headers = delivery.headers.iter();
                let builder = headers.fold(builder, |builder, (name, value)| builder.header(*name, value));
                return Ok(builder.body(delivery.body)?);
            }
            executor.advance(world.github.next_at().context("github delivers nothing")?);
        }
    }

    async fn deliver(&self, delivery: http::Request<Vec<u8>>) {
        let variable = |name: &str| self.variables.get(name).cloned();
        let invocation = Invocation { effects: &self.wire, configuration: &self.text, variable: &variable };
        let answer = entry::webhook(invocation, &delivery).await;
        let nudge = http::Request::post(NUDGE_PATH).body(Vec::new());
        if let (Some(_), Ok(nudge)) = (answer.nudge, nudge) {
            entry::scaleup(invocation, Trigger::Http(&nudge)).await;
        }
    }
}

/// Puts the calls until the launch, in order of their beginnings, into steps: a call belongs to the step of which no call had
/// ended when it began.
fn steps(calls: &[Call]) -> Result<Vec<Step>> {
    let launch = calls.iter().find(|call| call.name == LAUNCH).context("nothing was launched")?;
    let mut steps: Vec<Step> = Vec::new();
    let mut ends_at = Timestamp::MIN;
    for call in calls.iter().filter(|call| call.began_at <= launch.began_at) {
        let ended_at = call.ended_at.with_context(|| format!("{} was never answered", call.name))?;
        if call.began_at >= ends_at {
            steps.push(Step::new());
            ends_at = ended_at;
        }
        ends_at = ends_at.min(ended_at);
        if let Some(step) = steps.last_mut() {
            *step.entry(call.name.clone()).or_insert(0) += 1;
        }
    }
    Ok(steps)
}
