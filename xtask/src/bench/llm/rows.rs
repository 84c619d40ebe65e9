//! What the table says about the samples.

use anyhow::Result;

use super::{Contest, Samples};
use crate::bench::sample::median_of;
use crate::bench::table::{Bound, Row, Table};

/// Rows that compare the product with llama.cpp.
pub fn against_peer(table: &mut Table, contest: &Contest<'_>, sample: &Samples) -> Result<()> {
    let with = format!("threads {}", sample.threads);
    let phases = [("decode", Bound::AtLeast(1.2, 2.0)), ("prefill", Bound::AtLeast(2.0, 3.5))];
    for (phase, bound) in phases {
        let speed = format!("/{phase}/tok_s");
        let ours = median_of(&sample.ours, &speed)?;
        let mut fastest = (0, 0.0);
        for (index, (form, _)) in contest.forms.iter().enumerate() {
            let peer = median_of(&sample.peers[index], &speed)?;
            if peer > fastest.1 {
                fastest = (index, peer);
            }
            let what = format!("{phase}, {with}, llama.cpp {form}");
            let bound = if index == 0 { bound } else { Bound::None };
            table.rows.push(Row::new(what, "tok/s", ours, peer, bound));
        }
        let (index, peer) = fastest;
        let form = contest.forms[index].0;
        let what = format!("{phase}, {with}, llama.cpp's fastest form ({form})");
        table.rows.push(Row::new(what, "tok/s", ours, peer, Bound::AtLeast(0.9, 1.3)));
        let cpu = format!("/{phase}/cpu_ms_per_token");
        let (ours, peer) = (median_of(&sample.ours, &cpu)?, median_of(&sample.peers[index], &cpu)?);
        let what = format!("{phase}, {with}, processor time, llama.cpp {form}");
        table.rows.push(Row::new(what, "ms/token", ours, peer, Bound::None));
    }
    Ok(())
}

/// Rows that compare what the product does with what it costs to generate.
pub fn against_ourselves(table: &mut Table, sample: &Samples) -> Result<()> {
    let phase = |name: &str| median_of(&sample.ours, &format!("/phases/{name}"));
    let (one, many) = (phase("decode_tok_s")?, phase("streams_tok_s")?);
    let generate = phase("generate_s")? * 1000.0;
    let (replay, commit) = (phase("replay_s")? * 1000.0, phase("commit_s")? * 1000.0);
    let mut push = |what: &str, unit, ours, peer, bound| {
        let what = format!("{what}, threads {}", sample.threads);
        table.rows.push(Row::new(what, unit, ours, peer, bound));
    };
    push("8 streams together / 1 stream", "tok/s", many, one, Bound::AtLeast(2.5, 4.0));
    push("replay / generate", "ms", replay, generate, Bound::AtMost(0.4, 0.2));
    push("sign and commit / generate", "ms", commit, generate, Bound::AtMost(0.01, 0.002));
    Ok(())
}

/// The row about memory: a fresh process that answers one question.
pub fn memory(sample: &Samples) -> Result<Row> {
    let mib = f64::from(1 << 20);
    let peak = median_of(&sample.ours, "/peak_bytes")? / mib;
    let weights = median_of(&sample.ours, "/phases/weight_bytes")? / mib;
    let what = format!("peak resident memory / imported weights, threads {}", sample.threads);
    Ok(Row::new(what, "MiB", peak, weights, Bound::AtMost(1.5, 1.2)))
}
