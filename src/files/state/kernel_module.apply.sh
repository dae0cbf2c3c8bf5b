# shellcheck shell=sh
# load_module NAME RELOAD RECORD [OPTION=VALUE…]: loads it and remembers what became of the options.
load_module() {
    flush
    name=$1 reload=$2 note=$3
    shift 3
    if [ -n "$reload" ]; then
        if ! modprobe -r -- "$name" 3<&- 4>&-; then
            because "the module is in use, so its options cannot change: free it or reboot"
            fail 1 "modprobe -r $name"
        fi
    fi
    run modprobe -- "$name" "$@"
    seen="$*"
    for option in "$@"; do
        parameter=${option%%=*} value=''
        if [ -r "/sys/module/$name/parameters/$parameter" ]; then
            { read -r value <"/sys/module/$name/parameters/$parameter"; } 2>/dev/null
            # The newline is part of the text.
            seen="$seen
$parameter=$value"
        fi
    done
    remember "$note" "$seen"
}
