# shellcheck shell=sh
# read_packages NAMES…: each word is the list of one item; one look at dpkg serves all.
read_packages() {
    known=none
    if command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2048,SC2086
        known=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' -- $* 2>/dev/null)
    fi
    at=0
    for _ in "$@"; do
        printf 'packages %s\n%s\0' "$at" "$known"
        at=$((at + 1))
    done
}
