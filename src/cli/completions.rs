//! `e2bscript completions SHELL`: hooks that ask the program itself what fits.
//!
//! What can stand in a place (a script's own options, hosts, jobs, modules) is known when the key is
//! pressed, not when the hooks are installed; so they hold nothing but the question.

use super::args::Shell;

/// The hooks for a shell, to be read by its start-up file.
pub fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    }
}

/// Words are cut at `=` and `:` by bash; what stands before the cut is taken off again.
const BASH: &str = r#"# e2bscript completions bash: source this, or save it as ~/.local/share/bash-completion/completions/e2bscript
_e2bscript() {
    local line=${COMP_LINE:0:COMP_POINT} candidate cut=
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local current=${words[${#words[@]}-1]}
    case $current in
        *[=:]*) cut=${current%"${current##*[=:]}"} ;;
    esac
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $candidate == : ]]; then
            compopt -o default 2> /dev/null
            continue
        fi
        COMPREPLY+=("${candidate#"$cut"}")
    done < <("${words[0]}" __complete -- "${words[@]}" 2> /dev/null)
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2> /dev/null
    return 0
}
complete -F _e2bscript e2bscript
"#;

const ZSH: &str = r#"#compdef e2bscript
# e2bscript completions zsh: save this as _e2bscript in a directory of $fpath, or source it behind compinit
_e2bscript() {
    local line candidate about files=0
    local -a candidates
    while IFS= read -r line; do
        candidate=${line%%$'\t'*}
        about=${line#*$'\t'}
        if [[ $candidate == : ]]; then
            files=1
            continue
        fi
        candidates+=("${candidate//:/\\:}:$about")
    done < <("${words[1]}" __complete -- "${(@)words[1,CURRENT]}" 2> /dev/null)
    (( ${#candidates} )) && _describe e2bscript candidates
    (( files )) && _files
    return 0
}
if [[ ${funcstack[1]} == _e2bscript ]]; then
    _e2bscript "$@"
else
    compdef _e2bscript e2bscript
fi
"#;

const FISH: &str = r#"# e2bscript completions fish: save this as ~/.config/fish/completions/e2bscript.fish
function __e2bscript_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words 2> /dev/null)
        if test "$line" = ":"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c e2bscript -f -a '(__e2bscript_complete)'
"#;
