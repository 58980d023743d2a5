//! The catalogue's objects, to read.
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_domain::refusal::Refusal;

use super::forms::Form;
use super::visit::visit;
use crate::AppState;

/// GET /catalogue/{noun}
pub async fn list(state: Data<AppState>, request: HttpRequest, noun: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let query =
            Form::read(request.query_string().as_bytes()).get("q").chars().take(100).collect::<String>();
        let (broker, shell) = (&v.state.broker, v.shell().await);
        let body = match noun.as_str() {
            "targets" => {
                hallpass_views::objects::targets(&shell, &broker.targets_view(&caller, &query).await?)
            }
            "roles" => hallpass_views::objects::roles(&shell, &broker.roles_view(&caller, &query).await?),
            "workflows" => {
                hallpass_views::objects::workflows(&shell, &broker.workflows_view(&caller, &query).await?)
            }
            "groups" => hallpass_views::objects::groups(&shell, &broker.groups_view(&caller, &query).await?),
            "people" => hallpass_views::objects::people(&shell, &broker.people_view(&caller, &query).await?),
            "workloads" => {
                hallpass_views::objects::workloads(&shell, &broker.workloads_view(&caller, &query).await?)
            }
            _ => return Err(Refusal::not_found("page")),
        };
        Ok(v.page(body))
    })
}
