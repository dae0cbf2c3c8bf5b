#!/bin/sh
# Makes the node's database cluster at its first boot, and starts it. Runs inside the node, as root.
set -eu
here=/usr/local/lib/e2blab
bin=/usr/lib/postgresql/15/bin
data=/var/lib/postgresql/15/main

if test -e "$here/roles.sql"; then
    # the data has a file system of its own, so that a full one leaves the log of changes room
    rm -rf "$data"
    mount -t tmpfs -o size=512m,mode=0755 e2blab-database /var/lib/postgresql/15
    chown postgres:postgres /var/lib/postgresql/15
    setpriv --reuid=postgres --regid=postgres --init-groups "$bin/initdb" --pgdata="$data" \
        --waldir=/var/lib/postgresql/wal --wal-segsize=4 --username=superuser --auth=peer \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions > /dev/null

    # a managed service lets its customers create the extensions of a list, and no others
    for control in /usr/share/postgresql/15/extension/*.control; do
        case ${control##*/} in
        btree_gin.* | pgcrypto.* | plpgsql.* | unaccent.*) ;;
        *) sed -i '/^trusted/d' "$control" ;;
        esac
    done
fi

systemctl start postgresql@15-main

if test -e "$here/roles.sql"; then
    setpriv --reuid=postgres --regid=postgres --init-groups \
        psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=superuser --dbname=postgres \
        --file="$here/roles.sql"
    rm "$here/roles.sql"
fi
