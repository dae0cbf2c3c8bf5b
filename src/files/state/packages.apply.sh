# shellcheck shell=sh disable=SC2154
apt_get() {
    env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none \
        apt-get -q -y -o "DPkg::Lock::Timeout=$((deadline - $(date +%s)))" \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" \
        </dev/null 3<&- 4>&-
}

# update_lists: apt waits for dpkg's lock by itself, but not for that of the lists.
update_lists() {
    until updated=$(apt_get update 2>&1); do
        case $updated in
            *'Could not get lock'* | *'Unable to lock'*)
                if [ "$(date +%s)" -lt "$deadline" ]; then
                    sleep 2
                    continue
                fi
                ;;
        esac
        echo "$updated"
        return 1
    done
    echo "$updated"
}

# install_packages SECONDS RECOMMENDS NAMES [OPTION…]
install_packages() {
    flush
    deadline=$(($(date +%s) + $1))
    recommends=$2
    names=$3
    # A run that was killed in the middle leaves dpkg in need of this.
    for pending in /var/lib/dpkg/updates/[0-9]*; do
        if [ -e "$pending" ]; then run env DEBIAN_FRONTEND=noninteractive dpkg --configure -a; fi
        break
    done
    # shellcheck disable=SC2086
    set -- install "$recommends" --allow-downgrades -- $names
    if ! apt_get "$@"; then
        if [ "$(date +%s)" -ge "$deadline" ]; then
            because "another program held the package manager's lock for too long"
            fail 100 "apt-get $*"
        fi
        echo 'the package lists may be old: updating them'
        update_lists || fail 100 "apt-get update"
        apt_get "$@" || fail $? "apt-get $*"
    fi
    for name in $names; do
        name=${name%%=*}
        if [ "$(dpkg-query -W -f '${db:Status-Status} ' -- "$name" 2>/dev/null | cut -d ' ' -f 1)" != installed ]; then
            because "\`$name\` is no real package: apt installed something that provides it, so name that"
            fail 1 "dpkg-query -W $name"
        fi
    done
}
