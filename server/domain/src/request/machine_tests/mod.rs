//! The state machine of requests and grants under any order of people, clock and catalogue: what must hold, holds.
mod sample;

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use proptest::prelude::*;
use sample::{PEOPLE, ROLE, TARGET, WORKFLOW, WORKLOAD, at, catalogue, id, person, settings, target, team};

use super::count::reopen;
use super::decide::{DecideCommand, Outcome, decide, lapse, lapse_changed, withdraw, withdraw_not_eligible};
use super::submit::{Submission, submit};
use super::{Decision, Request, RequestState, Verdict};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::grant::{EndReason, Grant, GrantState};
use crate::ids::{UserId, WorkloadId};
use crate::issue::{issuable, token_end};
use crate::principal::Principal;
use crate::role::{Role, Tier};
use crate::scope::Scope;
use crate::target::TargetSettings;
use crate::terms::{Terms, are_as_asked};
use crate::window::Ask;
use crate::workflow::Proof;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Decide { who: usize, approve: bool, cap: Option<i64>, other_digest: bool, step_up: bool },
    Withdraw(usize),
    Wait(i64),
    Lapse,
    Settle,
    End(bool),
    Expire,
    Issue,
    Groups(u8),
    Limit(i64),
    Tier(Tier),
    Host(bool),
    Allowed(bool),
    Needed(u32),
    Text,
    Member { team: usize, who: usize, there: bool },
    Disabled { who: usize, disabled: bool },
    Owner { who: usize, owns: bool },
    Eligible(bool),
    Kind(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..PEOPLE;
    let decide = (
        who.clone(),
        prop::bool::weighted(0.9),
        prop::option::weighted(0.2, 60_i64..7_200),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.8),
    )
        .prop_map(|(who, approve, cap, other_digest, step_up)| Step::Decide {
            who,
            approve,
            cap,
            other_digest,
            step_up,
        });
    let step = prop_oneof![
        12 => decide,
        1 => who.clone().prop_map(Step::Withdraw),
        4 => (1_i64..2_000).prop_map(Step::Wait),
        2 => Just(Step::Lapse),
        3 => Just(Step::Settle),
        1 => any::<bool>().prop_map(Step::End),
        2 => Just(Step::Expire),
        6 => Just(Step::Issue),
        2 => (0_u8..8).prop_map(Step::Groups),
        1 => (60_i64..8_000).prop_map(Step::Limit),
        1 => prop_oneof![Just(Tier::Low), Just(Tier::High)].prop_map(Step::Tier),
        1 => any::<bool>().prop_map(Step::Host),
        1 => any::<bool>().prop_map(Step::Allowed),
        1 => (1_u32..3).prop_map(Step::Needed),
        1 => Just(Step::Text),
        3 => (0..2_usize, who.clone(), any::<bool>()).prop_map(|(team, who, there)| Step::Member { team, who, there }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, disabled)| Step::Disabled { who, disabled }),
        1 => (who, any::<bool>()).prop_map(|(who, owns)| Step::Owner { who, owns }),
        1 => prop::bool::weighted(0.7).prop_map(Step::Eligible),
        1 => prop::bool::weighted(0.8).prop_map(Step::Kind),
    ];
    prop::collection::vec(step, 1..60)
}

/// The world, with what was true when it happened.
struct World {
    catalogue: Catalogue,
    request: Request,
    decisions: Vec<Decision>,
    grant: Option<Grant>,
    now: Timestamp,
    /// Moves of the request out of `pending`.
    closed: u32,
    /// The latest end that was ever allowed, fixed at activation.
    approved_end: Option<Timestamp>,
    /// The least shortening that somebody whose decision was taken asked for.
    shortest: Option<i64>,
}

impl World {
    fn new(tokens: bool, tier: Tier, ask: Ask, write: bool) -> Self {
        let mut catalogue = catalogue(tokens);
        catalogue.roles.get_mut(&ROLE).unwrap().tier = tier;
        let values = if write { vec!["read", "write"] } else { vec!["read"] };
        let scope =
            Scope(BTreeMap::from([("access".to_owned(), values.into_iter().map(str::to_owned).collect())]));
        let asked = Submission {
            subject: Principal::Workload(WorkloadId(id(WORKLOAD))),
            submitted_by: None,
            role: "db",
            scope,
            ask,
            reason: "to look",
            ticket: "",
        };
        let request = submit(&catalogue, asked, "R-2222222222".to_owned(), at(0)).unwrap();
        Self {
            catalogue,
            request,
            decisions: Vec::new(),
            grant: None,
            now: at(0),
            closed: 0,
            approved_end: None,
            shortest: None,
        }
    }

    fn role(&mut self) -> &mut Role {
        self.catalogue.roles.get_mut(&ROLE).unwrap()
    }

    fn moved(&mut self, next: Request) {
        assert_eq!(self.request.state, RequestState::Pending, "only a pending request moves");
        assert_eq!(next.version, self.request.version + 1);
        self.closed += u32::from(next.state != RequestState::Pending);
        assert_eq!(next.closed_at.is_some(), next.state != RequestState::Pending);
        self.request = next;
    }

    fn decide(&mut self, who: usize, approve: bool, cap: Option<i64>, other_digest: bool, step_up: bool) {
        let digest = if other_digest { "0".repeat(64) } else { self.request.digest.clone() };
        let command = DecideCommand {
            approver: person(who),
            verdict: if approve { Verdict::Approve } else { Verdict::Deny },
            cap_seconds: cap,
            comment: "because",
            digest: &digest,
            proof: if step_up { Proof::StepUp } else { Proof::Session },
        };
        let Ok(done) = decide(&self.catalogue, &self.request, &self.decisions, command, self.now) else {
            return;
        };
        assert!(!other_digest, "only exactly what was shown is decided");
        assert!(step_up || self.request.tier != Tier::High, "high tier needs a second factor");
        let owners = &self.catalogue.workloads[&WorkloadId(id(WORKLOAD))].owners;
        assert!(!owners.contains(&person(who)), "a requester decided: P{who}");
        assert!(!self.request.requesters.contains(&person(who)), "whoever asked decided: P{who}");
        assert!(!self.catalogue.users[&person(who)].disabled, "somebody disabled decided: P{who}");
        assert!(self.decisions.iter().all(|d| d.approver != person(who)), "P{who} decided twice");
        assert!(self.now < self.request.decide_by, "decided after its time");
        if approve {
            let role = &self.catalogue.roles[&ROLE];
            assert!(
                self.catalogue.is_eligible(role, self.request.subject),
                "an approval for who may not have it"
            );
            self.shortest = [self.shortest, cap].into_iter().flatten().min();
        }
        self.decisions.push(done.decision);
        self.moved(done.request);
        if let Outcome::Approved(grant) = done.outcome {
            self.activated(*grant);
        }
    }

    /// What must be so at the moment of the last approval.
    fn activated(&mut self, grant: Grant) {
        assert!(self.grant.is_none(), "one request, one grant");
        let request = &self.request;
        let mut counted = BTreeSet::new();
        for (index, stage) in request.stages.iter().enumerate() {
            let of = self.decisions.iter().filter(|d| d.stage as usize == index);
            // By the test's own reading of the rules, not by the code that it tests.
            let may = |user: &UserId| {
                let owners = &self.catalogue.workloads[&WorkloadId(id(WORKLOAD))].owners;
                let members = &self.catalogue.groups[&team(index)].members;
                members.contains(&Principal::User(*user))
                    && !self.catalogue.users[user].disabled
                    && !owners.contains(user)
            };
            let have: BTreeSet<_> =
                of.filter(|d| d.verdict == Verdict::Approve).map(|d| d.approver).filter(may).collect();
            assert!(have.len() >= stage.needed as usize, "stage {index} has only {have:?}");
            for user in &have {
                assert!(!self.catalogue.users[user].disabled, "{user} was disabled");
                assert!(counted.insert(*user), "{user} counts in two stages");
            }
        }
        let role = &self.catalogue.roles[&ROLE];
        assert!(self.catalogue.is_eligible(role, request.subject), "the holder may not have it");
        let now = Terms::of(role, &self.catalogue.targets[&TARGET], &request.scope);
        assert_eq!((&grant.terms, &request.terms), (&now, &now), "approved ⊆ requested ⊆ role");
        assert_eq!(grant.tier, role.tier);
        assert!(grant.scope.is_within(&request.scope) && request.scope.check(&role.scope_schema).is_ok());
        let longest = [Some(role.max_seconds), self.shortest].into_iter().flatten().min().unwrap();
        let asked = match request.ask {
            Ask::Seconds(s) => self.now + Duration::seconds(s),
            Ask::Until(end) => end,
        };
        assert!(grant.ends_at <= asked.min(self.now + Duration::seconds(longest)), "longer than approved");
        assert!(grant.starts_at < grant.ends_at);
        self.approved_end = Some(grant.ends_at);
        self.grant = Some(grant);
    }

    fn end(&mut self, reason: EndReason) {
        if let Some(grant) = &mut self.grant
            && grant.state == GrantState::Active
        {
            let next = grant.ending(reason, None, self.now);
            assert!(next.ends_at <= grant.ends_at, "an end moved later");
            *grant = next;
        }
    }

    fn issue(&self) {
        let Some(grant) = &self.grant else { return };
        let Ok((role, target, terms)) = issuable(&self.catalogue, grant, self.now) else { return };
        assert!(grant.state == GrantState::Active && self.now < grant.ends_at, "issued after the end");
        assert!(self.catalogue.is_eligible(role, grant.principal));
        assert!(terms.is_within(&grant.terms), "more than approved: {terms:?} of {:?}", grant.terms);
        let gives = Terms::of(role, target, &grant.scope);
        assert!(terms.is_within(&gives), "more than the role gives now: {terms:?} of {gives:?}");
        assert!(grant.terms.is_within(&self.request.terms));
        if let (Terms::AccessToken { token_seconds, .. }, TargetSettings::Oauth(oauth)) =
            (&terms, &target.settings)
        {
            let end = token_end(*token_seconds, oauth, grant, self.now);
            assert!(end <= grant.ends_at && end <= self.now + Duration::seconds(*token_seconds));
        }
    }

    fn settle(&mut self) {
        let eligible = self.catalogue.is_eligible(&self.catalogue.roles[&ROLE], self.request.subject);
        let pending = self.request.state == RequestState::Pending;
        if pending && !eligible {
            if let Ok(next) = withdraw_not_eligible(&self.request, self.now) {
                self.moved(next);
            }
        } else if let Some(next) = lapse_changed(&self.catalogue, &self.request, self.now) {
            assert!(!are_as_asked(&self.catalogue, &self.request));
            self.moved(next);
        } else if let Some(next) = reopen(&self.catalogue, &self.request, &self.decisions, self.now) {
            assert!(next.stage < self.request.stage && next.state == RequestState::Pending);
            self.moved(next);
        }
        if !eligible {
            self.end(EndReason::Revoked);
        }
    }

    fn step(&mut self, step: Step, tokens: &mut bool) {
        match step {
            Step::Decide { who, approve, cap, other_digest, step_up } => {
                self.decide(who, approve, cap, other_digest, step_up);
            }
            Step::Withdraw(who) => {
                // The first owned the workload when it asked; beside him whoever owns it now withdraws, and nobody else.
                let owners = &self.catalogue.workloads[&WorkloadId(id(WORKLOAD))].owners;
                let may = who == 0 || owners.contains(&person(who));
                let open = self.request.state == RequestState::Pending && self.now < self.request.decide_by;
                let withdrawn = withdraw(&self.catalogue, &self.request, person(who), self.now);
                assert_eq!(withdrawn.is_ok(), may && open, "{withdrawn:?}");
                if let Ok(next) = withdrawn {
                    self.moved(next);
                }
            }
            Step::Wait(seconds) => self.now += Duration::seconds(seconds),
            Step::Lapse => {
                if let Some(next) = lapse(&self.request, self.now) {
                    assert!(self.now >= self.request.decide_by);
                    self.moved(next);
                }
            }
            Step::Settle => self.settle(),
            Step::End(released) => {
                self.end(if released { EndReason::Released } else { EndReason::Revoked });
            }
            Step::Expire => {
                if self.grant.as_ref().is_some_and(|g| g.ends_at <= self.now) {
                    self.end(EndReason::Expired);
                }
            }
            Step::Issue => self.issue(),
            Step::Groups(groups) => {
                let tokens = *tokens;
                self.role().settings = settings(tokens, groups);
            }
            Step::Limit(seconds) => self.role().max_seconds = seconds,
            Step::Tier(tier) => self.role().tier = tier,
            Step::Host(other) => {
                let host = if other { "elsewhere.test" } else { "db.test" };
                self.catalogue.targets.insert(TARGET, target(*tokens, host));
            }
            Step::Allowed(write) => {
                let allowed = if write { vec!["read", "write"] } else { vec!["read"] };
                self.role().scope_schema.get_mut("access").unwrap().allowed =
                    allowed.into_iter().map(str::to_owned).collect();
            }
            Step::Needed(needed) => {
                self.catalogue.workflows.get_mut(&WORKFLOW).unwrap().stages[1].needed = needed;
            }
            Step::Text => {
                let before = are_as_asked(&self.catalogue, &self.request);
                self.role().purpose.push('!');
                self.catalogue.workflows.get_mut(&WORKFLOW).unwrap().stages[0].title.push('!');
                self.role().revision += 1;
                assert_eq!(are_as_asked(&self.catalogue, &self.request), before, "text hurts nobody");
            }
            Step::Member { team: group, who, there } => {
                let members = &mut self.catalogue.groups.get_mut(&team(group)).unwrap().members;
                let who = Principal::User(person(who));
                let _ = if there { members.insert(who) } else { members.remove(&who) };
            }
            Step::Disabled { who, disabled } => {
                self.catalogue.users.get_mut(&person(who)).unwrap().disabled = disabled;
            }
            Step::Owner { who, owns } => {
                let owners = &mut self.catalogue.workloads.get_mut(&WorkloadId(id(WORKLOAD))).unwrap().owners;
                let _ = if owns { owners.insert(person(who)) } else { owners.remove(&person(who)) };
            }
            Step::Eligible(there) => {
                let who = Principal::Workload(WorkloadId(id(WORKLOAD)));
                self.role().eligible = if there { vec![who] } else { Vec::new() };
            }
            Step::Kind(same) => {
                // A role of another kind on the same target gives nothing.
                let of = if same { *tokens } else { !*tokens };
                self.role().settings = settings(of, 0b001);
            }
        }
        assert!(self.closed <= 1, "one terminal state");
        assert_eq!(self.grant.is_some(), self.request.state == RequestState::Approved);
        if let (Some(grant), Some(end)) = (&self.grant, self.approved_end) {
            assert!(grant.ends_at <= end, "the end moved later");
            assert_eq!(grant.terms, self.request.terms, "what was approved stays what it was");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_in_whatever_order(
        mut tokens in any::<bool>(),
        high in any::<bool>(),
        write in any::<bool>(),
        ask in prop_oneof![(60_i64..7_200).prop_map(Ask::Seconds), (600_i64..7_000).prop_map(|s| Ask::Until(at(s)))],
        steps in steps(),
    ) {
        let mut world = World::new(tokens, if high { Tier::High } else { Tier::Low }, ask, write);
        for step in steps {
            world.step(step, &mut tokens);
        }
    }
}

/// The test above would prove nothing if it hardly ever came to a grant.
#[test]
fn grants_are_reached() {
    let mut world = World::new(false, Tier::Low, Ask::Seconds(600), true);
    for who in [1, 2, 4] {
        world.decide(who, true, None, false, true);
    }
    assert!(world.grant.is_some());
    world.issue();
}

#[test]
fn the_first_approval_looks_at_eligibility_too() {
    let mut world = World::new(false, Tier::Low, Ask::Seconds(600), false);
    world.role().eligible.clear();
    world.decide(1, true, None, false, true);
    assert!(world.decisions.is_empty(), "nothing is approved for who may not have the role");
    world.decide(1, false, None, false, true);
    assert_eq!(world.request.state, RequestState::Denied, "to deny it needs no eligibility");
}

#[test]
fn approvals_that_fell_away_open_their_stage_again() {
    let mut world = World::new(false, Tier::Low, Ask::Seconds(600), false);
    world.decide(1, true, None, false, true);
    world.decide(2, true, None, false, true);
    assert_eq!(world.request.stage, 1);
    // One of the two is disabled: the last stage alone does not do it.
    world.catalogue.users.get_mut(&person(2)).unwrap().disabled = true;
    world.decide(4, true, None, false, true);
    assert_eq!((world.request.state, world.request.stage), (RequestState::Pending, 0));
    assert!(world.grant.is_none());
    // Another one of the first stage completes it; the last stage's approval still counts.
    world.decide(3, true, None, false, true);
    assert!(world.grant.is_some(), "{:?}", world.request);
}

#[test]
fn a_wider_role_is_not_given_to_who_asked_before() {
    let mut world = World::new(false, Tier::Low, Ask::Seconds(600), false);
    world.role().settings = settings(false, 0b101);
    world.decide(1, true, None, false, true);
    assert!(world.decisions.is_empty(), "nobody approves what was not shown");
    world.settle();
    assert_eq!(world.request.closed_because, Some(super::CloseCause::RoleChanged));
}
