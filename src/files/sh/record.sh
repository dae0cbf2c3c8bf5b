# shellcheck shell=sh disable=SC2154
# read_record NAME…: what earlier runs remembered.
read_record() {
    at=0
    for name in "$@"; do
        if [ -f "$state_dir/records/$name" ]; then
            printf 'record %s\n' "$at"
            while IFS= read -r line; do printf '%s\n' "$line"; done <"$state_dir/records/$name"
            printf '\0'
        fi
        at=$((at + 1))
    done
}
