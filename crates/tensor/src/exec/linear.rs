//! Matrix products over a batch: cut by rows of the matrix or by tokens, one part a thread.
//! Invariant: a part writes only its own slice, so the cut cannot show in the result.

use super::Executor;
use crate::kernel::{self, Epilogue, Quantised, Weights};
use crate::plan::Plan;
use crate::program::*;
use rayon::prelude::*;
use std::ops::Range;

/// From this many tokens a thread on, threads take tokens; below, they take rows of the matrix.
const TOKENS_PER_THREAD: usize = 16;

/// One matrix of several that read the same input.
struct Product<'a> {
    weights: Weights<'a>,
    epilogue: Epilogue<'a>,
}

/// Some blocks of one product, and where their rows go: a slice per token.
struct Part<'o> {
    product: usize,
    blocks: Range<usize>,
    out: Vec<&'o mut [i32]>,
}

impl Executor {
    /// The linear operators `range`, which all read the same value.
    pub(super) fn linear(&mut self, plan: &Plan, range: Range<usize>, tokens: usize) {
        let mut outs: Vec<Vec<i32>> = Vec::with_capacity(range.len());
        for index in range.clone() {
            let mut out = std::mem::take(&mut self.buffers[plan.buffers[index]].fixed);
            out.resize(tokens * crate::plan::width(&plan.types[index]), 0);
            outs.push(out);
        }
        let Op::Linear { x, .. } = &plan.program.ops[range.start] else {
            unreachable!("called for linear operators only");
        };
        let products: Vec<Product<'_>> = range.clone().map(|i| product(plan, i)).collect();
        let x = &self.buffers[plan.buffers[*x as usize]].quantised;
        if self.threads == 1 || tokens >= TOKENS_PER_THREAD * self.threads {
            self.by_tokens(&products, x, tokens, &mut outs);
        } else {
            self.by_rows(&products, x, tokens, &mut outs);
        }
        for (index, out) in range.zip(outs) {
            self.buffers[plan.buffers[index]].fixed = out;
        }
    }

    fn by_tokens(&self, all: &[Product<'_>], x: &Quantised, tokens: usize, outs: &mut [Vec<i32>]) {
        let each = tokens.div_ceil(self.threads).next_multiple_of(4).min(tokens);
        for (product, out) in all.iter().zip(outs) {
            let stride = product.weights.rows;
            let blocks = 0..stride.div_ceil(ROW_BLOCK);
            let work = |(part, values): (usize, &mut [i32])| {
                let mut rows: Vec<&mut [i32]> = values.chunks_exact_mut(stride).collect();
                let ranges = [blocks.clone(), part * each..part * each + rows.len()];
                kernel::linear(self.isa, &product.weights, x, ranges, product.epilogue, &mut rows);
            };
            let parts = each * stride;
            if self.threads == 1 {
                out.chunks_mut(parts).enumerate().for_each(work);
            } else {
                out.par_chunks_mut(parts).enumerate().for_each(work);
            }
        }
    }

    /// Every thread takes an equal share of all rows of the matrices.
    fn by_rows(&self, all: &[Product<'_>], x: &Quantised, tokens: usize, outs: &mut [Vec<i32>]) {
        let mut shares = self.shares(all, outs);
        shares.par_iter_mut().with_max_len(1).flatten_iter().for_each(|part| {
            let Product { weights, epilogue } = &all[part.product];
            let ranges = [part.blocks.clone(), 0..tokens];
            kernel::linear(self.isa, weights, x, ranges, *epilogue, &mut part.out);
        });
    }

    /// Cuts all blocks of all products into one equal share a thread.
    fn shares<'o>(&self, all: &[Product<'_>], outs: &'o mut [Vec<i32>]) -> Vec<Vec<Part<'o>>> {
        let count = |p: &Product<'_>| p.weights.rows.div_ceil(ROW_BLOCK);
        let each = all.iter().map(count).sum::<usize>().div_ceil(self.threads);
        let mut shares = vec![Vec::new()];
        let mut room = each;
        for (index, (product, out)) in all.iter().zip(outs).enumerate() {
            let mut rests: Vec<&mut [i32]> = out.chunks_exact_mut(product.weights.rows).collect();
            let blocks = count(product);
            let mut first = 0;
            while first < blocks {
                if room == 0 {
                    shares.push(Vec::new());
                    room = each;
                }
                let end = blocks.min(first + room);
                let rows = (end * ROW_BLOCK).min(product.weights.rows) - first * ROW_BLOCK;
                let cut = |rest: &mut &'o mut [i32]| rest.split_off_mut(..rows);
                let out = rests.iter_mut().filter_map(cut).collect();
                let share = shares.last_mut().expect("at least one share");
                share.push(Part { product: index, blocks: first..end, out });
                (room, first) = (room - (end - first), end);
            }
        }
        shares
    }
}

fn product(plan: &Plan, index: usize) -> Product<'_> {
    let Op::Linear { x, weight, bias, frac } = &plan.program.ops[index] else {
        unreachable!("called for linear operators only");
    };
    let Type::Quantised { frac: from, .. } = plan.types[*x as usize] else {
        unreachable!("proved: linear reads a quantised value");
    };
    let bias = bias.map(|b| &plan.constants.vector(&b.digest)[..]);
    let shift = i32::from(from) - i32::from(*frac);
    let weights = Weights::new(weight, plan.constants.matrix(weight));
    Product { weights, epilogue: Epilogue { shift, bias } }
}
