//! Who calls `/api/v1`: an opaque token in the `Authorization` header, and nothing else (RFC 6750 §2.1).
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use hallpass_broker::Caller;

use crate::context::Ctx;
use crate::problem::Problem;
use crate::state::AppState;

/// A caller who presented a token that works. Cookies, query and body are never looked at.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    /// Who.
    pub caller: Caller,
    /// Hash of the token, to find its row again.
    pub token: hallpass_domain::secret::SecretHash,
    /// The request's id and address.
    pub ctx: Ctx,
}

/// The bearer token of a request.
///
/// # Errors
/// 401 `not_signed_in` with a challenge without an error code where no credential came (RFC 6750 §3.1), 401
/// `invalid_token` where one came that is none of ours.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut sent = headers.get_all(header::AUTHORIZATION);
    let Some(value) = sent.next() else { return Err(nobody()) };
    let (scheme, token) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(invalid)?;
    let token = token.trim_start_matches(' ');
    if sent.next().is_some()
        || !scheme.eq_ignore_ascii_case("bearer")
        || token.is_empty()
        || token.contains([' ', '\t'])
    {
        return Err(invalid());
    }
    Ok(token)
}

fn nobody() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "not_signed_in", "Send an API token: Authorization: Bearer hpa_…. People get one with `hallpass login`, workloads at /oauth/token.").challenged("Bearer")
}

fn invalid() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "Exactly one header Authorization: Bearer hpa_… is needed.",
    )
    .challenged(r#"Bearer error="invalid_token""#)
}

impl FromRequest for ApiCaller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (state, ctx) = (req.app_data::<web::Data<AppState>>().cloned(), Ctx::of(req));
        let token = bearer(req.headers()).map(str::to_owned);
        Box::pin(async move {
            let (state, token) = (state.ok_or_else(Problem::internal)?, token?);
            let caller = state.broker.caller_from_api_token(&token, state.broker.now()).await?;
            Ok(Self { caller, token: hallpass_domain::secret::SecretHash::of(&token), ctx })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn read(values: &[&str]) -> Result<String, Problem> {
        let req = values
            .iter()
            .fold(TestRequest::get(), |r, v| r.append_header((header::AUTHORIZATION, *v)))
            .to_http_request();
        bearer(req.headers()).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_in_the_header() {
        assert_eq!(read(&["Bearer hpa_x"]).unwrap(), "hpa_x");
        assert_eq!(read(&["bearer  hpa_x"]).unwrap(), "hpa_x");
        let problem = read(&[]).unwrap_err();
        assert_eq!((&*problem.code, problem.challenge), ("not_signed_in", Some("Bearer")));
        for bad in [&["Basic YTpi"][..], &["Bearer"], &["Bearer "], &["hpa_x"], &["Bearer a", "Bearer b"]] {
            let problem = read(bad).unwrap_err();
            assert_eq!((problem.status.as_u16(), &*problem.code), (401, "invalid_token"), "{bad:?}");
            assert!(problem.challenge.unwrap().contains("invalid_token"));
        }
    }

    #[test]
    fn cookies_and_queries_prove_nothing() {
        let req = TestRequest::get()
            .uri("/api/v1/me?access_token=hpa_x")
            .insert_header(("cookie", "hallpass=hps_x"))
            .to_http_request();
        assert_eq!(&*bearer(req.headers()).unwrap_err().code, "not_signed_in");
    }
}
