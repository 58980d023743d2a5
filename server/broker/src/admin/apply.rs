//! Apply a catalogue file: one transition, or nothing.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{TargetId, UserId};
use hallpass_domain::ports::sealer::SealedAt;
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::new_secret;
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::transition::{Change, Rested, Transition};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::applied::{Applied, ApplyError, By, MARK, Mark, NewClient, revision_of};
use super::build::{Built, Known, State};
use super::check::judge;
use super::evidence;
use super::file::read::read;
use super::mistake::{Mistake, Mistakes};
use super::plan::plan;
use super::secrets::SecretSource;
use super::trial::{Needed, Outcome, TargetTried, needed};
use crate::broker::{Broker, Decided, unreadable};

/// Table and column of [`hallpass_domain::target::Target::sealed_secret`], as bound into its seal; the row is the id.
pub const TARGET_SECRET: (&str, &str) = ("targets", "sealed_secret");

/// Most trials for one file: more only where it changes all the time.
const MOST_TRIED: usize = 200;

/// Prefix of client secrets, by which scanners find leaked ones.
const CLIENT_SECRET_PREFIX: &str = "hpc";

impl Broker {
    /// Applies `text`. Everything that it changes is committed in one transition with its event and mails, or nothing
    /// is; applying again changes nothing. Afterwards, access that its holder may no longer have is ended.
    pub async fn apply_catalogue(
        &self,
        by: By<'_>,
        text: &str,
        dry_run: bool,
        secrets: &dyn SecretSource,
    ) -> Result<Applied, ApplyError> {
        self.apply_catalogue_at(None, by, text, dry_run, secrets).await
    }

    /// As [`Self::apply_catalogue`], where `wanted` is there only if the catalogue is still at that revision: what was
    /// shown is what is applied, also where two people apply at once.
    ///
    /// # Errors
    /// `Conflict` where it is at another one.
    pub async fn apply_catalogue_at(
        &self,
        wanted: Option<i64>,
        by: By<'_>,
        text: &str,
        dry_run: bool,
        secrets: &dyn SecretSource,
    ) -> Result<Applied, ApplyError> {
        let mut tried = Vec::new();
        let mut applied = loop {
            let decided = self
                .commit_deciding(async || self.decide_apply(wanted, by, text, dry_run, secrets, &tried).await)
                .await?;
            match decided {
                Come::Applied(applied) => break applied,
                Come::Mistakes(mistakes) => return Err(ApplyError::Mistakes(mistakes)),
                Come::Untried(_) if tried.len() > MOST_TRIED => {
                    return Err(Refusal::conflict(
                        "conflict",
                        "Targets or their passwords keep changing while they are tried. Apply again.",
                    )
                    .into());
                }
                Come::Untried(untried) => tried.extend(self.try_all(by, untried).await?),
            }
        };
        if !dry_run {
            // Also where nothing changed: an earlier apply may have been cut off between its commit and this.
            match self.end_what_may_not_be().await {
                Ok(ended) => applied.ended = ended,
                Err(refusal) => applied.warnings.push(format!("The change is committed, but access that it takes away could not all be ended: {} Apply the file again.", refusal.message)),
            }
            if !applied.differences.is_empty() || !applied.ended.is_empty() {
                self.wait_for_replicas().await;
            }
        }
        Ok(applied)
    }

    async fn decide_apply(
        &self,
        wanted: Option<i64>,
        by: By<'_>,
        text: &str,
        dry_run: bool,
        secrets: &dyn SecretSource,
        tried: &[Tried],
    ) -> Result<Decided<Come>, Refusal> {
        let now = self.now();
        let catalogue = self.catalogue().await?;
        let (actor, who, me) = actor(&catalogue, by)?;
        let clients = self.store.clients().await.map_err(unreadable)?;
        let current = State::new(Catalogue::clone(&catalogue), clients);
        let stored = self.store.meta(MARK).await.map_err(unreadable)?;
        let revision = stored.as_deref().map_or(Ok(0), revision_of)?;
        if let Some(wanted) = wanted.filter(|w| *w != revision) {
            return Err(Refusal::conflict(
                "conflict",
                format!(
                    "The catalogue is at revision {revision}, not at {wanted}: somebody else changed it. Look at the difference again."
                ),
            ));
        }

        let mut mistakes = Mistakes::new(text);
        let file = read(text, &mut mistakes);
        let Some(mut built) = judge(&current, &file, Known::Server, me, now, &mut mistakes) else {
            return Ok(Decided::Answer(Come::Mistakes(mistakes.into_sorted())));
        };
        // Whoever applies: the demo may be started with another server than last time, too.
        let moved = if matches!(by, By::SameServers(_)) {
            Vec::new()
        } else {
            self.refuse_moved_servers(&current, &built, &mut mistakes).await?
        };
        self.refuse_early_offline(&current, &built, now, &mut mistakes).await?;
        self.seal_passwords(&current, &mut built, secrets, &mut mistakes)?;
        if !mistakes.is_empty() {
            return Ok(Decided::Answer(Come::Mistakes(mistakes.into_sorted())));
        }
        // A local command makes its own target, or brings a catalogue before there is a server to try from.
        let (mut checks, mut warnings) = (Vec::new(), Vec::new());
        if me.is_some() {
            let mut untried = Vec::new();
            for need in needed(&current, &built.next) {
                let password = self.password_of(&need.target);
                let found = tried.iter().find(|t| t.is_of(&need.target, password.as_ref()));
                match found.map(|t| &t.found) {
                    None if dry_run => checks.push(need.would()),
                    None => untried.push(need),
                    Some(found) => judge_trial(&need, found, &built, &mut mistakes, &mut warnings),
                }
                checks.extend(found.map(|t| t.found.clone()));
            }
            if !mistakes.is_empty() {
                return Ok(Decided::Answer(Come::Mistakes(mistakes.into_sorted())));
            }
            if !untried.is_empty() {
                return Ok(Decided::Answer(Come::Untried(untried)));
            }
        }
        let new_clients = if dry_run { Vec::new() } else { make_client_secrets(&mut built)? };

        let plan = plan(&current, &built.next);
        let mut applied = Applied {
            dry_run,
            revision,
            differences: plan.differences,
            new_clients,
            ended: Vec::new(),
            checks,
            warnings,
        };
        if dry_run || applied.differences.is_empty() {
            return Ok(Decided::Answer(Come::Applied(applied)));
        }
        applied.revision = revision.saturating_add(1);
        let mark = Mark { revision: applied.revision, at: now, by: actor.clone() };
        let mark =
            serde_json::to_string(&mark).map_err(|e| Refusal::unavailable("internal", e.to_string()))?;
        let mut transition = Transition::new(now).mails(evidence::mails(
            now,
            &who,
            &current,
            &built.next,
            &applied.differences,
        ));
        transition.changes.splice(0..0, plan.changes);
        for target in moved {
            transition = transition.rests_on(Rested::Unused(target, catalogue.revision));
        }
        transition.changes.push(Change::Meta { key: MARK.to_owned(), expected: stored, value: Some(mark) });
        transition.events = evidence::events(
            now,
            &actor,
            &who,
            applied.revision,
            &evidence::sha256(text),
            &applied.differences,
        );
        Ok(Decided::Commit(transition, Come::Applied(applied)))
    }

    /// Tries targets, side by side.
    async fn try_all(&self, by: By<'_>, untried: Vec<Needed>) -> Result<Vec<Tried>, Refusal> {
        let catalogue = self.catalogue().await?;
        let (actor, _, _) = actor(&catalogue, by)?;
        let actor = actor.as_str();
        let trials = untried.into_iter().map(|need| async move {
            let found = self.try_target(actor, &need).await;
            Tried { password: self.password_of(&need.target), target: need.target, found }
        });
        Ok(futures_util::future::join_all(trials).await)
    }

    fn password_of(&self, target: &Target) -> Option<SecretString> {
        let row = target.id.to_string();
        let at = SealedAt { table: TARGET_SECRET.0, row: &row, column: TARGET_SECRET.1 };
        target.sealed_secret.as_deref().and_then(|sealed| self.sealer.open(at, sealed).ok())
    }

    /// A PostgreSQL target's address may change only while nothing of ours is there: removal would go to the new
    /// server, find nothing, and call it verified. Answers the targets whose address changes: the commit rests on it that
    /// nothing was made there meanwhile.
    async fn refuse_moved_servers(
        &self,
        current: &State,
        built: &Built<'_>,
        mistakes: &mut Mistakes<'_>,
    ) -> Result<Vec<TargetId>, Refusal> {
        let mut moved = Vec::new();
        for (id, at) in &built.addresses {
            let address = |state: &State| match state.catalogue.targets.get(id).map(|t| &t.settings) {
                Some(TargetSettings::Postgresql(p)) => Some((p.host.clone(), p.port)),
                _ => None,
            };
            if address(current).is_none() || address(current) == address(&built.next) {
                continue;
            }
            moved.push(*id);
            let left = self.store.unrevoked_at(*id).await.map_err(unreadable)?.len();
            if left > 0 {
                mistakes.at(
                    at.clone(),
                    format!("This target's address would change while {left} of its logins are not verified gone: they could not be removed any more."),
                    "Set disabled = true on the target, apply, wait until its logins are gone, then change the address.",
                );
            }
        }
        Ok(moved)
    }

    /// Reads the targets' passwords and seals those that changed. Sealing the same text twice gives different seals,
    /// so equal passwords keep theirs.
    fn seal_passwords(
        &self,
        current: &State,
        built: &mut Built<'_>,
        source: &dyn SecretSource,
        mistakes: &mut Mistakes<'_>,
    ) -> Result<(), Refusal> {
        for (id, from, span) in std::mem::take(&mut built.secrets) {
            let clear = match source.read(&from) {
                Ok(clear) => clear,
                Err(why) => {
                    mistakes.at(
                        span,
                        why,
                        "Put the password there for the server process, then apply again.",
                    );
                    continue;
                }
            };
            let row = id.to_string();
            let at = SealedAt { table: TARGET_SECRET.0, row: &row, column: TARGET_SECRET.1 };
            let sealed = current.catalogue.targets.get(&id).and_then(|t| t.sealed_secret.as_deref());
            let same = sealed
                .and_then(|s| self.sealer.open(at, s).ok())
                .is_some_and(|s| s.expose_secret().as_bytes().ct_eq(clear.expose_secret().as_bytes()).into());
            if !same {
                let sealed = self.sealer.seal(at, &clear).map_err(|error| {
                    tracing::error!(%error, target = %id, "a target's password could not be sealed");
                    Refusal::unavailable("sealing_failed", "A target's password could not be encrypted, so nothing was changed. Look at the server's log.")
                })?;
                set_sealed(built, id, sealed);
            }
        }
        Ok(())
    }
}

/// What one look at the file comes to.
enum Come {
    Applied(Applied),
    Mistakes(Vec<Mistake>),
    /// Targets must be tried first; then it is looked at again.
    Untried(Vec<Needed>),
}

/// A target that was tried with these settings and this password.
struct Tried {
    target: Target,
    password: Option<SecretString>,
    found: TargetTried,
}

impl Tried {
    /// A new target has another id at each look, so it is known by its name.
    fn is_of(&self, target: &Target, password: Option<&SecretString>) -> bool {
        let same = match (&self.password, password) {
            (None, None) => true,
            (Some(a), Some(b)) => a.expose_secret().as_bytes().ct_eq(b.expose_secret().as_bytes()).into(),
            _ => false,
        };
        same && self.target.name == target.name && self.target.settings == target.settings
    }
}

/// What a trial means for the file: an unfit target is a mistake, with every problem; one that does not answer is one where
/// nothing is known of its server, and a warning else.
fn judge_trial(
    need: &Needed,
    found: &TargetTried,
    built: &Built<'_>,
    mistakes: &mut Mistakes<'_>,
    warnings: &mut Vec<String>,
) {
    let name = &need.target.name;
    let at = built.addresses.get(&need.target.id).cloned().unwrap_or(0..0);
    match found.outcome {
        Outcome::Fit | Outcome::WouldTry => {}
        Outcome::Unfit => {
            for problem in &found.problems {
                mistakes.at(
                    at.clone(),
                    format!("Target “{name}” was tried, and what is given there could not be relied on to be taken away: {problem}."),
                    "Mend it at the target and apply again, or set disabled = true on it for now.",
                );
            }
        }
        Outcome::Unreachable => {
            let why = found.problems.join("; ");
            if need.must_answer {
                mistakes.at(
                    at,
                    format!("Target “{name}” is new here, or moved, and does not answer ({why}), so nothing is known of it."),
                    "Apply again when it answers, or set disabled = true on it for now: a disabled target is not tried, and nothing is given there.",
                );
            } else {
                warnings.push(format!("Target “{name}” does not answer ({why}), so it was not tried with its new settings. Run `hallpass admin check {name}` when it is back."));
            }
        }
    }
}

fn set_sealed(built: &mut Built<'_>, id: TargetId, sealed: String) {
    if let Some(target) = built.next.catalogue.targets.get_mut(&id) {
        target.sealed_secret = Some(sealed);
    }
}

/// Secrets for the clients that have none yet.
fn make_client_secrets(built: &mut Built<'_>) -> Result<Vec<NewClient>, Refusal> {
    let mut made = Vec::new();
    for id in &built.need_secret {
        let Some(client) = built.next.clients.get_mut(id) else { continue };
        let (secret, hash) = new_secret(CLIENT_SECRET_PREFIX)
            .map_err(|e| Refusal::unavailable("no_randomness", e.to_string()))?;
        client.secret_hash = Some(hash);
        made.push(NewClient { client_id: client.client_id.to_string(), secret });
    }
    Ok(made)
}

/// Actor for audit, name for people, and the person. A person's duty is read from the catalogue as committed now, not
/// from what was so when the session began.
pub(crate) fn actor(catalogue: &Catalogue, by: By<'_>) -> Result<(String, String, Option<UserId>), Refusal> {
    let caller = match by {
        By::System(command) | By::SameServers(command) => {
            return Ok((format!("system:{command}"), format!("Hallpass ({command})"), None));
        }
        By::Person(caller) => caller,
    };
    let user = caller.user().and_then(|id| catalogue.users.get(&id)).filter(|u| {
        !u.disabled && u.duties.contains(&Duty::Administrator) && caller.has(Duty::Administrator)
    });
    let Some(user) = user else {
        return Err(Refusal::forbidden("administrators_only", "Only administrators change the catalogue."));
    };
    Ok((caller.actor(), user.display_name.clone(), Some(user.id)))
}
