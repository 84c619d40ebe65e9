//! Speed of a decoder of SmolLM2-135M's shape with random weights: `forward::op/key=value` lines.
//!
//! Prints tokens per second of wall time; the ratios to other engines are `cargo xtask bench llm`.

use std::sync::Arc;
use std::time::Instant;
use terroir_tensor::laws::{Shape, decoder};
use terroir_tensor::program::{Format, Planes};
use terroir_tensor::{Cache, Executor, Isa, Plan, Run, Wanted};

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn timed(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn main() {
    let shape = Shape {
        vocab: 49152,
        width: 576,
        inner: 1536,
        heads: (9, 3, 64),
        blocks: 30,
        positions: 2048,
        planes: Planes::One,
        format: Format::W4,
        window: 0,
        exponent: 24,
    };
    let (program, constants) = decoder(1, shape);
    let plan = Arc::new(Plan::load(program, &mut |d| constants.fetch(d)).expect("a valid program"));
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with("--"));
    let run = |what: &str| wanted.as_ref().is_none_or(|word| what.contains(word.as_str()));
    for threads in [1, 2] {
        let isa = Isa::detect();
        let executor = Executor::new(plan.clone(), threads, isa).expect("threads");
        let mut bench = Bench { plan: plan.clone(), executor };
        let tail = format!("isa={isa},threads={threads}");
        if run("prefill") {
            println!("forward::prefill/{tail}: {:.1} tok/s", bench.prefill());
        }
        if run("decode") {
            println!("forward::decode/{tail}: {:.1} tok/s", bench.decode());
        }
        if run("batch8") {
            println!("forward::batch8/{tail}: {:.1} tok/s", bench.batch());
        }
    }
}

struct Bench {
    plan: Arc<Plan>,
    executor: Executor,
}

impl Bench {
    fn prefill(&mut self) -> f64 {
        let prompt: Vec<u32> = (0..512).map(|i| i * 7 % 49152).collect();
        let runs = (0..5).map(|_| {
            let mut cache = Cache::new(&self.plan);
            timed(|| {
                for tokens in prompt.chunks(128) {
                    let run = Run { cache: &mut cache, tokens, logits: Wanted::Last };
                    self.executor.forward(&mut [run]).expect("prefill");
                }
            })
        });
        512.0 / median(runs.collect())
    }

    fn decode(&mut self) -> f64 {
        let runs = (0..5).map(|_| {
            let mut cache = Cache::new(&self.plan);
            timed(|| {
                for token in 0..64 {
                    let run = Run { cache: &mut cache, tokens: &[token], logits: Wanted::Last };
                    self.executor.forward(&mut [run]).expect("decode");
                }
            })
        });
        64.0 / median(runs.collect())
    }

    fn batch(&mut self) -> f64 {
        let runs = (0..3).map(|_| {
            let mut caches = vec![Cache::new(&self.plan); 8];
            timed(|| {
                for token in 0..32 {
                    let tokens = [token];
                    let run = |cache| Run { cache, tokens: &tokens, logits: Wanted::Last };
                    let mut runs: Vec<Run<'_>> = caches.iter_mut().map(run).collect();
                    self.executor.forward(&mut runs).expect("batch");
                }
            })
        });
        256.0 / median(runs.collect())
    }
}
