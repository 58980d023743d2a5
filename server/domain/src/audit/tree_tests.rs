//! The tree against published vectors and against a second, naive implementation.

use std::cell::Cell;

use super::frontier::Frontier;
use super::merkle::{Hash, empty_root, leaf_hash, node_hash, root_of};
use super::nodes::{NodeId, NodeMap, NodeMissing, NodeReader, append_nodes};
use super::proof::*;

/// Leaves, roots and proofs of the certificate-transparency reference implementation, as in
/// github.com/transparency-dev/merkle `testonly/constants.go` and `proof/verify_test.go`.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const L0: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const L1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const L4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N10: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const N11: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N12: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const N13: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N20: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const N21: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
/// Index, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 8] = [
    (0, 1, &[]),
    (0, 2, &[L1]),
    (1, 2, &[L0]),
    (0, 8, &[L1, N11, N21]),
    (5, 8, &[L4, N13, N20]),
    (2, 3, &[N10]),
    (1, 5, &[L0, N11, L4]),
    (4, 5, &[N20]),
];
/// First size, second size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] =
    [(1, 1, &[]), (1, 8, &[L1, N11, N21]), (6, 8, &[N12, N13, N20]), (2, 5, &[N11, L4])];

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn ct_leaves() -> Vec<Hash> {
    let decode = |hex: &&str| leaf_hash(&data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap());
    LEAVES.iter().map(decode).collect()
}

fn tree(leaves: &[Hash]) -> NodeMap {
    append_nodes(&mut Frontier::new(), leaves).into_iter().collect()
}

fn numbered(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// RFC 6962 §2.1 word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// RFC 6962 §2.1.1 word for word.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - middle, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 §2.1.2 word for word.
fn naive_subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if m <= middle {
        (naive_subproof(m, left, whole), naive_root(right))
    } else {
        (naive_subproof(m - middle, right, false), naive_root(left))
    };
    path.push(sibling);
    path
}

#[test]
fn published_roots_and_proofs() {
    let leaves = ct_leaves();
    let nodes = tree(&leaves);
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(root_of(&leaves[..size]).to_string(), *root);
        assert_eq!(root_at(&nodes, size as u64).unwrap().to_string(), *root);
    }
    for (index, size, proof) in INCLUSION {
        assert_eq!(inclusion_proof(&nodes, index, size).unwrap(), hashes(proof));
        let root = ROOTS[size as usize].parse().unwrap();
        verify_inclusion(&leaves[index as usize], index, size, &hashes(proof), &root).unwrap();
    }
    for (first, second, proof) in CONSISTENCY {
        assert_eq!(consistency_proof(&nodes, first, second).unwrap(), hashes(proof));
        let (old, new) = (ROOTS[first as usize].parse().unwrap(), ROOTS[second as usize].parse().unwrap());
        verify_consistency(first, second, &hashes(proof), &old, &new).unwrap();
    }
}

/// `TestGetRootHashGolden` of github.com/transparency-dev/merkle `compact/range_test.go`, cross-checked with the
/// naive tree, and on to 70,000 leaves.
#[test]
fn incremental_root_of_a_large_tree() {
    let golden = [
        (10, "VjWMPSYNtCuCNlF/RLnQy6HcwSk6CIipfxm+hettA+4="),
        (15, "j4SulYmocFuxdeyp12xXCIgK6PekBcxzAIj4zbQzNEI="),
        (16, "c+4Uc6BCMOZf/v3NZK1kqTUJe+bBoFtOhP+P3SayKRE="),
        (100, "dUh9hYH88p0CMoHkdr1wC2szbhcLAXOejWpINIooKUY="),
        (255, "SmdsuKUqiod3RX2jyF2M6JnbdE4QuTwwipfAowI4/i0="),
        (256, "qFI0t/tZ1MdOYgyPpPzHFiZVw86koScXy9q3FU5casA="),
        (1_000, "RXrgb8xHd55Y48FbfotJwCbV82Kx22LZfEbmBGAvwlQ="),
        (4_095, "cWRFdQhPcjn9WyBXE/r1f04ejxIm5lvg40DEpRBVS0w="),
        (4_096, "6uU/phfHg1n/GksYT6TO9aN8EauMCCJRl3dIK0HDs2M="),
        (10_000, "VZcav65F9haHVRk3wre2axFoBXRNeUh/1d9d5FQfxIg="),
        (65_535, "iPuVYJhP6SEE4gUFp8qbafd2rYv9YTCDYqAxCj8HdLM="),
    ];
    let leaves: Vec<Hash> = (0..70_000_u32).map(|i| leaf_hash(&[i as u8, (i >> 8) as u8])).collect();
    let mut frontier = Frontier::new();
    let mut nodes = NodeMap::default();
    let mut count = 0;
    for batch in leaves.chunks(777) {
        for (id, hash) in append_nodes(&mut frontier, batch) {
            count += 1;
            nodes.insert(id, hash);
        }
        assert_eq!(root_at(&nodes, frontier.size()).unwrap(), frontier.root());
        assert_eq!(Frontier::read(&nodes, frontier.size()).unwrap(), frontier);
    }
    for (size, root) in golden {
        assert_eq!(root_at(&nodes, size).unwrap().to_base64(), root);
        assert_eq!(naive_root(&leaves[..size as usize]).to_base64(), root);
    }
    assert_eq!(frontier.root(), naive_root(&leaves));
    // Complete subtrees of 70,000 leaves: the sum of 70,000 >> level, each written once.
    assert_eq!(count, (0..17).map(|level| 70_000 >> level).sum::<u64>());
}

#[test]
fn proofs_of_every_small_tree() {
    let leaves = numbered(65);
    let nodes = tree(&leaves);
    for size in 1..=65_usize {
        let root = naive_root(&leaves[..size]);
        let n = size as u64;
        for index in 0..size {
            let i = index as u64;
            let proof = inclusion_proof(&nodes, i, n).unwrap();
            assert_eq!(proof, naive_path(index, &leaves[..size]));
            verify_inclusion(&leaves[index], i, n, &proof, &root).unwrap();
            refuses_wrong_inclusion(&leaves[index], i, n, &proof, &root);
        }
        for first in 1..=size {
            let old = naive_root(&leaves[..first]);
            let proof = consistency_proof(&nodes, first as u64, n).unwrap();
            assert_eq!(proof, naive_subproof(first, &leaves[..size], true));
            verify_consistency(first as u64, n, &proof, &old, &root).unwrap();
            refuses_wrong_consistency(first as u64, n, &proof, &old, &root);
        }
    }
}

fn refuses_wrong_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) {
    let bad = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| {
        assert!(verify_inclusion(leaf, index, size, proof, root).is_err());
    };
    bad(leaf, index.wrapping_sub(1), size, proof, root);
    bad(leaf, index + 1, size, proof, root);
    bad(leaf, index ^ 2, size, proof, root);
    bad(leaf, index, size * 2, proof, root);
    bad(leaf, index, size / 2, proof, root);
    bad(&empty_root(), index, size, proof, root);
    bad(leaf, index, size, proof, &empty_root());
    bad(leaf, index, size, &[proof, &[*root]].concat(), root);
    bad(leaf, index, size, &[&[*root], proof].concat(), root);
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place] = empty_root();
        bad(leaf, index, size, &changed, root);
        changed.remove(place);
        bad(leaf, index, size, &changed, root);
    }
}

fn refuses_wrong_consistency(first: u64, second: u64, proof: &[Hash], old: &Hash, new: &Hash) {
    let bad = |first, second, proof: &[Hash], old: &Hash, new: &Hash| {
        assert!(verify_consistency(first, second, proof, old, new).is_err(), "{first} {second}");
    };
    bad(first, second, proof, &empty_root(), new);
    bad(first, second, proof, old, &empty_root());
    bad(second + 1, second, proof, old, new);
    bad(first, second, &[proof, &[*new]].concat(), old, new);
    bad(first, second, &[&[*new], proof].concat(), old, new);
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place] = empty_root();
        bad(first, second, &changed, old, new);
        changed.remove(place);
        bad(first, second, &changed, old, new);
    }
}

#[test]
fn everything_continues_the_empty_tree() {
    let leaves = numbered(5);
    let nodes = tree(&leaves);
    let root = naive_root(&leaves);
    assert!(consistency_proof(&nodes, 0, 5).unwrap().is_empty());
    verify_consistency(0, 5, &[], &empty_root(), &root).unwrap();
    assert!(verify_consistency(0, 5, &[], &root, &root).is_err());
    assert!(verify_consistency(0, 5, &[root], &empty_root(), &root).is_err());
    assert_eq!(root_at(&nodes, 0).unwrap(), empty_root());
    assert!(inclusion_proof(&nodes, 5, 5).is_err() && inclusion_proof(&nodes, 0, 0).is_err());
    assert!(consistency_proof(&nodes, 6, 5).is_err());
    assert!(inclusion_proof(&nodes, 0, u64::MAX).is_err() && root_at(&nodes, u64::MAX).is_err());
}

#[test]
fn block_proofs_are_proofs_over_block_roots() {
    let leaves = numbered(61);
    let nodes = tree(&leaves);
    for size in 1..=61_usize {
        let roots: Vec<Hash> = leaves[..size].chunks(8).map(naive_root).collect();
        for (block, root) in roots.iter().enumerate() {
            let proof = block_proof(&nodes, 3, block as u64, size as u64).unwrap();
            assert_eq!(proof, naive_path(block, &roots));
            let whole = naive_root(&leaves[..size]);
            verify_inclusion(root, block as u64, roots.len() as u64, &proof, &whole).unwrap();
        }
    }
}

struct Counting<'a>(&'a NodeMap, Cell<usize>);

impl NodeReader for Counting<'_> {
    type Error = NodeMissing;

    fn node(&self, level: u8, index: u64) -> Result<Hash, NodeMissing> {
        self.1.set(self.1.get() + 1);
        self.0.node(level, index)
    }
}

#[test]
fn proofs_read_a_logarithm_of_nodes_and_only_those_planned() {
    let leaves = numbered(5_000);
    let all = tree(&leaves);
    let planned = |ids: Vec<NodeId>| -> NodeMap {
        ids.into_iter().map(|id| (id, all.node(id.level, id.index).unwrap())).collect()
    };
    for (first, second) in [(0, 1), (1, 2), (4_095, 4_096), (4_999, 5_000), (2_730, 4_095), (1, 5_000)] {
        let counting = Counting(&all, Cell::new(0));
        let proof = inclusion_proof(&counting, first, second).unwrap();
        assert!(counting.1.get() <= 26, "{} nodes for {first} in {second}", counting.1.get());
        let found = inclusion_proof(&planned(inclusion_nodes(first, second)), first, second).unwrap();
        assert_eq!(found, proof);
        let counting = Counting(&all, Cell::new(0));
        let proof = consistency_proof(&counting, first, second).unwrap();
        assert!(counting.1.get() <= 26);
        let found = consistency_proof(&planned(consistency_nodes(first, second)), first, second).unwrap();
        assert_eq!(found, proof);
        assert!(Frontier::read(&planned(Frontier::nodes(second)), second).is_ok());
    }
    assert!(inclusion_proof(&NodeMap::default(), 0, 2).is_err());
}
