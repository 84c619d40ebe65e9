use super::*;

fn request() -> RequestFile {
    let message = Message { role: "user".into(), content: "a \"b\"\n\u{1}é😀".into() };
    RequestFile {
        salt: "ab".repeat(32),
        request: Request {
            input: Input::Messages(vec![message]),
            sampling: Sampling {
                temperature_micro: 700_000,
                top_k: 40,
                top_p_micro: 950_000,
                min_p_micro: 0,
                repetition_penalty_micro: 1_000_000,
                seed: u64::MAX.to_string(),
            },
            max_tokens: 100,
            stop: vec!["\n\n".into()],
        },
    }
}

fn answer() -> AnswerFile {
    AnswerFile {
        answer: Answer { text: "so".into(), tokens: vec![1, 2, 3], finish: "stop".into() },
    }
}

#[test]
fn files_come_back_as_they_were_written() {
    assert_eq!(RequestFile::from_bytes(&request().to_bytes()), Ok(request()));
    assert_eq!(AnswerFile::from_bytes(&answer().to_bytes()), Ok(answer()));
    let mut plain = request();
    plain.request.input = Input::Text(String::new());
    assert_eq!(RequestFile::from_bytes(&plain.to_bytes()), Ok(plain));
}

#[test]
fn the_spelling_is_frozen() {
    let want = r#"{"answer":{"text":"so","tokens":[1,2,3],"finish":"stop"}}"#;
    assert_eq!(String::from_utf8(answer().to_bytes()).unwrap(), format!("{want}\n"));
    let want = concat!(
        r#"{"salt":"abababababababababababababababababababababababababababababababab","#,
        r#""request":{"input":{"messages":[{"role":"user","content":"a \"b\"\n\u0001é😀"}]},"#,
        r#""sampling":{"temperature_micro":700000,"top_k":40,"top_p_micro":950000,"#,
        r#""min_p_micro":0,"repetition_penalty_micro":1000000,"seed":"18446744073709551615"},"#,
        r#""max_tokens":100,"stop":["\n\n"]}}"#,
    );
    assert_eq!(String::from_utf8(request().to_bytes()).unwrap(), format!("{want}\n"));
}

#[test]
fn every_other_spelling_is_refused() {
    let text = String::from_utf8(answer().to_bytes()).unwrap();
    for (other, at) in [
        (text.trim_end().to_owned(), 57),
        (format!("{text}\n"), 58),
        (format!(" {text}"), 0),
        (text.replace("so", "\\u0073o"), 19),
        (text.replace("[1,", "[1, "), 35),
    ] {
        assert_eq!(AnswerFile::from_bytes(other.as_bytes()), Err(Refused::Spelling { at }));
    }
    for other in [
        "",
        "{}",
        &text.replace("3]", "-3]"),
        &text.replace("\"text\"", "\"texts\""),
        &text.replace("}}", ",\"more\":1}}"),
        &text.replace("}}", ",\"finish\":\"stop\"}}"),
    ] {
        let refused = AnswerFile::from_bytes(other.as_bytes());
        assert!(matches!(refused, Err(Refused::Form { .. })), "{other:?}");
    }
}

#[test]
fn no_flipped_byte_goes_unnoticed() {
    let (bytes, file) = (request().to_bytes(), request());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(read) = RequestFile::from_bytes(&flipped) {
                assert_ne!(read, file, "byte {at}, bit {bit}");
            }
        }
    }
}
