//! `data seal` and `unseal`: the records that pass, for named readers only.
//!
//! Invariant: nothing is printed of a record or of a key.

use super::{find, salt};
use crate::Verdict;
use crate::args;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use terroir_base::sign::PublicKey;
use terroir_corpus::seal::{Recipient, identities, seal, unseal};

pub(super) fn run(settings: &Settings, typed: &args::Seal) -> Result<Verdict> {
    let recipient = |text: &String| {
        text.parse::<Recipient>()
            .map_err(|what| anyhow!("--recipient {text}: {what}; expected a key like age1..."))
    };
    let recipients: Vec<Recipient> =
        typed.recipient.iter().map(recipient).collect::<Result<_>>()?;
    let (catalogue, kept) = find(settings, &typed.version)?;
    let home = settings.open_home()?;
    // The key is made with the log.
    home.receipts()?;
    let key = home.key()?.context("the home has no key")?;
    let manifest = seal(&catalogue, &kept, &recipients, &typed.out, (&key, &salt()))?;
    if typed.json {
        let parts: Vec<_> = manifest
            .parts
            .iter()
            .map(|part| {
                json!({
                    "contributor": part.contributor,
                    "records": part.records.leaves,
                    "root": part.records.root.to_string(),
                    "bytes": part.plain_bytes,
                })
            })
            .collect();
        let (version, signer) = (manifest.version.to_string(), key.public().to_string());
        output::json(&json!({ "version": version, "signer": signer, "parts": parts }))?;
        return Ok(Verdict::Yes);
    }
    for (place, part) in manifest.parts.iter().enumerate() {
        let (name, records) = (&part.contributor, part.records.leaves);
        output::data(format_args!("part-{place:05}  {records} records of {name:?}"))?;
    }
    output::talk("delete the .key.age file of a part, in every copy, to erase its records");
    Ok(Verdict::Yes)
}

pub(super) fn open(typed: &args::Unseal) -> Result<Verdict> {
    let keys = identities(&typed.identity)?;
    let node = typed.node.as_deref().map(str::parse::<PublicKey>).transpose();
    let node = node.context("--node takes the key of a node")?;
    let opened = unseal(&typed.folder, &keys, &typed.out, node.as_ref())?;
    let name = |place: &usize| &opened.manifest.parts[*place].contributor;
    if typed.json {
        let file = |(place, path): &(usize, std::path::PathBuf)| json!({ "contributor": name(place), "file": path.display().to_string() });
        output::json(&json!({
            "version": opened.manifest.version.to_string(),
            "signer": opened.signer.to_string(),
            "files": opened.files.iter().map(file).collect::<Vec<_>>(),
            "erased": opened.erased.iter().map(name).collect::<Vec<_>>(),
        }))?;
        return Ok(Verdict::Yes);
    }
    for (_, path) in &opened.files {
        output::data(path.display())?;
    }
    for place in &opened.erased {
        output::talk(format_args!("erased: the records of {:?}", name(place)));
    }
    output::talk(format_args!("sealed by {}", opened.signer));
    Ok(Verdict::Yes)
}
