//! Notes, checkpoints, keys, proofs and exports, as somebody offline is given them.
use hallpass_domain::audit::{
    Checkpoint, Hash, NoteSigner, Receipt, VerifierKey, export, leaf_hash, note, verify_export,
};
use proptest::prelude::*;

use crate::texts::{check, near, wild};

fn signer() -> NoteSigner {
    NoteSigner::from_seed("hall.test/log", &[7; 32]).unwrap()
}

#[test]
fn keys_and_hashes_read_back() {
    let key = signer().verifier().to_string();
    check(4_000, wild(&[&key, "hall.test/log+00000000+AQ", "a+b+c"]), |raw| {
        if let Ok(read) = raw.parse::<VerifierKey>() {
            assert_eq!(read.to_string().parse::<VerifierKey>().unwrap(), read);
        }
        if let Ok(hash) = raw.parse::<Hash>() {
            assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        }
    });
}

#[test]
fn nobody_signs_but_the_signer() {
    let (signer, root) = (signer(), leaf_hash(b"a leaf"));
    let key = signer.verifier().clone();
    let checkpoint = Checkpoint { origin: "hall.test/log".to_owned(), size: 1, root };
    let signed = checkpoint.sign(&signer).unwrap();
    assert_eq!(Checkpoint::open(&signed, std::slice::from_ref(&key)).unwrap(), checkpoint);
    check(6_000, near(std::slice::from_ref(&signed)), |forged| {
        // More signatures may stand below; what is signed is what was signed.
        if let Ok(opened) = Checkpoint::open(&forged, std::slice::from_ref(&key)) {
            assert_eq!(opened, checkpoint, "{forged}");
        }
    });
    check(4_000, wild(&[&signed, "a\n1\nAA==\n", "\n\n\u{2014} x y\n"]), |raw| {
        let _ = note::open(&raw, std::slice::from_ref(&key));
        if let Ok(read) = Checkpoint::parse(&raw) {
            assert_eq!(Checkpoint::parse(&read.to_text().unwrap()).unwrap(), read);
        }
    });
    check(1_000, (1..1u64 << 40, any::<[u8; 8]>()), |(size, bytes)| {
        let made = Checkpoint { origin: "hall.test/log".to_owned(), size, root: leaf_hash(&bytes) };
        let opened = Checkpoint::open(&made.sign(&signer).unwrap(), std::slice::from_ref(&key));
        assert_eq!(opened.unwrap(), made);
    });
}

#[test]
fn a_proof_proves_its_leaf_and_no_other() {
    let (signer, leaf) = (signer(), b"{\"kind\":\"grant.ended\"}".to_vec());
    let key = signer.verifier().clone();
    let checkpoint = Checkpoint { origin: "hall.test/log".to_owned(), size: 1, root: leaf_hash(&leaf) };
    let receipt = Receipt {
        leaf: Some(leaf.clone()),
        index: 0,
        proof: Vec::new(),
        checkpoint: checkpoint.sign(&signer).unwrap(),
    };
    let text = receipt.to_text();
    let read = Receipt::parse(&text).unwrap();
    assert_eq!(read.to_text(), text);
    assert_eq!(read.verify_own_leaf(std::slice::from_ref(&key)).unwrap().0, leaf.as_slice());
    check(6_000, near(std::slice::from_ref(&text)), |forged| {
        let Ok(receipt) = Receipt::parse(&forged) else { return };
        if let Ok((proved, against)) = receipt.verify_own_leaf(std::slice::from_ref(&key)) {
            assert_eq!((proved, &against), (leaf.as_slice(), &checkpoint), "{forged}");
        }
    });
    check(3_000, wild(&[&text, "c2sp.org/tlog-proof@v1\n", "index 0\n"]), |raw| drop(Receipt::parse(&raw)));
}

#[test]
fn no_line_of_an_export_breaks() {
    let key = signer().verifier().clone();
    let good = [
        r#"{"format":"hallpass-audit-export","version":1,"origin":"hall.test/log","size":3}"#,
        r#"{"index":0,"leaf":{"id":"x"},"private":{},"salt":"00"}"#,
        r#"{"block":0,"nodes":["AA=="]}"#,
        "{}\n{}\n\n",
    ];
    check(5_000, wild(&good), |raw| {
        let _ = (export::Header::parse(&raw), export::Line::parse(&raw));
        assert!(verify_export(raw.as_bytes(), std::slice::from_ref(&key), &[]).is_err());
    });
    check(2_000, proptest::collection::vec(any::<u8>(), 0..300), |bytes| {
        assert!(verify_export(bytes.as_slice(), std::slice::from_ref(&key), &[]).is_err());
    });
}
