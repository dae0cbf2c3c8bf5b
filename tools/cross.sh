#!/bin/sh
# Runs cargo for another target than this machine's: with that target's standard library (tools/std.sh) and a C compiler for it
# (tools/zig.sh). Without words for cargo, checks that the program compiles for musl and for macOS.
# Usage: tools/cross.sh [TARGET WORD…]   for example: tools/cross.sh aarch64-apple-darwin check --locked
set -eu
cd "$(dirname "$0")/.."

if test $# -eq 0; then
    for target in x86_64-unknown-linux-musl aarch64-apple-darwin; do
        echo "does the program compile for $target?"
        tools/cross.sh "$target" check --quiet --profile cross --locked --package e2bscript
    done
    exit
fi
target=$1
command=$2
shift 2

std=$(tools/std.sh "$target")
build_std=
if test -n "$std"; then
    export RUSTC="$std/rustc" RUSTC_BOOTSTRAP=1 # cargo itself asks for it, before it takes -Z
    build_std=-Zbuild-std=std,panic_unwind
fi

as_variable=$(echo "$target" | tr a-z- A-Z_)
case $target:$(uname -s) in
*-apple-darwin:Darwin) ;; # Apple's own compiler is there
*)
    zig=$(tools/zig.sh "$target")
    export "CC_$(echo "$target" | tr - _)=$zig/cc" "AR_$(echo "$target" | tr - _)=$zig/ar" "CARGO_TARGET_${as_variable}_LINKER=$zig/cc"
    export SDKROOT=/ # or Apple's tools are asked where theirs is
    ;;
esac

# Of its own, beside the usual one: another compiler and other flags would make everything there anew, each time.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cross"
# shellcheck disable=SC2086 # no word at all when it is empty
exec cargo "$command" $build_std --target "$target" "$@"
