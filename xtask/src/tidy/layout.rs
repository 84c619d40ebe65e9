//! How folders are laid out: every crate takes the workspace's lints, and no module hides its name.

use super::Finding;
use super::tree::Tree;

/// Every package takes the workspace's lint table.
pub fn lint_table(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
    manifests
        .filter(|file| file.text.contains("[package]") && !takes_workspace_lints(&file.text))
        .filter(|file| !file.is_test())
        .map(|file| Finding::at(&file.path, 0, "add [lints] with workspace = true"))
        .collect()
}

/// A module is `topic.rs` with `topic/part.rs`, so that an editor's tab names it.
pub fn no_mod_rs(tree: &Tree) -> Vec<Finding> {
    let hidden = tree.files.iter().filter(|file| file.path.ends_with("/mod.rs"));
    hidden.map(|file| Finding::at(&file.path, 0, "name the file after its module")).collect()
}

fn takes_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.replace(' ', "") == "workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_the_lint_table_is_caught() {
        let check = |text: &str| lint_table(&Tree::of("crates/a/Cargo.toml", text)).len();
        assert_eq!(check("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(check("[package]\nname = \"a\"\n"), 1);
        assert_eq!(check("[package]\nname = \"a\"\n[lints]\n[lints.rust]\n"), 1);
        assert_eq!(check("[workspace]\n"), 0);
    }

    #[test]
    fn a_file_named_mod_is_caught() {
        assert_eq!(no_mod_rs(&Tree::of("crates/a/src/topic/mod.rs", "")).len(), 1);
        assert_eq!(no_mod_rs(&Tree::of("crates/a/src/topic.rs", "")).len(), 0);
    }
}
