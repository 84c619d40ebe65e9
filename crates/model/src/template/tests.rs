use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// What Python's Jinja makes of chats (`make_templates.py`).
const RENDERED: &str = include_str!("../../tests/golden/templates.tsv");
const SOURCES: [&str; 7] = [
    include_str!("../../tests/golden/template0.jinja"),
    include_str!("../../tests/golden/template1.jinja"),
    include_str!("../../tests/golden/template2.jinja"),
    include_str!("../../tests/golden/template3.jinja"),
    include_str!("../../tests/golden/template4.jinja"),
    include_str!("../../tests/golden/template5.jinja"),
    include_str!("../../tests/golden/template6.jinja"),
];

fn text(hex: &str) -> String {
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    String::from_utf8(bytes.collect::<Result<_, _>>().unwrap()).unwrap()
}

fn chat(messages: &[(&str, &str)]) -> Vec<Message> {
    let message =
        |&(role, content): &(&str, &str)| Message { role: role.into(), content: content.into() };
    messages.iter().map(message).collect()
}

#[test]
fn texts_equal_those_of_python() {
    for line in RENDERED.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let words: Vec<String> = fields[1].split(',').map(text).collect();
        let messages: Vec<(&str, &str)> = words.chunks(2).map(|w| (&w[0][..], &w[1][..])).collect();
        let source = SOURCES[fields[0].parse::<usize>().unwrap()];
        let template = Template::new(source, "<s>", "</s>").unwrap();
        let got = template.render(&chat(&messages), fields[2] == "1");
        match fields[3] {
            "error" => assert!(got.is_err(), "{} {messages:?}: {got:?}", fields[0]),
            want => assert_eq!(got.unwrap(), text(want), "{} {messages:?}", fields[0]),
        }
    }
}

fn render(source: &str) -> Result<String, Error> {
    let messages = chat(&[("user", "hello"), ("assistant", &"x".repeat(1000))]);
    let text = Template::new(source, "<s>", "</s>").and_then(|t| t.render(&messages, true));
    assert!(!matches!(&text, Err(Error::Template(what)) if what == BROKEN), "{source}");
    text
}

#[test]
fn a_refusal_carries_the_templates_own_words() {
    let error = render("a\n{{ raise_exception('only one message') }}").unwrap_err().to_string();
    assert_eq!(error, "chat template: invalid operation: it refuses: only one message (line 2)");
}

/// Renders a hostile template on a small stack; it must fail quickly, with these words.
fn hostile(source: String, want: &str) {
    let start = Instant::now();
    let name: String = source.chars().take(80).collect();
    let run = std::thread::Builder::new().stack_size(1 << 20).spawn(move || render(&source));
    let error = match run.unwrap().join().unwrap() {
        Ok(text) => panic!("{name}: made {} bytes", text.len()),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(want), "{name}: {error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{name}: took {:?}", start.elapsed());
}

#[test]
fn endless_work_ends() {
    let steps = "it takes more steps than a template may";
    hostile(
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}".into(),
        steps,
    );
    hostile("{% for a in range(1000000000) %}{% endfor %}".into(), "range has too many elements");
    hostile("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".into(), "recursion");
    let text = "it handles more text than a template may";
    hostile("{% for a in range(100000) %}{{ messages[1].content }}{% endfor %}".into(), text);
    let twice = |line: &str| format!("{{% set x = 'ab' %}}{}", line.repeat(60));
    hostile(twice("{% set x = x ~ x %}"), text);
    hostile(twice("{% set x = x + x %}"), text);
    hostile(twice("{% set x %}{{ x }}{{ x }}{% endset %}"), text);
    hostile(twice("{% set x = x|replace('a', x) %}"), text);
    hostile(twice("{% set x = x.replace('a', x) %}"), text);
    hostile(twice("{% set x = x.join([x, x, x]) %}"), text);
    hostile(twice("{% set x = [x, x, x]|join(x) %}"), text);
    hostile(twice("{% set x = x|tojson ~ '\"\"' %}"), text);
    hostile(
        format!(
            "{{% set x = '{}' %}}{{% for a in range(100000) %}}{{% set y = x == x %}}{{% endfor %}}",
            "x".repeat(60_000)
        ),
        text,
    );
    hostile("{% set x = range(100000)|list %}{% for a in range(100000) %}{{ x|last }}{% set y = x|sort %}{% endfor %}".into(), text);
    hostile(
        "{% for a in range(100000) %}{% set y = range(100000)|last %}{% endfor %}".into(),
        text,
    );
    hostile(
        "{% set x %}{% for a in range(100000) %}".to_string()
            + &"y".repeat(60_000)
            + "{% endfor %}{% endset %}",
        text,
    );
    hostile("{% set x = [] %}{% set n = namespace(x=[1]) %}{% for a in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}".into(), text);
}

#[test]
fn lists_that_hold_each_other_do_not_grow_without_end() {
    let nested = "it puts a namespace, loop, function, iterator or too deep a list in another";
    let text = "it handles more text than a template may";
    hostile("{% set n = namespace(x=[]) %}{% for a in range(100000) %}{% set n.x = [n.x] %}{% endfor %}".into(), nested);
    hostile("{% set n = namespace(x={}) %}{% for a in range(100000) %}{% set n.x = {'a': n.x} %}{% endfor %}".into(), nested);
    hostile("{% set n = namespace() %}{% set n.n = n %}{{ n }}".into(), nested);
    hostile("{% set n = namespace() %}{% set l = [n] %}".into(), nested);
    hostile("{% set n = namespace(x=namespace()) %}".into(), nested);
    hostile("{% for a in messages %}{% set l = [loop] %}{% endfor %}".into(), nested);
    hostile("{% set n = namespace(x={}) %}{% for a in range(100000) %}{% set n.x = dict(a=n.x) %}{% endfor %}".into(), nested);
    let wide = "{% set n = namespace(x=['a']) %}{% for a in range(12) %}{% set n.x = [n.x, n.x, n.x, n.x, n.x, n.x, n.x, n.x] %}{% endfor %}";
    for end in
        ["{{ n.x }}", "{{ n.x == n.x }}", "{{ n.x|tojson }}", "{{ n.x ~ '' }}", "{{ n.x|string }}"]
    {
        hostile(format!("{wide}{end}"), text);
    }
}

#[test]
fn the_compiler_is_not_led_astray() {
    let long = "in one tag";
    hostile(format!("{{{{ {}1 }}}}", "1 + ".repeat(30_000)), long);
    hostile(format!("{{{{ x{} }}}}", "|d".repeat(30_000)), long);
    hostile(format!("{{{{ x{} }}}}", ".a".repeat(30_000)), long);
    hostile(format!("{{{{ {}1{} }}}}", "[".repeat(30_000), "]".repeat(30_000)), long);
    hostile(format!("{{{{ {}1{} }}}}", "(".repeat(400), ")".repeat(400)), "recursion");
    hostile(format!("{}x{}", "{% if 1 %}".repeat(1900), "{% endif %}".repeat(1900)), "recursion");
    hostile(
        "{% if x %}".to_string() + &"{% elif x %}".repeat(10_000) + "{% endif %}",
        "more than 200 branches (line 1)",
    );
    hostile("y".repeat(SOURCE_BYTES_MAX + 1), "131073 bytes, at most 131072");
}

#[test]
fn the_deepest_that_compiles_fits_a_small_stack() {
    let branches = "{% if x %}".to_string() + &"{% elif x %}".repeat(200);
    let nested = "{% if 1 %}".repeat(100) + &branches;
    let ends = "{% endif %}".repeat(101);
    for (source, want) in [
        (format!("{nested}{ends}ok"), "ok"),
        (format!("{{{{ {}1 }}}}", "1 + ".repeat(490)), "491"),
        (format!("{{{{ {}1 }}}}", "not ".repeat(900)), "True"),
        (format!("{{{{ {}1 }}}}", "-".repeat(900)), "1"),
        (format!("{{{{ 1{} }}}}", " if 1 else 2".repeat(100)), "1"),
        (format!("{{{{ x{} }}}}", "|d".repeat(490)), ""),
        (format!("{{{{ ''{} }}}}", ".strip()".repeat(240)), ""),
    ] {
        let run = std::thread::Builder::new().stack_size(1 << 20).spawn(move || render(&source));
        assert_eq!(run.unwrap().join().unwrap().unwrap(), want);
    }
}

#[test]
fn what_a_template_may_not_use_is_named() {
    let check = |source: &str, want: &str| {
        let error = render(source).unwrap_err().to_string();
        assert!(error.contains(want), "{source}: {error}");
    };
    check("{{ 'a' * 100000000 }}", "it multiplies (line 1)");
    check("{{ 2 ** 3 }}", "it multiplies");
    check("{{ f(*messages) }}", "it multiplies");
    check("{% include 'x' %}", "it refers to other templates");
    check("{% extends 'x' %}", "it refers to other templates");
    check("{% block x %}{% endblock %}", "it refers to other templates");
    check("{% for a in messages recursive %}{{ loop(a) }}{% endfor %}", "it has a recursive loop");
    check("{{ strftime_now('%Y') }}", "it asks for the time");
    check("{{ 'x'|format(1) }}", "unknown filter");
    check("{{ 'x'.format(1) }}", "unknown method");
    check("{{ 'x'|indent(1000000000) }}", "it indents by more than 16");
    check("{{ [1]|tojson(indent=1000000000) }}", "it indents by more than 16");
    check("{{ debug() }}", "unknown function");
    check("{% if %}", "syntax error");
    check("{{ 1 is divisibleby(0) }}", "unknown test");
    check("{% for a in messages %}{{ loop.cycle() }}{% endfor %}", "it cycles through nothing");
    assert_eq!(render("{{ ''[::-1] }}").unwrap(), "");
}

#[test]
fn numbers_at_the_edge_are_numbers_or_errors() {
    let edge = [
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "99999999999999999999999",
    ];
    for a in edge {
        for b in edge {
            for form in [
                "A // B",
                "A % B",
                "A / B",
                "A - B",
                "A + B",
                "-(A) + B",
                "(A)|abs",
                "A|int(B)",
                "range(A, B)|length",
                "range(A, B, 7)|length",
                "range(1, B, A)|length",
                "'abc'[A:B]",
                "'abc'[::A]",
                "'abc'[A]",
                "[1][A]",
                "'abc'.replace('a', 'b', A)",
                "'a b'.split(' ', A)",
                "'a'|indent(A)",
                "A < B",
                "A is odd",
                "A ~ B",
                "[A]|tojson(indent=B)",
                "'abc'|trim(A)",
            ] {
                let source = form.replace('A', a).replace('B', b);
                let start = Instant::now();
                let _ = render(&format!("{{{{ {source} }}}}"));
                assert!(start.elapsed() < Duration::from_secs(2), "{source}");
            }
        }
    }
}

#[test]
fn a_long_chat_renders() {
    let messages: Vec<(&str, &str)> = (0..5000)
        .flat_map(|_| [("user", "what is the weather like?"), ("assistant", "fine, thank you.")])
        .collect();
    for source in SOURCES.iter().take(5) {
        let template = Template::new(source, "<s>", "</s>").unwrap();
        let start = Instant::now();
        assert!(template.render(&chat(&messages), true).unwrap().len() > 10_000 * 16);
        assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    }
}

/// Pieces of templates that fit together often enough.
const VALUES: [&str; 40] = [
    "x",
    "n",
    "n.a",
    "messages",
    "messages[0].content",
    "'ab'",
    "[x, x]",
    "{'k': x}",
    "(x, 1)",
    "range(9)",
    "x ~ x",
    "x + x",
    "[x] + [x]",
    "x|length",
    "x|list",
    "x|tojson",
    "x.split('a')",
    "x == n.a",
    "x[::-1]",
    "x[0]",
    "x.items()",
    "loop",
    "1.5e300 / 1e-300",
    "-9223372036854775808 // -1",
    "x.strip()",
    "x.split()",
    "x.splitlines(true)",
    "x.find('a')",
    "x.count('a')",
    "x.startswith(n.a)",
    "x.get(n.a)",
    "x.keys()",
    "x is even",
    "x is in n.a",
    "x is odd",
    "x < n.a",
    "loop.cycle(x, 1)",
    "loop.changed(x)",
    "x if n.a else 1",
    "-x",
];
const FILTERS: [&str; 24] = [
    "|join(x)",
    "|replace('a', x)",
    "|sort",
    "|unique|list",
    "|map('upper')|list",
    "|reverse",
    "|first",
    "|indent(9)",
    "|dictsort",
    "|select('in', x)|list",
    "|int",
    "|title",
    "|min",
    "|max",
    "|items",
    "|default(1)",
    "|list|last",
    "|string|capitalize",
    "|abs",
    "|bool",
    "|length",
    "|trim(x)",
    "|selectattr('k')|list",
    "|map(attribute=0)|list",
];

fn statement() -> impl Strategy<Value = String> {
    let value = || {
        let value = prop::sample::select(&VALUES[..]);
        let filter = prop_oneof![3 => Just(""), 1 => prop::sample::select(&FILTERS[..])];
        (value, filter).prop_map(|(value, filter)| format!("{value}{filter}"))
    };
    let flat = prop_oneof![
        value().prop_map(|v| format!("{{{{ {v} }}}}")),
        value().prop_map(|v| format!("{{% set x = {v} %}}")),
        value().prop_map(|v| format!("{{% set n.a = {v} %}}")),
        value().prop_map(|v| format!("{{% set n.a = [n.a, {v}] %}}")),
        Just("{{ f(x) }}".to_owned()),
    ];
    flat.prop_recursive(4, 24, 4, move |inner| {
        let body = prop::collection::vec(inner, 1..4).prop_map(|all| all.concat());
        (0..5, value(), body).prop_map(|(kind, value, body)| match kind {
            0 => format!("{{% for x in {value} %}}{body}{{% endfor %}}"),
            1 => format!("{{% if {value} %}}{body}{{% else %}}{body}{{% endif %}}"),
            2 => format!("{{% set x %}}{body}{{% endset %}}"),
            3 => format!("{{% macro f(x) %}}{body}{{% endmacro %}}"),
            _ => format!("{{% for i in range(50) if i %}}{body}{{% endfor %}}"),
        })
    })
}

proptest! {
    #[test]
    fn no_template_panics_or_lingers(body in prop::collection::vec(statement(), 1..6)) {
        let source = format!("{{% set n = namespace(a='q') %}}{{% set x = 'abc' %}}{}", body.concat());
        let start = Instant::now();
        let _ = render(&source);
        prop_assert!(start.elapsed() < Duration::from_secs(5), "{source}");
    }

    #[test]
    fn no_text_breaks_the_compiler(source in "[{}%#|\\[\\]()'~+.,:= a-c0-9\n-]{0,60}") {
        let _ = render(&source);
    }
}
