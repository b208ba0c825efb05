//! Puts Prism between our GitHub client and the GitHub model, if Prism is installed: GitHub's own description judges both.
//! Not in it: what replies mean to us, which the tests of jit-github hold, and the model's rules, which its unit tests hold.
//!
//! The description is the slice among the test data of jit-github, with the reasoned deviations of `prism/overlay.json`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use http::StatusCode;
use jit_fakes::github::{
    Conclusion, FaultEffect, FaultRule, Gate, GroupVisibility, Operation, Others, PublicRepositories,
    WorkflowSpec,
};
use jit_github::jobs::Attempts;
use jit_github::runners::Deletion;
use jit_github::tokens::{Access, TokenRequest};
use jit_github::*;
use serde_json::{Value, json};

#[path = "npm/node.rs"]
mod node;
#[path = "prism/overlay.rs"]
mod overlay;
#[path = "prism/proxy.rs"]
mod proxy;
#[path = "prism/stage.rs"]
mod stage;

use stage::{APP, LEAVE_OUT, Stage, job, wanted};

/// More than one page of anything.
const MANY: u32 = 120;

#[tokio::test]
async fn every_request_of_ours_and_every_reply_of_the_model_is_as_github_describes() {
    let Some(stage) = Stage::set("all").await else { return };
    stage.app_and_installations().await;
    stage.deliveries().await;
    for scope in
        [Scope::Organisation(stage.repository.owner().clone()), Scope::Repository(stage.repository.clone())]
    {
        stage.runners(&scope).await;
    }
    stage.groups().await;
    stage.runs().await;
    stage.jobs().await;
    stage.files().await;
    stage.refusals().await;
    stage.what_only_others_ask().await;
    let served = stage.server.with(|github, _| github.0.usage().requests.len());
    println!("checked: {served} operations");
    assert_eq!(served, 24, "each operation of the model was asked for, GET /rate_limit too");
}

impl Stage {
    async fn app_and_installations(&self) {
        let (api, app, first) = (&self.api, &self.app, PageNumber::FIRST);
        let found = installations::parse_app(&self.ask(api.get_app(app), 200).await).unwrap();
        assert_eq!(found.id.0, APP);
        let list =
            installations::parse_list(&self.ask(api.list_installations(app, first), 200).await).unwrap();
        assert_eq!(list.items.len(), 1);
        let one = self.ask(api.get_installation(app, self.installation), 200).await;
        assert_eq!(installations::parse(&one).unwrap().account.as_deref(), Some("octo-org"));
        self.ask(api.get_installation(app, InstallationId(1)), 404).await;

        let read = |name| TokenRequest::default().permission(name, Access::Read);
        let narrow = read("actions").permission("organization_self_hosted_runners", Access::Write);
        let narrow = narrow.repositories([RepositoryId(self.repository_id.0)]).unwrap();
        self.token_for(&narrow).await;
        let refused = TokenRequest::default().permission("pages", Access::Write);
        self.ask(api.create_installation_token(app, self.installation, &refused), 422).await;
        self.ask(api.create_installation_token(app, InstallationId(1), &narrow), 404).await;
        self.ask(api.get_app(&self.token), 401).await;
    }

    async fn deliveries(&self) {
        let (api, app) = (&self.api, &self.app);
        self.start(vec![job("many").matrix(MANY, None)]);
        self.server.with(|github, now| {
            for (count, delivery) in github.0.take_deliveries().into_iter().enumerate() {
                // Accepted, refused and not connected look different in the log.
                let status = [Some(202), Some(500), None][count % 3];
                github.0.delivered(delivery.id, status, now);
            }
        });
        let page = deliveries::parse_list(&self.ask(api.list_deliveries(app, None), 200).await).unwrap();
        let next = api.list_deliveries(app, page.next.as_ref());
        let second = deliveries::parse_list(&self.ask(next, 200).await).unwrap();
        assert_eq!((page.items.len() + second.items.len(), second.next), (MANY as usize, None));
        let failed = page.items.iter().find(|delivery| !delivery.is_accepted()).unwrap();
        let whole = self.other("GET", &format!("/app/hook/deliveries/{}", failed.id), &self.jwt, None);
        self.ask(whole, 200).await;
        self.ask(api.redeliver(app, failed.id), 202).await;
        self.ask(api.redeliver(app, DeliveryId(1)), 404).await;
        self.server.with(|github, now| {
            for run in github.0.runs().map(|run| run.id).collect::<Vec<_>>() {
                github.0.cancel(now, run);
            }
        });
    }

    async fn runners(&self, scope: &Scope) {
        let (api, token, first) = (&self.api, &self.token, PageNumber::FIRST);
        let mint = |name: &str, group| api.generate_jit_config(token, scope, &wanted(name, group));
        let minted = runners::parse_jit_config(&self.ask(mint("one", 1), 201).await).unwrap();
        self.ask(mint("one", 1), 409).await;
        self.ask(mint("two", 9), 404).await;
        for number in 0..MANY {
            self.past(mint(&format!("many-{number}"), 1));
        }
        let list = |page| api.list_runners(token, scope, None, page);
        let page = runners::parse_list(&self.ask(list(first), 200).await).unwrap();
        assert_eq!(page.total_count, Some(u64::from(MANY) + 1));
        let second = runners::parse_list(&self.ask(list(page.next.unwrap()), 200).await).unwrap();
        assert_eq!(page.items.len() + second.items.len(), MANY as usize + 1);
        let named = api.list_runners(token, scope, Some(&wanted("one", 1).name), first);
        assert_eq!(
            runners::parse_list(&self.ask(named, 200).await).unwrap().items,
            std::slice::from_ref(&minted.runner)
        );

        let id = minted.runner.id;
        let one = runners::parse(&self.ask(api.get_runner(token, scope, id), 200).await).unwrap();
        assert_eq!(one, minted.runner);
        let delete = |id| api.delete_runner(token, scope, id);
        for (status, expected) in [(204, Deletion::Deleted), (404, Deletion::NotFound)] {
            let reply = self.ask(delete(id), status).await;
            assert_eq!(runners::parse_deletion(&reply), Ok(expected));
        }
        self.ask(api.get_runner(token, scope, id), 404).await;

        self.start(vec![job("keeps it busy")]);
        let (busy, session) = self.runner(scope, "busy").await;
        self.pick_up(&session);
        let reply = self.ask(delete(busy), 422).await;
        assert!(matches!(runners::parse_deletion(&reply), Ok(Deletion::Busy(_))));
        let one = runners::parse(&self.ask(api.get_runner(token, scope, busy), 200).await).unwrap();
        assert!(one.busy);
        self.finish(&session, "success");
    }

    async fn groups(&self) {
        let owner = self.repository.owner();
        for visible_to in [None, Some(&self.repository)] {
            let request = self.api.list_runner_groups(&self.token, owner, visible_to, PageNumber::FIRST);
            let page = groups::parse_list(&self.ask(request, 200).await).unwrap();
            assert_eq!(page.items[0].name, "Default");
        }
    }

    async fn runs(&self) {
        let (api, token, repository) = (&self.api, &self.token, &self.repository);
        self.server.with(|github, now| {
            let mut spec =
                WorkflowSpec::new("Pages", vec![job("build")]).in_concurrency_group("one", Others::Finish);
            for actor in ["mona", "hubot"] {
                spec = spec.from_fork_of(actor);
                github.0.start_run(now, self.repository_id, spec.clone()).unwrap();
            }
        });
        self.start(vec![job("gated").behind("prod", Gate::Approval)]);
        for _ in 0..MANY {
            self.start(vec![job("build")]);
        }
        for status in Status::OPEN.iter().chain(&[Status::Completed]) {
            let request = api.list_runs(token, repository, Some(status), PageNumber::FIRST);
            let page = runs::parse_list(&self.ask(request, 200).await).unwrap();
            if *status != Status::InProgress {
                assert!(!page.items.is_empty(), "there is a run that is {status:?}");
            }
        }
        let all = |page| api.list_runs(token, repository, None, page);
        let page = runs::parse_list(&self.ask(all(PageNumber::FIRST), 200).await).unwrap();
        self.ask(all(page.next.unwrap()), 200).await;
        let run = page.items[0].id;
        self.ask(api.rerun_failed_jobs(token, repository, run), 403).await;
        self.ask(api.cancel_run(token, repository, run), 202).await;
        self.ask(api.cancel_run(token, repository, run), 409).await;
        self.ask(api.rerun_failed_jobs(token, repository, run), 201).await;
        self.ask(api.cancel_run(token, repository, RunId(1)), 404).await;
    }

    async fn jobs(&self) {
        let (api, token, repository) = (&self.api, &self.token, &self.repository);
        self.server.with(|github, now| {
            for run in github.0.runs().map(|run| run.id).collect::<Vec<_>>() {
                github.0.cancel(now, run);
            }
        });
        let run = self.start(vec![
            job("many").matrix(MANY, Some(2)).without_fail_fast(),
            job("gated").behind("prod", Gate::WaitTimer(600)),
            job("after").after(&["many"]),
        ]);
        let scope = Scope::Organisation(repository.owner().clone());
        let (_, failing) = self.runner(&scope, "failing").await;
        self.pick_up(&failing);
        self.finish(&failing, Conclusion::Failure.as_str());
        let (_, running) = self.runner(&scope, "running").await;
        self.pick_up(&running);
        for attempts in [Attempts::All, Attempts::Latest] {
            let list = |page| api.list_jobs_of_run(token, repository, run, attempts, page);
            let reply = self.ask(list(PageNumber::FIRST), 200).await;
            let page = jobs::parse_list(&reply).unwrap();
            self.ask(list(page.next.unwrap()), 200).await;
            let Answer::Fresh { etag: Some(etag), .. } = conditional(&reply, jobs::parse_list).unwrap()
            else {
                panic!("a fresh page with an ETag")
            };
            let reply = self.ask(if_none_match(list(PageNumber::FIRST), &etag), 304).await;
            assert_eq!(conditional(&reply, jobs::parse_list), Ok(Answer::NotModified));
        }
        let mut statuses = std::collections::BTreeSet::new();
        for id in self.jobs_of(run) {
            let reply = self.ask(api.get_job(token, repository, JobId(id.0)), 200).await;
            statuses.insert(jobs::parse(&reply).unwrap().status);
        }
        assert_eq!(statuses.len(), 4, "waiting, queued, in progress and completed: {statuses:?}");
        self.ask(api.get_job(token, repository, JobId(1)), 404).await;
        self.ask(api.list_jobs_of_run(token, repository, RunId(1), Attempts::All, PageNumber::FIRST), 404)
            .await;
    }

    async fn files(&self) {
        let main = GitRef::new("main").unwrap();
        let file = |path| {
            let path = FilePath::new(path).unwrap();
            self.api.get_file(&self.token, &self.repository, &path, &main)
        };
        let found = contents::parse(&self.ask(file(".github/workflows/ci.yml"), 200).await).unwrap();
        assert!(found.bytes.starts_with(b"name: "));
        self.ask(file(".github/workflows/no.yml"), 404).await;
        self.ask(file("README.md"), 404).await;
    }

    /// What may befall any operation.
    async fn refusals(&self) {
        let scope = Scope::Organisation(self.repository.owner().clone());
        let powerless = self.token_for(&TokenRequest::default().permission("metadata", Access::Read)).await;
        let unknown = Authorization::bearer(&"ghs_unknown".into()).unwrap();
        let list = |token| self.api.list_runners(token, &scope, None, PageNumber::FIRST);
        let forbidden = self.ask(list(&powerless), 403).await;
        assert!(matches!(runners::parse_list(&forbidden), Err(Error::Forbidden(_))));
        let unauthorized = self.ask(list(&unknown), 401).await;
        assert!(matches!(runners::parse_list(&unauthorized), Err(Error::Unauthorized(_))));
        for status in [403, 429] {
            self.server.with(|github, _| {
                github.0.settings_mut().limits.refusal = StatusCode::from_u16(status).unwrap();
                github.0.add_fault(FaultRule::next(Operation::ListRunners, FaultEffect::TooFast(60)));
            });
            let reply = self.ask(list(&self.token), status).await;
            assert!(matches!(runners::parse_list(&reply), Err(Error::RateLimited { .. })));
        }
    }

    /// Operations of the model that our client never asks for, and a body that it cannot make.
    async fn what_only_others_ask(&self) {
        let request =
            self.api.create_installation_token(&self.app, self.installation, &TokenRequest::default());
        let token = tokens::parse(&self.ask(request, 201).await).unwrap().token;
        let group = self.server.with(|github, _| {
            let owner = github.0.add_organization("octo-org");
            let some = GroupVisibility::Selected([self.repository_id].into());
            github.0.add_runner_group(owner, "fast", some, PublicRepositories::Refused)
        });
        let run = self.start(vec![job("build")]);
        let actions = "/repos/octo-org/octo-repo/actions";
        for (method, path, status) in [
            ("GET", "/rate_limit".to_owned(), 200),
            ("GET", "/installation/repositories".to_owned(), 200),
            ("GET", format!("/orgs/octo-org/actions/runner-groups/{group}/repositories"), 200),
            ("GET", format!("{actions}/runs/{run}"), 200),
            ("POST", format!("{actions}/runs/{run}/force-cancel"), 202),
            ("POST", format!("{actions}/runs/{run}/rerun"), 201),
        ] {
            self.ask(self.other(method, &path, &token, None), status).await;
        }
        let blank = json!({ "name": "blank", "runner_group_id": 1, "labels": [" "] });
        let path = "/orgs/octo-org/actions/runners/generate-jitconfig";
        self.ask(self.other("POST", path, &token, Some(blank)), 422).await;
    }
}

#[tokio::test]
async fn a_wrong_request_and_a_wrong_reply_are_caught() {
    let Some(stage) = Stage::set("wrong").await else { return };
    let scope = Scope::Organisation(stage.repository.owner().clone());
    let list = || stage.api.list_runners(&stage.token, &scope, None, PageNumber::FIRST);
    stage.ask(list(), 200).await;

    let mut without = stage.api.generate_jit_config(&stage.token, &scope, &wanted("one", 1));
    let mut body: Value = serde_json::from_slice(without.body()).unwrap();
    body.as_object_mut().unwrap().remove("runner_group_id").unwrap();
    *without.body_mut() = body.to_string().into_bytes();
    let violation = stage.proxy.send(without).await.unwrap_err();
    assert!(violation.starts_with("422") && violation.contains("runner_group_id"), "{violation}");
    let minted = stage.server.with(|github, _| github.0.runners().count());
    assert_eq!(minted, 0, "it was not passed on");

    let mut nonsense = list();
    *nonsense.uri_mut() = nonsense.uri().to_string().replace("per_page=100", "per_page=all").parse().unwrap();
    let violation = stage.proxy.send(nonsense).await.unwrap_err();
    assert!(violation.starts_with("422") && violation.contains("per_page"), "{violation}");

    let mut spoilt = list();
    spoilt.headers_mut().insert(LEAVE_OUT, "total_count".parse().unwrap());
    let violation = stage.proxy.send(spoilt).await.unwrap_err();
    assert!(violation.starts_with("500") && violation.contains("total_count"), "{violation}");

    stage.server.with(|github, _| {
        github.0.add_fault(FaultRule::next(Operation::ListRunners, FaultEffect::Fails(418)));
    });
    let violation = stage.proxy.send(list()).await.unwrap_err();
    assert!(violation.contains("418") || violation.contains("status code"), "{violation}");
}
