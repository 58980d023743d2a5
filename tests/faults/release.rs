//! Builds that are released have no fail points: proven from the dependency graph that cargo resolves.
use std::process::Command;

/// Features of `hallpass-domain` in a build of one package.
fn domain_features(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal,features",
            "--package",
            package,
            "--prefix",
            "none",
            "--format",
            "{p} [{f}]",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find(|l| l.starts_with("hallpass-domain v"))
        .unwrap_or_else(|| panic!("no hallpass-domain below {package}"));
    line.rsplit_once('[').expect("features").1.trim_end_matches([']', ' ']).to_owned()
}

#[test]
fn the_server_and_the_command_have_no_fail_points() {
    for package in ["hallpassd", "hallpass", "hallpass-benches"] {
        assert!(!domain_features(package).contains("failpoints"), "{package}");
    }
    // The same look sees them where they are.
    assert!(domain_features("hallpass-tests").contains("failpoints"));
}

/// Whatever the features, a build without debug assertions has an empty function.
#[test]
fn optimised_builds_have_none() {
    let source =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../server/domain/src/failpoint.rs"))
            .expect("the source");
    assert!(source.contains("#[cfg(not(all(feature = \"failpoints\", debug_assertions)))]\n#[inline(always)]\npub fn hit(_name: &'static str) {}"));
    assert_eq!(source.matches("pub fn hit(").count(), 2);
}
