//! Who gets what from every route: `tests/authz.txt` is generated from the route table, by asking a real server.
//!
//! A line is a route and whose object it is asked for: `own` is dana's (she asked for it, ana and bo approved it), `other` is
//! sam's, `absent` is nobody's; a route without an object has `-`. Of what stands at targets `own` is at the target that tess
//! owns, where all the grants are, and `other` at another. The columns are who asks. A route without
//! a line, or with another answer, fails the test; `BLESS=1 cargo test -p hallpass-tests --test api authz` writes what
//! is so, to be reviewed. The rules in [`rules`] hold whatever was blessed.
mod fixture;
mod rules;

use std::fmt::Write as _;

use hallpass_http::middleware::Area;
use hallpass_http::routes::{ROUTES, Row};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use fixture::{Fixture, Object, VISITORS};

on_both!(every_route_answers_as_committed,);

/// One line of the table.
pub(crate) struct Line {
    pub(crate) row: &'static Row,
    pub(crate) object: Object,
    /// A status for each of [`VISITORS`]; where it leads for redirects.
    pub(crate) answers: Vec<String>,
}

impl Line {
    /// The answer to somebody, by their column's name.
    pub(crate) fn of(&self, visitor: &str) -> &str {
        let column = VISITORS.iter().position(|v| *v == visitor).unwrap();
        &self.answers[column]
    }
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/authz.txt");

async fn every_route_answers_as_committed(backend: Backend) {
    let server = TestServer::start(backend).await;
    let mut fixture = Fixture::new(&server).await;
    let mut lines = Vec::new();
    for row in ROUTES {
        for object in Object::of(row) {
            let mut answers = Vec::new();
            for visitor in VISITORS {
                answers.push(fixture.ask(row, *object, visitor).await);
            }
            lines.push(Line { row, object: *object, answers });
        }
    }
    fixture.close().await;
    server.stop().await;
    for line in &lines {
        rules::check(line);
    }
    rules::check_absent_and_forbidden_look_alike(&lines);
    rules::check_pages_and_api_agree(&lines);
    let text = render(&lines);
    if std::env::var_os("BLESS").is_some() {
        if backend == Backend::Sqlite {
            std::fs::write(FILE, text).unwrap();
        }
        return;
    }
    let committed = std::fs::read_to_string(FILE).expect("tests/authz.txt: write it with BLESS=1");
    for (committed, now) in committed.lines().zip(text.lines()) {
        assert_eq!(committed, now, "a route answers differently than tests/authz.txt says");
    }
    assert_eq!(
        committed.lines().count(),
        text.lines().count(),
        "a route has no line, or a line has no route"
    );
}

fn render(lines: &[Line]) -> String {
    let mut out = String::from(
        "# Every route x who asks x whose object -> status. Generated from server/http/src/routes.rs; reviewed by people.\n\
         # own: dana's. other: sam's. absent: nobody's. Both approved by ana, and by bo, who may not decide any more (former).\n\
         # own-pg and othr-pg: their logins at a database, where own and other are tokens. Of findings and targets own is at the\n\
         # target of the owner (tess), where all the grants are, and other at another.\n\
         # 303>x leads to x. POSTs come with a valid CSRF token or body, so what is refused is refused for who asks.\n\
         # Write it anew: BLESS=1 cargo test -p hallpass-tests --test api authz\n",
    );
    let mut area = None;
    for line in lines {
        if area != Some(line.row.area()) {
            area = Some(line.row.area());
            let _ = write!(out, "\n# {:<54} {:<7} {:<13}", area_name(line.row.area()), "object", "duty");
            for visitor in VISITORS {
                let _ = write!(out, " {visitor:<12}");
            }
            out = out.trim_end().to_owned() + "\n";
        }
        let route = format!("{} {}", line.row.method, line.row.path);
        let _ = write!(out, "{route:<56} {:<7} {:<13}", line.object.word(), line.row.duty.as_str());
        for answer in &line.answers {
            let _ = write!(out, " {answer:<12}");
        }
        out = out.trim_end().to_owned() + "\n";
    }
    out
}

const fn area_name(area: Area) -> &'static str {
    match area {
        Area::Api => "API",
        Area::Oauth => "OAuth",
        Area::Ops => "health and metrics",
        Area::Assets => "files",
        Area::Pages => "pages",
    }
}
