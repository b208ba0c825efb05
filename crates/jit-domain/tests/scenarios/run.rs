//! Carries out the steps of a scenario as the shell would, and says what each decision was.
//! The table steps are in `tables.rs`.

use std::time::Duration;

use jit_domain::class::Class;
use jit_domain::decide::scaleup::{self, Reply};
use jit_domain::decide::{caps, lifecycle, webhook};
use jit_domain::ids::*;
use jit_domain::instance::Instance;
use jit_domain::job::RunnerRef;
use jit_domain::observation::{Action, Observation};
use jit_domain::reason::Reason;

use crate::form::{self, Step};
use crate::world::{World, at, instance_key, paused};
use crate::{admissions, claims, show, sweeps, tables};

/// Runs a scenario from its start to its end.
pub(crate) fn run(scenario: &form::Scenario) -> String {
    let mut world = World::new(scenario);
    let mut lines = Vec::new();
    for step in &scenario.run.steps {
        lines.extend(world.step(step));
    }
    lines.join("\n") + "\n"
}

impl World {
    fn step(&mut self, step: &Step) -> Vec<String> {
        match step {
            Step::Wait { s } => {
                self.now = self.now + Duration::from_secs(*s);
                Vec::new()
            }
            Step::Configure { pause, remove_pool } => {
                if let Some(pause) = pause {
                    self.policy.paused = paused(*pause);
                }
                self.policy.pools.retain(|p| remove_pool.as_deref() != Some(p.name.as_str()));
                Vec::new()
            }
            Step::Plan {} => self.plan(),
            Step::Reply(reply) => self.reply(reply),
            Step::Adopt { batch, r#try, id } => self.adopt(*batch, *r#try, id),
            Step::Release { ended } => self.release(ended),
            Step::Deliver(event) => vec![self.line(self.deliver(event))],
            Step::Event(event) => self.one(|w| w.event(event)),
            Step::EventTable {} => tables::events(),
            Step::WeighTable { id } => tables::weights(self, id),
            Step::Claim { id, config } => self.one(|w| claims::claim(w, id, *config)),
            Step::Look { id, seen } => self.one(|w| claims::look(w, id, seen)),
            Step::Report { id, stage } => self.one(|w| claims::report(w, id, stage)),
            Step::Weigh { id, cloud, runner } => self.one(|w| sweeps::weigh(w, id, cloud, runner)),
            Step::Ask {} => self.one(sweeps::ask),
            Step::Sweep { listed } => sweeps::sweep(self, listed).into_iter().map(|l| self.line(l)).collect(),
            Step::Ghosts { registered, live, asked } => {
                vec![self.line(sweeps::ghosts(self, registered, live, *asked))]
            }
            Step::Learn {} => self.one(admissions::learn),
            Step::Width { known } => self.one(|w| admissions::width(w, *known)),
            Step::Terminate {} => {
                let due = self.instances.values().filter(|i| lifecycle::is_to_terminate(i, self.now));
                vec![self.line(format!("terminate: {}", show::ids(due.map(|i| &i.key))))]
            }
        }
    }

    fn one(&mut self, step: impl FnOnce(&mut Self) -> String) -> Vec<String> {
        let told = step(self);
        vec![self.line(told)]
    }

    fn line(&self, text: String) -> String {
        format!("{} {text}", show::time(self.now))
    }

    fn plan(&mut self) -> Vec<String> {
        let stamp = self.stamp();
        let steps = self.decide(|o| scaleup::plan(o, &o.balance(), &self.health, &stamp));
        let mut lines =
            vec![self.line(if steps.is_empty() { "plan: nothing changes" } else { "plan" }.to_owned())];
        for step in steps {
            lines.extend(show::class(&step.key, &step.class));
            for (batch, n) in &step.sends {
                let generation = show::generation(&step.key, &step.class, batch);
                lines.push(format!("  send batch {generation} try {n}"));
            }
            if let Some(record) = step.pool {
                lines.push(show::pool(&record));
                self.pools.insert(step.class.identity.pool.clone(), record);
            }
            self.classes.insert(step.key, step.class);
        }
        lines
    }

    /// The class that has that batch; scenarios with batches of several classes name them by distinct generations.
    fn class_with(&self, generation: u64) -> (ClassKey, Class) {
        let has =
            |(key, class): &(&ClassKey, &Class)| class.batch(&Class::batch_id(key, generation)).is_some();
        let (key, class) = self.classes.iter().find(has).expect("a class with that batch");
        (key.clone(), class.clone())
    }

    fn reply(&mut self, form: &form::Reply) -> Vec<String> {
        let (key, class) = self.class_with(form.batch);
        let batch = Class::batch_id(&key, form.batch);
        let keys = |ids: &[String]| ids.iter().map(|id| instance_key(id)).collect::<Vec<_>>();
        let reply = match &form.refused {
            Some(code) => Reply::Refused(Reason::parse(code, Some("Code")).expect("a reason's code")),
            None if form.unknown => Reply::Unknown,
            None if form.mismatch => Reply::Mismatch,
            None => Reply::Launched { live: keys(&form.launched), ended: keys(&form.ended) },
        };
        let after = scaleup::settle(&class, &batch, form.r#try, &reply, self.now);
        if let Reply::Launched { live, .. } = &reply
            && !form.cut_off
        {
            live.iter().for_each(|id| self.record(&after, &batch, form.r#try, id));
        }
        let attempt = after.batch(&batch).and_then(|b| b.try_of(form.r#try)).expect("a try of the batch");
        let place = after.batch(&batch).map(|b| b.template.offerings[attempt.offering as usize].clone());
        let place = place.expect("the batch is there");
        let region = (place.cloud, place.region.clone());
        let known = self.health.get(&region).cloned().unwrap_or_default();
        let health = scaleup::health_after(&known, &place, &reply, attempt.is_doubtful, self.now);
        let mut lines = vec![self.line(format!("reply to batch {} try {}", form.batch, form.r#try))];
        lines.extend(show::class(&key, &after));
        if let Some(health) = health {
            let held = |key: String| health.unhealthy.get(&key).map(|held| show::time(held.until));
            let kind = place.capacity_type.as_str();
            lines.push(match (held(place.key()), held(place.quota_key())) {
                (Some(until), _) => format!("  {} is unhealthy until {until}", place.subnet),
                (None, Some(until)) => format!("  the quota of {kind} is used up until {until}"),
                (None, None) => format!("  {} is healthy", place.subnet),
            });
            self.health.insert(region, health);
        }
        self.classes.insert(key, after);
        lines
    }

    fn record(&mut self, class: &Class, batch: &BatchId, n: u32, id: &InstanceKey) {
        let record = scaleup::instance_of(class, batch, n, id).expect("a try of the batch");
        self.instances.entry(id.clone()).or_insert(record);
    }

    fn adopt(&mut self, generation: u64, n: u32, id: &str) -> Vec<String> {
        let (key, class) = self.class_with(generation);
        let (batch, id) = (Class::batch_id(&key, generation), instance_key(id));
        let balance = self.decide(|o| {
            let balance = o.balance();
            (balance.slots_needed(&key), balance.gaps().get(&key).copied().unwrap_or(0))
        });
        let is_needed = balance.0 > 0 || balance.1 > 0;
        match scaleup::adopt(&class, &batch, &id, is_needed) {
            Some(after) => {
                self.record(&after, &batch, n, &id);
                self.classes.insert(key.clone(), after.clone());
                let mut lines = vec![self.line(format!("{} is adopted", id.id))];
                lines.extend(show::class(&key, &after));
                lines
            }
            None => vec![self.line(format!("{} has no place", id.id))],
        }
    }

    fn release(&mut self, ended: &[String]) -> Vec<String> {
        let now = self.now;
        for id in ended {
            let instance = self.instances.get_mut(&instance_key(id)).expect("an instance of the scenario");
            *instance = instance.clone().retired(now, Reason::JobFinished);
            instance.ended_at = Some(now);
        }
        let (_, open) = self.open();
        let mut lines = Vec::new();
        for (name, record) in &mut self.pools {
            if let Some(after) = caps::release(record, &self.classes, &open, now) {
                lines.push(format!("{} release in {name}", show::time(now)));
                lines.push(show::pool(&after));
                *record = after;
            }
        }
        if lines.is_empty() { vec![self.line("release: nothing".to_owned())] } else { lines }
    }

    fn observation(&self, form: &form::Event) -> Observation {
        let repository = RepositoryName::parse(&form.repository).expect("a repository's name");
        let runner = |name: &String| RunnerRef { id: Some(RunnerId(71)), name: RunnerName::new(name) };
        Observation {
            action: Action::parse(&form.action).expect("an action"),
            job: JobId(form.job),
            run: RunId(7),
            attempt: 1,
            name: format!("test ({})", form.job),
            labels: form.labels.iter().collect(),
            installation: InstallationId(form.installation),
            organisation: form.organisation.then(|| repository.owner()),
            repository,
            visibility: None,
            sender: None,
            pool: None,
            runner: form.runner.as_ref().map(runner),
            conclusion: form.conclusion.clone(),
            created_at: at(form.created),
            at: self.now,
            received_at: self.now,
        }
    }

    fn deliver(&self, form: &form::Event) -> String {
        let pool = |o: &Observation| o.pool.as_ref().map_or("no pool".to_owned(), |p| format!("pool {p}"));
        let decided = match webhook::accept(&self.policy, self.observation(form), self.now) {
            webhook::Accept::Jobs(told) => {
                let identity = webhook::identify(&self.policy, &webhook::Wanted::by_event(&told));
                let class = identity.expect("an accepted job has a class");
                let machine = class.machine.as_str();
                format!("jobs queue, {}, scope {}, machine {machine:?}", pool(&told), class.scope)
            }
            webhook::Accept::Lifecycle(told) => format!("lifecycle queue, {}", pool(&told)),
            webhook::Accept::Stale => "stale".into(),
            webhook::Accept::NotServed => "not served".into(),
            webhook::Accept::NoPool => "no pool".into(),
            webhook::Accept::Refused(pool, refusal) => format!("refused by pool {pool}: {refusal}"),
        };
        format!("{} [{}] of {}: {decided}", form.action, form.labels.join(", "), form.repository)
    }

    /// As lifecycle does: first the job, then the instance whose runner is named.
    fn event(&mut self, form: &form::Event) -> String {
        let told = self.observation(form);
        let identity = webhook::identify(&self.policy, &webhook::Wanted::by_event(&told));
        let class = identity.ok().map(|i| (i.pool.clone(), i.key()));
        let mut line = format!("{} of job {}:", form.action, form.job);
        match lifecycle::advance(self.jobs.get(&told.job), &told, class, self.now) {
            Some(job) => {
                line.push_str(&format!(" {}", show::job(&job)));
                self.jobs.insert(job.id, job);
            }
            None => line.push_str(" no change"),
        }
        let named = told.runner.as_ref().or(self.jobs.get(&told.job).and_then(|j| j.runner.as_ref()));
        let id = named.and_then(|r| jit_domain::instance::instance_id_of("jit", r.name.as_str()));
        let known: Option<Instance> = id.and_then(|id| self.instances.get(&instance_key(id)).cloned());
        if let Some(after) = known.and_then(|i| lifecycle::follow(&i, told.action, told.job, self.now)) {
            line.push_str(&format!("; {}", show::instance(&after)));
            self.instances.insert(after.key.clone(), after);
        }
        line
    }
}
