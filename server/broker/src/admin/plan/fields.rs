//! Every noun's fields in words, and how its row moves.
use hallpass_domain::account::Account;
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::ids::UserId;
use hallpass_domain::principal::{Client, ClientOf, Group, User, Workload};
use hallpass_domain::role::{Role, RoleSettings};
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::transition::Change;
use hallpass_domain::workflow::Workflow;

use super::Action;
use super::words::{addresses, describe_exactly, handles, scope, settings, stage, words, yes};
use crate::admin::build::{NO_SECRET, State};

/// A noun of the catalogue.
pub trait Noun: Clone + PartialEq {
    /// The noun in audit subjects.
    const NOUN: &'static str;
    /// What it is called when it goes.
    const GOING: Action;
    /// Its id.
    fn id(&self) -> String;
    /// What people call it.
    fn name(&self) -> String;
    /// Whether it is out of use.
    fn is_gone(&self) -> bool;
    /// Its fields in words, names as in `state`. Two objects that differ have fields, or hidden ones, that differ.
    fn fields(&self, state: &State) -> Vec<(String, String)>;
    /// A field that is compared and never shown.
    fn hidden(&self) -> Option<String> {
        None
    }
    /// Rows to commit, versions moved; `new` where there was none.
    fn moved(self, new: bool) -> Vec<Change>;
}

impl Noun for User {
    const NOUN: &'static str = UserId::NOUN;
    const GOING: Action = Action::Disable;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.email.to_string()
    }
    fn is_gone(&self) -> bool {
        self.disabled
    }
    fn fields(&self, _: &State) -> Vec<(String, String)> {
        let duties = self.duties.iter().map(|d| d.as_str()).collect::<Vec<_>>().join(", ");
        words([
            ("name", self.display_name.clone()),
            ("time_zone", self.time_zone.clone()),
            ("duties", duties),
            ("disabled", yes(self.disabled)),
        ])
    }
    fn moved(mut self, new: bool) -> Vec<Change> {
        self.version += 1;
        let account = Account {
            user_id: self.id,
            password_hash: None,
            totp_sealed: None,
            totp_pending: None,
            totp_last_step: 0,
            recovery_hashes: Vec::new(),
            password_set_at: None,
            version: 1,
        };
        let account = new.then(|| Change::Account(Box::new(account)));
        std::iter::once(Change::User(Box::new(self))).chain(account).collect()
    }
}

impl Noun for Group {
    const NOUN: &'static str = "group";
    const GOING: Action = Action::Retire;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn is_gone(&self) -> bool {
        self.members.is_empty()
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        words([("title", self.title.clone()), ("members", handles(state, self.members.iter()))])
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        vec![Change::Catalogue(Box::new(CatalogueChange::Group(self)))]
    }
}

impl Noun for Workload {
    const NOUN: &'static str = "workload";
    const GOING: Action = Action::Disable;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn is_gone(&self) -> bool {
        self.disabled
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        words([
            ("title", self.title.clone()),
            ("owners", addresses(state, self.owners.iter())),
            ("disabled", yes(self.disabled)),
        ])
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        vec![Change::Catalogue(Box::new(CatalogueChange::Workload(self)))]
    }
}

impl Noun for Target {
    const NOUN: &'static str = "target";
    const GOING: Action = Action::Disable;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn is_gone(&self) -> bool {
        self.disabled
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        let mut all = words([
            ("title", self.title.clone()),
            ("environment", self.environment.clone()),
            ("owners", addresses(state, self.owners.iter())),
            ("disabled", yes(self.disabled)),
        ]);
        all.extend(match &self.settings {
            TargetSettings::Oauth(s) => settings(s),
            TargetSettings::Postgresql(s) => settings(s),
        });
        all.push(("kind".to_owned(), self.settings.kind().to_owned()));
        all
    }
    fn hidden(&self) -> Option<String> {
        self.sealed_secret.clone()
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        self.revision += 1;
        vec![Change::Catalogue(Box::new(CatalogueChange::Target(self)))]
    }
}

impl Noun for Role {
    const NOUN: &'static str = "role";
    const GOING: Action = Action::Retire;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn is_gone(&self) -> bool {
        self.retired
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        let c = &state.catalogue;
        let mut all = words([
            ("target", c.targets.get(&self.target_id).map(|t| t.name.to_string()).unwrap_or_default()),
            ("purpose", self.purpose.clone()),
            ("tier", self.tier.as_str().to_owned()),
            ("eligible", handles(state, self.eligible.iter())),
            ("max", describe_exactly(self.max_seconds)),
            ("usual", describe_exactly(self.usual_seconds)),
            ("workflow", c.workflows.get(&self.workflow_id).map(|w| w.name.to_string()).unwrap_or_default()),
            ("standing", yes(self.standing)),
            ("retired", yes(self.retired)),
        ]);
        all.extend(self.scope_schema.iter().map(|(name, param)| (format!("scope.{name}"), scope(param))));
        all.extend(match &self.settings {
            RoleSettings::AccessToken(s) => settings(s),
            RoleSettings::PostgresqlLogin(s) => settings(s),
        });
        all
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        self.revision += 1;
        vec![Change::Catalogue(Box::new(CatalogueChange::Role(self)))]
    }
}

impl Noun for Workflow {
    const NOUN: &'static str = "workflow";
    const GOING: Action = Action::Retire;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn is_gone(&self) -> bool {
        self.retired
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .stages
            .iter()
            .enumerate()
            .map(|(i, s)| (format!("stage {}", i + 1), stage(state, s)))
            .collect();
        all.push(("retired".to_owned(), yes(self.retired)));
        all
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        self.revision += 1;
        vec![Change::Catalogue(Box::new(CatalogueChange::Workflow(self)))]
    }
}

impl Noun for Client {
    const NOUN: &'static str = "client";
    const GOING: Action = Action::Retire;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn name(&self) -> String {
        self.client_id.to_string()
    }
    fn is_gone(&self) -> bool {
        self.secret_hash == Some(NO_SECRET)
    }
    fn fields(&self, state: &State) -> Vec<(String, String)> {
        let c = &state.catalogue;
        let of = match self.of {
            ClientOf::Workload(id) => {
                format!("workload {}", c.workloads.get(&id).map(|w| w.name.to_string()).unwrap_or_default())
            }
            ClientOf::ResourceServer(id) => format!(
                "resource server of {}",
                c.targets.get(&id).map(|t| t.name.to_string()).unwrap_or_default()
            ),
            ClientOf::CommandLine => "command line".to_owned(),
        };
        words([("of", of)])
    }
    fn hidden(&self) -> Option<String> {
        self.secret_hash.filter(|h| *h != NO_SECRET).map(|h| h.hex())
    }
    fn moved(mut self, _: bool) -> Vec<Change> {
        self.version += 1;
        vec![Change::Client(Box::new(self))]
    }
}
