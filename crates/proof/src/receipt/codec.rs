//! The payload as CBOR: one map, its keys the numbers of the fields.
//!
//! Invariant: what [`Receipt::encode`] writes is all that [`Receipt::decode`] accepts.

use super::{
    Engine, Finish, Kind, Mode, ModelIds, Output, Place, Receipt, Sampler, Times, Trace, VERSION,
};
use crate::Rejected;
use terroir_base::cbor::{self, Limits, MapReader, Value};
use terroir_base::id::{ModelId, ProgramId, ReceiptId};
use terroir_base::sign::PublicKey;

/// Longest text of a model's profile, in bytes.
const PROFILE_BYTES_MAX: usize = 16;
/// Longest name of a set of rules, in bytes.
const RULES_BYTES_MAX: usize = 32;
/// Longest name of the software, in bytes.
const SOFTWARE_BYTES_MAX: usize = 64;
/// Longest word that names a mode or a kind, in bytes.
const WORD_BYTES_MAX: usize = 16;
/// Room for every field and for unknown ones, so that those are refused by name.
const LIMITS: Limits = Limits { bytes_max: super::RECEIPT_BYTES_MAX, depth_max: 4, items_max: 256 };

impl Receipt {
    /// The payload's bytes.
    ///
    /// Errors: whatever [`Receipt::decode`] would refuse, by the same name, so that nobody signs it.
    pub fn encode(&self) -> Result<Vec<u8>, Rejected> {
        let bytes = cbor::encode(&self.value());
        Receipt::decode(&bytes)?;
        Ok(bytes)
    }

    /// Reads a payload; nothing but the one encoding of the fields of version 1 passes.
    pub fn decode(payload: &[u8]) -> Result<Receipt, Rejected> {
        let value = cbor::decode(payload, &LIMITS).map_err(Rejected::Payload)?;
        let mut map = value.into_map("receipt")?;
        let version = map.take_uint(1, "version")?;
        if version != VERSION {
            return Err(Rejected::Version { got: version });
        }
        let receipt = Receipt {
            kind: read_kind(&mut map)?,
            job: map.take_digest(3, "job")?,
            place: read_place(map.take_map(4, "place")?)?,
            node: read_node(map.take_map(5, "node")?)?,
            model: read_model(map.take_map(6, "model")?)?,
            engine: read_engine(map.take_map(7, "engine")?)?,
            request: map.take_digest(8, "request")?,
            sampler: read_sampler(map.take_map(9, "sampler")?)?,
            output: read_output(map.take_map(10, "output")?)?,
            stream: map.take_digest(11, "stream")?,
            trace: read_trace(map.take_map(12, "trace")?)?,
            mode: read_mode(map.take_map(13, "mode")?)?,
            times: read_times(map.take_map(15, "times")?)?,
        };
        map.finish()?;
        receipt.obey()?;
        Ok(receipt)
    }

    fn value(&self) -> Value {
        Value::record([
            (1, VERSION.into()),
            (3, self.job.into()),
            (4, write_place(&self.place)),
            (5, Value::record([(1, Value::bytes(self.node.0))])),
            (6, write_model(&self.model)),
            (7, write_engine(&self.engine)),
            (8, self.request.into()),
            (9, write_sampler(&self.sampler)),
            (10, write_output(&self.output)),
            (11, self.stream.into()),
            (12, write_trace(&self.trace)),
            (13, Value::record([(1, self.mode.name().into())])),
            (15, write_times(&self.times)),
            (21, self.kind.name().into()),
        ])
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

fn write_place(place: &Place) -> Value {
    let prev = place.prev.map(|prev| (2, prev.0.into()));
    Value::record([(1, place.seq.into())].into_iter().chain(prev))
}

fn read_place(mut map: MapReader) -> Result<Place, Rejected> {
    let seq = map.take_uint(1, "seq")?;
    let prev = map.take_opt_digest(2, "prev")?.map(ReceiptId);
    map.finish()?;
    Ok(Place { seq, prev })
}

fn read_node(mut map: MapReader) -> Result<PublicKey, Rejected> {
    let key = map.take_bytes_n(1, "node key")?;
    map.finish()?;
    Ok(PublicKey(key))
}

fn write_model(model: &ModelIds) -> Value {
    let template = model.template.map(|template| (4, template.into()));
    let fields = [
        (1, model.manifest.0.into()),
        (2, model.program.0.into()),
        (3, model.tokenizer.into()),
        (5, model.profile.as_str().into()),
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

fn read_mode(mut map: MapReader) -> Result<Mode, Rejected> {
    let word = map.take_text(1, "mode", WORD_BYTES_MAX)?;
    map.finish()?;
    match word.as_str() {
        "signed" => Ok(Mode::Signed),
        _ => Err(Rejected::Mode { got: word }),
    }
}

fn write_times(times: &Times) -> Value {
    let first = times.first_ms.map(|first| (2, first.into()));
    let fields = [(1, times.requested_ms.into()), (3, times.done_ms.into())];
    Value::record(fields.into_iter().chain(first))
}

fn read_times(mut map: MapReader) -> Result<Times, Rejected> {
    let times = Times {
        requested_ms: map.take_uint(1, "requested")?,
        first_ms: map.take_opt_uint(2, "first token")?,
        done_ms: map.take_uint(3, "done")?,
    };
    map.finish()?;
    Ok(times)
}

fn read_kind(map: &mut MapReader) -> Result<Kind, Rejected> {
    let word = map.take_text(21, "kind", WORD_BYTES_MAX)?;
    match word.as_str() {
        "inference" => Ok(Kind::Inference),
        _ => Err(Rejected::Kind { got: word }),
    }
}
