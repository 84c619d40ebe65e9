//! What a sequence has seen: keys and values per attention operator, a digest per position.
//! Invariant: `prefix(n)` equals a cache that saw the first `n` tokens only.

use crate::Error;
use crate::kernel::attention::Head;
use crate::plan::Plan;
use crate::program::Op;
use terroir_base::Digest;

/// The cache of one sequence under one plan.
#[derive(Clone, Debug)]
pub struct Cache {
    program: Digest,
    /// Per attention operator, in program order, per key head.
    pub(super) slots: Vec<Vec<Head>>,
    pub(super) steps: Vec<Digest>,
}

impl Cache {
    /// An empty cache for `plan`.
    pub fn new(plan: &Plan) -> Cache {
        let heads = plan.program().ops.iter().filter_map(|op| match *op {
            Op::Attention { kv_heads, head_dim, .. } => Some((kv_heads, head_dim)),
            _ => None,
        });
        let slot = |(count, dim): (u32, u32)| vec![Head::new(dim as usize); count as usize];
        Cache { program: plan.digest(), slots: heads.map(slot).collect(), steps: Vec::new() }
    }

    /// Positions seen.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What a sequence has seen that ends after the first `len` positions of this one.
    ///
    /// Copies these positions and nothing else.
    pub fn prefix(&self, len: usize) -> Cache {
        let len = len.min(self.len());
        let slot = |heads: &Vec<Head>| heads.iter().map(|head| head.prefix(len)).collect();
        Cache {
            program: self.program,
            slots: self.slots.iter().map(slot).collect(),
            steps: self.steps[..len].to_vec(),
        }
    }

    /// One checkpoint digest per position: what [`crate::trace_root`] is made of.
    pub fn steps(&self) -> &[Digest] {
        &self.steps
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> u64 {
        let heads = self.slots.iter().flatten().map(Head::bytes);
        (heads.sum::<usize>() + 32 * self.steps.capacity()) as u64
    }

    pub(super) fn belongs_to(&self, plan: &Plan) -> Result<(), Error> {
        if self.program == plan.digest() {
            return Ok(());
        }
        Err(Error::Argument("the cache belongs to another program".into()))
    }
}
