//! The fields of kind `inference` as CBOR: 3 and 6 to 12.

use super::{Engine, Finish, Inference, ModelIds, Output, Sampler, Trace};
use crate::Rejected;
use terroir_base::cbor::{self, MapReader, Value};
use terroir_base::id::{ModelId, ProgramId};

/// Longest text of a model's profile, in bytes.
const PROFILE_BYTES_MAX: usize = 16;
/// Longest name of a set of rules, in bytes.
const RULES_BYTES_MAX: usize = 32;
/// Longest name of the software, in bytes.
const SOFTWARE_BYTES_MAX: usize = 64;

impl Inference {
    pub(in crate::receipt) fn fields(&self) -> Vec<(u64, Value)> {
        vec![
            (3, self.job.into()),
            (6, write_model(&self.model)),
            (7, write_engine(&self.engine)),
            (8, self.request.into()),
            (9, write_sampler(&self.sampler)),
            (10, write_output(&self.output)),
            (11, self.stream.into()),
            (12, write_trace(&self.trace)),
        ]
    }

    pub(in crate::receipt) fn take(map: &mut MapReader) -> Result<Inference, Rejected> {
        Ok(Inference {
            job: map.take_digest(3, "job")?,
            model: read_model(map.take_map(6, "model")?)?,
            engine: read_engine(map.take_map(7, "engine")?)?,
            request: map.take_digest(8, "request")?,
            sampler: read_sampler(map.take_map(9, "sampler")?)?,
            output: read_output(map.take_map(10, "output")?)?,
            stream: map.take_digest(11, "stream")?,
            trace: read_trace(map.take_map(12, "trace")?)?,
        })
    }
}

/// The finish that `number` stands for, here and in the encoding of an answer.
pub(crate) fn finish_from(number: u64) -> Result<Finish, cbor::Error> {
    match number {
        0 => Ok(Finish::Stop),
        1 => Ok(Finish::Length),
        2 => Ok(Finish::Cancelled),
        got => Err(cbor::Error::OutOfRange { field: "finish", max: 2, got }),
    }
}

fn write_model(model: &ModelIds) -> Value {
    let template = model.template.map(|template| (4, template.into()));
    let fields = [
        (1, model.manifest.0.into()),
        (2, model.program.0.into()),
        (3, model.tokenizer.into()),
        (5, model.profile.as_str().into()),
        (6, model.text.as_str().into()),
    ];
    Value::record(fields.into_iter().chain(template))
}

fn read_model(mut map: MapReader) -> Result<ModelIds, Rejected> {
    let model = ModelIds {
        manifest: ModelId(map.take_digest(1, "manifest")?),
        program: ProgramId(map.take_digest(2, "program")?),
        tokenizer: map.take_digest(3, "tokenizer")?,
        template: map.take_opt_digest(4, "template")?,
        profile: map.take_text(5, "profile", PROFILE_BYTES_MAX)?,
        text: map.take_text(6, "text rules", RULES_BYTES_MAX)?,
    };
    map.finish()?;
    Ok(model)
}

fn write_engine(engine: &Engine) -> Value {
    Value::record([(1, engine.spec.as_str().into()), (2, engine.software.as_str().into())])
}

fn read_engine(mut map: MapReader) -> Result<Engine, Rejected> {
    let spec = map.take_text(1, "engine spec", RULES_BYTES_MAX)?;
    let software = map.take_text(2, "engine software", SOFTWARE_BYTES_MAX)?;
    map.finish()?;
    Ok(Engine { spec, software })
}

fn write_sampler(sampler: &Sampler) -> Value {
    Value::record([
        (1, sampler.rules.as_str().into()),
        (2, sampler.temperature_micro.into()),
        (3, sampler.top_k.into()),
        (4, sampler.top_p_micro.into()),
        (5, sampler.min_p_micro.into()),
        (6, sampler.repetition_penalty_micro.into()),
        (7, sampler.seed.into()),
    ])
}

fn read_sampler(mut map: MapReader) -> Result<Sampler, Rejected> {
    let sampler = Sampler {
        rules: map.take_text(1, "sampler rules", RULES_BYTES_MAX)?,
        temperature_micro: map.take_u32(2, "temperature")?,
        top_k: map.take_u32(3, "top-k")?,
        top_p_micro: map.take_u32(4, "top-p")?,
        min_p_micro: map.take_u32(5, "min-p")?,
        repetition_penalty_micro: map.take_u32(6, "repetition penalty")?,
        seed: map.take_uint(7, "seed")?,
    };
    map.finish()?;
    Ok(sampler)
}

fn write_output(output: &Output) -> Value {
    let finish: u64 = match output.finish {
        Finish::Stop => 0,
        Finish::Length => 1,
        Finish::Cancelled => 2,
    };
    Value::record([
        (1, output.answer.into()),
        (2, output.prompt_tokens.into()),
        (3, output.answer_tokens.into()),
        (4, finish.into()),
    ])
}

fn read_output(mut map: MapReader) -> Result<Output, Rejected> {
    let output = Output {
        answer: map.take_digest(1, "answer")?,
        prompt_tokens: map.take_u32(2, "prompt tokens")?,
        answer_tokens: map.take_u32(3, "answer tokens")?,
        finish: finish_from(map.take_uint(4, "finish")?)?,
    };
    map.finish()?;
    Ok(output)
}

fn write_trace(trace: &Trace) -> Value {
    Value::record([(1, trace.commitment.into()), (2, trace.steps.into()), (3, trace.ops.into())])
}

fn read_trace(mut map: MapReader) -> Result<Trace, Rejected> {
    let trace = Trace {
        commitment: map.take_digest(1, "trace commitment")?,
        steps: map.take_u32(2, "trace steps")?,
        ops: map.take_u32(3, "trace operators")?,
    };
    map.finish()?;
    Ok(trace)
}
