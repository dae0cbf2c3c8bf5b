#!/bin/sh
# Installs the Debian packages that a task needs and this machine lacks, and says which and why.
# Usage: tools/packages.sh TASK…   with TASK one of bench, build, check, cross, dist, lab, test
set -eu

# task | what shows that it is there: a program, a file or a Python module | package | what it is for
table='
build | cc                   | gcc               | compiles the C parts of the cryptography and compression libraries
build | /usr/include/stdio.h | libc6-dev         | the headers those parts include
lab   | systemd-nspawn       | systemd-container | boots the nodes of the rehearsal cluster
lab   | mmdebstrap           | mmdebstrap        | builds the image that the nodes share
lab   | ip                   | iproute2          | gives each node a network of its own
lab   | nft                  | nftables          | lets the nodes be reached through the bastion alone
lab   | ssh-keygen           | openssh-client    | makes the keys of the rehearsal cluster
lab   | setpriv              | util-linux        | starts the helpers of the rehearsal cluster
check | shellcheck           | shellcheck        | checks the shell scripts
cross | python3              | python3           | installs the C compiler for other targets
cross | python3:ensurepip    | python3-venv      | gives it a place of its own
dist  | readelf              | binutils          | sees that the program is static
test  | ssh-keygen           | openssh-client    | makes keys for the SSH tests
test  | unzip                | unzip             | opens the archives of the stacks
test  | iptables             | iptables          | the rules that the clean-up of network slots takes away
test  | tmux                 | tmux              | the terminal in which watch is tested
test  | psql                 | postgresql-client | the shell of PostgreSQL, which a script opens
test  | /usr/sbin/sshd       | openssh-server    | the other side of the SSH tests; Debian also starts it as a service (systemctl disable --now ssh ends it)
test  | python3              | python3           | runs the official Python SDK of E2B, and Schemathesis
test  | python3:ensurepip    | python3-venv      | gives both a place of their own
test  | node                 | nodejs            | runs the official JavaScript SDK of E2B
test  | npm                  | npm               | installs it
bench | python3              | python3           | runs the benchmarks
bench | python3:ensurepip    | python3-venv      | gives the peers of the benchmarks a place of their own
bench | scp                  | openssh-client    | has two of those peers
'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # root's programs, which a user's PATH often lacks

present() {
    case $1 in
    /*) test -e "$1" ;;
    python3:*) python3 -c "import ${1#*:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
IFS='| '
for task in "$@"; do
    while read -r needed_by probe package reason; do
        test "$needed_by" = "$task" || continue
        present "$probe" && continue
        case " $missing " in *" $package "*) continue ;; esac
        echo "installing $package: $reason"
        missing="$missing $package"
    done <<EOF
$table
EOF
done
unset IFS

test -n "$missing" || exit 0
missing=${missing# }

if ! command -v apt-get >/dev/null; then
    echo "no apt-get on this machine; install what these Debian packages contain, then try again: $missing" >&2
    exit 1
fi
as_root=
if test "$(id -u)" -ne 0; then
    if ! command -v sudo >/dev/null; then
        echo "installing needs root, and there is no sudo; as root: apt-get install $missing" >&2
        exit 1
    fi
    as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words on purpose
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
} </dev/null >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "apt-get could not install $missing; its last words are above" >&2
    exit 1
}
