# shellcheck shell=sh
# The payload: contents in the order they are asked for, each a run of frames.
exec 3<&0 </dev/null

# Passes on exactly that many bytes of the payload.
take() {
    dd bs=262144 count="$1" iflag=fullblock,count_bytes status=none <&3
}

# Has the disk begin with what of `partial` is there, so that making it durable at its end has little left to wait for.
write_out() {
    if [ -n "${partial:-}" ]; then
        sync -d -- "$partial" 3<&- 4>&- >/dev/null 2>&1 &
    fi
}

# Makes the pipe that the payload comes through sixteen times as wide as it is by default: the server and the reader
# hand over to each other as much less often. 1031 is F_SETPIPE_SZ. What has no perl does without.
widen() {
    perl -e 'fcntl(STDIN, 1031, 1048576)' <&3 >/dev/null 2>&1 || :
}

# So much is taken between two rounds of writing out: 32 MiB.
piece=33554432

# Writes the next content to standard output; false unless it came whole.
receive() {
    while read -r frame size <&3; do
        case $frame in
            r)
                if [ "$size" -gt "$piece" ]; then widen; fi
                while [ "$size" -gt "$piece" ]; do
                    take "$piece" || return 1
                    write_out
                    size=$((size - piece))
                done
                take "$size" || return 1
                ;;
            z) take "$size" | gzip -dc || return 1 ;;
            e) return 0 ;;
            *) return 1 ;;
        esac
    done
    return 1
}
