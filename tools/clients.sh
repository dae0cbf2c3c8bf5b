#!/bin/sh
# Installs a client that the tests talk to the platform with, as tests/clients pins it, and prints where it is. It is kept
# beside the other caches.
# Usage: tools/clients.sh e2b-python|e2b-node|schemathesis
#   of the Python ones, bin/python in that directory is the interpreter that has them; of the other, node_modules
set -eu
cd "$(dirname "$0")/.."

client=${1-}
case $client in
e2b-node)
    lock=tests/clients/e2b-node/package-lock.json
    made_by=$(node --version)
    # what the SDK asks for
    if test "$(printf '%s\n' 20.18.1 "${made_by#v}" | sort -V | head -n 1)" != 20.18.1; then
        echo "this is node ${made_by#v}; the JavaScript SDK needs 20.18.1 or newer" >&2
        exit 1
    fi
    ;;
e2b-python | schemathesis)
    lock=tests/clients/$client.txt
    made_by=$(python3 -c 'import sys; print(sys.executable, sys.version)')
    ;;
*)
    echo "there is no client \`$client\`: e2b-python, e2b-node or schemathesis" >&2
    exit 2
    ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/e2bscript
home=$cache/$client-$({ cat "$lock" && echo "$made_by"; } | sha256sum | cut -c 1-12)
mkdir -p "$cache"

# Another run may be installing the same.
exec 9>"$cache/clients.lock"
flock 9
if ! test -e "$home/complete"; then
    echo "installing $client in $home: talks to the stand-ins in tests" >&2
    rm -rf "$home"
    mkdir "$home"
    case $client in
    e2b-node)
        cp tests/clients/e2b-node/package.json "$lock" "$home/"
        npm ci --prefix "$home" --ignore-scripts --omit=optional --no-audit --no-fund --silent >&2
        ;;
    *)
        python3 -m venv "$home" >&2
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --requirement "$lock" >&2
        ;;
    esac
    touch "$home/complete"
fi
echo "$home"
