# shellcheck shell=sh
# set_sysctl FILE VALUE KEY OPTIONAL
set_sysctl() {
    flush
    if [ ! -e "$1" ]; then
        # What was to bring it has not.
        if [ -n "$4" ]; then return 0; fi
        because "the kernel has no such key"
        fail 1 "sysctl -w $3=$2"
    fi
    printf '%s\n' "$2" >"$1" || fail $? "sysctl -w $3=$2"
}
