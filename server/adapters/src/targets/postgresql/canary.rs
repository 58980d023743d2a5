//! The check of a target: rights and settings as they are written, then a trial of everything that revocation needs, with a
//! throw-away account. A target that passes can be relied on to take away what it gave.
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, Plan};
use hallpass_domain::failpoint;
use hallpass_domain::ports::target::{Canary, Removal, Step, TargetConnector, TargetError};
use hallpass_domain::secret::random_alphanumeric;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::PostgresqlConnector;
use super::session::{Script, script};

const FACTS: Script = script!("facts": "facts");
const QUARANTINE: Script = script!(
    "quarantine" in "postgresql.quarantine.before" .. "postgresql.quarantine.after": "quarantine"
);

/// Oldest version with a security team behind it, and the first on which no login may hand its own membership on: before
/// it, what one login was given lives on in the sessions of another.
const OLDEST: i32 = 150_000;

/// How far a target's clock may be behind ours.
const MAX_BEHIND: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

#[derive(Deserialize)]
struct Facts {
    version: String,
    version_num: i32,
    now: Timestamp,
    standby: bool,
    user: String,
    #[serde(rename = "super")]
    superuser: bool,
    createrole: bool,
    signal: bool,
    stats: bool,
    prepared: i32,
    plpgsql: bool,
    quarantine: Option<Quarantine>,
}

#[derive(Deserialize)]
struct Quarantine {
    login: bool,
    powerful: bool,
    members: Vec<String>,
    groups: Vec<String>,
}

impl PostgresqlConnector {
    /// Finds what is wrong, each with what to do.
    pub(super) async fn check(&self, credential: &Credential) -> Result<Canary, TargetError> {
        let quarantine = &self.settings.quarantine_role;
        let facts: Facts = self.ddl.run(FACTS, &json!({ "quarantine": quarantine })).await?;
        let mut problems = settings_problems(&facts);
        problems.extend(clock_problem(&facts, credential));
        match &facts.quarantine {
            Some(role) => problems.extend(quarantine_problems(quarantine, role)),
            None if problems.is_empty() => {
                let made: Result<(), _> =
                    self.ddl.run(QUARANTINE, &json!({ "quarantine": quarantine })).await;
                match made {
                    Ok(()) => {}
                    Err(down @ TargetError::Down(_)) => return Err(down),
                    Err(e) => problems.push(format!("the quarantine role {quarantine} cannot be made: {e}")),
                }
            }
            None => {}
        }
        if problems.is_empty() {
            self.trial(credential, &mut problems).await?;
        }
        Ok(Canary { version: facts.version, problems })
    }

    /// Creates, logs in, owns something, and takes all of it away again.
    async fn trial(&self, credential: &Credential, problems: &mut Vec<String>) -> Result<(), TargetError> {
        let Plan::PostgresqlLogin { database, .. } = &credential.plan;
        let password = |length| {
            random_alphanumeric(length)
                .map(SecretString::from)
                .map_err(|e| TargetError::Refused(e.to_string()))
        };
        let (right, wrong) = (password(24)?, password(25)?);
        let mut credential = credential.clone();
        failpoint::hit("trial.create.before");
        let created = self.create_login(&credential, &right).await;
        failpoint::hit("trial.create.after");
        match created {
            Ok(created) => credential.external_oid = created.external_oid,
            Err(down @ TargetError::Down(_)) => return Err(down),
            Err(e) => {
                problems.push(format!("a login cannot be created: {e}"));
                return Ok(());
            }
        }
        let name = &credential.external_name;
        failpoint::hit("trial.use.before");
        if self.dialer.lets_in_anybody(name, &wrong, database).await {
            problems.push(
                "a login is let in with a wrong password: pg_hba.conf must ask for scram-sha-256, never trust".into(),
            );
        }
        let holder = self.dialer.holder(name, &right, database).await;
        match &holder {
            Ok(session) => {
                if let Err(e) = self.own_something(session, credential.id).await {
                    problems.push(format!("a login cannot work: {}", super::errors::target_error(&e)));
                }
            }
            Err(e) => problems.push(format!(
                "a login is not let in ({e}): pg_hba.conf must allow it to {database} by scram-sha-256 from here, and its \
                 groups must have CONNECT there"
            )),
        }
        failpoint::hit("trial.use.after");
        for step in [Step::Deny, Step::EndSessions, Step::Remove] {
            failpoint::hit("trial.remove.before");
            let answer = self.step(step, std::slice::from_ref(&credential)).await.pop();
            failpoint::hit("trial.remove.after");
            let (done, words): (fn(&Removal) -> bool, _) = match step {
                Step::Deny => (|r| r.denied, "its login cannot be refused"),
                Step::EndSessions => (|r| r.sessions_ended, "its sessions cannot be ended"),
                Step::Drop | Step::Remove | Step::VerifyAbsent => (|r| r.removed, "it cannot be removed"),
            };
            match answer {
                Some(Ok(removal)) if done(&removal) => {}
                Some(Err(down @ TargetError::Down(_))) => return Err(down),
                Some(Err(e)) => problems.push(format!("{words}: {e}")),
                _ => problems.push(words.into()),
            }
        }
        if holder.is_ok() {
            match self.clean_up(&credential).await {
                Err(down @ TargetError::Down(_)) => return Err(down),
                Err(e) => problems.push(format!("a large object of the trial is left in {database}: {e}")),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

fn settings_problems(facts: &Facts) -> Vec<String> {
    let user = &facts.user;
    let mut problems = Vec::new();
    if facts.version_num < OLDEST {
        problems.push("PostgreSQL 15 or later is needed".into());
    }
    if facts.standby {
        problems.push("this server is a standby: give the address of the primary".into());
    }
    if !facts.superuser && !facts.createrole {
        problems.push(format!("{user} may not create roles: ALTER ROLE {user} CREATEROLE"));
    }
    if !facts.superuser && !facts.signal {
        problems.push(format!("{user} may not end sessions: GRANT pg_signal_backend TO {user}"));
    }
    if facts.version_num >= 180_000 && !facts.superuser && !facts.stats {
        problems
            .push(format!("{user} cannot tell starting sessions apart: GRANT pg_read_all_stats TO {user}"));
    }
    if facts.prepared > 0 {
        problems.push(
            "max_prepared_transactions is not 0: a transaction that a login prepares outlives it, with its locks, and after \
             SET ROLE nobody can tell whose it was. Set it to 0 and restart the server"
                .into(),
        );
    }
    if !facts.plpgsql {
        problems.push(
            "the language plpgsql is missing in the maintenance database: CREATE EXTENSION plpgsql".into(),
        );
    }
    problems
}

/// A target's clock that is ahead refuses our creates; one that is behind lets a late create land for as long.
fn clock_problem(facts: &Facts, credential: &Credential) -> Option<String> {
    let behind = credential.intended_at - facts.now;
    if facts.now > credential.create_deadline {
        Some(
            "the target's clock is ahead of ours, or its answer took too long: compare the clocks (NTP)"
                .into(),
        )
    } else if behind > MAX_BEHIND {
        Some(format!("the target's clock is {} s behind ours: correct it (NTP)", behind.num_seconds()))
    } else {
        None
    }
}

fn quarantine_problems(name: &str, role: &Quarantine) -> Vec<String> {
    let mut problems = Vec::new();
    if role.login || role.powerful {
        problems.push(format!(
            "the quarantine role {name} may log in or has powers: it must be a plain NOLOGIN role"
        ));
    }
    if !role.members.is_empty() {
        problems.push(format!("the quarantine role {name} has members: {}", role.members.join(", ")));
    }
    if !role.groups.is_empty() {
        problems.push(format!("the quarantine role {name} is a member of {}", role.groups.join(", ")));
    }
    problems
}
