//! Makes a host from a manifest.
//!
//! Not in here: the manifest's form (`manifest`), the engine's settings (`engine`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, watch};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::error::LoadError;
use super::router::Router;
use super::state::{Guest, State};
use super::{Host, Shared, engine, files};
use crate::bindings::cron::SpinCronPre;
use crate::bindings::imports::Spin;
use crate::manifest::{Component, Fault, Faults, HostPattern, Manifest, VariableSource};
use crate::options::Options;

pub(super) fn host(path: &Path, options: Options) -> Result<Host, LoadError> {
    let text =
        fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let wrong = |faults| LoadError::Manifest { path: path.to_owned(), faults };
    let manifest = Manifest::parse(&text).map_err(wrong)?;
    let values = variables(&manifest, &options).map_err(wrong)?;
    let allowed = allowed_hosts(&manifest, &values).map_err(wrong)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let engine = engine::engine(&options).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
    let linker = linker(&engine).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
    let mut guests = BTreeMap::new();
    for (name, instance) in compile(&manifest, folder, &linker)? {
        let component = &manifest.components[name];
        let allowed_hosts = allowed.get(name).cloned().unwrap_or_default();
        let places = options.limits.instances_of_component;
        let mut guest = guest(name, component, places, instance, &manifest)?;
        guest.allowed_hosts = allowed_hosts;
        guest.variables =
            component.variables.iter().map(|(name, value)| (name.clone(), value.fill(&values))).collect();
        guest.files = files::stage(folder, name, &component.files)?;
        guests.insert(name.clone(), Arc::new(guest));
    }
    Ok(Host {
        shared: Arc::new(Shared {
            engine,
            router: Router::new(&manifest.http_triggers),
            cron_triggers: manifest.cron_triggers,
            guests,
            instances: Arc::new(Semaphore::new(options.limits.instances as usize)),
            invocations: AtomicU64::new(0),
            running: watch::Sender::new(0),
            options,
        }),
    })
}

/// The value of each application variable: the given one, else the default.
fn variables(manifest: &Manifest, options: &Options) -> Result<BTreeMap<String, SecretString>, Faults> {
    let mut values = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, variable) in &manifest.variables {
        match (options.variables.get(name), &variable.source) {
            (Some(value), _) | (None, VariableSource::Default(value)) => {
                values.insert(name.clone(), SecretString::from(value.clone()));
            }
            (None, VariableSource::Required) => {
                let message = format!("required variable `{name}` has no value");
                faults.push(Fault { line: variable.line, message });
            }
        }
    }
    Faults::of(faults).map_or(Ok(values), Err)
}

/// The hosts that each component may call, with its variables filled in.
fn allowed_hosts(
    manifest: &Manifest,
    values: &BTreeMap<String, SecretString>,
) -> Result<BTreeMap<String, BTreeSet<HostPattern>>, Faults> {
    let mut allowed: BTreeMap<String, BTreeSet<HostPattern>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, component) in &manifest.components {
        for entry in &component.allowed_outbound_hosts {
            match HostPattern::parse(entry.value.fill(values).expose_secret()) {
                Ok(pattern) => {
                    allowed.entry(name.clone()).or_default().insert(pattern);
                }
                Err(problem) => {
                    let message = format!("an allowed outbound host of `{name}`, once filled in: {problem}");
                    faults.push(Fault { line: entry.line, message });
                }
            }
        }
    }
    Faults::of(faults).map_or(Ok(allowed), Err)
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Spin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
    Ok(linker)
}

/// Compiles all components, each file once and on its own thread.
fn compile<'a>(
    manifest: &'a Manifest,
    folder: &Path,
    linker: &Linker<State>,
) -> Result<Vec<(&'a String, InstancePre<State>)>, LoadError> {
    let first_users: BTreeMap<_, _> =
        manifest.components.iter().rev().map(|(name, component)| (&component.source, name)).collect();
    let compiled: BTreeMap<_, _> = thread::scope(|scope| {
        let threads: Vec<_> = first_users
            .into_iter()
            .map(|(source, name)| {
                let path = folder.join(source);
                (source, name, scope.spawn(move || compile_file(name, &path, linker)))
            })
            .collect();
        threads
            .into_iter()
            .map(|(source, name, thread)| {
                let compiled = thread.join().unwrap_or_else(|_| Err(problem(name, "the compiler failed")));
                Ok((source, compiled?))
            })
            .collect::<Result<_, LoadError>>()
    })?;
    Ok(manifest
        .components
        .iter()
        .filter_map(|(name, component)| Some((name, compiled.get(&component.source)?.clone())))
        .collect())
}

fn compile_file(name: &str, path: &Path, linker: &Linker<State>) -> Result<InstancePre<State>, LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let component = wasmtime::component::Component::from_binary(linker.engine(), &bytes)
        .map_err(|error| problem(name, format!("{error:#}")))?;
    linker.instantiate_pre(&component).map_err(|error| problem(name, format!("{error:#}")))
}

fn problem(component: &str, problem: impl Into<String>) -> LoadError {
    LoadError::Component { component: component.to_owned(), problem: problem.into() }
}

/// A component with the exports that its triggers call; what it may reach is filled in by the caller.
fn guest(
    name: &str,
    component: &Component,
    places: u32,
    instance: InstancePre<State>,
    manifest: &Manifest,
) -> Result<Guest, LoadError> {
    let http = ProxyPre::new(instance.clone());
    let cron = SpinCronPre::new(instance);
    if let (Err(error), true) =
        (&http, manifest.http_triggers.iter().any(|trigger| trigger.component == name))
    {
        return Err(problem(name, format!("an HTTP trigger needs wasi:http/incoming-handler: {error:#}")));
    }
    if let (Err(error), true) =
        (&cron, manifest.cron_triggers.iter().any(|trigger| trigger.component == name))
    {
        return Err(problem(name, format!("a cron trigger needs handle-cron-event: {error:#}")));
    }
    Ok(Guest {
        name: name.into(),
        http: http.ok(),
        cron: cron.ok(),
        allowed_hosts: BTreeSet::new(),
        stores: component.key_value_stores.iter().cloned().collect(),
        variables: BTreeMap::new(),
        environment: component.environment.clone(),
        files: None,
        places: Arc::new(Semaphore::new(places as usize)),
    })
}
