//! Reads the tables of `spin.toml` and checks that they fit together.
//!
//! Not in here: the forms of single values (routes, templates, hosts, schedules).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component as Segment, Path, PathBuf};

use toml::de::DeTable;

use super::fault::{Faults, Sink};
use super::section::Section;
use super::template::is_variable_name;
use super::{
    Component, CronTrigger, FileMount, HostPattern, HttpTrigger, Located, Manifest, Route, Template,
    Variable, VariableSource,
};
use crate::schedule::Schedule;

/// The only manifest version there is; <https://spinframework.dev/v3/manifest-reference> (read 2026-11-21).
const MANIFEST_VERSION: &str = "2";

/// A trigger before it is known whether its component exists.
type Trigger<T> = Located<(String, T)>;

pub(super) fn manifest(text: &str) -> Result<Manifest, Faults> {
    let sink = Sink::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = sink.line(error.span().map_or(0, |span| span.start));
        sink.fault(line, error.message().lines().next().unwrap_or("not TOML"));
    }
    if let Some(faults) = (!errors.is_empty()).then(|| sink.into_faults()).flatten() {
        // What the keys mean cannot be told from a text that is not TOML.
        return Err(faults);
    }
    let sink = Sink::new(text);
    let manifest = document_tables(Section::new("the manifest", 1, document.get_ref(), &sink), &sink);
    match sink.into_faults() {
        Some(faults) => Err(faults),
        None => Ok(manifest),
    }
}

fn document_tables(mut root: Section<'_>, sink: &Sink) -> Manifest {
    match root.integer("spin_manifest_version") {
        Some(version) if version.value != MANIFEST_VERSION => {
            root.fault(version.line, "`spin_manifest_version` must be 2");
        }
        Some(_) => {}
        None if root.has("spin_manifest_version") => {}
        None => root.fault(1, "missing key `spin_manifest_version`"),
    }
    let (name, version) = application(&mut root);
    let variables = variables(&mut root, sink);
    let components: BTreeMap<_, _> = root
        .named_sections("component")
        .into_iter()
        .map(|(name, section)| (name, component(section, &variables)))
        .collect();
    let (http, cron) = match root.section("trigger", "[trigger]") {
        Some(mut trigger) => {
            let http =
                trigger.sections("http", "[[trigger.http]]").into_iter().filter_map(http_trigger).collect();
            let cron =
                trigger.sections("cron", "[[trigger.cron]]").into_iter().filter_map(cron_trigger).collect();
            trigger.finish();
            (http, cron)
        }
        None => (Vec::new(), Vec::new()),
    };
    root.finish();
    check_triggers(&http, &cron, &components, sink);
    check_hosts(&http, &cron, &components, sink);
    Manifest {
        name,
        version,
        variables,
        http_triggers: http
            .into_iter()
            .map(|Located { value: (component, route), .. }| HttpTrigger { component, route })
            .collect(),
        cron_triggers: cron
            .into_iter()
            .map(|Located { value: (component, schedule), .. }| CronTrigger { component, schedule })
            .collect(),
        components,
    }
}

fn application(root: &mut Section<'_>) -> (String, String) {
    let Some(mut section) = root.section("application", "[application]") else {
        if !root.has("application") {
            root.fault(1, "missing table `application`");
        }
        return Default::default();
    };
    let name = section.required_string("name").map(|name| name.value).unwrap_or_default();
    let version = section.string("version").map(|version| version.value).unwrap_or_default();
    section.string("description");
    section.strings("authors");
    section.ignore("tool"); // Spin's own place for the settings of other tools.
    section.finish();
    (name, version)
}

fn variables(root: &mut Section<'_>, sink: &Sink) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    for (name, mut section) in root.named_sections("variables") {
        if !is_variable_name(&name) {
            sink.fault(section.line, format!("`{name}` is not a variable's name"));
        }
        let default = section.string("default");
        let required = section.boolean("required");
        section.boolean("secret"); // Marks only; values are never shown, secret or not.
        section.string("description");
        let source = match (default, required) {
            (Some(default), None | Some(false)) => VariableSource::Default(default.value),
            (None, Some(true)) => VariableSource::Required,
            (Some(_), Some(true)) => {
                section.fault(section.line, "`default` and `required` exclude each other");
                VariableSource::Required
            }
            (None, None | Some(false)) => {
                section.fault(section.line, "neither `default` nor `required = true`");
                VariableSource::Required
            }
        };
        variables.insert(name, Variable { source, line: section.line });
        section.finish();
    }
    variables
}

fn component(mut section: Section<'_>, declared: &BTreeMap<String, Variable>) -> Component {
    let source =
        section.required_string("source").map(|source| PathBuf::from(source.value)).unwrap_or_default();
    section.string("description");
    for ignored in ["build", "tool"] {
        section.ignore(ignored);
    }
    let allowed_outbound_hosts = section
        .strings("allowed_outbound_hosts")
        .into_iter()
        .filter_map(|entry| template(&section, "allowed_outbound_hosts", entry, declared))
        .collect();
    let variables = section
        .string_table("variables")
        .into_iter()
        .filter_map(|(name, entry)| {
            if !is_variable_name(&name) {
                section.fault(entry.line, format!("`{name}` is not a variable's name"));
            }
            Some((name.clone(), template(&section, &name, entry, declared)?.value))
        })
        .collect();
    let component = Component {
        source,
        allowed_outbound_hosts,
        key_value_stores: section.strings("key_value_stores").into_iter().map(|store| store.value).collect(),
        variables,
        environment: section
            .string_table("environment")
            .into_iter()
            .map(|(name, entry)| (name, entry.value))
            .collect(),
        files: section.sections("files", "`files`").into_iter().filter_map(file_mount).collect(),
    };
    section.finish();
    component
}

fn template(
    section: &Section<'_>,
    key: &str,
    entry: Located<String>,
    declared: &BTreeMap<String, Variable>,
) -> Option<Located<Template>> {
    let line = entry.line;
    match Template::parse(&entry.value) {
        Ok(value) => {
            for unknown in value.variables().filter(|name| !declared.contains_key(*name)) {
                section.fault(line, format!("`{key}` names the undeclared variable `{unknown}`"));
            }
            Some(Located { value, line })
        }
        Err(problem) => {
            section.fault(line, format!("`{key}`: {problem}"));
            None
        }
    }
}

fn file_mount(mut section: Section<'_>) -> Option<FileMount> {
    let source = section.required_string("source");
    let destination = section.required_string("destination");
    let line = section.line;
    if let Some(destination) = &destination
        && !is_plain_absolute(Path::new(&destination.value))
    {
        section.fault(destination.line, "`destination` must be an absolute path without `.` and `..`");
    }
    section.finish();
    Some(FileMount { source: source?.value.into(), destination: destination?.value.into(), line })
}

fn is_plain_absolute(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| matches!(part, Segment::RootDir | Segment::Normal(_)))
}

fn http_trigger(mut section: Section<'_>) -> Option<Trigger<Route>> {
    let component = section.required_string("component");
    section.string("id");
    let route = if section.private_route() {
        Some(Located { value: Route::Private, line: section.line })
    } else {
        section.required_string("route").and_then(|text| match Route::parse(&text.value) {
            Ok(value) => Some(Located { value, line: text.line }),
            Err(problem) => {
                section.fault(text.line, problem);
                None
            }
        })
    };
    section.finish();
    let route = route?;
    Some(Located { value: (component?.value, route.value), line: route.line })
}

impl Section<'_> {
    /// Whether the trigger's route is written as a table, which can only be `{ private = true }`.
    fn private_route(&mut self) -> bool {
        if !self.has_table("route") {
            return false;
        }
        if let Some(mut route) = self.section("route", "`route`") {
            if route.boolean("private") != Some(true) {
                route.fault(route.line, "a table must be { private = true }");
            }
            route.finish();
        }
        true
    }
}

fn cron_trigger(mut section: Section<'_>) -> Option<Trigger<Schedule>> {
    let component = section.required_string("component");
    section.string("id");
    let expression = section.required_string("cron_expression");
    let schedule = expression.and_then(|text| match Schedule::parse(&text.value) {
        Ok(value) => Some(Located { value, line: text.line }),
        Err(problem) => {
            section.fault(text.line, format!("`cron_expression`: {problem}"));
            None
        }
    });
    section.finish();
    let schedule = schedule?;
    Some(Located { value: (component?.value, schedule.value), line: schedule.line })
}

fn check_triggers(
    http: &[Trigger<Route>],
    cron: &[Trigger<Schedule>],
    components: &BTreeMap<String, Component>,
    sink: &Sink,
) {
    let named = http.iter().map(|trigger| (&trigger.value.0, trigger.line));
    for (name, line) in named.chain(cron.iter().map(|trigger| (&trigger.value.0, trigger.line))) {
        if !components.contains_key(name) {
            sink.fault(line, format!("a trigger names the unknown component `{name}`"));
        }
    }
    let mut taken = BTreeSet::new();
    for Located { value: (_, route), line } in http {
        if *route != Route::Private && !taken.insert(route) {
            sink.fault(*line, format!("route `{}` is taken twice", route.text()));
        }
    }
}

/// Checks the allowed hosts that name no variable; the others are checked when their values are known.
fn check_hosts(
    http: &[Trigger<Route>],
    cron: &[Trigger<Schedule>],
    components: &BTreeMap<String, Component>,
    sink: &Sink,
) {
    for (name, component) in components {
        for entry in &component.allowed_outbound_hosts {
            let Some(text) = entry.value.literal() else { continue };
            match HostPattern::parse(text) {
                Err(problem) => sink.fault(entry.line, format!("allowed outbound host `{text}`: {problem}")),
                Ok(HostPattern::Component(peer)) => {
                    if !http.iter().any(|trigger| trigger.value.0 == peer) {
                        sink.fault(
                            entry.line,
                            format!("allowed outbound host `{text}`: no HTTP trigger leads to `{peer}`"),
                        );
                    }
                    // Spin's cron trigger does not start an application in which such a component chains.
                    if cron.iter().any(|trigger| trigger.value.0 == *name) {
                        sink.fault(
                            entry.line,
                            format!("`{name}` has a cron trigger and cannot call other components"),
                        );
                    }
                }
                Ok(HostPattern::Server { .. }) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
