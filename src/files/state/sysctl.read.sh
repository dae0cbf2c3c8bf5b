# shellcheck shell=sh
# read_sysctl FILE…: all values below /proc/sys with one process. The shell's own `read` takes one
# byte at a time, which such a file answers once.
read_sysctl() {
    values=$(grep -s '' /dev/null "$@")
    at=0
    for file in "$@"; do
        if [ -e "$file" ]; then printf 'sysctl %s\n%s\0' "$at" "$values"; fi
        at=$((at + 1))
    done
}
