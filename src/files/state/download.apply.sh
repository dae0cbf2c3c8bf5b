# shellcheck shell=sh disable=SC2154
# fetch URL: the bytes into `partial`; the URL may hold a token, so it is nobody's argument.
fetch() {
    if command -v curl >/dev/null; then
        printf 'url = "%s"\n' "$1" | curl -fsSL --retry 3 --retry-delay 1 --connect-timeout 20 \
            --speed-limit 1 --speed-time 60 -K - -o "$partial" 3<&- 4>&-
    elif command -v wget >/dev/null; then
        printf '%s\n' "$1" | wget -nv -t 3 -T 60 -i - -O "$partial" 3<&- 4>&-
    else
        echo 'neither curl nor wget is there' >&2
        return 127
    fi
}

# download PATH DIRECTORY OWNER MODE SOURCE SHOWN SHA MEMBER KIND RECORD TEXT: SOURCE is a URL, or
# `payload`.
download() {
    open_temp "$2"
    umask 077
    set -C
    : >"$partial"
    set +C
    umask 022
    if [ "$5" = payload ]; then
        receive >"$partial"
    else
        fetch "$5"
    fi || {
        code=$?
        no_room "$2"
        broken "download $6" "$code"
    }
    sha_of "$partial" || broken "sha256sum $6"
    if [ -n "$7" ] && [ "$sha" != "$7" ]; then
        because "the bytes of $6 have sha256 $sha, not $7"
        broken "download $6"
    fi
    if [ -n "$8" ]; then
        spare=$partial
        open_temp "$2"
        umask 077
        set -C
        case $9 in
            zip) unzip -p "$spare" "$8" >"$partial" 3<&- 4>&- ;;
            *) tar -xO -f "$spare" -- "$8" >"$partial" 3<&- 4>&- ;;
        esac || {
            no_room "$2"
            because "\`$8\` could not be taken out of $6"
            rm -f -- "$spare"
            broken "extract $8"
        }
        set +C
        umask 022
        rm -f -- "$spare"
        spare=''
        sha_of "$partial" || broken "sha256sum $8"
    fi
    installed=$sha
    queue "$1" "$2" "$3" "$4"
    shift 9
    remember "$1" "$2
$installed"
}
