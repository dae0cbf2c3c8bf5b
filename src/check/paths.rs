//! Files that a script reads by a name written in it: they must be there, as far as that is sure.

use std::path::Path;

use rhai::Expr;

use crate::diag::Failure;

use super::View;
use super::page::Page;

/// Functions that read the file which their first argument names.
const READ: &[(&str, &str)] = &[
    ("fs", "read"),
    ("fs", "read_bytes"),
    ("fs", "stat"),
    ("fs", "sha256"),
];

/// Checks the paths in a unit of the project. A relative one is the project's; one that the script names
/// twice may be made by it.
pub fn check(view: &View, unit: usize, page: &mut Page, project: Option<&Path>) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    let (Some(project), Some(path)) = (project, own.source.path.as_deref()) else {
        return;
    };
    let here = path.parent().unwrap_or(Path::new("."));
    for call in survey.calls.iter().filter(|call| !call.method) {
        let [module] = call.path else { continue };
        let reads = call.import.is_none() && READ.contains(&(module.as_str(), call.name));
        let Some(Expr::StringConstant(name, at)) = call.args.first().filter(|_| reads) else {
            continue;
        };
        let quoted = format!("\"{name}\"");
        let is_sure = !name.is_empty()
            && !name.starts_with(['/', '~', '-'])
            && own.source.text.matches(&quoted).count() == 1;
        let is_there = [project, here]
            .iter()
            .any(|folder| folder.join(name.as_str()).exists())
            || Path::new(name.as_str()).exists();
        // What lies in no folder of the project is somebody else's to make.
        let folder = Path::new(name.as_str())
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let has_folder = folder
            .is_some_and(|folder| project.join(folder).is_dir() || here.join(folder).is_dir());
        if is_sure && !is_there && has_folder {
            let failure = Failure::new("missing-file", format!("there is no file `{name}`"));
            let help = "a relative path begins at the directory that the run is started in";
            page.warning(
                failure.help(near(&[project, here], name).unwrap_or_else(|| help.to_owned())),
                *at,
            );
        }
    }
}

/// A file of the same folder whose name is nearly the same.
fn near(folders: &[&Path], name: &str) -> Option<String> {
    let wanted = Path::new(name);
    let file = wanted.file_name()?.to_str()?;
    let folder = wanted.parent()?;
    folders.iter().find_map(|base| {
        let entries = std::fs::read_dir(base.join(folder)).ok()?;
        let names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        let near = crate::suggest::nearest(file, names.iter().map(String::as_str))?;
        Some(format!("did you mean `{}`?", folder.join(near).display()))
    })
}
