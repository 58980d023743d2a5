//! Page handlers: one file a screen; each reads a form, calls a use case, and renders a view.
pub mod access;
pub mod account;
pub mod audit;
pub mod authenticator;
pub mod catalogue;
pub mod decisions;
pub mod demo;
pub mod device;
pub mod first_run;
pub mod forms;
pub mod objects;
mod psql_line;
pub mod requests;
pub mod sign_in;
pub(crate) mod typed;
pub mod visit;
mod way_back;

use actix_web::web::{self, ServiceConfig};

/// Registers every page; the table of all routes is in [`crate::routes`].
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/", web::get().to(catalogue::home))
        .route("/sign-in", web::get().to(sign_in::form))
        .route("/sign-in", web::post().to(sign_in::submit))
        .route("/sign-in/second-factor", web::get().to(sign_in::second_factor_form))
        .route("/sign-in/second-factor", web::post().to(sign_in::second_factor))
        .route("/sign-out", web::post().to(sign_in::sign_out))
        .route("/first-run", web::get().to(first_run::form))
        .route("/first-run", web::post().to(first_run::submit))
        .route("/catalogue", web::get().to(catalogue::index))
        .route("/catalogue/{noun}", web::get().to(objects::list))
        .route("/request", web::get().to(requests::form))
        .route("/request", web::post().to(requests::submit))
        .route("/requests", web::get().to(requests::list))
        .route("/requests/{reference}", web::get().to(requests::detail))
        .route("/requests/{reference}/withdraw", web::post().to(requests::withdraw))
        .route("/inbox", web::get().to(decisions::inbox))
        .route("/r/{reference}", web::get().to(decisions::open))
        .route("/r/{reference}", web::post().to(decisions::decide))
        .route("/access", web::get().to(access::index))
        .route("/grants/{id}", web::get().to(access::grant))
        .route("/grants/{id}/credentials", web::post().to(access::issue))
        .route("/grants/{id}/end", web::post().to(access::end))
        .route("/grants/{id}/revoke", web::post().to(access::revoke))
        .route("/grants/{id}/lift", web::post().to(access::lift))
        .route("/grants/{id}/receipt", web::get().to(access::receipt))
        .route("/grants/{id}/receipt.json", web::get().to(access::receipt_file))
        .route("/credentials/{id}/watch", web::get().to(access::watch))
        .route("/audit", web::get().to(audit::index))
        .route("/reports", web::get().to(audit::reports))
        .route("/reports/findings/{id}/remove", web::post().to(audit::remove_account))
        .route("/reports/targets/{name}/check", web::post().to(audit::check_target))
        .route("/account", web::get().to(account::index))
        .route("/account/password", web::post().to(account::password))
        .route("/account/totp", web::get().to(authenticator::enrol_form))
        .route("/account/totp", web::post().to(authenticator::enrol))
        .route("/account/totp/remove", web::get().to(authenticator::remove_form))
        .route("/account/totp/remove", web::post().to(authenticator::remove))
        .route("/account/recovery-codes", web::post().to(account::recovery_codes))
        .route("/account/zone", web::post().to(account::zone))
        .route("/account/sessions/end-all", web::post().to(account::end_all))
        .route("/account/sessions/{id}/end", web::post().to(account::end_one))
        .route("/device", web::get().to(device::form))
        .route("/device", web::post().to(device::find))
        .route("/device/confirm", web::post().to(device::confirm));
}

/// Registers the demo's own pages; never called in `serve`.
pub fn configure_demo(cfg: &mut ServiceConfig) {
    cfg.route("/demo", web::get().to(demo::guide))
        .route("/demo/mail", web::get().to(demo::mails))
        .route("/demo/mail/{id}", web::get().to(demo::mail))
        .route("/demo/mail/{id}/html", web::get().to(demo::mail_html))
        .route("/demo/act-as", web::post().to(demo::act_as));
}
