# shellcheck shell=sh disable=SC2034,SC2154
# Applies items in order. Files are written beside their destinations, made durable together and
# renamed in order; whatever ends the script, no temporary file stays.
exec 4>&1 1>&2
item=0 queued=0 serial=0 partial='' spare='' reload_units=''
umask 022

cleanup() {
    status=$?
    trap - EXIT HUP INT PIPE TERM
    if [ -n "$partial$spare" ]; then rm -rf -- "$partial" "$spare"; fi
    i=0
    while [ "$i" -lt "$queued" ]; do
        i=$((i + 1))
        eval "temp=\$temp_$i"
        if [ -n "$temp" ]; then rm -f -- "$temp"; fi
    done
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# record WORDS [PAYLOAD]
record() {
    printf '%s\n%s\0' "$1" "${2-}" >&4
}

begin() {
    item=$1
    record "begin $1"
    printf '\0%s\0' "$1" >&2
}

# finish ITEM: says that it is done, once what it queued is.
finish() {
    if [ "$queued" -eq 0 ]; then
        record "done $1"
    else
        queued=$((queued + 1))
        eval "temp_$queued='' item_$queued=\$1"
    fi
}

# because TEXT: says in one sentence why the next `fail` fails.
because() {
    record because "$1"
}

# skip ITEM: a conditional item turned out to be as it should be.
skip() {
    record "skip $1"
}

# fail CODE WHAT: gives up with the command that failed.
fail() {
    record "fail $item $1" "$2"
    exit 93
}

# no_room DIRECTORY: gives up what was written and tells how full the disk is then; the workstation
# knows from the message whether that matters.
no_room() {
    if [ -n "$partial$spare" ]; then rm -rf -- "$partial" "$spare"; fi
    record "space $1" "$(df -Pk -- "$1" 2>/dev/null)"
}

# run COMMAND ARGUMENT…: without the payload and the record stream.
run() {
    "$@" 3<&- 4>&- || fail $? "$*"
}

# sweep DIRECTORY: removes what killed runs left there.
swept=''
sweep() {
    case $swept in *"$nl$1$nl"*) return 0 ;; esac
    swept="$swept$nl$1$nl"
    for old in "$1"/.e2bscript.*; do
        owner=${old##*/.e2bscript.}
        owner=${owner%%.*}
        case $owner in '' | *[!0-9]*) continue ;; esac
        if [ ! -d "/proc/$owner" ]; then rm -rf -- "$old"; fi
    done
}

# open_temp DIRECTORY: sets `partial` to a name that nothing has yet.
open_temp() {
    sweep "$1"
    serial=$((serial + 1))
    partial=$1/.e2bscript.$$.$serial
}

# put PATH DIRECTORY OWNER MODE: queues the next content of the payload.
put() {
    open_temp "$2"
    # Created exclusively and for its owner alone; noclobber is O_EXCL.
    umask 077
    set -C
    if ! receive >"$partial"; then
        no_room "$2"
        broken "write $1"
    fi
    umask 022
    set +C
    queue "$1" "$2" "$3" "$4"
}

# queue PATH DIRECTORY OWNER MODE: takes the open temporary file as the content of PATH.
queue() {
    if [ -n "$3" ]; then chown -- "$3" "$partial" || broken "chown $3 $1"; fi
    if [ "$4" != 0600 ]; then chmod -- "$4" "$partial" || broken "chmod $4 $1"; fi
    queued=$((queued + 1))
    eval "temp_$queued=\$partial path_$queued=\$1 dir_$queued=\$2 item_$queued=\$item"
    partial=''
}

# broken WHAT [CODE]: an item cannot be queued; those before it are finished first.
broken() {
    failed=$item
    umask 022
    set +C
    rm -f -- "$partial"
    partial=''
    flush
    item=$failed
    fail "${2:-1}" "$1"
}

# unchanged_since PATH SHA: what was computed from a file must not undo another's work.
unchanged_since() {
    flush
    now=$(sha256sum <"$1") || fail $? "sha256sum $1"
    if [ "${now%% *}" != "$2" ]; then
        echo "$1 changed while its new content was computed" >&2
        fail 1 "edit $1"
    fi
}

# make_durable PATH…
make_durable() {
    # Old tools know only the global form.
    sync -- "$@" 2>/dev/null || sync "$@" || sync
}

# flush: makes the queued files durable, renames them in order, makes the names durable.
flush() {
    [ "$queued" -gt 0 ] || return 0
    current=$item
    set --
    i=0
    while [ "$i" -lt "$queued" ]; do
        i=$((i + 1))
        eval "temp=\$temp_$i"
        if [ -n "$temp" ]; then set -- "$@" "$temp"; fi
    done
    item=$item_1
    if [ $# -gt 0 ] && ! make_durable "$@"; then
        no_room "$dir_1"
        fail 1 sync
    fi
    set --
    i=0
    while [ "$i" -lt "$queued" ]; do
        i=$((i + 1))
        eval "temp=\$temp_$i item=\$item_$i"
        if [ -z "$temp" ]; then
            record "done $item"
            continue
        fi
        eval "path=\$path_$i dir=\$dir_$i"
        # Without -T it would move into a directory that appeared meanwhile.
        mv -fT -- "$temp" "$path" || fail $? "mv $path"
        eval "temp_$i=''"
        seen=''
        for known in "$@"; do
            if [ "$known" = "$dir" ]; then seen=1; fi
        done
        if [ -z "$seen" ]; then set -- "$@" "$dir"; fi
    done
    queued=0
    if [ $# -gt 0 ]; then make_durable "$@" || fail $? sync; fi
    item=$current
}

# set_meta PATH OWNER MODE NARROW: never wider than before or after on the way.
set_meta() {
    flush
    if [ -n "$2" ]; then
        if [ -n "$4" ]; then run chmod -- "$4" "$1"; fi
        run chown -- "$2" "$1"
    fi
    if [ -n "$3" ]; then run chmod -- "$3" "$1"; fi
}

# make_parents DIRECTORY
make_parents() {
    flush
    mkdir -p -- "$1" || { code=$?; no_room /; fail "$code" "mkdir -p $1"; }
}

# make_dir PATH PARENT OWNER MODE: it appears with its final owner and mode.
make_dir() {
    flush
    open_temp "$2"
    (umask 077 && mkdir -- "$partial") || { code=$?; no_room "$2"; fail "$code" "mkdir $1"; }
    if [ -n "$3" ]; then chown -- "$3" "$partial" || undo_dir "chown $3 $1"; fi
    if [ "$4" != 0700 ]; then chmod -- "$4" "$partial" || undo_dir "chmod $4 $1"; fi
    mv -T -- "$partial" "$1" || undo_dir "mkdir $1"
    partial=''
    make_durable "$2" || fail $? sync
}

undo_dir() {
    rmdir -- "$partial"
    partial=''
    fail 1 "$1"
}

# make_link PATH DIRECTORY TARGET
make_link() {
    flush
    open_temp "$2"
    run ln -s -- "$3" "$partial"
    # Without -T a link to a directory would receive the new link.
    mv -fT -- "$partial" "$1" || fail $? "ln -s $3 $1"
    partial=''
    make_durable "$2" || fail $? sync
}

# remove PATH KIND: a file, an empty directory or a tree.
remove() {
    flush
    case $2 in
        file) run rm -f -- "$1" ;;
        dir) run rmdir -- "$1" ;;
        tree) run rm -rf -- "$1" ;;
    esac
}

# remember NAME TEXT: keeps what a later run needs to know.
remember() {
    (umask 077 && mkdir -p -- "$state_dir/records") || fail $? "mkdir $state_dir"
    spare=$state_dir/records/.$1.$$
    printf '%s\n' "$2" >"$spare" || fail $? "write $state_dir/records/$1"
    mv -f -- "$spare" "$state_dir/records/$1" || fail $? "write $state_dir/records/$1"
    spare=''
}

# forget NAME
forget() {
    rm -f -- "$state_dir/records/$1"
}

# need_reload: unit files have changed.
need_reload() {
    reload_units=1
}

# reload_now: systemd reads changed unit files, once for all of them.
reload_now() {
    flush
    if [ -n "$reload_units" ]; then
        reload_units=''
        if [ -d /run/systemd/system ]; then run systemctl daemon-reload; fi
    fi
}

# sha_of FILE: sets `sha`.
sha_of() {
    if command -v openssl >/dev/null && sha=$(openssl dgst -sha256 -r <"$1" 2>/dev/null); then :; else
        sha=$(sha256sum <"$1") || return 1
    fi
    sha=${sha%% *}
}

# finish_all: what every script ends with.
finish_all() {
    flush
    reload_now
    remember_hashes
    record end
}

# keep_hash PATH: the hash of the large file that is being put there is to be remembered; the
# hashes are the last of the payload, in this order.
kept=''
keep_hash() {
    kept=$((${kept:-0} + 1))
    eval "kept_path_$kept=\$1"
}

# remember_hashes: saves a later run the hashing; the key changes with any change of the file.
remember_hashes() {
    [ -n "$kept" ] || return 0
    open_state || return 0
    set --
    i=0
    while [ "$i" -lt "$kept" ]; do
        i=$((i + 1))
        eval "set -- \"\$@\" \"\$kept_path_$i\""
    done
    stats=$(stat -c '%d:%i:%s:%y:%z' -- "$@") || return 0
    {
        if [ -f "$state_dir/hashes" ]; then tail -n 400 -- "$state_dir/hashes"; fi
        while read -r stat; do
            # One that could not be had is empty: there is nothing to remember then.
            read -r frame sha <&3 || break
            if [ -n "$sha" ]; then printf '%s %s\n' "$stat" "$sha"; fi
        done <<END
$stats
END
    } >"$partial" && mv -f -- "$partial" "$state_dir/hashes"
    partial=''
}

# open_state: opens a temporary file in the state directory, which only its owner may enter.
open_state() {
    if [ ! -d "$state_dir" ]; then
        (umask 077 && mkdir -p -- "$state_dir") || return 1
    fi
    open_temp "$state_dir"
}
