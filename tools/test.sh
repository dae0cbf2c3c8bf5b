#!/usr/bin/env bash
# Runs every test and ends with one line that adds up what the test binaries said.
# Arguments are handed to `cargo test`, for example: tools/test.sh --package e2blab
set -euo pipefail
cd "$(dirname "$0")/.."

export INSTA_UPDATE=no        # a golden file that differs is a failure, not a new file
export PROPTEST_RNG_SEED=2026 # the same cases each time; a plain `cargo test` looks for new ones

# The rehearsal cluster needs root, so the test binaries run as root; nothing is compiled so.
if ((EUID != 0)); then
    target=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${target}_RUNNER=$PWD/tools/as-root.sh"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
cargo test --workspace --locked --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

# "test result: ok. 12 passed; 0 failed; 1 ignored; …", one for each test binary
read -r passed failed skipped < <(awk '
    /^test result: / { for (i = 2; i <= NF; i++) {
        if ($i == "passed;") passed += $(i - 1)
        if ($i == "failed;") failed += $(i - 1)
        if ($i == "ignored;") skipped += $(i - 1)
    } }
    END { print passed + 0, failed + 0, skipped + 0 }' "$log")

echo
if ((status != 0 && failed == 0)); then
    echo "a test binary did not compile, or died before it could say what failed: see above"
    failed=1
elif ((status == 0 && passed == 0)); then
    echo "no test ran"
    status=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
