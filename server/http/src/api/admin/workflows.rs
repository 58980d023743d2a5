//! `GET /api/v1/admin/catalogue/workflows`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::{Page, Span};
use hallpass_client::wire::objects::{WorkflowItem, WorkflowStage};

use super::{handle, roles_where};
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::api::shapes::words::OnWire;
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Workflows, by name.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/workflows", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<WorkflowItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let items =
        catalogue.workflows.values().filter(|w| !w.retired && has(w.name.as_str(), params.text("q"))).map(
            |w| {
                (
                    w.name.to_string(),
                    WorkflowItem {
                        name: w.name.to_string(),
                        stages: w
                            .stages
                            .iter()
                            .map(|s| WorkflowStage {
                                name: s.title.clone(),
                                need: s.needed,
                                deciders: s.approvers.iter().map(|p| handle(&catalogue, *p)).collect(),
                                proof: s.proof.map(OnWire::on_wire),
                                lapses_after: Span::new(s.decide_seconds),
                            })
                            .collect(),
                        roles: roles_where(&catalogue, |r| r.workflow_id == w.id),
                        revision: w.revision,
                    },
                )
            },
        );
    answer::show(&page_by_name(items.collect(), params.text("after"), limit))
}
