//! A runner that is none of ours, in the same organisation and with the same labels: it takes a job that an instance of ours was
//! launched for, as GitHub allows.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::Request;
use jit_github::runners::JitRequest;
use jit_github::tokens::TokenRequest;
use jit_github::{
    Api, AppId, AppKey, Authorization, InstallationId, Labels, Owner, RunnerGroupId, RunnerName, Scope,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::plane::{Shared, deliver};
use crate::world::{APP_ID, APP_PRIVATE_KEY, ORGANISATION};

/// Registers a foreign runner, takes one job, runs it for `duration` and leaves.
///
/// # Errors
/// GitHub did not play along.
pub async fn steal_one<P: ControlPlane>(
    plane: P,
    world: Shared,
    labels: &[&str],
    duration: Duration,
) -> Result<()> {
    let ask = |request| deliver(&world, "thief", plane.now(), request).context("github is not there");
    let api = Api::new("https://api.github.com", "a foreign runner")?;
    let key = AppKey::from_pem(&APP_PRIVATE_KEY.into())?;
    let jwt = Authorization::bearer(&key.jwt(&AppId::new(&APP_ID.to_string())?, plane.now())?)?;
    let installation = InstallationId(world.lock().installation.0);
    let reply = ask(api.create_installation_token(&jwt, installation, &TokenRequest::default()))?;
    let token = Authorization::bearer(&jit_github::tokens::parse(&reply)?.token)?;
    let wanted = JitRequest {
        name: RunnerName::new("foreign-1")?,
        runner_group_id: RunnerGroupId(1),
        labels: Labels::new(labels)?,
        work_folder: None,
    };
    let scope = Scope::Organisation(Owner::new(ORGANISATION)?);
    let config =
        jit_github::runners::parse_jit_config(&ask(api.generate_jit_config(&token, &scope, &wanted))?)?;
    let post = |path: &str, body: &Value| {
        Request::post(format!("http://github.test{path}")).body(body.to_string().into_bytes())
    };
    let reply =
        ask(post("/_agent/connect", &json!({ "encoded_jit_config": config.encoded.expose_secret() }))?)?;
    let connected: Value = serde_json::from_slice(reply.body())?;
    let session = connected["session"].as_str().context("no session")?.to_owned();
    for _ in 0..600 {
        let poll =
            Request::get(format!("http://github.test/_agent/session/{session}/message")).body(Vec::new())?;
        if ask(poll)?.status() == 200 {
            let job = format!("/_agent/session/{session}/job");
            ask(post(&job, &json!({ "state": "started" }))?)?;
            let mut left = duration;
            while !left.is_zero() {
                let nap = left.min(Duration::from_secs(20));
                tokio::time::sleep(nap).await;
                left -= nap;
                ask(Request::get(format!("http://github.test/_agent/session/{session}/message"))
                    .body(Vec::new())?)?;
            }
            ask(post(&job, &json!({ "state": "finished", "conclusion": "success" }))?)?;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("there was no job to steal")
}
