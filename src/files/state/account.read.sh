# shellcheck shell=sh
# read_account USERS GROUPS …: pairs of lists; all users and all groups are looked up at once.
read_account() {
    users='' groups='' pairs=0
    while [ $# -gt 0 ]; do
        users="$users $1"
        groups="$groups $2"
        pairs=$((pairs + 1))
        shift 2
    done
    found=''
    # shellcheck disable=SC2086
    if [ -n "${users# }" ]; then found=$(getent passwd $users | sed 's/^/user:/'); fi
    # shellcheck disable=SC2086
    case $groups in *[!\ ]*) found="$found
$(getent group $groups | sed 's/^/group:/')" ;; esac
    at=0
    while [ "$at" -lt "$pairs" ]; do
        printf 'account %s\n%s\0' "$at" "$found"
        at=$((at + 1))
    done
}
