use std::time::Instant;
use futures_util::future::join_all;
use hallpass_domain::ports::store::Store as _;
use hallpass_domain::ports::tokens::Tokens as _;
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::transition::{Rested, Transition};
use super::bed::Bed;
use super::samples::*;
fn cpu() -> f64 {
    let mut total = 0.0;
    for t in std::fs::read_dir("/proc/self/task").unwrap() {
        let p = t.unwrap().path();
        let comm = std::fs::read_to_string(p.join("comm")).unwrap_or_default();
        if comm.starts_with("hallpass-") {
            let s = std::fs::read_to_string(p.join("schedstat")).unwrap_or_default();
            total += s.split(' ').next().and_then(|x| x.parse::<f64>().ok()).unwrap_or(0.0) / 1e3;
        }
    }
    total
}
async fn run(bed: Bed, what: &str) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    commit(&bed.store, [put!(Grant, grant)]).await;
    for clients in [1usize, 64, 256] {
        let per = 4000 / clients;
        let c = cpu(); let at = Instant::now();
        let tasks = (0..clients).map(|_| {
            let (store, tokens): (_, Vec<_>) = (bed.store.clone(), (0..per).map(|_| w.token(&grant)).collect());
            let (g, user) = (grant.id, w.ana.id);
            tokio::spawn(async move { for t in tokens {
                let e = event("token.issued", &[("grant", g.to_string()), ("token", t.id.to_string()), ("user", user.to_string())]);
                let tr = Transition::new(now()).rests_on(Rested::GrantHeld(g, 1)).event(e).with(put!(Token, t));
                store.commit(tr).await.unwrap();
            } })
        });
        for r in join_all(tasks).await { r.unwrap(); }
        let d = at.elapsed();
        eprintln!("{what} {clients} clients: {:.0} us cpu {:.0}/s", (cpu() - c) / (per * clients) as f64, (per * clients) as f64 / d.as_secs_f64());
    }
    let t = w.token(&grant);
    commit(&bed.store, [put!(Token, t)]).await;
    let at = Instant::now();
    for _ in 0..3000 { bed.store.token_by_hash(&t.hash).await.unwrap(); }
    eprintln!("{what} token_by_hash: {:.1} us", at.elapsed().as_secs_f64() * 1e6 / 3000.0);
    let at = Instant::now();
    for _ in 0..3000 { bed.store.catalogue().await.unwrap(); }
    eprintln!("{what} catalogue: {:.1} us", at.elapsed().as_secs_f64() * 1e6 / 3000.0);
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed() { run(Bed::sqlite().await, "sqlite").await; run(Bed::postgres().await, "pg").await; }
