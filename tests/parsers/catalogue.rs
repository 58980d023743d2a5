//! The catalogue as code.
use hallpass_broker::admin::check_text;
use hallpass_tests::cast;

use crate::texts::{check, near, wild};

/// A small one that is good, so that a change hits something.
const SMALL: &str = r#"
[[people]]
email = "ana@hall.test"
name = "Ana Ruiz"
time_zone = "Europe/Berlin"
duties = ["administrator"]

[[people]]
email = "bo@hall.test"
name = "Bo Lind"

[[groups]]
name = "on-call"
title = "On-call"
members = ["ana@hall.test", "bo@hall.test"]

[[targets]]
name = "billing-api"
title = "Billing API"
environment = "production"
kind = "oauth"
owners = ["bo@hall.test"]
audience = "https://billing.hall.test"
verification = "introspect"

[[workflows]]
name = "one"
[[workflows.stages]]
title = "On-call"
approvers = ["on-call"]
decide_within = "8h"

[[roles]]
name = "billing-read"
target = "billing-api"
purpose = "Look up an invoice."
tier = "low"
eligible = ["on-call"]
max = "8h"
usual = "1h"
workflow = "one"
token_seconds = 900
"#;

#[test]
fn mistakes_have_a_line_of_the_file() {
    let whole = cast::catalogue(&[("orders-db".to_owned(), 5432)]);
    assert!(check_text(&whole).is_empty() && check_text(SMALL).is_empty(), "{:?}", check_text(SMALL));
    let judge = |text: String| {
        let lines = text.split('\n').count();
        for mistake in check_text(&text) {
            let told = mistake.to_string();
            assert!(!told.contains('\0') && told.len() > 10, "{told:?}");
            assert!((1..=lines + 1).contains(&mistake.line), "{told} in {lines} lines");
        }
    };
    check(2_000, near(&[SMALL.to_owned()]), judge);
    check(150, near(&[whole]), judge);
    check(1_500, wild(&["[[roles]]\nname = 1", "a = [", "[[people]]\nemail = \"x\"", "x.y.z = {}"]), judge);
}
