//! Bodies: bounded, and read strictly, with a clear text for each mistake.
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::Limits;
use crate::problem::Problem;
use crate::state::AppState;

/// The one path whose body may be larger.
pub const CATALOGUE: &str = "/api/v1/admin/catalogue";

/// A whole body, at most as long as its path takes.
#[derive(Clone, Debug)]
pub struct Body(pub web::Bytes);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits = req.app_data::<web::Data<AppState>>().map_or_else(Limits::default, |s| s.config.limits);
        let limit = if req.path() == CATALOGUE { limits.catalogue } else { limits.body };
        let announced = length(req.headers());
        let payload = web::Payload::from_request(req, payload).into_inner();
        Box::pin(async move {
            if announced.is_some_and(|length| length > limit) {
                return Err(too_large(limit));
            }
            whole(payload.map_err(|_| unread())?, limit).await.map(Self)
        })
    }
}

/// All of a body. Most come in one piece, which is taken as it is: actix's own way to read one begins with room for 32 KiB.
async fn whole(mut payload: web::Payload, limit: usize) -> Result<web::Bytes, Problem> {
    let mut body = web::Bytes::new();
    let mut pieces = web::BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| unread())?;
        if body.len().max(pieces.len()).saturating_add(piece.len()) > limit {
            return Err(too_large(limit));
        }
        if body.is_empty() && pieces.is_empty() {
            body = piece;
            continue;
        }
        pieces.extend_from_slice(&std::mem::take(&mut body));
        pieces.extend_from_slice(&piece);
    }
    Ok(if pieces.is_empty() { body } else { pieces.freeze() })
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("The body is larger than the {} KiB that this address takes.", limit / 1024),
    )
}

fn unread() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "The body broke off, or its encoding could not be read.",
    )
}

impl Body {
    /// Reads JSON of a type.
    ///
    /// # Errors
    /// 415 for another type of body, 400 `malformed` where it is not JSON, 422 `unknown_member`, `missing`, `wrong_value`.
    pub fn json<T: DeserializeOwned>(&self, headers: &HeaderMap) -> Result<T, Problem> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as JSON, with Content-Type: application/json.",
            ));
        }
        read(&self.0)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice::<T>(bytes).map_err(|error| {
        let malformed = |what: String| Problem::new(StatusCode::BAD_REQUEST, "malformed", what);
        match serde_json::from_slice::<Value>(bytes) {
            Err(syntax) => malformed(format!(
                "The body is not JSON: line {}, column {}.",
                syntax.line(),
                syntax.column()
            )),
            Ok(Value::Object(members)) => explain::<T>(&error.to_string(), &members),
            Ok(_) => malformed("The body must be a JSON object.".to_owned()),
        }
    })
}

/// What is wrong with an object, from serde's words for it.
fn explain<T: DeserializeOwned>(words: &str, members: &Map<String, Value>) -> Problem {
    let named = words.split('`').nth(1).unwrap_or_default().to_owned();
    if words.starts_with("unknown field") {
        return Problem::wrong(
            "unknown_member",
            named.clone(),
            format!("There is no member “{}” here.", shown(&named)),
        );
    }
    if words.starts_with("missing field") {
        return Problem::wrong("missing", named.clone(), format!("The member “{named}” is missing."));
    }
    if words.starts_with("duplicate field") {
        return Problem {
            field: Some(named.clone().into()),
            ..Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("The member “{named}” came twice."))
        };
    }
    let what = words.split(" at line ").next().unwrap_or(words);
    let field = culprit::<T>(words, members);
    let text = format!("“{}” is not as it should be: {}.", shown(&field), shown(what));
    Problem::wrong("wrong_value", field, text)
}

/// The member without which the mistake is another one.
fn culprit<T: DeserializeOwned>(words: &str, members: &Map<String, Value>) -> String {
    let kind = |w: &str| w.split(" at line ").next().unwrap_or_default().to_owned();
    let wrong = kind(words);
    members
        .keys()
        .find(|name| {
            let mut rest = members.clone();
            rest.remove(*name);
            match T::deserialize(Value::Object(rest)) {
                Ok(_) => true,
                Err(other) => kind(&other.to_string()) != wrong,
            }
        })
        .cloned()
        .unwrap_or_default()
}

/// Somebody else's text in a sentence of ours.
fn shown(text: &str) -> String {
    hallpass_domain::text::clean_line(text).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ask {
        role: String,
        #[serde(default)]
        until: Option<chrono::DateTime<chrono::Utc>>,
        #[serde(default)]
        verdict: Option<Verdict>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Verdict {
        Approve,
    }

    fn code(body: &str) -> (String, Option<String>) {
        let problem = read::<Ask>(body.as_bytes()).unwrap_err();
        (problem.code.to_string(), problem.field.map(|f| f.to_string()))
    }

    #[test]
    fn each_mistake_has_its_code_and_member() {
        let ask =
            read::<Ask>(br#"{"role":"db-read","until":"2026-11-23T17:30:00Z","verdict":"approve"}"#).unwrap();
        assert!(
            ask.role == "db-read" && ask.until.is_some() && matches!(ask.verdict, Some(Verdict::Approve))
        );
        let some = |f: &str| Some(f.to_owned());
        for (body, wanted, field) in [
            ("{", "malformed", None),
            ("", "malformed", None),
            ("[]", "malformed", None),
            ("{\"role\":\"a\"} x", "malformed", None),
            ("\u{feff}{}", "malformed", None),
            (r#"{"role":"a","role":"b"}"#, "malformed", some("role")),
            (r#"{"role":"a","rolle":1}"#, "unknown_member", some("rolle")),
            ("{}", "missing", some("role")),
            (r#"{"role":7}"#, "wrong_value", some("role")),
            (r#"{"role":"a","until":"tomorrow"}"#, "wrong_value", some("until")),
            (r#"{"role":"a","verdict":"maybe"}"#, "wrong_value", some("verdict")),
        ] {
            assert_eq!(code(body), (wanted.to_owned(), field), "{body}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code(&deep).0, "malformed", "nesting is bounded");
    }

    #[test]
    fn json_says_that_it_is_json() {
        let body = Body(web::Bytes::from_static(br#"{"role":"a"}"#));
        let mut headers = HeaderMap::new();
        assert_eq!(body.json::<Ask>(&headers).unwrap_err().status, 415);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        assert!(body.json::<Ask>(&headers).is_ok());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(&*body.json::<Ask>(&headers).unwrap_err().code, "unsupported_media_type");
    }

    #[actix_web::test]
    async fn pieces_are_put_together() {
        for pieces in [&[][..], &["a"], &["", "a", "", "bc"], &["ab", "c", "d"]] {
            let pieces: &'static [&'static str] = pieces;
            let stream =
                futures_util::stream::iter(pieces).map(|p| Ok(web::Bytes::from_static(p.as_bytes())));
            let mut payload = Payload::Stream { payload: stream.boxed_local() };
            let req = TestRequest::post().uri("/").to_http_request();
            let body = Body::from_request(&req, &mut payload).await.map(|b| b.0).map_err(|p| p.status);
            assert_eq!(body.unwrap(), pieces.concat());
        }
    }

    #[actix_web::test]
    async fn bodies_are_bounded() {
        let read = async |uri: &str, size: usize, announced: bool| {
            let mut req = TestRequest::post().uri(uri).set_payload(vec![b'x'; size]);
            if announced {
                req = req.insert_header((header::CONTENT_LENGTH, size));
            }
            let (req, mut payload) = req.to_http_parts();
            Body::from_request(&req, &mut payload).await.map(|b| b.0.len()).map_err(|p| p.status.as_u16())
        };
        for announced in [true, false] {
            assert_eq!(read("/api/v1/requests", 65_536, announced).await, Ok(65_536));
            assert_eq!(read("/api/v1/requests", 65_537, announced).await, Err(413));
            assert_eq!(read(CATALOGUE, 1_048_576, announced).await, Ok(1_048_576));
            assert_eq!(read(CATALOGUE, 1_048_577, announced).await, Err(413));
        }
    }
}
