# shellcheck shell=sh disable=SC2034,SC2154
# Reads the state of paths with as few processes as can be: one `stat`, one or two hashers.
exec </dev/null
present='' small='' big='' odd='' cache=''

# p NUMBER PATH: asks for a path.
p() {
    eval "path_$1=\$2"
    if [ -e "$2" ] || [ -L "$2" ]; then present="$present $1"; fi
}

# pf NUMBER PATH: asks for what a path leads to, should it be a link.
pf() {
    real=$2
    if [ -L "$2" ]; then
        real=$(readlink -f -- "$2" && printf .)
        real=${real%?.}
        printf 'real %s\n%s\0' "$1" "$real"
    fi
    p "$1" "$real"
}

stat_all() {
    set --
    for i in $present; do eval "set -- \"\$@\" \"\$path_$i\""; done
    stats=$(stat -c '%f|%u|%g|%U|%G|%s|%d|%i|%Z|%y|%z' -- "$@" "/proc/$$")
    printf 'stat%s\n%s\0' "$present" "$stats"
    # shellcheck disable=SC2086
    set -- $present
    while IFS='|' read -r mode _ _ _ _ size device inode _ modified changed; do
        [ $# -gt 0 ] || break
        eval "mode_$1=\$mode size_$1=\$size key_$1=\$device:\$inode:\$size:\$modified:\$changed"
        shift
    done <<END
$stats
END
}

# load_cache: hashes of large files as earlier runs left them; a changed file has another key.
load_cache() {
    if [ -f "$state_dir/hashes" ]; then cache=$nl$(cat <"$state_dir/hashes")$nl; fi
}

# h NUMBER SIZE: asks for the hash of a file, if it has that size (- for any).
h() {
    eval "path=\$path_$1 mode=\${mode_$1-} size=\${size_$1-} key=\${key_$1-}"
    case $mode in 8*) ;; *) return 0 ;; esac
    case $2 in - | "$size") ;; *) return 0 ;; esac
    case $path in *"$nl"* | *\\*) odd="$odd $1"; return 0 ;; esac
    if [ "$size" -lt 1048576 ]; then small="$small $1"; return 0; fi
    case $cache in
        *"$nl$key "*)
            sha=${cache#*"$nl$key "}
            sha=${sha%%"$nl"*}
            eval "sha_$1=\$sha"
            printf 'sha %s\n%s\0' "$1" "$sha"
            ;;
        *) big="$big $1" ;;
    esac
}

# digest NUMBERS PROGRAM ARGUMENT…: hashes files with one process.
digest() {
    numbers=$1
    shift
    for i in $numbers; do eval "set -- \"\$@\" \"\$path_$i\""; done
    shas=$("$@") || return 1
    printf 'sha%s\n%s\0' "$numbers" "$shas"
    # shellcheck disable=SC2086
    set -- $numbers
    while read -r sha _; do
        [ $# -gt 0 ] || break
        eval "sha_$1=\$sha"
        shift
    done <<END
$shas
END
}

hash_all() {
    if [ -n "$small" ]; then digest "$small" sha256sum --; fi
    if [ -n "$big" ]; then
        # Several times faster than coreutils where it is there.
        if ! command -v openssl >/dev/null || ! digest "$big" openssl dgst -sha256 -r; then
            digest "$big" sha256sum --
        fi
    fi
    for i in $odd; do
        eval "path=\$path_$i"
        sha=$(sha256sum <"$path")
        eval "sha_$i=\${sha%% *}"
        printf 'sha %s\n%s\0' "$i" "$sha"
    done
}

# t NUMBER LIMIT SHA: asks for the content of a small file, unless it has that hash (- for none).
t() {
    eval "path=\$path_$1 mode=\${mode_$1-} size=\${size_$1-} sha=\${sha_$1-}"
    case $mode in 8*) ;; *) return 0 ;; esac
    if [ "$size" -le "$2" ] && [ "$sha" != "$3" ]; then
        text=$(base64 <"$path") || return 0
        printf 'text %s\n%s\0' "$1" "$text"
    fi
}

# l NUMBER: asks where a link points.
l() {
    eval "path=\$path_$1"
    if [ -L "$path" ]; then
        target=$(readlink -- "$path" && printf .)
        printf 'link %s\n%s\0' "$1" "${target%?.}"
    fi
}

# e NUMBER: asks whether a directory holds anything.
e() {
    eval "path=\$path_$1 mode=\${mode_$1-}"
    case $mode in 4*) ;; *) return 0 ;; esac
    for entry in "$path"/* "$path"/.*; do
        case $entry in */. | */..) continue ;; esac
        if [ -e "$entry" ] || [ -L "$entry" ]; then
            printf 'filled %s\n\0' "$1"
            return 0
        fi
    done
}
