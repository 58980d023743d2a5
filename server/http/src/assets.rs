//! Files of the portal, under addresses that change with their content.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::problem::Problem;

/// `GET /assets/{file}`: an outdated hash finds nothing.
pub async fn file(req: HttpRequest) -> Result<HttpResponse, Problem> {
    let asset = hallpass_views::assets::find(req.path()).ok_or_else(|| Problem::not_found("file"))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, asset.content_type))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.bytes))
}
