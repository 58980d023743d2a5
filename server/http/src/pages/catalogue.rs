//! The catalogue of roles.
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::queries::catalogue::CatalogueQuery;

use super::forms::Form;
use super::visit::visit;
use crate::AppState;

/// GET /
pub async fn home(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        let waiting = v.state.broker.inbox_count(&human).await?;
        Ok(v.redirect(if waiting > 0 { "/inbox" } else { "/catalogue" }, None))
    })
}

/// GET /catalogue
pub async fn index(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let q = Form::read(request.query_string().as_bytes());
        let query = CatalogueQuery {
            text: q.get("q").chars().take(100).collect(),
            target: q.get("target").to_owned(),
            tier: q.get("tier").to_owned(),
            after: q.get("after").to_owned(),
        };
        let view = v.state.broker.catalogue_view(&caller, &query).await?;
        Ok(v.page(hallpass_views::catalogue::index(&v.shell().await, &view)))
    })
}
