#!/bin/sh
# Makes Rust's standard library available for another target, and prints how: nothing when the toolchain has it now, else the
# directory of a `rustc` that has its source beside it, for `cargo -Zbuild-std`.
# Usage: tools/std.sh TARGET
#   E2BSCRIPT_STD=source leaves the toolchain as it is: what rustup would add to it is built from source
set -eu
cd "$(dirname "$0")/.."

target=$1
# The version's own sources, by whoever packs them beside rustup: Debian, without what may not be distributed freely.
version=1.95.0
package=rust-src=1.95.0+dfsg1-2~bpo13+1
suite=trixie-backports
sha256=7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b

sysroot=$(rustc --print sysroot)
test ! -e "$sysroot/lib/rustlib/$target/lib" || exit 0

said=
if test "${E2BSCRIPT_STD-}" != source && command -v rustup >/dev/null; then
    if said=$(rustup target add "$target" 2>&1); then exit 0; fi
fi

here=$(rustc --version | cut -d ' ' -f 2)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/e2bscript/tools
source=$sysroot/lib/rustlib/src/rust
mkdir -p "$cache"

# Another run may be fetching the same.
exec 9>"$cache/std.lock"
flock 9
if ! test -e "$source/library/Cargo.lock"; then
    source=$cache/rust-src-$version
    if ! test -e "$source/complete"; then
        missing="the standard library for $target is neither there nor to be had"
        test -z "$said" || echo "$said" >&2
        if test "$here" != "$version"; then
            echo "$missing: tools/std.sh knows where the sources of Rust $version are, and this is $here" >&2
            exit 1
        fi
        if ! command -v apt-get >/dev/null; then
            echo "$missing: \`rustup target add $target\` adds it on a machine that reaches rustup's server" >&2
            exit 1
        fi
        echo "fetching $package: the standard library's source, for $target (45 MB, once)" >&2
        # A configuration of its own: where this machine installs packages from stays as it is.
        apt=$(mktemp -d)
        trap 'rm -rf "$apt"' EXIT
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
        # shellcheck disable=SC2016 # apt's variable
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$') || {
            echo "$missing: apt-get has no mirror of Debian to fetch $package from" >&2
            exit 1
        }
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
        apt() {
            apt-get -q -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list" \
                -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root "$@" >"$apt/log" 2>&1
        }
        if ! apt update || ! (cd "$apt" && apt download "$package"); then
            tail -n 20 "$apt/log" >&2
            echo "$missing: apt-get could not fetch $package, its last words are above; \`rustup target add $target\` adds it on a machine that reaches rustup's server" >&2
            exit 1
        fi
        echo "$sha256  $(echo "$apt"/rust-src_*.deb)" | sha256sum --check --quiet >&2
        rm -rf "$source"
        mkdir "$source"
        dpkg-deb --fsys-tarfile "$apt"/rust-src_*.deb |
            tar --extract --directory "$source" --strip-components 4 "./usr/src/rustc-$version/library"
        touch "$source/complete"
    fi
fi

# The toolchain itself stays as it is: beside its parts, by links, lies the source.
made=$cache/std-$here-$({ cat tools/std.sh && echo "$sysroot" "$source"; } | sha256sum | cut -c 1-12)
if ! test -e "$made/complete"; then
    rm -rf "$made"
    mkdir -p "$made/bin" "$made/lib/rustlib/src"
    for part in "$sysroot"/lib/*; do test "${part##*/}" = rustlib || ln -s "$part" "$made/lib/"; done
    for part in "$sysroot"/lib/rustlib/*; do test "${part##*/}" = src || ln -s "$part" "$made/lib/rustlib/"; done
    ln -s "$source" "$made/lib/rustlib/src/rust"
    # Only who asks for something unstable gets it, as the standard library does: build scripts that look whether
    # this is a nightly compiler find the stable one that it is.
    cat >"$made/bin/rustc" <<EOF
#!/bin/sh
case " \$* " in
*" -Z"*) export RUSTC_BOOTSTRAP=1 ;;
*) export RUSTC_BOOTSTRAP=-1 ;;
esac
exec "$sysroot/bin/rustc" --sysroot "$made" "\$@"
EOF
    chmod +x "$made/bin/rustc"
    touch "$made/complete"
fi
echo "$made/bin"
