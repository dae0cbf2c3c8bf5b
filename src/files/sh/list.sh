# shellcheck shell=sh disable=SC2154
# list DIRECTORY [FIND-EXPRESSION…]: what is in a tree. The expression selects what is not looked
# into. The payload names the files whose hash is wanted.
list() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        receive >/dev/null
        printf 'root absent\n\0'
        return 0
    fi
    if [ ! -d "$1" ]; then
        printf 'root other\n\0'
        return 0
    fi
    cd -- "$1" || exit 1
    shift
    printf 'root dir\n\0'
    if [ $# -gt 0 ]; then set -- '(' "$@" ')' -prune -printf 'kept\n%P\0' -o; fi
    find . -mindepth 1 "$@" \
        '(' -name '.e2bscript.*' -prune ')' -o \
        -type l -printf 'node %y %m %s %u %g %U %G\n%P\0' -printf 'target\n%l\0' -o \
        -printf 'node %y %m %s %u %g %U %G\n%P\0' || exit 1
    # Missing files are no news: the listing told.
    receive | xargs -0 -r sha256sum -z -- 2>/dev/null | sed -z 's/^/sha\n/'
}
