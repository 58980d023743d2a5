//! Text to [`CatalogueFile`]. Entries are read one by one, so that each wrong one is explained, not only the first.
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::CatalogueFile;
use super::explain::explain;
use crate::admin::mistake::{Mistakes, Span, did_you_mean};

/// Largest file in bytes: more is a slip, and everything in it is held in memory.
pub const MAX_BYTES: usize = 4 << 20;

const SECTIONS: [&str; 7] =
    ["people", "groups", "workloads", "targets", "roles", "workflows", "resource_servers"];

/// Reads a file; what cannot be read is noted in `mistakes`.
pub fn read(text: &str, mistakes: &mut Mistakes<'_>) -> CatalogueFile {
    let mut file = CatalogueFile { prune: true, ..CatalogueFile::default() };
    if text.len() > MAX_BYTES {
        mistakes.at(
            0..0,
            "The file is larger than 4 MiB.",
            "Split it, with prune = false at the top of each part.",
        );
        return file;
    }
    let (document, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        for error in broken.iter().take(10) {
            let (what, what_to_do) = explain(error);
            mistakes.at(error.span().unwrap_or(0..0), what, what_to_do);
        }
        return file;
    }
    for (key, value) in document.into_inner() {
        let span = key.span();
        match key.get_ref().as_ref() {
            "prune" => match value.get_ref() {
                DeValue::Boolean(prune) => file.prune = *prune,
                _ => mistakes.at(
                    value.span(),
                    "prune must be true or false.",
                    "Write prune = false to leave alone what the file does not name.",
                ),
            },
            "people" => file.people = section(span, value, mistakes),
            "groups" => file.groups = section(span, value, mistakes),
            "workloads" => file.workloads = section(span, value, mistakes),
            "targets" => file.targets = section(span, value, mistakes),
            "roles" => file.roles = section(span, value, mistakes),
            "workflows" => file.workflows = section(span, value, mistakes),
            "resource_servers" => file.resource_servers = section(span, value, mistakes),
            other => mistakes.at(
                span,
                format!("There is no section “{other}”."),
                format!("{}The sections are prune, {}.", did_you_mean(other, SECTIONS), SECTIONS.join(", ")),
            ),
        }
    }
    file
}

/// The entries of one `[[section]]`.
fn section<'de, T: Deserialize<'de>>(
    key: Span,
    value: Spanned<DeValue<'de>>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Spanned<T>> {
    let DeValue::Array(entries) = value.into_inner() else {
        mistakes.at(
            key,
            "This section must be a list of tables.",
            "Write its name in double brackets, such as [[people]], once per entry.",
        );
        return Vec::new();
    };
    entries
        .into_iter()
        .filter_map(|entry| {
            let span = entry.span();
            match Spanned::<T>::deserialize(serde::de::IntoDeserializer::into_deserializer(entry)) {
                Ok(entry) => Some(entry),
                Err(error) => {
                    let (what, what_to_do) = explain(&error);
                    mistakes.at(error.span().unwrap_or(span), what, what_to_do);
                    None
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::admin::check::check_text;
    use crate::admin::example::{text, with};

    /// The mistakes of a text as `line: words`.
    fn told(text: &str) -> String {
        check_text(text).iter().map(|m| format!("{m}\n")).collect()
    }

    #[test]
    fn mistakes_of_form_are_told_with_line_and_column() {
        for (file, wanted) in [
            (
                "[[people]]\nemail = \"a@b.org\"\nnmae = \"x\"\n",
                "3:1: There is no setting “nmae” here. Did you mean “name”?",
            ),
            ("[[people]]\nemail = \"a@b.org\"\n", "1:1: “name” is missing in this entry."),
            (
                "[[people]]\nemail = \"a@b.org\"\nname = 7\n",
                "3:8: This value is of the wrong form. Write text in double quotes.",
            ),
            (
                "[[people]]\nemail = \"a@b.org\"\nname = \"x\"\nduties = [\"admin\"]\n",
                "4:11: “admin” is not a choice here.",
            ),
            (
                "[[people]]\nemail = \"a@b.org\"\nname = \"x\"\nduties = \"auditor\"\n",
                "4:10: This value is of the wrong form. Write a list in square brackets.",
            ),
            (
                "[[people]]\nemail = \"nobody\"\nname = \"x\"\n",
                "2:9: The mail address must look like name@example.org.",
            ),
            ("[[people]\nemail = 1\n", "1:"),
            ("[[people]]\nemail = \"a@b.org\nname = \"x\"\n", "2:"),
            ("[poeple]\n", "1:2: There is no section “poeple”. Did you mean “people”?"),
            (
                "[people]\nemail = \"a@b.org\"\n",
                "1:2: This section must be a list of tables. Write its name in double brackets",
            ),
            ("prune = \"no\"\n", "1:9: prune must be true or false."),
            ("[[people]]\nemail = \"a@b.org\"\nemail = \"b@b.org\"\nname = \"x\"\n", "3:"),
            (
                "[[targets]]\npassword = \"hunter2\"\n",
                "2:1: There is no setting “password” here. No secret stands in this file",
            ),
        ] {
            let told = told(file);
            assert!(told.contains(wanted), "{file}wanted {wanted}\ntold {told}");
            assert!(!told.contains("hunter2"), "values are not repeated");
        }
    }

    #[test]
    fn every_wrong_entry_is_told_not_only_the_first() {
        let file = "[[people]]\nemail = 1\n[[people]]\nemail = \"a@b.org\"\n[[groups]]\nnaem = \"x\"\n";
        assert_eq!(told(file).lines().count(), 3, "{}", told(file));
    }

    #[test]
    fn a_kind_that_does_not_exist_is_told_with_the_kinds() {
        let told = told(&with("kind = \"oauth\"", "kind = \"postgres\""));
        assert!(
            told.contains(
                "“postgres” is not a choice here. Did you mean “postgresql”? Write one of: oauth, postgresql."
            ),
            "{told}"
        );
    }

    #[test]
    fn any_cut_of_the_example_is_read_without_a_panic() {
        let text = text();
        for end in (0..text.len()).step_by(7) {
            let _ = check_text(text.get(..end).unwrap_or(""));
        }
    }
}
