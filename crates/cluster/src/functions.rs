//! The registered stages as functions of SQL: `gopher_quality(text)` gives its scores and verdict.
//!
//! Every kind that sees one record at a time and needs no parameter is there by its own name, on
//! both ends, and does what it does in a recipe. Invariant: nothing here knows a stage by name.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Builder, StringBuilder, StructArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use terroir_base::Digest;
use terroir_corpus::RecordId;
use terroir_corpus::recipe::Recipe;
use terroir_corpus::rows::row;
use terroir_corpus::stage::{KINDS, Local, Stage, Work, chain};
use terroir_corpus::text::Doc;

/// All of them.
pub fn all() -> Vec<Arc<ScalarUDF>> {
    static ALL: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let functions = KINDS.iter().filter_map(|kind| Function::of(kind));
        functions.map(|function| Arc::new(ScalarUDF::from(function))).collect()
    });
    ALL.clone()
}

/// A stage as a function of a text.
struct Function {
    stage: Arc<Stage>,
    signature: Signature,
    gives: Fields,
}

impl Function {
    /// The stage of that kind as it is without parameters; none where it needs some, or compares
    /// records.
    fn of(kind: &str) -> Option<Function> {
        let root = Path::new("/");
        let text =
            format!("name = \"sql\"\n[source]\npath = \"/\"\n[[stage]]\nkind = \"{kind}\"\n");
        let recipe = Recipe::parse(&text, root, &[], root).ok()?;
        let stage = chain(&recipe).ok()?.pop()?;
        let Work::Local(local) = &stage.work else { return None };
        let score = |name: &&str| Field::new(*name, DataType::Int64, true);
        let mut gives: Vec<Field> = local.facts().scores.iter().map(score).collect();
        let words = ["verdict", "reason"].into_iter().chain(local.edits().then_some("text"));
        gives.extend(words.map(|name| Field::new(name, DataType::Utf8, true)));
        Some(Function {
            stage: Arc::new(stage),
            signature: Signature::uniform(1, vec![DataType::Utf8], Volatility::Immutable),
            gives: gives.into(),
        })
    }

    fn local(&self) -> &dyn Local {
        match &self.stage.work {
            Work::Local(local) => local.as_ref(),
            Work::Global(_) => unreachable!("a function is a stage that sees one record"),
        }
    }

    /// What the stage makes of `texts`; null for null.
    fn judge(&self, texts: &dyn Array) -> Result<ArrayRef> {
        let local = self.local();
        let facts = local.facts();
        let texts = texts.as_string::<i32>();
        let mut scores: Vec<Int64Builder> =
            facts.scores.iter().map(|_| Default::default()).collect();
        let [mut verdicts, mut reasons, mut edited] = [(); 3].map(|()| StringBuilder::new());
        let (mut doc, mut found) = (Doc::default(), Vec::new());
        for text in texts {
            found.clear();
            found.resize(facts.scores.len(), 0);
            doc.reset(text.unwrap_or_default());
            let new = local.measure(&mut doc, &mut found);
            for (column, score) in scores.iter_mut().zip(&found) {
                column.append_value(*score);
            }
            let was = Digest::of(text.unwrap_or_default().as_bytes());
            let is = new.as_ref().map_or(was, |new| Digest::of(new.as_bytes()));
            let row = row(facts, RecordId(was), (was, is), &found);
            verdicts.append_value(row.verdict.name());
            reasons.append_option(row.reason.map(|at| facts.rules[usize::from(at)].reason));
            edited.append_value(new.as_deref().or(text).unwrap_or_default());
        }
        let mut columns: Vec<ArrayRef> =
            scores.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
        columns.push(Arc::new(verdicts.finish()));
        columns.push(Arc::new(reasons.finish()));
        if local.edits() {
            columns.push(Arc::new(edited.finish()));
        }
        Ok(Arc::new(StructArray::try_new(self.gives.clone(), columns, texts.nulls().cloned())?))
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.stage.facts().kind
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.gives.clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = texts.first().expect("the signature has one argument");
        match texts.data_type() {
            DataType::Utf8 => Ok(ColumnarValue::Array(self.judge(texts)?)),
            _ => Ok(ColumnarValue::Array(new_null_array(args.return_type(), args.number_rows))),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.stage.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.stage.id == other.stage.id
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stage.id.hash(state);
    }
}

#[cfg(test)]
mod tests;
