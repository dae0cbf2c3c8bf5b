#!/bin/sh
# Says plainly what to do when Rust is not there: it comes from rustup, not from a package.
set -eu
cd "$(dirname "$0")/.."

channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
if ! command -v cargo >/dev/null; then
    echo "no cargo on this machine: install Rust $channel with rustup (https://rustup.rs), then try again" >&2
    exit 1
fi
if ! version=$(cargo --version 2>&1); then
    echo "$version" >&2
    echo "cargo does not start: \`rustup toolchain install $channel\` installs the version that rust-toolchain.toml names" >&2
    exit 1
fi
case $version in
"cargo $channel "*) ;;
*) echo "note: rust-toolchain.toml names $channel, this is $version" >&2 ;;
esac
