//! Texts to try, always the same ones.
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Tries so many values; the same ones in every run.
pub(crate) fn check<S: Strategy>(cases: u32, values: S, test: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = runner.run(&values, |value| {
        test(value);
        Ok(())
    });
    ran.unwrap_or_else(|failed| panic!("{failed}"));
}

/// Characters that parsers stumble over.
fn odd() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        proptest::sample::select(
            " \t\r\n\0.,:;-_+=/%&?@\"'<>[]{}()0189azAZ\u{7f}\u{85}\u{200b}\u{202e}\u{2028}\u{feff}\u{ff10}\u{1f980}é"
                .chars()
                .collect::<Vec<_>>()
        ),
    ]
}

/// A change of a text: where (as a share of its length), what, and with which character.
type Change = (f64, u8, char);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec((0.0..1.0f64, 0u8..5, odd()), 1..5)
}

/// A text with some characters put in, left out, replaced, doubled, or cut off.
fn changed(good: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = good.chars().collect();
    for (share, what, c) in changes {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a short text"
        )]
        let at = ((chars.len() as f64) * share) as usize;
        match what {
            0 => chars.insert(at, *c),
            1 if at < chars.len() => drop(chars.remove(at)),
            2 if at < chars.len() => chars[at] = *c,
            3 if at < chars.len() => chars.insert(at, chars[at]),
            _ => chars.truncate(at.max(1)),
        }
    }
    chars.into_iter().collect()
}

/// Good texts with a few changes.
pub(crate) fn near(good: &[String]) -> impl Strategy<Value = String> + use<> {
    (proptest::sample::select(good.to_vec()), changes()).prop_map(|(good, by)| changed(&good, &by))
}

/// Arbitrary texts, and good ones with a few changes, and good ones as they are.
pub(crate) fn wild(good: &[&str]) -> impl Strategy<Value = String> + use<> {
    let good: Vec<String> = good.iter().map(|text| (*text).to_owned()).collect();
    prop_oneof![
        1 => proptest::collection::vec(odd(), 0..60).prop_map(String::from_iter),
        1 => proptest::collection::vec(any::<char>(), 0..400).prop_map(String::from_iter),
        3 => near(&good),
        1 => proptest::sample::select(good.clone()),
    ]
}
