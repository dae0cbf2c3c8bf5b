# shellcheck shell=sh disable=SC2154
# put_nft PATH DIRECTORY: loads the next content as one transaction, then keeps it for the next boot.
put_nft() {
    flush
    open_temp "$2"
    umask 077
    set -C
    if ! receive >"$partial"; then
        no_room "$2"
        broken "write $1"
    fi
    set +C
    umask 022
    run nft -f "$partial"
    queue "$1" "$2" '' 0644
}

# note_nft FAMILY NAME RECORD SHA: remembers how the kernel shows what was loaded.
note_nft() {
    flush
    live=$(nft -s list table "$1" "$2") || fail $? "nft list table $1 $2"
    shown=$(printf %s "$live" | sha256sum)
    remember "$3" "$4 ${shown%% *}"
}
