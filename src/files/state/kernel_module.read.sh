# shellcheck shell=sh
# read_kernel_module NAME…: how each is there, how often it is used, and its parameters.
read_kernel_module() {
    release=''
    read -r release </proc/sys/kernel/osrelease
    at=0
    for name in "$@"; do
        there=missing used=0
        if [ -e "/sys/module/$name/initstate" ]; then
            there=loaded
            { read -r used <"/sys/module/$name/refcnt"; } 2>/dev/null
        elif [ -d "/sys/module/$name" ]; then
            there=builtin
        elif grep -qs "/$(printf %s "$name" | sed 's/_/[-_]/g')\\.ko" "/lib/modules/$release/modules.builtin"; then
            there=builtin
        elif modprobe -n -q -- "$name" 2>/dev/null; then
            there=available
        fi
        printf 'kernel_module %s\n%s %s\n' "$at" "$there" "$used"
        for parameter in "/sys/module/$name/parameters"/*; do
            value=''
            if [ -r "$parameter" ] && { read -r value <"$parameter"; } 2>/dev/null; then
                printf '%s=%s\n' "${parameter##*/}" "$value"
            fi
        done
        printf '\0'
        at=$((at + 1))
    done
}
