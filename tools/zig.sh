#!/bin/sh
# Installs a C compiler for another target, as tools/zig.txt pins it, and prints the directory that has its programs `cc` and `ar`.
# The C parts of the cryptography library and of the allocator need one, and a static program a C library.
# Usage: tools/zig.sh TARGET   with TARGET a target of Rust's
set -eu
cd "$(dirname "$0")/.."

target=${1-}
case $target in
x86_64-unknown-linux-musl) as_zig=x86_64-linux-musl ;;
aarch64-apple-darwin) as_zig=aarch64-macos ;;
x86_64-apple-darwin) as_zig=x86_64-macos ;;
*)
    echo "there is no C compiler for \`$target\`: x86_64-unknown-linux-musl, aarch64-apple-darwin or x86_64-apple-darwin" >&2
    exit 2
    ;;
esac

lock=tools/zig.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/e2bscript/tools
home=$cache/zig-$({ cat "$lock" && python3 -c 'import sys; print(sys.executable, sys.version)'; } | sha256sum | cut -c 1-12)
mkdir -p "$cache"

# Another run may be installing the same.
exec 9>"$cache/zig.lock"
flock 9
if ! test -e "$home/complete"; then
    echo "installing zig in $home: compiles C for Linux with musl and for macOS (400 MB, once)" >&2
    rm -rf "$home"
    python3 -m venv "$home" >&2
    "$home/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement "$lock" >&2
    touch "$home/complete"
fi

zig=$(echo "$home"/lib/python*/site-packages/ziglang/zig)
bin=$home/$target-$(sha256sum tools/zig.sh | cut -c 1-12)
if ! test -e "$bin/complete"; then
    mkdir -p "$bin"
    include=
    case $target in *-apple-darwin) include=" -idirafter $bin/include" ;; esac
    # What Rust's tools say of the target in their own words is said to zig in its own: -target.
    cat >"$bin/cc" <<EOF
#!/bin/sh
for word; do
    shift
    case \$word in
    --target=* | -arch | arm64 | x86_64 | -mmacosx-version-min=*) continue ;;
    esac
    set -- "\$@" "\$word"
done
export ZIG_GLOBAL_CACHE_DIR="$home/cache" ZIG_LOCAL_CACHE_DIR="$home/cache"
exec "$zig" cc -target $as_zig$include "\$@"
EOF
    printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$zig" >"$bin/ar"
    chmod +x "$bin/cc" "$bin/ar"
    # Two of Apple's headers that zig has not: as much of them as the allocator asks for.
    mkdir -p "$bin/include/CommonCrypto"
    echo '#include <CommonCrypto/CommonRandom.h>' >"$bin/include/CommonCrypto/CommonCryptoError.h"
    cat >"$bin/include/CommonCrypto/CommonRandom.h" <<'EOF'
#pragma once
#include <stddef.h>
#include <stdint.h>
enum { kCCSuccess = 0 };
int32_t CCRandomGenerateBytes(void *bytes, size_t count);
EOF
    touch "$bin/complete"
fi
echo "$bin"
