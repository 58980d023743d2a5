//! Query parameters and path segments, with a clear text for each mistake.
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use uuid::Uuid;

use crate::oauth::form;
use crate::problem::Problem;

/// Rows on a page where none is said.
const USUAL: u32 = 50;
/// Most rows on a page.
const MOST: u32 = 200;

/// The parameters of a query. Unknown ones are ignored; a repeated one is refused, since two readers would take
/// different ones.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Of a request.
    ///
    /// # Errors
    /// 400 `malformed`.
    pub fn of(req: &HttpRequest) -> Result<Self, Problem> {
        let pairs = form::pairs(req.query_string()).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed", "The query is not percent-encoded UTF-8.")
        })?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(index).any(|(other, _)| other == name) {
                return Err(Problem {
                    field: Some(name.clone().into()),
                    ..Problem::new(
                        StatusCode::BAD_REQUEST,
                        "malformed",
                        format!("The parameter “{}” came twice.", hallpass_domain::text::clean_line(name)),
                    )
                });
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter; empty counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A parameter of a type.
    ///
    /// # Errors
    /// 422 `wrong_value`, saying what `form` it must have.
    pub fn read<T: FromStr>(&self, name: &'static str, form: &str) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|v| {
                v.parse().map_err(|_| {
                    Problem::wrong("wrong_value", name, format!("The parameter {name} must be {form}."))
                })
            })
            .transpose()
    }

    /// One of some words.
    ///
    /// # Errors
    /// 422 `wrong_value` with the words.
    pub fn word(&self, name: &'static str, words: &[&'static str]) -> Result<Option<&'static str>, Problem> {
        self.text(name).map(|v| one_of(name, v, words)).transpose()
    }

    /// Some of some words, by comma.
    ///
    /// # Errors
    /// 422 `wrong_value` with the words.
    pub fn words(&self, name: &'static str, words: &[&'static str]) -> Result<Vec<&'static str>, Problem> {
        self.text(name)
            .map(|v| v.split(',').map(|one| one_of(name, one.trim(), words)).collect())
            .unwrap_or_else(|| Ok(Vec::new()))
    }

    /// An instant.
    ///
    /// # Errors
    /// 422 `unreadable_time`.
    pub fn instant(&self, name: &'static str) -> Result<Option<hallpass_domain::Timestamp>, Problem> {
        let wrong = || {
            Problem::wrong(
                "unreadable_time",
                name,
                format!("The parameter {name} must be an instant such as 2026-11-23T16:00:00Z."),
            )
        };
        self.text(name)
            .map(|v| {
                chrono::DateTime::parse_from_rfc3339(v)
                    .map(|t| t.with_timezone(&chrono::Utc))
                    .map_err(|_| wrong())
            })
            .transpose()
    }

    /// `limit`.
    ///
    /// # Errors
    /// 422 `wrong_value`.
    pub fn limit(&self) -> Result<u32, Problem> {
        let limit = self.read::<u32>("limit", "a number from 1 to 200")?.unwrap_or(USUAL);
        if (1..=MOST).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::wrong("wrong_value", "limit", "The parameter limit must be a number from 1 to 200."))
        }
    }

    /// `after`, where the cursor is an id.
    ///
    /// # Errors
    /// 422 `bad_cursor`.
    pub fn after(&self) -> Result<Option<Uuid>, Problem> {
        self.text("after").map(|v| Uuid::parse_str(v).map_err(|_| bad_cursor())).transpose()
    }
}

/// A cursor that is none of ours.
pub fn bad_cursor() -> Problem {
    Problem::wrong(
        "bad_cursor",
        "after",
        "This cursor is damaged. Take `next` of the page before as it is, or begin again without it.",
    )
}

fn one_of(name: &'static str, value: &str, words: &[&'static str]) -> Result<&'static str, Problem> {
    words.iter().find(|w| **w == value).copied().ok_or_else(|| {
        Problem::wrong(
            "wrong_value",
            name,
            format!("The parameter {name} must be one of: {}.", words.join(", ")),
        )
    })
}

/// An id in a path. One that is none cannot be of anything that there is.
///
/// # Errors
/// 404 `not_found`.
pub fn id<T: FromStr>(text: &str, noun: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(noun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn of(query: &str) -> Result<Params, Problem> {
        Params::of(&TestRequest::get().uri(&format!("/x?{query}")).to_http_request())
    }

    #[test]
    fn mistakes_are_named() {
        let params = of("q=a+b%C3%BC&limit=7&state=active,ending&empty=").unwrap();
        assert_eq!(params.text("q"), Some("a bü"));
        assert_eq!(params.limit().unwrap(), 7);
        assert_eq!(params.words("state", &["active", "ending"]).unwrap(), ["active", "ending"]);
        assert_eq!(params.text("empty"), None);
        assert_eq!(of("").unwrap().limit().unwrap(), 50);
        for query in ["limit=0", "limit=201", "limit=x", "limit=-1"] {
            assert_eq!(&*of(query).unwrap().limit().unwrap_err().code, "wrong_value", "{query}");
        }
        assert_eq!(&*of("after=x").unwrap().after().unwrap_err().code, "bad_cursor");
        assert_eq!(&*of("from=yesterday").unwrap().instant("from").unwrap_err().code, "unreadable_time");
        assert_eq!(&*of("state=x").unwrap().words("state", &["a"]).unwrap_err().code, "wrong_value");
        assert_eq!(&*of("a=1&a=2").unwrap_err().code, "malformed");
        assert_eq!(&*of("a=%ff").unwrap_err().code, "malformed");
    }
}
