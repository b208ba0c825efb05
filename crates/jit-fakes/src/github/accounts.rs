//! Organisations, users, repositories, runner groups and installations: who may see what.
//! Not in it: tokens (`auth.rs`) and the REST operations on these (`rest/`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::GitHub;
use super::ids::{AccountId, GroupId, InstallationId, RepositoryId};

/// The kind of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountKind {
    /// An organisation: has runner groups.
    Organization,
    /// A user: runners live in repositories only.
    User,
}

impl AccountKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::User => "User",
        }
    }
}

/// Who may read a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Members only.
    Private,
}

/// Which repositories may use a runner group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupVisibility {
    /// All of the organisation.
    All,
    /// The private ones.
    Private,
    /// These.
    Selected(BTreeSet<RepositoryId>),
}

/// Whether a runner group may serve public repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicRepositories {
    /// It may.
    Allowed,
    /// It may not, GitHub's default.
    Refused,
}

/// Which repositories an installation reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositorySelection {
    /// All of the account, also future ones.
    All,
    /// These.
    Selected(BTreeSet<RepositoryId>),
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: AccountId,
    pub(super) login: String,
    pub(super) kind: AccountKind,
}

#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) id: RepositoryId,
    pub(super) owner: AccountId,
    pub(super) name: String,
    pub(super) visibility: Visibility,
    pub(super) created_at: Timestamp,
    pub(super) files: BTreeMap<String, String>,
    pub(super) runs: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    pub(super) name: String,
    pub(super) visibility: GroupVisibility,
    pub(super) public: PublicRepositories,
}

#[derive(Clone, Debug)]
pub(super) struct Installation {
    pub(super) id: InstallationId,
    pub(super) account: AccountId,
    pub(super) selection: RepositorySelection,
    pub(super) permissions: BTreeMap<String, Level>,
    pub(super) created_at: Timestamp,
    pub(super) suspended_at: Option<Timestamp>,
}

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look only.
    Read,
    /// Look and change.
    Write,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|level| level.as_str() == text)
    }
}

/// What an installation grants unless told otherwise: all that the control plane can ask for.
const GRANTED: &[(&str, Level)] = &[
    ("actions", Level::Write),
    ("administration", Level::Write),
    ("contents", Level::Read),
    ("metadata", Level::Read),
    ("organization_self_hosted_runners", Level::Write),
];

#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) logins: BTreeMap<String, AccountId>,
    pub(super) repositories: BTreeMap<RepositoryId, Repository>,
    pub(super) names: BTreeMap<(AccountId, String), RepositoryId>,
    /// Names that repositories had before; GitHub redirects them until somebody takes the name.
    pub(super) former: BTreeMap<(AccountId, String), RepositoryId>,
    pub(super) groups: BTreeMap<(AccountId, GroupId), Group>,
    pub(super) installations: BTreeMap<InstallationId, Installation>,
}

impl Accounts {
    pub(super) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.get(self.logins.get(&login.to_lowercase())?)
    }

    pub(super) fn login(&self, id: AccountId) -> &str {
        self.accounts.get(&id).map_or("ghost", |account| account.login.as_str())
    }

    pub(super) fn full_name(&self, repository: &Repository) -> String {
        format!("{}/{}", self.login(repository.owner), repository.name)
    }

    pub(super) fn named(&self, owner: &str, name: &str) -> Option<RepositoryId> {
        let owner = self.logins.get(&owner.to_lowercase())?;
        self.names.get(&(*owner, name.to_lowercase())).copied()
    }

    pub(super) fn formerly_named(&self, owner: &str, name: &str) -> Option<RepositoryId> {
        let owner = self.logins.get(&owner.to_lowercase())?;
        self.former.get(&(*owner, name.to_lowercase())).copied()
    }

    /// The installation whose App hears of this repository.
    pub(super) fn installation_for(&self, repository: &Repository) -> Option<&Installation> {
        self.installations
            .values()
            .find(|installation| installation.suspended_at.is_none() && installation.reaches(repository))
    }

    /// Whether jobs of `repository` may run in `group`.
    pub(super) fn group_serves(group: &Group, repository: &Repository) -> bool {
        let visible = match &group.visibility {
            GroupVisibility::All => true,
            GroupVisibility::Private => repository.visibility == Visibility::Private,
            GroupVisibility::Selected(repositories) => repositories.contains(&repository.id),
        };
        let allowed =
            group.public == PublicRepositories::Allowed || repository.visibility == Visibility::Private;
        visible && allowed
    }
}

impl Installation {
    pub(super) fn reaches(&self, repository: &Repository) -> bool {
        self.account == repository.owner
            && match &self.selection {
                RepositorySelection::All => true,
                RepositorySelection::Selected(repositories) => repositories.contains(&repository.id),
            }
    }
}

impl GitHub {
    /// Adds an organisation with its default runner group (number 1, all repositories), or finds it.
    pub fn add_organization(&mut self, login: &str) -> AccountId {
        let id = self.add_account(login, AccountKind::Organization);
        let default = Group {
            id: GroupId(1),
            name: "Default".to_owned(),
            visibility: GroupVisibility::All,
            public: PublicRepositories::Refused,
        };
        self.accounts.groups.entry((id, GroupId(1))).or_insert(default);
        id
    }

    /// Adds a user, or finds the account of that login.
    pub fn add_user(&mut self, login: &str) -> AccountId {
        self.add_account(login, AccountKind::User)
    }

    /// Adds a repository; names are unique without regard to case, an existing one is found.
    pub fn add_repository(&mut self, owner: AccountId, name: &str, visibility: Visibility) -> RepositoryId {
        let key = (owner, name.to_lowercase());
        if let Some(id) = self.accounts.names.get(&key) {
            return *id;
        }
        let id = RepositoryId(self.next_number());
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            visibility,
            created_at: self.now,
            files: BTreeMap::new(),
            runs: 0,
        };
        self.accounts.repositories.insert(id, repository);
        self.accounts.former.remove(&key);
        self.accounts.names.insert(key, id);
        id
    }

    /// Renames a repository; the old name answers with redirects from then on. Tells whether the repository exists.
    pub fn rename_repository(&mut self, id: RepositoryId, name: &str) -> bool {
        let Some(repository) = self.accounts.repositories.get_mut(&id) else { return false };
        let old = (repository.owner, repository.name.to_lowercase());
        let new = (repository.owner, name.to_lowercase());
        repository.name = name.to_owned();
        self.accounts.names.remove(&old);
        self.accounts.former.remove(&new);
        self.accounts.former.insert(old, id);
        self.accounts.names.insert(new, id);
        true
    }

    /// Writes a file, which is from then on the same at every ref. Tells whether the repository exists.
    pub fn put_file(&mut self, id: RepositoryId, path: &str, text: &str) -> bool {
        let Some(repository) = self.accounts.repositories.get_mut(&id) else { return false };
        repository.files.insert(path.to_owned(), text.to_owned());
        true
    }

    /// Adds a runner group to an organisation.
    pub fn add_runner_group(
        &mut self,
        organization: AccountId,
        name: &str,
        visibility: GroupVisibility,
        public: PublicRepositories,
    ) -> GroupId {
        let id = GroupId(self.next_number());
        let group = Group { id, name: name.to_owned(), visibility, public };
        self.accounts.groups.insert((organization, id), group);
        self.assignment_due = true;
        id
    }

    /// Changes which repositories a runner group serves. Tells whether the group exists.
    pub fn set_group_visibility(
        &mut self,
        organization: AccountId,
        id: GroupId,
        visibility: GroupVisibility,
    ) -> bool {
        let Some(group) = self.accounts.groups.get_mut(&(organization, id)) else { return false };
        group.visibility = visibility;
        self.assignment_due = true;
        true
    }

    /// Installs the App with every permission that the control plane can use.
    pub fn install(&mut self, account: AccountId, selection: RepositorySelection) -> InstallationId {
        let id = InstallationId(self.next_number());
        let permissions = GRANTED.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        let installation =
            Installation { id, account, selection, permissions, created_at: self.now, suspended_at: None };
        self.accounts.installations.insert(id, installation);
        id
    }

    /// Replaces what an installation grants, for tokens already given out too. Tells whether it exists.
    pub fn set_permissions(&mut self, id: InstallationId, permissions: &[(&str, Level)]) -> bool {
        let Some(installation) = self.accounts.installations.get_mut(&id) else { return false };
        installation.permissions =
            permissions.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        true
    }

    /// Replaces which repositories an installation reaches: access is lost or won at once. Tells whether it exists.
    pub fn set_selection(&mut self, id: InstallationId, selection: RepositorySelection) -> bool {
        let Some(installation) = self.accounts.installations.get_mut(&id) else { return false };
        installation.selection = selection;
        true
    }

    /// Suspends an installation, or ends its suspension with `None`. Tells whether it exists.
    pub fn set_suspended(&mut self, id: InstallationId, since: Option<Timestamp>) -> bool {
        let Some(installation) = self.accounts.installations.get_mut(&id) else { return false };
        installation.suspended_at = since;
        true
    }

    /// Ends all installation tokens before their time, as GitHub does when an App's permissions change or a token is revoked.
    pub fn revoke_tokens(&mut self) {
        self.auth.revoke();
    }

    /// Removes an installation: its tokens and its account's API are gone for the App. Tells whether it existed.
    pub fn uninstall(&mut self, id: InstallationId) -> bool {
        self.accounts.installations.remove(&id).is_some()
    }

    fn add_account(&mut self, login: &str, kind: AccountKind) -> AccountId {
        if let Some(id) = self.accounts.logins.get(&login.to_lowercase()) {
            return *id;
        }
        let id = AccountId(self.next_number());
        self.accounts.logins.insert(login.to_lowercase(), id);
        self.accounts.accounts.insert(id, Account { id, login: login.to_owned(), kind });
        id
    }
}
