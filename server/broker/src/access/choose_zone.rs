//! A person chooses the time zone in which times are shown to them, instead of the one in the catalogue.
use chrono_tz::{TZ_VARIANTS, Tz};
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::{Value, json};

use super::factor::where_from;
use crate::admin::mistake::did_you_mean;
use crate::broker::{Broker, Decided};
use crate::caller::{HumanCaller, Origin};
use crate::events::event;

/// Prefixes of names that the zone database keeps for old files alone. They are understood, and not offered.
const OLD: [&str; 7] = ["Etc/", "US/", "Canada/", "Mexico/", "Brazil/", "Chile/", "SystemV/"];

/// The zones of one's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    /// What the catalogue says.
    pub of_catalogue: String,
    /// What the person chose instead.
    pub chosen: Option<String>,
}

impl Broker {
    /// The caller's zones.
    ///
    /// # Errors
    /// `NotFound` for somebody who is not in the catalogue; `Unavailable`.
    pub async fn zones(&self, caller: &HumanCaller) -> Result<Zones, Refusal> {
        let catalogue = self.catalogue().await?;
        let user = catalogue.users.get(&caller.user()).ok_or_else(|| Refusal::not_found("account"))?;
        Ok(Zones { of_catalogue: user.time_zone.clone(), chosen: user.chosen_zone.clone() })
    }

    /// Shows times in `zone` from now on; an empty one goes back to what the catalogue says. Answers the zone. Applying
    /// a catalogue leaves the choice as it is.
    ///
    /// # Errors
    /// `Invalid` `zone_unknown` about `zone`.
    pub async fn choose_zone(
        &self,
        caller: &HumanCaller,
        origin: &Origin,
        zone: &str,
    ) -> Result<String, Refusal> {
        let chosen = read_zone(zone)?;
        let now = self.now();
        self.commit_deciding(|| async {
            let catalogue = self.catalogue().await?;
            let user = catalogue.users.get(&caller.user()).ok_or_else(|| Refusal::not_found("account"))?;
            let next =
                User { chosen_zone: chosen.clone(), version: user.version.saturating_add(1), ..user.clone() };
            let shown = next.zone().to_owned();
            if next.chosen_zone == user.chosen_zone {
                return Ok(Decided::Answer(shown));
            }
            // Where somebody lives is theirs: it stands beside the leaf, where it can be erased.
            let mut private = where_from(Some(origin));
            if let Value::Object(private) = &mut private {
                private.insert("before".to_owned(), json!(user.chosen_zone));
                private.insert("after".to_owned(), json!(next.chosen_zone));
            }
            let changed = event(
                now,
                "user.zone_changed",
                Principal::User(user.id).to_string(),
                &[("user", user.id.to_string())],
                json!({}),
                private,
            );
            let transition = Transition::new(now).with(Change::User(Box::new(next))).event(changed);
            Ok(Decided::Commit(transition, shown))
        })
        .await
    }
}

/// Names to choose from.
pub fn zone_names() -> impl Iterator<Item = &'static str> {
    let names = TZ_VARIANTS.iter().map(|zone| zone.name());
    names.filter(|name| *name == "UTC" || name.contains('/') && !OLD.iter().any(|old| name.starts_with(old)))
}

/// A name as people type it: in any case, with spaces for underscores.
fn read_zone(typed: &str) -> Result<Option<String>, Refusal> {
    let typed: String = typed.trim().chars().take(60).collect();
    if typed.is_empty() {
        return Ok(None);
    }
    let name = typed.split_whitespace().collect::<Vec<_>>().join("_");
    let same = |zone: &&Tz| zone.name().eq_ignore_ascii_case(&name);
    if let Some(zone) = TZ_VARIANTS.iter().find(same) {
        return Ok(Some(zone.name().to_owned()));
    }
    // Most people know the city, and not what it stands under.
    let city = |zone: &&str| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&name));
    let hint = match zone_names().find(city) {
        Some(zone) => format!("Did you mean “{zone}”? "),
        None => did_you_mean(&name, zone_names()),
    };
    Err(Refusal::invalid(
        "zone_unknown",
        "zone",
        format!(
            "“{typed}” is not a time zone. {hint}Write a name such as Europe/Berlin, America/New_York or UTC."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_as_people_type_them() {
        let read = |typed| read_zone(typed).map_err(|refusal| refusal.message);
        assert_eq!(read(" "), Ok(None));
        assert_eq!(read(" america/new york "), Ok(Some("America/New_York".to_owned())));
        assert_eq!(read("utc"), Ok(Some("UTC".to_owned())));
        assert!(read("lisbon").unwrap_err().contains("“Europe/Lisbon”?"));
        assert!(read("Europe/Berlim").unwrap_err().contains("“Europe/Berlin”?"));
        assert!(read("<b>").unwrap_err().starts_with("“<b>” is not a time zone. Write"));
    }

    #[test]
    fn what_is_offered_is_read() {
        assert!(zone_names().count() > 350);
        assert!(zone_names().all(|name| read_zone(name) == Ok(Some(name.to_owned()))));
    }
}
