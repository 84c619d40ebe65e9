//! Bounds what a template may cost: every step that can grow memory or time is charged first.
//!
//! minijinja counts instructions, but one instruction can join strings of any length, compare or
//! print lists that contain themselves many times over, or nest lists deeper than the stack. So the
//! compiled instructions are rewritten: before each one whose cost depends on its operands stands
//! a call that measures them. Invariant: an instruction that is not known to be harmless is either
//! measured or refused when the template is loaded.

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Deepest nesting of lists and maps.
const DEPTH_MAX: usize = 16;
/// What it costs to touch one value, in bytes.
const TOUCH: u64 = 16;

/// How many bytes one rendering may still make, copy or compare.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new(bytes: u64) -> Budget {
        Budget(Arc::new(AtomicU64::new(bytes)))
    }

    /// Takes `bytes` off, or refuses.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Error> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes);
        let left = left.ok_or_else(|| refusal("it handles more text than a template may"))?;
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }

    /// Charges for looking at a value without walking through it.
    fn touch(&self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::String | ValueKind::Bytes | ValueKind::Iterable => self.shallow(value),
            _ => self.charge(TOUCH),
        }
    }

    /// Charges for a value and its items, not for what these contain.
    fn shallow(&self, value: &Value) -> Result<(), Error> {
        let length = || value.len().or_else(|| Some(value.try_iter().ok()?.count())).unwrap_or(0);
        let bytes = match value.kind() {
            ValueKind::String | ValueKind::Bytes => value.len().unwrap_or(0) as u64,
            ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => TOUCH * length() as u64,
            _ => 0,
        };
        self.charge(TOUCH + bytes)
    }

    /// Charges for a value and everything in it, as often as it is in it.
    pub(super) fn deep(&self, value: &Value) -> Result<(), Error> {
        self.shallow(value)?;
        match value.as_object().map(|object| (object.repr(), object)) {
            Some((ObjectRepr::Seq | ObjectRepr::Iterable, object)) => {
                object.try_iter().into_iter().flatten().try_for_each(|item| self.deep(&item))
            }
            Some((ObjectRepr::Map, object)) => {
                object.try_iter_pairs().into_iter().flatten().try_for_each(|(key, item)| {
                    self.deep(&key)?;
                    self.deep(&item)
                })
            }
            _ => Ok(()),
        }
    }

    /// Charges for putting a value into another one; refuses what could nest without end.
    pub(super) fn stored(&self, value: &Value, depth: usize) -> Result<(), Error> {
        self.shallow(value)?;
        let Some(object) = value.as_object() else { return Ok(()) };
        let plain = matches!(object.repr(), ObjectRepr::Seq | ObjectRepr::Map);
        // minijinja's loops cannot be named here, but nothing else has this field.
        let holds = value.downcast_object_ref::<Namespace>().is_some()
            || object.get_value(&Value::from("revindex0")).is_some();
        if !plain || holds || depth > DEPTH_MAX {
            let what =
                "it puts a namespace, loop, function, iterator or too deep a list in another";
            return Err(refusal(what));
        }
        let mut items = object.try_iter_pairs().into_iter().flatten();
        items.try_for_each(|(_, item)| self.stored(&item, depth + 1))
    }
}

/// What `namespace()` makes: the only value that changes.
#[derive(Debug, Default)]
pub(super) struct Namespace(Mutex<BTreeMap<String, Value>>);

impl Namespace {
    fn fields(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().expect("nothing panics while it is held")
    }

    pub(super) fn set(&self, name: String, value: Value) {
        self.fields().insert(name, value);
    }
}

impl Object for Namespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.fields().get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.fields().keys().cloned().map(Value::from).collect())
    }
}

pub(super) fn refusal(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

/// Calls that stand before, or instead of, instructions; their names are no words of the language.
const TOUCH_ALL: &str = "%touch";
const SHALLOW: &str = "%shallow";
const DEEP: &str = "%deep";
const STORED: &str = "%stored";
const SET: &str = "%set";
const SETTLE: &str = "%settle";
const SLICE: &str = "%slice";

/// Adds these calls to an environment.
pub(super) fn install(environment: &mut Environment<'_>, budget: &Budget) {
    for name in [TOUCH_ALL, SHALLOW, DEEP, STORED, SET, SETTLE, SLICE] {
        let call = Call { name, budget: budget.clone() };
        environment.add_global(name, Value::from_object(call));
    }
}

/// One of them. Not a function of minijinja's, which would take keyword arguments apart.
#[derive(Debug)]
struct Call {
    name: &'static str,
    budget: Budget,
}

impl Object for Call {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, values: &[Value]) -> Result<Value, Error> {
        let budget = &self.budget;
        match (self.name, values) {
            (TOUCH_ALL, values) => values.iter().try_for_each(|value| budget.touch(value))?,
            (SHALLOW, values) => values.iter().try_for_each(|value| budget.shallow(value))?,
            (DEEP, values) => values.iter().try_for_each(|value| budget.deep(value))?,
            (STORED, values) => values.iter().try_for_each(|value| budget.stored(value, 1))?,
            // A list, not a promise of one: promises of promises would nest without end.
            (SETTLE, [value]) if value.kind() == ValueKind::Iterable => {
                budget.shallow(value)?;
                return value.try_iter()?.checked().collect::<Result<Vec<_>, _>>().map(Value::from);
            }
            (SETTLE, _) => {}
            (SLICE, [value, start, stop, step]) => {
                budget.shallow(value)?;
                return slice(value, [start, stop, step]);
            }
            (_, [value, target, name]) => {
                budget.stored(value, 1)?;
                let namespace = target.downcast_object_ref::<Namespace>();
                let namespace = namespace.ok_or_else(|| refusal("only namespaces have fields"))?;
                namespace.set(name.to_string(), value.clone());
            }
            _ => return Err(refusal("a field is set with three values")),
        }
        // Unpacking a list puts its first item on top of the stack.
        match values {
            [one] => Ok(one.clone()),
            many => Ok(many.iter().rev().cloned().collect()),
        }
    }
}

/// `value[start:stop:step]`, as in Python.
fn slice(value: &Value, bounds: [&Value; 3]) -> Result<Value, Error> {
    let number = |value: &Value| match value.as_i64() {
        None if !value.is_none() => Err(refusal("a slice is bounded by whole numbers")),
        number => Ok(number),
    };
    let [start, stop, step] = bounds.map(number);
    let (start, stop, step) = (start?, stop?, step?.unwrap_or(1));
    if step == 0 {
        return Err(refusal("a slice has no steps of 0"));
    }
    let picked = |length: usize| {
        let length = length as i64;
        let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let bound = |bound: Option<i64>, otherwise| match bound {
            None => otherwise,
            Some(back) if back < 0 => back.saturating_add(length).clamp(low, high),
            Some(bound) => bound.clamp(low, high),
        };
        let (first, last) = if step > 0 { (low, high) } else { (high, low) };
        let (mut at, stop) = (bound(start, first), bound(stop, last));
        std::iter::from_fn(move || {
            let here = if step > 0 { at < stop } else { at > stop };
            let picked = here.then_some(at as usize);
            at = at.saturating_add(step);
            picked
        })
    };
    if let Some(text) = value.as_str() {
        let letters: Vec<char> = text.chars().collect();
        return Ok(picked(letters.len()).map(|at| letters[at]).collect::<String>().into());
    }
    let items = match value.kind() {
        ValueKind::Undefined | ValueKind::None => vec![],
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.checked().collect::<Result<_, _>>()?
        }
        kind => return Err(refusal(&format!("a {kind} has no slices"))),
    };
    Ok(picked(items.len()).map(|at| items[at].clone()).collect())
}

/// The same instructions with a measure before each that needs one.
///
/// Errors: the reason, for instructions that chat templates have no need of.
pub(super) fn rewrite<'s>(plain: &Instructions<'s>) -> Result<Instructions<'s>, String> {
    let mut places = Vec::new();
    let mut next = 0;
    while let Some(instruction) = plain.get(places.len() as u32) {
        places.push(next);
        next += (prefix(instruction)?.len() + 1 + suffix(instruction).len()) as u32;
    }
    places.push(next);
    let mut guarded = Instructions::new(plain.name(), plain.source());
    for index in 0..places.len() as u32 - 1 {
        let instruction = plain.get(index).expect("counted above");
        let line = plain.get_line(index).unwrap_or(0) as u16;
        let (before, after) = (prefix(instruction)?, suffix(instruction));
        for instruction in before.into_iter().chain([moved(instruction, &places)]).chain(after) {
            guarded.add_with_line(instruction, line);
        }
    }
    Ok(guarded)
}

/// What has to stand before an instruction.
fn prefix<'s>(instruction: &Instruction<'s>) -> Result<Vec<Instruction<'s>>, String> {
    use Instruction as I;
    let measured = |name, count: usize| match count {
        0 => vec![],
        1 => vec![I::CallFunction(name, Some(1))],
        _ => vec![I::CallFunction(name, Some(count as u16)), I::UnpackList(count)],
    };
    let counted = |name: &str, count: &Option<u16>| match count {
        Some(count) => Ok(measured(measure_of(name), usize::from(*count))),
        None => Err("it unpacks lists into arguments".to_string()),
    };
    Ok(match instruction {
        I::EmitRaw(text) => {
            let length = Value::from(*text);
            vec![I::LoadConst(length), I::CallFunction(SHALLOW, Some(1)), I::DiscardTop]
        }
        I::Emit => measured(DEEP, 1),
        I::Add | I::StringConcat | I::Rem => measured(DEEP, 2),
        I::Eq | I::Ne | I::Gt | I::Gte | I::Lt | I::Lte | I::In => measured(DEEP, 2),
        I::CompareAndPreserve(_) => measured(DEEP, 2),
        I::Slice => vec![],
        I::GetItem => measured(TOUCH_ALL, 2),
        I::PushLoop(flags) if *flags & RECURSIVE == 0 => measured(TOUCH_ALL, 1),
        I::BuildList(Some(count)) | I::BuildTuple(Some(count)) => measured_many(*count)?,
        I::BuildMap(pairs) | I::BuildKwargs(pairs) => measured_many(2 * *pairs)?,
        // The call takes value, namespace and name; what it gives is discarded in its place.
        I::SetAttr(name) => {
            vec![I::LoadConst(Value::from(*name)), I::CallFunction(SET, Some(3))]
        }
        // Of no values, minijinja divides by their number.
        I::CallMethod("cycle", Some(1)) => return Err("it cycles through nothing".into()),
        I::ApplyFilter(name, count, _) => counted(name, count)?,
        I::PerformTest(name, count, _) => counted(name, count)?,
        I::CallFunction(_, count) | I::CallMethod(_, count) | I::CallObject(count) => {
            counted("", count)?
        }
        I::Sub | I::Div | I::IntDiv | I::Neg | I::Not => vec![],
        I::StoreLocal(_) | I::Lookup(_) | I::GetAttr(_) | I::LoadConst(_) => vec![],
        I::UnpackList(_) | I::PushWith | I::Iterate(_) | I::PushDidNotIterate => vec![],
        I::PopFrame | I::PopLoopFrame | I::Jump(_) | I::JumpIfFalse(_) => vec![],
        I::JumpIfFalseOrPop(_) | I::JumpIfTrueOrPop(_) | I::BeginCapture(_) => vec![],
        I::EndCapture | I::DupTop | I::DiscardTop | I::Swap | I::BuildMacro(..) => vec![],
        I::Return | I::IsUndefined | I::Enclose(_) | I::GetClosure => vec![],
        I::Mul | I::Pow => return Err("it multiplies".into()),
        I::PushLoop(_) | I::FastRecurse => return Err("it has a recursive loop".into()),
        I::PushAutoEscape | I::PopAutoEscape => return Err("it has autoescape".into()),
        // What a loop with a condition lets through: items of a list, each already paid for.
        I::BuildList(None) => vec![],
        I::BuildTuple(None) | I::MergeKwargs(_) | I::UnpackLists(_) => {
            return Err("it unpacks lists into arguments".into());
        }
        I::FastSuper | I::CallBlock(_) | I::LoadBlocks | I::Include(_) | I::ExportLocals => {
            return Err("it refers to other templates".into());
        }
    })
}

/// What has to stand after an instruction.
fn suffix<'s>(instruction: &Instruction<'s>) -> Vec<Instruction<'s>> {
    use Instruction as I;
    match instruction {
        I::Add
        | I::ApplyFilter(..)
        | I::CallFunction(..)
        | I::CallMethod(..)
        | I::CallObject(_) => {
            vec![I::CallFunction(SETTLE, Some(1))]
        }
        _ => vec![],
    }
}

/// Flag of a loop that calls itself.
const RECURSIVE: u8 = 2;

/// Measures for a list or map; the operands stay where they are when there are too many for a call.
fn measured_many<'s>(count: usize) -> Result<Vec<Instruction<'s>>, String> {
    match u16::try_from(count) {
        Ok(0) => Ok(vec![]),
        Ok(1) => Ok(vec![Instruction::CallFunction(STORED, Some(1))]),
        Ok(many) => {
            let call = Instruction::CallFunction(STORED, Some(many));
            Ok(vec![call, Instruction::UnpackList(count)])
        }
        Err(_) => Err(format!("it has a list of {count} items")),
    }
}

/// How the arguments of a filter, test or call are measured.
fn measure_of(name: &str) -> &'static str {
    match name {
        "reverse" | "items" | "split" => SHALLOW,
        "join" | "list" | "map" | "select" | "reject" | "selectattr" | "rejectattr" | "sort"
        | "unique" | "dictsort" | "tojson" | "string" | "min" | "max" | "eq" | "equalto" | "ne"
        | "lt" | "le" | "gt" | "ge" | "in" | "==" | "!=" | "<" | "<=" | ">" | ">=" => DEEP,
        _ => TOUCH_ALL,
    }
}

/// The instruction itself, with its jump target moved.
fn moved<'s>(instruction: &Instruction<'s>, places: &[u32]) -> Instruction<'s> {
    use Instruction as I;
    let place = |target: &u32| places[*target as usize];
    match instruction {
        I::SetAttr(_) => I::DiscardTop,
        // minijinja's own differs from Python's and panics on an empty text.
        I::Slice => I::CallFunction(SLICE, Some(4)),
        I::Iterate(target) => I::Iterate(place(target)),
        I::Jump(target) => I::Jump(place(target)),
        I::JumpIfFalse(target) => I::JumpIfFalse(place(target)),
        I::JumpIfFalseOrPop(target) => I::JumpIfFalseOrPop(place(target)),
        I::JumpIfTrueOrPop(target) => I::JumpIfTrueOrPop(place(target)),
        I::BuildMacro(name, target, flags) => I::BuildMacro(name, place(target), *flags),
        other => other.clone(),
    }
}
