//! The filters, tests, functions and methods that chat templates may use.
//!
//! Whatever can make much out of little is written here and charges before it does so; the rest are
//! minijinja's, whose results are no longer than their arguments, and these are measured by
//! [`super::guard`]. Invariant: nothing here knows the time, the disk or the machine.

use super::guard::{Budget, Namespace, refusal};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, functions, tests};

/// Longest indentation.
const INDENT_MAX: usize = 16;

/// Adds all of them to an empty environment.
pub(super) fn install(environment: &mut Environment<'_>, budget: &Budget) {
    plain_filters(environment);
    plain_tests(environment);
    let own = budget.clone();
    environment.add_filter("replace", move |text: &str, old: &str, new: &str| {
        replace(&own, text, old, new, usize::MAX)
    });
    let own = budget.clone();
    environment.add_filter("join", move |items: &Value, between: Option<&str>| {
        join(&own, items, between.unwrap_or(""))
    });
    let own = budget.clone();
    environment.add_filter(
        "indent",
        move |text: &str, width: Option<usize>, first: Option<bool>| {
            indent(&own, text, width.unwrap_or(4), first.unwrap_or(false))
        },
    );
    let own = budget.clone();
    environment.add_filter("tojson", move |value: &Value, options: Kwargs| {
        let width = options.get::<Option<usize>>("indent")?;
        let mut json = Json { budget: &own, out: String::new(), width };
        json.write(value, 0)?;
        Ok::<Value, Error>(json.out.into())
    });
    environment.add_function("range", functions::range);
    environment.add_function("dict", functions::dict);
    environment.add_function("namespace", |fields: Kwargs| -> Result<Value, Error> {
        let namespace = Namespace::default();
        for name in fields.args() {
            namespace.set(name.to_owned(), fields.get(name)?);
        }
        Ok(Value::from_object(namespace))
    });
    environment.add_function("raise_exception", |text: String| -> Result<Value, Error> {
        Err(refusal(&format!("it refuses: {text}")))
    });
    environment.add_function("strftime_now", |_: &Value| -> Result<Value, Error> {
        Err(refusal("it asks for the time, but an answer must not depend on it"))
    });
    let own = budget.clone();
    environment.set_unknown_method_callback(move |state, value, method, arguments| {
        call_method(&own, state, value, method, arguments)
    });
}

fn plain_filters(environment: &mut Environment<'_>) {
    environment.add_filter("safe", filters::safe);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("title", filters::title);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("length", filters::length);
    environment.add_filter("count", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment.add_filter("list", filters::list);
    environment.add_filter("string", filters::string);
    environment.add_filter("int", filters::int);
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("items", filters::items);
    environment.add_filter("dictsort", filters::dictsort);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("min", filters::min);
    environment.add_filter("max", filters::max);
    environment.add_filter("map", filters::map);
    environment.add_filter("select", filters::select);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("rejectattr", filters::rejectattr);
}

fn plain_tests(environment: &mut Environment<'_>) {
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("number", tests::is_number);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("float", tests::is_float);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("even", tests::is_even);
    environment.add_test("string", tests::is_string);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("in", tests::is_in);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("endingwith", tests::is_endingwith);
    for name in ["==", "eq", "equalto"] {
        environment.add_test(name, tests::is_eq);
    }
    for (sign, name) in [("<", "lt"), ("<=", "le"), (">", "gt"), (">=", "ge"), ("!=", "ne")] {
        let test = match sign {
            "<" => tests::is_lt,
            "<=" => tests::is_le,
            ">" => tests::is_gt,
            ">=" => tests::is_ge,
            _ => tests::is_ne,
        };
        environment.add_test(sign, test);
        environment.add_test(name, test);
    }
}

/// Python's methods, as far as `minijinja_contrib` has them, with those that grow written anew.
fn call_method(
    budget: &Budget,
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let text = |at: usize| arguments.get(at).and_then(Value::as_str);
    match (value.as_str(), method, arguments.len()) {
        (Some(s), "replace", 2 | 3) => {
            let (Some(old), Some(new)) = (text(0), text(1)) else {
                return Err(refusal("replace wants two texts"));
            };
            let most = arguments.get(2).and_then(Value::as_usize).unwrap_or(usize::MAX);
            replace(budget, s, old, new, most)
        }
        (Some(s), "join", 1) => {
            budget.deep(&arguments[0])?;
            join(budget, &arguments[0], s)
        }
        (Some(s), "split" | "splitlines", _) => {
            // A piece of a text takes more room than its bytes.
            budget.charge(32 * s.len() as u64)?;
            minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments)
        }
        (Some(_), "format", _) | (None, "count", _) => Err(Error::from(ErrorKind::UnknownMethod)),
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

fn replace(budget: &Budget, text: &str, old: &str, new: &str, most: usize) -> Result<Value, Error> {
    let found = text.matches(old).take(most).count();
    budget.charge(text.len() as u64 + found as u64 * new.len() as u64)?;
    Ok(text.replacen(old, new, found).into())
}

/// The items are measured by whoever calls.
fn join(budget: &Budget, items: &Value, between: &str) -> Result<Value, Error> {
    let mut out = String::new();
    for (index, item) in items.try_iter()?.checked().enumerate() {
        if index > 0 {
            budget.charge(between.len() as u64)?;
            out.push_str(between);
        }
        let item = item?;
        match item.as_object() {
            None => out.push_str(&item.to_string()),
            Some(_) => return Err(refusal("it joins what is not text")),
        }
    }
    Ok(out.into())
}

fn indent(budget: &Budget, text: &str, width: usize, first: bool) -> Result<Value, Error> {
    if width > INDENT_MAX {
        return Err(refusal("it indents by more than 16"));
    }
    budget.charge(((width + 1) * (text.len() + 1)) as u64)?;
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', width));
        }
        out.push_str(line);
    }
    Ok(out.into())
}

/// Writes JSON as Python's `json.dumps(value, ensure_ascii=False, indent=width)` does.
struct Json<'b> {
    budget: &'b Budget,
    out: String,
    width: Option<usize>,
}

impl Json<'_> {
    fn write(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&value.to_string()),
            ValueKind::String => self.text(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.map(|item| (None, item));
                self.list(['[', ']'], items, depth)?;
            }
            ValueKind::Map => {
                let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
                let pairs = pairs.into_iter().flatten().map(|(key, item)| (Some(key), item));
                self.list(['{', '}'], pairs, depth)?;
            }
            _ => return Err(refusal("it writes as JSON what is no data")),
        }
        Ok(())
    }

    fn list(
        &mut self,
        [open, close]: [char; 2],
        items: impl Iterator<Item = (Option<Value>, Value)>,
        depth: usize,
    ) -> Result<(), Error> {
        self.out.push(open);
        let mut empty = true;
        for (key, item) in items {
            if !empty {
                self.out.push_str(if self.width.is_some() { "," } else { ", " });
            }
            empty = false;
            self.line(depth + 1)?;
            if let Some(key) = key {
                self.text(key.as_str().ok_or_else(|| refusal("a JSON key must be text"))?)?;
                self.out.push_str(": ");
            }
            self.write(&item, depth + 1)?;
        }
        if !empty {
            self.line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    /// Starts a new line, where lines are wanted.
    fn line(&mut self, depth: usize) -> Result<(), Error> {
        let Some(width) = self.width else { return Ok(()) };
        if width > INDENT_MAX {
            return Err(refusal("it indents by more than 16"));
        }
        self.budget.charge((width * depth) as u64 + 1)?;
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', width * depth));
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.budget.charge(6 * text.len() as u64)?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\0'..' ' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}
