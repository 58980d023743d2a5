//! The organisation of every test server: people, groups, workloads, targets, roles and workflows.
//!
//! | who | part |
//! |---|---|
//! | ada | administrator, second factor |
//! | otto | auditor |
//! | dana, sam | developers; sam owns the workload `nightly-report`, dana `indexer` |
//! | olga | developer *and* database on-call: may not decide what she asks |
//! | eve | contractor: may ask for one role, and sees nothing of the others |
//! | ana, bo | database on-call, second factor |
//! | cleo, kim | security; cleo has a second factor, kim has none |

/// A person: key, name, duties, groups, second factor.
pub struct Cast {
    /// What tests call them; the address is `<key>@hall.test`.
    pub key: &'static str,
    name: &'static str,
    duties: &'static [&'static str],
    groups: &'static [&'static str],
    /// Has an authenticator app.
    pub totp: bool,
}

const fn cast(
    key: &'static str,
    name: &'static str,
    duties: &'static [&'static str],
    groups: &'static [&'static str],
    totp: bool,
) -> Cast {
    Cast { key, name, duties, groups, totp }
}

/// Everybody.
pub const PEOPLE: &[Cast] = &[
    cast("ada", "Ada Novak", &["administrator"], &[], true),
    cast("otto", "Otto Lindqvist", &["auditor"], &[], false),
    cast("dana", "Dana Kim", &[], &["developers"], false),
    cast("sam", "Sam Okafor", &[], &["developers"], false),
    cast("olga", "Olga Marin", &[], &["developers", "db-oncall"], false),
    cast("eve", "Eve Stone", &[], &["contractors"], false),
    cast("ana", "Ana Ruiz", &[], &["db-oncall"], true),
    cast("bo", "Bo Lind", &[], &["db-oncall"], true),
    cast("cleo", "Cleo Baptiste", &[], &["security"], true),
    cast("kim", "Kim Wu", &[], &["security"], false),
];

const GROUPS: &[(&str, &str)] = &[
    ("developers", "Developers"),
    ("db-oncall", "Database on-call"),
    ("security", "Security"),
    ("contractors", "Contractors"),
];

/// Owns a target and has no other part. In the catalogue of those tests alone that are about that.
pub static TARGET_OWNER: Cast = cast("tess", "Tess Moreau", &[], &[], false);

/// Somebody by key.
///
/// # Panics
/// Where nobody is called so.
pub fn person(key: &str) -> &'static Cast {
    PEOPLE
        .iter()
        .chain([&TARGET_OWNER])
        .find(|c| c.key == key)
        .unwrap_or_else(|| panic!("nobody is called {key}"))
}

/// Their address.
pub fn email(key: &str) -> String {
    format!("{}@hall.test", person(key).key)
}

/// Audience of `billing-api`, which asks about each token.
pub const BILLING: &str = "https://billing.hall.test";
/// Audience of `reports-api`, which checks signatures alone.
pub const REPORTS: &str = "https://reports.hall.test";
/// Audience of `ledger-api`, which wants ES256.
pub const LEDGER: &str = "https://ledger.hall.test";
/// Variable in which a catalogue names our password at the PostgreSQL target.
pub const TARGET_SECRET: &str = "HALLPASS_SECRET_TEST";

/// The catalogue; with PostgreSQL targets by name and port.
pub fn catalogue(postgres: &[(String, u16)]) -> String {
    catalogue_of(PEOPLE.iter().map(|c| c.key), postgres)
}

/// The catalogue in which [`TARGET_OWNER`] owns `billing-api` and nobody who approves owns a target.
pub fn catalogue_with_owner() -> String {
    let everybody = PEOPLE.iter().chain([&TARGET_OWNER]).map(|c| c.key);
    let owned = catalogue_of(everybody, &[]);
    let (before, billing) = owned.split_once("name = \"billing-api\"").expect("the target");
    let billing = billing.replacen("cleo@hall.test", &email(TARGET_OWNER.key), 1);
    format!("{before}name = \"billing-api\"{}", billing.replace("owners = [\"ana@", "owners = [\"cleo@"))
}

/// The catalogue with some of the people.
pub fn catalogue_of<'k>(keys: impl Iterator<Item = &'k str>, postgres: &[(String, u16)]) -> String {
    let people: Vec<&Cast> = keys.map(person).collect();
    let mut out = String::new();
    for p in &people {
        out += &format!(
            "[[people]]\nemail = \"{}\"\nname = \"{}\"\ntime_zone = \"Europe/Berlin\"\nduties = {:?}\n\n",
            email(p.key),
            p.name,
            p.duties
        );
    }
    for (name, title) in GROUPS {
        let members: Vec<String> =
            people.iter().filter(|p| p.groups.contains(name)).map(|p| email(p.key)).collect();
        out += &format!("[[groups]]\nname = \"{name}\"\ntitle = \"{title}\"\nmembers = {members:?}\n\n");
    }
    out += include_str!("catalogue.toml");
    for (name, port) in postgres {
        out += &include_str!("catalogue-postgresql.toml")
            .replace("@NAME@", name)
            .replace("@PORT@", &port.to_string());
    }
    out
}
