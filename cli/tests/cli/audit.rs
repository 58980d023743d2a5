//! Verification of an export, offline: the server of these tests does not exist. Receipts: `receipts.rs`.
use hallpass_domain::audit::NoteSigner;
use serde_json::Value;

use crate::kit::Home;
use crate::log::{Log, file, verify};

#[test]
fn an_export_verifies_and_a_changed_event_is_named() {
    let (log, home) = (Log::new(300), Home::new());
    let export = log.export();
    file(&home, "good", &export);
    file(
        &home,
        "bad",
        &export.replacen("\"n\":123,", "\"n\":999,", 1).replacen("\"n\":123}", "\"n\":999}", 1),
    );
    file(&home, "short", &export[..export.trim_end().rfind('\n').unwrap() + 1]);
    file(&home, "held", &log.checkpoint(290));
    file(&home, "vkey", &log.vkey());
    file(
        &home,
        "other",
        &NoteSigner::from_seed("hallpass.example/audit", &[4; 32]).unwrap().verifier().to_string(),
    );
    let ran =
        verify(&home, &["--export", "good", "--checkpoint", "held", "--vkey", "vkey", "--json"]).expect(0);
    assert_eq!((ran.json()["size"].as_u64(), ran.json()["held_to"].as_u64()), (Some(300), Some(290)));
    let ran = verify(&home, &["--export", "good", "--checkpoint", "held"]).expect(0);
    assert!(ran.out.contains("10 events rest on the export's own key: not proved"), "{}", ran.out);
    let ran =
        verify(&home, &["--export", "bad", "--checkpoint", "held", "--vkey", "vkey", "--json"]).expect(1);
    let last: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["code"].as_str(), last["details"]["index"].as_u64()),
        (Some("not_verified"), Some(123)),
        "{}",
        ran.err
    );
    verify(&home, &["--export", "short", "--checkpoint", "held", "--vkey", "vkey"]).expect(1);
    verify(&home, &["--export", "good", "--checkpoint", "held", "--vkey", "other"]).expect(1);
    verify(&home, &["--export", "good"]).expect(2);
    verify(&home, &["--export", "absent", "--checkpoint", "held"]).expect(2);
}
