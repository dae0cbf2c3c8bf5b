# shellcheck shell=sh
# read_nft_table FAMILY NAME …: what is loaded; counters do not count.
read_nft_table() {
    at=0
    while [ $# -gt 0 ]; do
        if ! command -v nft >/dev/null; then
            printf 'nft_table %s\nno nft\0' "$at"
        elif live=$(nft -s list table "$1" "$2" 2>/dev/null); then
            printf 'nft_table %s\ntable\n%s\0' "$at" "$live"
        else
            printf 'nft_table %s\nno table\0' "$at"
        fi
        at=$((at + 1))
        shift 2
    done
}
