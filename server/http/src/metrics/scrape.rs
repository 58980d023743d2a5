//! The text of `/metrics`: what this process counted, and what the broker and the store say at this moment.
use std::fmt::Write as _;

use hallpass_broker::reconcile::reports::LAG_BUCKETS;
use hallpass_domain::finding::FindingKind;
use hallpass_domain::ports::clock::Trust;
use prometheus::{Encoder as _, TextEncoder};

use crate::state::AppState;

/// Writes families of samples in the text format.
#[derive(Default)]
struct Out(String);

impl Out {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The whole page. What the store cannot say at the moment is left out, so that the rest still arrives.
pub(super) async fn text(state: &AppState) -> Result<String, String> {
    let mut counted = Vec::new();
    TextEncoder::new().encode(&state.metrics.registry.gather(), &mut counted).map_err(|e| e.to_string())?;
    let mut out = Out(String::from_utf8(counted).map_err(|e| e.to_string())?);
    let (broker, now) = (&state.broker, state.broker.now());

    for (name, help, lag) in [
        (
            "hallpass_revocation_lag_seconds",
            "From the instant at which an account at a target was due until it was verified absent.",
            &broker.reports.lag,
        ),
        (
            "hallpass_login_probed_seconds",
            "From the ask for a login until it was tried and works.",
            &broker.reports.issued,
        ),
        (
            "hallpass_approval_to_login_probed_seconds",
            "From the approval, or the begin where that is later, until the first login of the grant was tried and works.",
            &broker.reports.approved,
        ),
    ] {
        let (buckets, count, sum) = lag.read();
        histogram(&mut out, name, help, (&buckets, count, sum));
    }
    out.one(
        "hallpass_store_writable",
        "gauge",
        "1 where the store can be written; while it cannot, nothing is issued.",
        u8::from(broker.health.is_writable()),
    );
    out.one(
        "hallpass_clock_trusted",
        "gauge",
        "1 where the clock may be trusted for issuing.",
        u8::from(broker.clock.trust() != Trust::NoIssuing),
    );
    out.one(
        "hallpass_clock_jump_held",
        "gauge",
        "1 while a forward jump of the database's time waits for its confirmation: use is denied, removal waits.",
        u8::from(broker.clock.trust() == Trust::HoldBulk),
    );
    out.one(
        "hallpass_clock_skew_seconds",
        "gauge",
        "How far the database's time is from the agreed one: positive while a jump is held, negative where it is behind.",
        seconds(broker.clock.off()),
    );
    out.one(
        "hallpass_token_cache_entries",
        "gauge",
        "Tokens that introspection has in memory.",
        broker.tokens.len(),
    );

    if let Ok(overdue) = broker.store.count_overdue(now).await {
        out.one(
            "hallpass_revocations_overdue",
            "gauge",
            "Accounts at targets that are past their end and not verified absent.",
            overdue,
        );
    }
    if let Ok((unsealed, oldest)) = broker.store.unsealed_tail().await {
        out.one(
            "hallpass_audit_unsealed_events",
            "gauge",
            "Audit events that no signed checkpoint covers yet.",
            unsealed,
        );
        out.one(
            "hallpass_audit_unsealed_age_seconds",
            "gauge",
            "Age of the oldest audit event that no signed checkpoint covers yet.",
            age(oldest, now),
        );
    }
    out.one(
        "hallpass_audit_unpublished_age_seconds",
        "gauge",
        "For how long the newest signed checkpoint has been missing at a place outside; 0 where it is everywhere.",
        seconds(broker.audit_watch.unpublished_for(now)),
    );
    if let Ok((oldest, queued)) = broker.store.outbox_age().await {
        out.one("hallpass_outbox_mails", "gauge", "Mails that wait to be handed over.", queued);
        out.one(
            "hallpass_outbox_age_seconds",
            "gauge",
            "Age of the oldest mail that waits.",
            age(oldest, now),
        );
    }
    reconcilers(&mut out, state);
    targets(&mut out, state).await;
    Ok(out.0)
}

fn age(oldest: Option<hallpass_domain::Timestamp>, now: hallpass_domain::Timestamp) -> f64 {
    oldest.map_or(0.0, |t| seconds(now - t).max(0.0))
}

fn seconds(span: chrono::TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a duration for a graph")]
    let seconds = span.num_milliseconds() as f64 / 1_000.0;
    seconds
}

fn histogram(out: &mut Out, name: &str, help: &str, (buckets, count, sum): (&[u64], u64, f64)) {
    out.family(name, "histogram", help);
    for (bound, value) in LAG_BUCKETS.iter().zip(buckets) {
        out.sample(&format!("{name}_bucket"), &[("le", &bound.to_string())], value);
    }
    // One that is counted between the two reads must not make the last bucket smaller than the one before.
    let count = buckets.last().copied().unwrap_or(0).max(count);
    out.sample(&format!("{name}_bucket"), &[("le", "+Inf")], count);
    out.sample(&format!("{name}_sum"), &[], sum);
    out.sample(&format!("{name}_count"), &[], count);
}

fn reconcilers(out: &mut Out, state: &AppState) {
    let all = state.broker.reports.all();
    out.family("hallpass_reconciler_runs_total", "counter", "Runs of a reconciler.");
    for (name, standing) in &all {
        out.sample("hallpass_reconciler_runs_total", &[("reconciler", name)], standing.runs);
    }
    out.family("hallpass_reconciler_done_total", "counter", "Things that a reconciler has done.");
    for (name, standing) in &all {
        out.sample("hallpass_reconciler_done_total", &[("reconciler", name)], standing.done);
    }
    out.family(
        "hallpass_reconciler_failing",
        "gauge",
        "1 where the last run of a reconciler that did anything failed.",
    );
    for (name, standing) in &all {
        out.sample(
            "hallpass_reconciler_failing",
            &[("reconciler", name)],
            u8::from(standing.last.error.is_some()),
        );
    }
    out.family("hallpass_reconciler_last_run_timestamp_seconds", "gauge", "When a reconciler ran last.");
    for (name, standing) in &all {
        out.sample(
            "hallpass_reconciler_last_run_timestamp_seconds",
            &[("reconciler", name)],
            standing.ran_at.timestamp(),
        );
    }
}

async fn targets(out: &mut Out, state: &AppState) {
    let Ok(catalogue) = state.broker.catalogue().await else { return };
    let down = state.broker.breakers.down();
    out.family(
        "hallpass_target_down",
        "gauge",
        "1 where a target did not answer when it was last worked at.",
    );
    for target in catalogue.targets.values() {
        let is_down = down.iter().any(|(id, _)| *id == target.id);
        out.sample("hallpass_target_down", &[("target", target.name.as_str())], u8::from(is_down));
    }
    out.family(
        "hallpass_target_compared_timestamp_seconds",
        "gauge",
        "When this server compared a target with the records last.",
    );
    for target in catalogue.targets.values() {
        if let Some(at) = state.broker.comparisons.of(target.id).at {
            let labels = [("target", target.name.as_str())];
            out.sample("hallpass_target_compared_timestamp_seconds", &labels, at.timestamp());
        }
    }
    let Ok(counted) = state.broker.store.count_findings().await else { return };
    out.family("hallpass_target_findings", "gauge", "Accounts at a target that are not as the records say.");
    for target in catalogue.targets.values().filter(|t| t.settings.kind() == "postgresql") {
        for kind in FindingKind::ALL {
            let of_it = counted.iter().find(|(t, k, _)| *t == target.id && *k == kind);
            let count = of_it.map_or(0, |(.., n)| *n);
            let labels = [("target", target.name.as_str()), ("kind", kind.as_str())];
            out.sample("hallpass_target_findings", &labels, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_is_cumulative() {
        let mut out = Out::default();
        let buckets = [0, 1, 1, 1, 1, 1, 1, 1, 2, 2];
        histogram(&mut out, "hallpass_revocation_lag_seconds", "Lag.", (&buckets, 2, 15.25));
        assert!(out.0.contains("hallpass_revocation_lag_seconds_bucket{le=\"0.1\"} 1\n"));
        assert!(out.0.ends_with("_bucket{le=\"+Inf\"} 2\nhallpass_revocation_lag_seconds_sum 15.25\nhallpass_revocation_lag_seconds_count 2\n"), "{}", out.0);
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = Out::default();
        out.sample("x", &[("a", "q\"b\\c\n")], 1);
        assert_eq!(out.0, "x{a=\"q\\\"b\\\\c\\n\"} 1\n");
    }
}
