//! The naive policy, which only the simulator has: for each `queued` event it mints a JIT config at once and launches an instance
//! that has it in its user data. Projects that work so meet actions/runner #4248; ours is measured against them.
//! Not here: checks of deliveries, second tries for jobs, ends of instances that wait. The policy has none of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::StatusCode;
use jiff::Timestamp;
use jit_aws::ec2::{InstanceProfile, Market, RunInstances};
use jit_aws::sigv4::Credentials;
use jit_aws::{Endpoint, Region, Service};
use jit_control::effects::{Effects, Request, Response};
use jit_control::reply;
use jit_control::time::jiff_time;
use jit_domain::policy::{Policy, Pool};
use jit_github::runners::JitRequest;
use jit_github::tokens::TokenRequest;
use jit_github::webhook::{Action, WorkflowJobEvent};
use jit_github::{
    Api, AppId, AppKey, Authorization, InstallationId, Labels, Owner, RunnerGroupId, RunnerName, Scope,
    runners, tokens,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::world::{APP_ID, APP_PRIVATE_KEY, PUBLIC_URL, access_key_id, secret_access_key};

/// One call may take so long.
const CALL_MAX: Duration = Duration::from_secs(10);
/// EC2 refuses launches that come too fast; a burst of hundreds of single ones is through after so many tries.
const LAUNCH_TRIES: u32 = 60;
const LAUNCH_PAUSE: Duration = Duration::from_secs(3);
/// How long an instance may boot, and how long it may have its agent on.
const BOOT_MAX_S: u32 = 1_200;
const LIFE_MAX_S: u32 = 6 * 3600;

/// The policy and what it remembers.
pub struct Naive {
    pool: Pool,
    api: Api,
    app_id: AppId,
    app_key: AppKey,
    token: RefCell<Option<(SecretString, Timestamp)>>,
    /// What is in the user data of each instance, by job.
    configs: RefCell<BTreeMap<String, SecretString>>,
}

impl fmt::Debug for Naive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Naive").field("pool", &self.pool.name).finish_non_exhaustive()
    }
}

impl Naive {
    /// The policy with the machines of the last pool, which is the most general one.
    ///
    /// # Errors
    /// The configuration has no pool: a fault of this program.
    pub fn new(policy: &Policy) -> Result<Self> {
        Ok(Self {
            pool: policy.pools.last().context("no pool")?.clone(),
            api: Api::new("https://api.github.com", "naive")?,
            app_id: AppId::new(&APP_ID.to_string())?,
            app_key: AppKey::from_pem(&APP_PRIVATE_KEY.into())?,
            token: RefCell::default(),
            configs: RefCell::default(),
        })
    }

    /// What a delivery is answered before its work is done.
    pub fn accept(&self) -> Response {
        reply::json(StatusCode::ACCEPTED, &json!({}))
    }

    /// Does the work of a delivery.
    pub async fn serve(&self, effects: &impl Effects, delivery: &Request) {
        let Ok(event) = WorkflowJobEvent::parse(delivery.body()) else { return };
        if event.action != Action::Queued {
            return;
        }
        if let Err(error) = self.mint_and_launch(effects, &event).await {
            let cause = format!("{error:#}");
            let line = json!({ "level": "error", "event": "a job was given up", "cause": cause });
            effects.log(&line.to_string());
        }
    }

    /// Stands in for the user data, from which this policy's instances would read their config: the model of an instance asks for
    /// it. Nothing is minted here, and every report is taken.
    pub fn answer(&self, request: &Request) -> Response {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if request.uri().path() == "/v1/report" {
            return reply::json(StatusCode::OK, &json!({ "verdict": "allow" }));
        }
        let configs = self.configs.borrow();
        match body["token"].as_str().and_then(|job| Some((job, configs.get(job)?))) {
            Some((job, config)) => {
                let config = config.expose_secret();
                let told = json!({ "jit_config": config, "job_max_s": LIFE_MAX_S, "report_token": job });
                reply::json(StatusCode::OK, &told)
            }
            None => reply::json(StatusCode::GONE, &json!({})),
        }
    }

    async fn mint_and_launch(&self, effects: &impl Effects, event: &WorkflowJobEvent) -> Result<()> {
        let job = event.job.id.0.to_string();
        let config = self.mint(effects, event, &job).await?;
        self.configs.borrow_mut().insert(job.clone(), config);
        self.launch(effects, &job).await
    }

    async fn mint(
        &self,
        effects: &impl Effects,
        event: &WorkflowJobEvent,
        job: &str,
    ) -> Result<SecretString> {
        let token = self.token(effects, event.installation.context("no installation")?).await?;
        let wanted = JitRequest {
            name: RunnerName::new(&format!("naive-{job}"))?,
            runner_group_id: RunnerGroupId(1),
            labels: Labels::new(event.job.labels.iter().map(String::as_str))?,
            work_folder: None,
        };
        let scope = Scope::Organisation(Owner::new(&event.repository.owner)?);
        let request = self.api.generate_jit_config(&Authorization::bearer(&token)?, &scope, &wanted);
        Ok(runners::parse_jit_config(&effects.send(request, CALL_MAX).await?)?.encoded)
    }

    async fn token(&self, effects: &impl Effects, installation: InstallationId) -> Result<SecretString> {
        let now = jiff_time(effects.now());
        if let Some((token, _)) = self.token.borrow().as_ref().filter(|(_, expires_at)| now < *expires_at) {
            return Ok(token.clone());
        }
        let app = Authorization::bearer(&self.app_key.jwt(&self.app_id, now)?)?;
        let request = self.api.create_installation_token(&app, installation, &TokenRequest::default());
        let made = tokens::parse(&effects.send(request, CALL_MAX).await?)?;
        *self.token.borrow_mut() = Some((made.token.clone(), made.expires_at));
        Ok(made.token)
    }

    async fn launch(&self, effects: &impl Effects, job: &str) -> Result<()> {
        let rule = self.pool.offerings.first().context("no offering")?;
        let region = Region::parse(rule.region.as_str())?;
        let machine_type = rule.machine_types.first().context("no machine type")?;
        let image = self.pool.image(rule.cloud, &rule.region, machine_type).context("no image")?;
        let launch = RunInstances {
            client_token: format!("naive-{job}"),
            image_id: image.id.as_str().to_owned(),
            instance_type: machine_type.as_str().to_owned(),
            count_max: NonZeroU32::MIN,
            market: Market::OnDemand,
            subnet_id: rule.subnets.first().map(|subnet| subnet.as_str().to_owned()),
            security_group_ids: self.pool.machine.security_groups.clone(),
            public_ip: None,
            instance_profile: self.pool.machine.instance_profile.clone().map(InstanceProfile::Arn),
            user_data: user_data(job, &Endpoint::regional(Service::Sts, region.clone())).into(),
            root_volume: None,
            tags: Vec::new(),
        };
        let endpoint = Endpoint::regional(Service::Ec2, region);
        let credentials = Credentials::new(access_key_id("scaleup"), secret_access_key("scaleup"));
        for _ in 0..LAUNCH_TRIES {
            let mut request = launch.request(&endpoint)?;
            endpoint.sign(&mut request, &credentials, jiff_time(effects.now()))?;
            if RunInstances::parse(&effects.send(request, CALL_MAX).await?).is_ok() {
                return Ok(());
            }
            effects.sleep(LAUNCH_PAUSE).await;
        }
        bail!("EC2 refused {LAUNCH_TRIES} launches")
    }
}

fn user_data(job: &str, sts: &Endpoint) -> String {
    format!(
        "#!/bin/sh\n# jit-runners user data, version 1\nJIT_REGISTRAR_URL='{PUBLIC_URL}'\nJIT_BOOT_TOKEN='{job}'\nJIT_BATCH='{job}'\nJIT_STS_URL='{}'\nJIT_AGENT_VERSION='2.336.0'\nJIT_UNCLAIMED_MAX_S='{BOOT_MAX_S}'\n",
        sts.uri()
    )
}
