//! Models, datasets and programs: entries, their versions, and what those came from.

use super::Ask;
use super::html::{Html, tag, text};
use super::page::{Page, facts, note, onward, section, table};
use super::reader::{Miss, Reader};
use super::show;
use alloy_primitives::B256;
use std::collections::BTreeSet;
use terroir_ledger::native::REGISTRY;
use terroir_ledger::native::abi::IRegistry::{self, Kind};

/// Rows of a page.
const ROWS_MAX: usize = 25;
/// Entries that are looked through for those of a kind.
const SCAN_MAX: u64 = 1_000;
/// Ancestors of a version that are shown, and generations of them.
const ANCESTORS_MAX: usize = 64;
const GENERATIONS_MAX: usize = 8;

/// The page `/models`.
pub(super) fn models(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    list(reader, ask, Kind::Model, "Models", "/models")
}

/// The page `/datasets`.
pub(super) fn datasets(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    list(reader, ask, Kind::Dataset, "Datasets", "/datasets")
}

/// The page `/programs`.
pub(super) fn programs(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    list(reader, ask, Kind::Program, "Programs", "/programs")
}

/// What a kind of entry is called.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Model => "model",
        Kind::Dataset => "dataset",
        Kind::Program => "program",
        _ => "unknown",
    }
}

fn list(reader: &Reader<'_>, ask: &Ask, kind: Kind, title: &str, path: &str) -> Result<Page, Miss> {
    let count = reader.ask(REGISTRY, &IRegistry::countCall {})?;
    let before = ask.query.number("before").filter(|before| *before <= count);
    let first = before.unwrap_or(count);
    let last = first.saturating_sub(SCAN_MAX);
    let (mut rows, mut at) = (Vec::new(), first);
    while at > last && rows.len() < ROWS_MAX {
        at -= 1;
        let id = reader.ask(REGISTRY, &IRegistry::byIndexCall { index: at })?;
        let entry = reader.ask(REGISTRY, &IRegistry::entryCall { id })?;
        if entry.kind as u8 != kind as u8 {
            continue;
        }
        let newest = newest(reader, id, &entry)?;
        let (version, licence) = match &newest {
            Some(newest) => (version(newest), text(&newest.licence)),
            None => (tag("span").set("class", "soft").of("none yet"), text("")),
        };
        rows.push([
            tag("a").set("href", format!("/entry/{id}")).of(entry.name),
            version,
            licence,
            text(show::count(entry.releases)),
            show::address(&entry.owner),
            show::time(entry.created),
        ]);
    }
    let heads = ["Name", "Newest version", "Licence", "#Versions", "Owner", "Registered"];
    let none = "None among these entries of the registry.";
    let older = (at > 0).then(|| format!("{path}?before={at}"));
    let body = table(heads, rows, none).and(onward(older, "Older"));
    Ok(Page { title: title.into(), live: before.is_none(), body })
}

fn at(reader: &Reader<'_>, id: B256, index: u64) -> Result<IRegistry::Release, Miss> {
    let manifest = reader.ask(REGISTRY, &IRegistry::releaseAtCall { id, index })?;
    reader.ask(REGISTRY, &IRegistry::releaseOfCall { manifest })
}

fn newest(
    reader: &Reader<'_>,
    id: B256,
    entry: &IRegistry::Entry,
) -> Result<Option<IRegistry::Release>, Miss> {
    entry.releases.checked_sub(1).map(|index| at(reader, id, index)).transpose()
}

/// A version by its numbers, and whether it stands.
fn version(release: &IRegistry::Release) -> Html {
    let numbers = format!("{}.{}", release.major, release.minor);
    let link = tag("a").set("href", format!("/release/{}", release.manifest)).of(numbers);
    let revoked = release.revoked.then(|| text(" ").and(show::badge("bad", "revoked")));
    link.and(revoked)
}

/// The page `/entry/{id}`.
pub(super) fn entry(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = |_| Miss::Unknown("That is no id of an entry.".into());
    let id: B256 = ask.id.parse().map_err(unknown)?;
    let entry = reader.ask(REGISTRY, &IRegistry::entryCall { id })?;
    let before = ask.query.number("before").filter(|before| *before <= entry.releases);
    let first = before.unwrap_or(entry.releases);
    let last = first.saturating_sub(ROWS_MAX as u64);
    let mut rows = Vec::new();
    for index in (last..first).rev() {
        let release = at(reader, id, index)?;
        rows.push([
            version(&release),
            text(&release.licence),
            show::manifest(&release.manifest),
            text(release.parents.len()),
            show::time(release.released),
        ]);
    }
    let lines = facts([
        ("Name", text(&entry.name)),
        ("Kind", text(kind_name(entry.kind))),
        ("Owner", show::whole_address(&entry.owner)),
        ("Id", show::whole(id)),
        ("Registered", show::time(entry.created)),
    ]);
    let older = (last > 0).then(|| format!("/entry/{id}?before={last}"));
    let list = table(["Version", "Licence", "Manifest", "#Parents", "Released"], rows, "None yet.");
    let body = lines.and(section("Versions", list.and(onward(older, "Older"))));
    Ok(Page { title: entry.name, live: before.is_none(), body })
}

/// The page `/release/{id}`.
pub(super) fn release(reader: &Reader<'_>, ask: &Ask) -> Result<Page, Miss> {
    let unknown = |_| Miss::Unknown("That is no digest of a manifest.".into());
    let manifest: B256 = ask.id.parse().map_err(unknown)?;
    let release = reader.ask(REGISTRY, &IRegistry::releaseOfCall { manifest })?;
    let entry = reader.ask(REGISTRY, &IRegistry::entryCall { id: release.id })?;
    let status = match release.revoked {
        true => show::badge("bad", "revoked").then("Its owner says not to use it any more."),
        false => show::badge("good", "stands"),
    };
    let lines = facts([
        ("Of", tag("a").set("href", format!("/entry/{}", release.id)).of(entry.name.as_str())),
        ("Kind", text(kind_name(entry.kind))),
        ("Version", text(format!("{}.{}", release.major, release.minor))),
        ("Status", status),
        ("Licence", text(&release.licence)),
        ("Manifest", show::whole(manifest)),
        ("Owner", show::whole_address(&entry.owner)),
        ("Released", show::time(release.released)),
    ]);
    let mut lineage = Lineage { reader, shown: BTreeSet::new(), cut: false };
    let tree = lineage.under(&release, 0)?;
    let cut = lineage.cut.then(|| note("There is more than a page shows."));
    let came = match release.parents.is_empty() {
        true => note("It names no parents."),
        false => tag("div").set("class", "lineage").of(tree).and(cut),
    };
    let title = format!("{} {}.{}", entry.name, release.major, release.minor);
    Ok(Page::live(title, lines.and(section("Made from", came))))
}

/// The way back from a version through those that it was made from.
struct Lineage<'a> {
    reader: &'a Reader<'a>,
    shown: BTreeSet<B256>,
    cut: bool,
}

impl Lineage<'_> {
    /// The parents of `release`, and theirs, as lists in lists; each is followed once.
    fn under(&mut self, release: &IRegistry::Release, depth: usize) -> Result<Html, Miss> {
        if release.parents.is_empty() {
            return Ok(Html::default());
        }
        if depth == GENERATIONS_MAX {
            self.cut = true;
            return Ok(Html::default());
        }
        let mut items = Html::default();
        for manifest in &release.parents {
            if self.shown.len() == ANCESTORS_MAX {
                self.cut = true;
                break;
            }
            let parent =
                self.reader.ask(REGISTRY, &IRegistry::releaseOfCall { manifest: *manifest })?;
            let entry = self.reader.ask(REGISTRY, &IRegistry::entryCall { id: parent.id })?;
            let line = text(format!("{} ", kind_name(entry.kind)))
                .and(tag("a").set("href", format!("/entry/{}", parent.id)).of(entry.name));
            let line = line.then(version(&parent)).then(text(&parent.licence));
            let under = match self.shown.insert(*manifest) {
                true => self.under(&parent, depth + 1)?,
                false => Html::default(),
            };
            items = items.and(tag("li").of(line.and(under)));
        }
        Ok(tag("ul").of(items))
    }
}
