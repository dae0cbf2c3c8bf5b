#!/bin/sh
# Packs a directory as a .tar.gz whose bytes depend on its files alone: their order, owners and times are the same everywhere.
# Usage: SOURCE_DATE_EPOCH=SECONDS tools/pack.sh DIRECTORY ARCHIVE
set -eu

directory=$1
archive=$2
tar --version 2>/dev/null | grep -q 'GNU tar' || {
    echo "packing needs GNU tar: on macOS, \`brew install gnu-tar\` has it as gtar" >&2
    exit 1
}
# Not in a pipe, whose first part could fail unseen.
trap 'rm -f "$archive.part"' EXIT
LC_ALL=C tar --create --file "$archive.part" --format ustar --sort name --mtime "@$SOURCE_DATE_EPOCH" --mode u=rwX,go=rX \
    --owner 0 --group 0 --numeric-owner --directory "$(dirname "$directory")" "$(basename "$directory")"
gzip -9 --no-name --stdout "$archive.part" >"$archive"
