# shellcheck shell=sh
# Sends one file: a record with its size, then its bytes.

# open_file PATH: opens it for `dd`, or says what is in the way.
open_file() {
    if [ -d "$1" ]; then
        printf 'not directory\n\0'
    elif [ ! -e "$1" ]; then
        if [ -L "$1" ]; then printf 'not link\n\0'; else printf 'not there\n\0'; fi
    elif [ ! -f "$1" ]; then
        printf 'not file\n\0'
    elif ! { exec 5<"$1"; } 2>/dev/null; then
        printf 'not readable\n\0'
    else
        return 0
    fi
    exit 0
}

# send_pieces PATH: as much at a time as the reader asks for, so that it need not hold more.
send_pieces() {
    open_file "$1"
    printf 'file %s\n\0' "$(stat -L -c '%s %a' -- "$1")"
    while read -r count; do
        dd bs=131072 count="$count" iflag=fullblock,count_bytes status=none <&5 || exit 1
    done
}

# send_start PATH LIMIT: the first bytes; files of /proc do not know their size.
send_start() {
    open_file "$1"
    printf 'file 0 0\n\0'
    dd bs=131072 count="$2" iflag=fullblock,count_bytes status=none <&5
}
