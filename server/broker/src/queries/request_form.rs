//! The request form and its dry run: the same checks as sending.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Request;
use hallpass_domain::role::{Role, RoleSettings, Tier};
use hallpass_domain::target::{TargetSettings, Verification};
use hallpass_domain::window::{Ask, describe_seconds};

use crate::broker::Broker;
use crate::caller::Caller;
use crate::requests::submit::AskForm;
use crate::views::page::{Choice, FieldError};
use crate::views::request_form::{Preview, PreviewStage, RequestFormView, RequestValues, ScopeField};

impl Broker {
    /// The form as it stands with what was typed. `check` fills the preview, or says what is wrong.
    pub async fn request_form_view(
        &self,
        caller: &Caller,
        form: &AskForm,
        check: bool,
        idempotency_key: String,
    ) -> Result<RequestFormView, Refusal> {
        let catalogue = self.catalogue().await?;
        let role =
            hallpass_domain::request::submit::eligible_role(&catalogue, &form.role, caller.principal())?;
        let held = self.holdings(caller).await?;
        let mut errors = Vec::new();
        let preview = if check {
            match self.preview_request(caller, form).await {
                Ok(request) => self.preview(&catalogue, role, &request),
                Err(refusal) => {
                    errors.push(field_error(&refusal));
                    // The time is worked out while the reason is still to be written.
                    let without_words =
                        AskForm { reason: "to be written".to_owned(), ticket: String::new(), ..form.clone() };
                    match refusal.field {
                        Some("reason" | "ticket") => self
                            .preview_request(caller, &without_words)
                            .await
                            .ok()
                            .and_then(|request| self.preview(&catalogue, role, &request)),
                        _ => None,
                    }
                }
            }
        } else {
            self.preview_as_it_opens(&catalogue, role, caller, form).await
        };
        Ok(RequestFormView {
            role: self.role_card(&catalogue, caller, &held, role),
            presets: presets(role, &form.time),
            scope: scope_fields(role, form),
            values: RequestValues {
                for_text: if is_preset(role, &form.time) { String::new() } else { form.time.clone() },
                reason: form.reason.clone(),
                ticket: form.ticket.clone(),
            },
            reason_required: true,
            ticket_required: false,
            ticket_hint: "INC-1234".to_owned(),
            errors,
            preview,
            idempotency_key,
        })
    }

    /// For the time that is chosen as the form opens; nothing where that cannot be asked for yet.
    async fn preview_as_it_opens(
        &self,
        catalogue: &Catalogue,
        role: &Role,
        caller: &Caller,
        form: &AskForm,
    ) -> Option<Preview> {
        let chosen = form.time.trim();
        let time = if chosen.is_empty() { format!("{}s", role.usual_seconds) } else { chosen.to_owned() };
        let form =
            AskForm { time, reason: "to be written".to_owned(), ticket: String::new(), ..form.clone() };
        let request = self.preview_request(caller, &form).await.ok()?;
        self.preview(catalogue, role, &request)
    }

    /// What would happen if this were sent and approved now.
    pub fn preview(&self, catalogue: &Catalogue, role: &Role, request: &Request) -> Option<Preview> {
        let now = self.now();
        let ends = request.ask.end_if_approved(now, [role.max_seconds])?;
        let stages = request
            .stages
            .iter()
            .map(|s| PreviewStage {
                name: s.title.clone(),
                need: i64::from(s.needed),
                deciders: super::lines::decider_names(catalogue, s, &request.requesters),
                proof: request.proof(s).as_str().to_owned(),
            })
            .collect();
        let (seconds, fixed_end) = split(request.ask);
        let mut warnings = Vec::new();
        if let Some(s) = seconds.filter(|s| *s > role.usual_seconds) {
            warnings.push(format!(
                "{} is longer than usual for this role ({}); approvers may shorten it.",
                describe_seconds(s),
                describe_seconds(role.usual_seconds)
            ));
        }
        if fixed_end.is_some() {
            warnings.push(
                "The end is fixed: a late approval shortens the access, too late lapses it.".to_owned(),
            );
        }
        Some(Preview {
            seconds,
            fixed_end,
            ends_if_approved_now: ends,
            decide_by: request.decide_by,
            stages,
            consequences: consequences(catalogue, role),
            warnings,
        })
    }
}

/// What a role lets its holder do and what its end cuts, in plain words.
pub fn consequences(catalogue: &Catalogue, role: &Role) -> Vec<String> {
    let target = catalogue.targets.get(&role.target_id);
    let place = target.map(|t| format!("{} ({})", t.title, t.environment)).unwrap_or_default();
    let mut out = vec![format!("{} On {place}.", role.purpose)];
    match (&role.settings, target.map(|t| &t.settings)) {
        (RoleSettings::PostgresqlLogin(_), _) => out.push("A database login of its own is made for each use. At the end, new logins are refused, open sessions are ended, and the login is removed and checked.".to_owned()),
        (RoleSettings::AccessToken(t), Some(TargetSettings::Oauth(o))) if o.verification == Verification::Offline => {
            out.push(format!("Tokens last {} at most. This target checks them offline, so a token ended early may be accepted until it expires.", describe_seconds(t.token_seconds.min(300))));
        }
        _ => out.push("Tokens are checked with Hallpass at each use, so they end at the very second.".to_owned()),
    }
    if role.tier == Tier::High {
        out.push("High tier: it can do lasting harm.".to_owned());
    }
    out
}

/// Seconds or fixed end.
pub fn split(ask: Ask) -> (Option<i64>, Option<hallpass_domain::Timestamp>) {
    match ask {
        Ask::Seconds(s) => (Some(s), None),
        Ask::Until(t) => (None, Some(t)),
    }
}

/// A refusal at its form field.
pub fn field_error(refusal: &Refusal) -> FieldError {
    let field = match refusal.field {
        Some("for") => "for_text",
        Some(field) => field,
        None => "",
    };
    FieldError { field: field.to_owned(), message: refusal.message.clone() }
}

fn preset_seconds(role: &Role) -> Vec<i64> {
    let mut all: Vec<i64> = [120, 900, 3_600, 14_400, 28_800]
        .into_iter()
        .filter(|s| *s <= role.max_seconds)
        .chain([role.usual_seconds])
        .collect();
    all.sort_unstable();
    all.dedup();
    if role.usual_seconds > 600 {
        all.retain(|s| *s != 120);
    }
    all
}

fn is_preset(role: &Role, time: &str) -> bool {
    time.trim().is_empty()
        || hallpass_domain::window::parse_duration(time).is_ok_and(|s| preset_seconds(role).contains(&s))
}

fn presets(role: &Role, time: &str) -> Vec<Choice> {
    let chosen = if time.trim().is_empty() {
        Some(role.usual_seconds)
    } else {
        hallpass_domain::window::parse_duration(time).ok()
    };
    preset_seconds(role)
        .into_iter()
        .map(|s| Choice {
            value: format!("{s}s"),
            label: if s == role.usual_seconds {
                format!("{} (usual)", describe_seconds(s))
            } else {
                describe_seconds(s)
            },
            chosen: chosen == Some(s),
        })
        .collect()
}

fn scope_fields(role: &Role, form: &AskForm) -> Vec<ScopeField> {
    role.scope_schema
        .iter()
        .map(|(name, param)| {
            let typed = form.scope.0.get(name).filter(|v| !v.is_empty());
            ScopeField {
                name: name.clone(),
                label: param.label.clone(),
                help: String::new(),
                multiple: param.multiple,
                required: param.required,
                options: param
                    .allowed
                    .iter()
                    .map(|v| Choice {
                        value: v.clone(),
                        label: v.clone(),
                        chosen: typed.map_or_else(|| param.default.contains(v), |t| t.contains(v)),
                    })
                    .collect(),
            }
        })
        .collect()
}
