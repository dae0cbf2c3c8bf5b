# shellcheck shell=sh disable=SC2154
# holds TEXT: whether a condition holds.
holds() {
    (eval "$1") </dev/null >/dev/null 2>&1 3<&- 4>&-
}

# pour: the next content, which is one small frame, to a command that need not read it.
pour() {
    while read -r frame size <&3; do
        if [ "$frame" = e ]; then return 0; fi
        take "$size" 2>/dev/null
    done
}

# run_command NAME DIRECTORY CREATES UNLESS ONLYIF SETUP TEXT: TEXT never is an argument of a
# process; its standard input is the next content of the payload.
run_command() {
    flush
    if { [ -n "$3" ] && { [ -e "$3" ] || [ -L "$3" ]; }; } ||
        { [ -n "$4" ] && holds "$4"; } ||
        { [ -n "$5" ] && ! holds "$5"; }; then
        pour >/dev/null
        skip "$item"
        return 0
    fi
    pour | (
        exec 3<&- 4>&-
        if [ -n "$2" ]; then cd -- "$2" || exit 1; fi
        eval "$6"
        eval "$7"
    )
    code=$?
    if [ "$code" -ne 0 ]; then fail "$code" "$1"; fi
    if [ -n "$3" ] && [ ! -e "$3" ] && [ ! -L "$3" ]; then
        because "it ended well but did not create \`$3\`"
        fail 1 "$1"
    fi
}
