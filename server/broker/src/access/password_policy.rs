//! Which passwords are taken: length and a blocklist, no rules of composition (NIST SP 800-63B-4 §3.1.1.2).
use hallpass_domain::refusal::Refusal;

/// Fewest characters. SP 800-63B-4 asks for 15 where the password is the only factor; ours is, until an
/// authenticator app is set up, and a second rule for afterwards would be one more thing to explain.
pub const MIN_PASSWORD: usize = 15;
/// Most characters (SP 800-63B-4 asks to allow at least 64).
pub const MAX_PASSWORD: usize = 256;

/// Parts that every guesser tries. What is left after taking these and the person's own words out must still hold
/// [`MIN_REST`] characters.
const COMMON: [&str; 44] = [
    "correcthorsebatterystaple",
    "thequickbrownfox",
    "letmein",
    "iloveyou",
    "trustno1",
    "changeme",
    "passphrase",
    "password",
    "passwort",
    "passwd",
    "p@ssw0rd",
    "passw0rd",
    "welcome",
    "willkommen",
    "bienvenue",
    "administrator",
    "admin",
    "root",
    "hallpass",
    "dragon",
    "monkey",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "starwars",
    "master",
    "shadow",
    "michael",
    "jennifer",
    "secret",
    "default",
    "company",
    "spring",
    "summer",
    "autumn",
    "winter",
    "qwertyuiop",
    "qwertz",
    "qwerty",
    "asdfgh",
    "test",
];
/// Rows of keys and alphabets that are walked along.
const RUNS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
];
const MIN_REST: usize = 8;
const MIN_DISTINCT: usize = 6;
const FIELD: &str = "new_password";

/// Whether `password` is taken for somebody whose address and name are `context` (and whose server is among them).
///
/// # Errors
/// An `Invalid` refusal that says what to do, about the field `new_password`.
pub fn check_password(password: &str, context: &[&str]) -> Result<(), Refusal> {
    let length = password.chars().count();
    if length < MIN_PASSWORD {
        return Err(Refusal::invalid(
            "password_too_short",
            FIELD,
            format!(
                "The password has {length} characters; it needs {MIN_PASSWORD} or more. A few unrelated words make a good one."
            ),
        ));
    }
    if length > MAX_PASSWORD {
        return Err(Refusal::invalid(
            "password_too_long",
            FIELD,
            format!("The password is longer than {MAX_PASSWORD} characters. Shorten it."),
        ));
    }
    if is_guessable(password, context) {
        return Err(Refusal::invalid(
            "password_guessable",
            FIELD,
            "This password is easy to guess: it repeats itself, walks along the keyboard, or is made of common words or your own name. Choose a few unrelated words.",
        ));
    }
    Ok(())
}

fn is_guessable(password: &str, context: &[&str]) -> bool {
    let mut rest: String = password.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    if distinct(&rest) < MIN_DISTINCT {
        return true;
    }
    let own: Vec<String> = context
        .iter()
        .flat_map(|text| {
            text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|word| word.chars().count() >= 3)
        .collect();
    for word in own.iter().map(String::as_str).chain(COMMON) {
        rest = rest.replace(word, "\u{0}");
    }
    let rest = without_runs(&rest);
    rest.len() < MIN_REST || distinct(&rest) < MIN_DISTINCT - 1
}

/// How many different characters.
fn distinct(text: impl AsRef<str>) -> usize {
    text.as_ref().chars().collect::<std::collections::BTreeSet<_>>().len()
}

/// What is left of `text` without removed words (U+0000), and with each walk along a row of keys (three or more, in
/// either direction) and each repetition counted as one character.
fn without_runs(text: &str) -> String {
    let follows = |a: char, b: char| {
        let pair: String = [a, b].iter().collect();
        let back: String = [b, a].iter().collect();
        a == b || RUNS.iter().any(|row| row.contains(&pair) || row.contains(&back))
    };
    let chars: Vec<char> = text.chars().collect();
    let mut rest = String::new();
    for (place, c) in chars.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|p| chars.get(p));
        let earlier = place.checked_sub(2).and_then(|p| chars.get(p));
        let walked = before.is_some_and(|b| follows(*b, *c))
            && earlier.zip(before).is_some_and(|(a, b)| follows(*a, *b));
        if *c != '\u{0}' && !walked {
            rest.push(*c);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: [&str; 3] = ["ana.ruiz@example.org", "Ana Ruiz", "https://access.example.org"];

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check_password("ostrich lamp 7", &ANA).unwrap_err().code, "password_too_short");
        assert!(check_password("ostrich lamp 77", &ANA).is_ok());
        assert!(check_password("крокодил и лампа", &ANA).is_ok());
        let long: String = ('a'..='z').cycle().step_by(7).take(256).collect();
        assert!(check_password(&long, &ANA).is_ok());
        assert_eq!(check_password(&format!("{long}x"), &ANA).unwrap_err().code, "password_too_long");
    }

    #[test]
    fn no_composition_is_asked_for() {
        for good in
            ["marmalade wolf picnic", "7391 0462 8815 2674", "violin violin oboe", "uwVkPq93hZtLmXcRbn2Y"]
        {
            assert!(check_password(good, &ANA).is_ok(), "{good}");
        }
    }

    #[test]
    fn guessable_ones_are_refused() {
        for bad in [
            "aaaaaaaaaaaaaaaaaaaa",
            "abababababababab",
            "123456789012345",
            "abcdefghijklmnop",
            "qwertyuiopasdfghjkl",
            "password password",
            "Password12345678",
            "correct horse battery staple",
            "ana.ruiz@example.org",
            "Ana Ruiz 1234567",
            "hallpass-admin-1",
            "welcome to hallpass",
            "AdministratorAdmin1",
            "987654321987654321",
        ] {
            assert_eq!(check_password(bad, &ANA).map_err(|r| r.code), Err("password_guessable"), "{bad}");
        }
    }
}
