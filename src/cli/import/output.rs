//! Where imported manifests go: to standard output as one stream, or into a folder, one file a Share.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde_json::json;

use super::document::one_line;
use crate::{
    api::account_set::UndeclaredObjects,
    controllers::account_region::gather::Gathered,
    model::ShareKey,
    plan::{
        observed::Container,
        undeclared::{evidence, record_name},
    },
};

/// One share of those that were asked for.
pub(super) struct Imported<'a> {
    pub(super) container: &'a Container,
    pub(super) outcome: Outcome,
}

/// What became of it.
pub(super) enum Outcome {
    /// A manifest.
    Manifest {
        /// The Share.
        key: ShareKey,
        /// The whole document.
        text: String,
        /// What is not declared, refused or will differ.
        told: Vec<String>,
    },
    /// None.
    None {
        /// Why.
        why: String,
        /// There is nothing to be done about it.
        settled: bool,
    },
}

/// All of it, on its way out.
pub(super) struct Output<'a> {
    pub(super) imported: &'a [Imported<'a>],
    pub(super) consent: bool,
    pub(super) gathered: &'a Gathered,
}

impl Imported<'_> {
    /// Its name and ARN, in one line.
    fn called(&self) -> String {
        one_line(&format!("{} ({})", self.container.name, self.container.id))
    }

    fn is_as_it_was(&self) -> bool {
        match &self.outcome {
            Outcome::Manifest { told, .. } => told.is_empty(),
            Outcome::None { settled, .. } => *settled,
        }
    }
}

impl Output<'_> {
    /// 2 if a share that was asked for is not declared, or not as it is.
    pub(super) fn exit_code(&self) -> u8 {
        if self.imported.iter().all(Imported::is_as_it_was) { 0 } else { 2 }
    }

    /// One stream of documents, for `kubectl apply -f -` once it was gone over.
    pub(super) fn print(&self, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        self.tell(err)?;
        let documents = self.manifests().map(|(imported, key, text)| {
            let consent = if self.consent { self.consent_in_comments(imported, key) } else { String::new() };
            format!("---\n{text}{consent}")
        });
        let missing = self.missing().map(|line| format!("# {line}\n"));
        let text: String = documents.chain(missing).collect();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// A file for each Share, none of which is overwritten: somebody may have filled it in. What is not imported, and the
    /// consent, are written anew.
    pub(super) fn write_to(&self, folder: &Path, err: &mut impl Write) -> io::Result<()> {
        self.tell(err)?;
        fs::create_dir_all(folder)?;
        for (_, key, text) in self.manifests() {
            let file = folder.join(format!("{}.yaml", key.name));
            match OpenOptions::new().write(true).create_new(true).open(&file) {
                Ok(mut made) => made.write_all(text.as_bytes())?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    writeln!(err, "{}: is there already and was left as it is", file.display())?;
                }
                Err(error) => return Err(error),
            }
        }
        let missing: Vec<String> = self.missing().collect();
        if !missing.is_empty() {
            fs::write(folder.join("not-imported.txt"), missing.join("\n") + "\n")?;
        }
        if self.consent {
            let commands = self.manifests().map(|(imported, key, _)| self.consent_of(imported, key));
            let commands: String = commands.collect();
            fs::write(folder.join("consent.sh"), format!("#!/bin/sh -e\n{commands}"))?;
        }
        Ok(())
    }

    /// What people must know, beside the manifests.
    fn tell(&self, err: &mut impl Write) -> io::Result<()> {
        for imported in self.imported {
            match &imported.outcome {
                Outcome::Manifest { told, .. } => {
                    for words in told {
                        writeln!(err, "{}: {}", imported.called(), one_line(words))?;
                    }
                }
                Outcome::None { why, .. } => {
                    writeln!(err, "{}: not imported: {}", imported.called(), one_line(why))?;
                }
            }
        }
        if self.imported.is_empty() {
            writeln!(err, "there is no such share in {}", self.gathered.cell)?;
        }
        Ok(())
    }

    fn manifests(&self) -> impl Iterator<Item = (&Imported<'_>, &ShareKey, &String)> {
        self.imported.iter().filter_map(|imported| match &imported.outcome {
            Outcome::Manifest { key, text, .. } => Some((imported, key, text)),
            Outcome::None { .. } => None,
        })
    }

    fn missing(&self) -> impl Iterator<Item = String> {
        self.imported.iter().filter_map(|imported| match &imported.outcome {
            Outcome::Manifest { .. } => None,
            Outcome::None { why, .. } => {
                Some(format!("Not imported: {}: {}", imported.called(), one_line(why)))
            }
        })
    }

    fn consent_in_comments(&self, imported: &Imported<'_>, key: &ShareKey) -> String {
        let lines = self.consent_of(imported, key);
        let lines = lines.lines().map(|line| format!("#   {}\n", line.trim_start_matches("# ")));
        let lines: String = lines.collect();
        format!("# The consent, once this was gone over and applied:\n{lines}")
    }

    /// The command that lets the Share adopt the share, for exactly the grants that were seen.
    fn consent_of(&self, imported: &Imported<'_>, key: &ShareKey) -> String {
        let container = imported.container;
        let name = record_name(&self.gathered.cell, &container.id);
        let patch = json!({"spec": {
            "decision": "Adopt",
            "evidence": evidence(container).to_string(),
            "for": {"namespace": key.namespace, "name": key.name},
        }});
        let undeclared = &self.gathered.set.spec.undeclared;
        let hidden = undeclared.objects == UndeclaredObjects::External && container.outside().is_empty();
        let set = self.gathered.set.metadata.name.as_deref().unwrap_or_default();
        let first = if hidden {
            format!("# It is there to be patched once AccountSet {set} says `undeclared.objects: All`.\n")
        } else {
            String::new()
        };
        format!(
            "# {}\n{first}kubectl patch undeclaredshare {name} --type merge --patch '{patch}'\n",
            imported.called()
        )
    }
}
