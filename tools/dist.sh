#!/usr/bin/env bash
# Makes what is handed on, in dist/: the program as one static file for any x86-64 Linux, with completions, man pages, bill of
# materials and licences, as an archive, and the checksums of all. The same commit makes the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-musl
limit=25000000 # bytes of the program
if [[ $(uname -sm) != "Linux x86_64" ]]; then
    echo "this is $(uname -sm): the program writes its own completions and man pages, for which it must run; make it on x86-64 Linux" >&2
    exit 1
fi
version=$(sed -n '0,/^version = /s/^version = "\(.*\)"$/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
if [[ -n $(git status --porcelain 2>/dev/null) ]]; then
    echo "note: the tree has changes that are not committed; what is made is of no commit" >&2
fi

# What the compilers write of paths into the program must not depend on where they are.
std=$(tools/std.sh "$target")
registry=${CARGO_HOME:-$HOME/.cargo}
build=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
renamed=("$PWD=/e2bscript" "$registry=/cargo" "$build=/build" "$(rustc --print sysroot)=/rust")
if [[ -n $std ]]; then renamed+=("${std%/bin}=/rust" "$(realpath "${std%/bin}/lib/rustlib/src/rust")=/rust"); fi
rustflags=(
    -Clink-self-contained=no     # the C library is the linker's own,
    -Crelocation-model=static    # which makes programs of a fixed place only
)
# The allocator tells when it was compiled.
cflags=(-Wno-builtin-macro-redefined "-D__DATE__=\"$(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" +%F)\"" '-D__TIME__="00:00:00"')
for rename in "${renamed[@]}"; do
    rustflags+=("--remap-path-prefix=$rename")
    cflags+=("-ffile-prefix-map=$rename")
done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${rustflags[*]}")
export CARGO_ENCODED_RUSTFLAGS
export CFLAGS_x86_64_unknown_linux_musl="${cflags[*]}"
tools/cross.sh "$target" build --locked --profile dist --package e2bscript --bin e2bscript

program=$build/$target/dist/e2bscript
size=$(stat -c %s "$program")
if ((size > limit)); then
    echo "$program has $size bytes; more than $limit are too many (\`cargo bloat\` shows what they are)" >&2
    exit 1
fi
if LC_ALL=C readelf --program-headers "$program" | grep -q INTERP; then
    echo "$program wants a loader: it is not static" >&2
    exit 1
fi

name=e2bscript-$version-$target
rm -rf dist
mkdir -p "dist/$name/completions"
cp "$program" README.md CHANGELOG.md LICENSE NOTICE deploy.env.example "dist/$name/"
"$program" completions bash >"dist/$name/completions/e2bscript.bash"
"$program" completions zsh >"dist/$name/completions/_e2bscript"
"$program" completions fish >"dist/$name/completions/e2bscript.fish"
"$program" man "dist/$name/man" >/dev/null
for page in "dist/$name/man"/*.[0-9]; do
    mkdir -p "dist/$name/man/man${page##*.}"
    mv "$page" "dist/$name/man/man${page##*.}/"
done

# What is linked in and is no package: the standard library, and what comes with the C compiler.
parts=("rust-std=$(rustc --version | cut -d ' ' -f 2)@MIT OR Apache-2.0")
zig=$(echo "$(dirname "$(tools/zig.sh "$target")")"/lib/python*/site-packages/ziglang/lib)
while read -r part; do parts+=("${part%:*}:$zig/${part##*:}"); done < <(sed -n 's/^# part //p' tools/zig.txt)
tools/sbom.py "$target" "${parts[@]}" >"dist/$name/e2bscript.cdx.json"
tools/licences.py "$target" "${parts[@]}" >"dist/$name/LICENSES-THIRD-PARTY"
tools/pack.sh "dist/$name" "dist/$name.tar.gz"
cp "dist/$name/e2bscript.cdx.json" "dist/$name.cdx.json"
(cd dist && sha256sum "$name.tar.gz" "$name.cdx.json" "$name/e2bscript" >SHA256SUMS)
rm -r "dist/$name"
