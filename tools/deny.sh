#!/bin/sh
# Checks licences, banned crates, sources and advisories of the dependency tree (deny.toml).
# Installs cargo-deny beside the other caches when the machine has not this version of it.
set -eu
cd "$(dirname "$0")/.."

version=0.20.2
advisories=https://github.com/RustSec/advisory-db
tools=${XDG_CACHE_HOME:-$HOME/.cache}/e2bscript/tools

PATH=$tools/bin:$PATH
if test "$(cargo deny --version 2>/dev/null)" != "cargo-deny $version"; then
    echo "installing cargo-deny $version in $tools: checks licences and advisories of the dependencies (some minutes, once)"
    cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
fi

deny() {
    cargo deny --workspace --all-features --locked --log-level error check --hide-inclusion-graph "$@"
}

deny licenses bans sources

# The advisories are a repository of their own, which not every network reaches.
answers() {
    if command -v timeout >/dev/null; then
        timeout 15 git ls-remote --quiet --exit-code "$1" HEAD
    else
        git ls-remote --quiet --exit-code "$1" HEAD # macOS has no timeout
    fi
}

export GIT_TERMINAL_PROMPT=0
if answers "$advisories" >/dev/null 2>&1; then
    deny advisories
else
    echo "advisories not checked: $advisories does not answer from here; \`make deny\` on a machine that reaches it checks them"
fi
