# shellcheck shell=sh disable=SC2154
# Changes a tree: everything new is unpacked beside it first, then renamed file by file.

# enter DIRECTORY: the tree's root, made where it is missing.
enter() {
    if [ ! -d "$1" ]; then make_parents "$1"; fi
    cd -- "$1" || fail $? "cd $1"
    sweep .
}

# unpack OWNER: the next content is an archive; it comes whole or not at all.
unpack() {
    open_temp .
    stage=$partial
    (umask 077 && mkdir -- "$stage") || { code=$?; no_room "$PWD"; fail "$code" "mkdir $PWD/$stage"; }
    # A pipe tells the status of its last command only.
    { receive || : >"$stage.broken"; } | tar -x -p -m --no-same-owner -C "$stage" -f - 3<&- 4>&-
    code=$?
    if [ -e "$stage.broken" ]; then
        rm -f -- "$stage.broken"
        code=1
    fi
    if [ "$code" -ne 0 ]; then
        no_room "$PWD"
        fail "$code" "unpack into $PWD"
    fi
    if [ -n "$1" ]; then run chown -Rh -- "$1" "$stage"; fi
    if ! find "$stage" -type f -exec sync -- {} +; then
        no_room "$PWD"
        fail 1 sync
    fi
}

# make_dirs OWNER MODE PATH…
make_dirs() {
    owner=$1 mode=$2
    shift 2
    run mkdir -m "$mode" -- "$@"
    if [ -n "$owner" ]; then run chown -h -- "$owner" "$@"; fi
}

# place DIRECTORY NAME…: renames unpacked files into a directory, each in one step.
place() {
    into=$1
    shift
    count=$#
    while [ "$count" -gt 0 ]; do
        set -- "$@" "$stage/$into/$1"
        shift
        count=$((count - 1))
    done
    run mv -f -t "$into" -- "$@"
    make_durable "$into"
}

# leave: all unpacked files have been renamed.
leave() {
    if [ -n "$stage" ]; then rm -rf -- "$stage"; fi
    partial=''
}

# delete_files PATH…
delete_files() {
    run rm -f -- "$@"
}

# delete_dirs PATH…: deepest first.
delete_dirs() {
    run rmdir -- "$@"
}

# set_modes MODE PATH…
set_modes() {
    mode=$1
    shift
    run chmod -- "$mode" "$@"
}

# set_owners OWNER PATH…
set_owners() {
    owner=$1
    shift
    run chown -h -- "$owner" "$@"
}
