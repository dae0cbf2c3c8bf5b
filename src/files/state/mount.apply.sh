# shellcheck shell=sh
# mount_there SOURCE PATH FSTYPE OPTIONS RECORD TEXT
mount_there() {
    flush
    if [ ! -d "$2" ]; then mkdir -p -- "$2" || fail $? "mkdir -p $2"; fi
    run mount -t "$3" -o "$4" -- "$1" "$2"
    remember "$5" "$6"
}

# remount PATH OPTIONS RECORD TEXT
remount() {
    flush
    run mount -o "remount,$2" -- "$1"
    remember "$3" "$4"
}
