# shellcheck shell=sh
# The payload: contents in the order they are asked for, each a run of frames.
exec 3<&0 </dev/null

# Passes on exactly that many bytes of the payload.
take() {
    dd bs=131072 count="$1" iflag=fullblock,count_bytes status=none <&3
}

# Writes the next content to standard output; false unless it came whole.
receive() {
    while read -r frame size <&3; do
        case $frame in
            r) take "$size" || return 1 ;;
            z) take "$size" | gzip -dc || return 1 ;;
            e) return 0 ;;
            *) return 1 ;;
        esac
    done
    return 1
}
