use super::*;
use crate::laws::{END, Toy};

#[test]
fn a_template_calls_the_first_end_eos_token() {
    let toy = Toy::new(3);
    let template = b"{{ bos_token }} {{ eos_token }}";
    let mut manifest = toy.load().unwrap().manifest;
    manifest.eos = vec![END, 0];
    manifest.template = Some(Digest::of(template));
    let own = [template.to_vec(), manifest.encode()];
    let mut fetch = |digest: &Digest| match own.iter().find(|blob| Digest::of(blob) == *digest) {
        Some(blob) => Ok(Arc::new(blob.clone()) as Bytes),
        None => toy.fetch(digest),
    };
    let model = Model::load(manifest.id(), &mut fetch).unwrap();
    let text = model.template.as_ref().unwrap().render(&[], false).unwrap();
    assert_eq!(text, "<|im_start|> <|im_end|>");
    assert!(model.ends(END) && model.ends(0) && !model.ends(1));
}
