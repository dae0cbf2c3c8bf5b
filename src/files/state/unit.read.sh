# shellcheck shell=sh
# read_unit UNIT…: the units' properties, in order, with an empty line between them.
read_unit() {
    if ! command -v systemctl >/dev/null || [ ! -d /run/systemd/system ]; then return 0; fi
    shown=$(TZ=UTC systemctl show --no-pager -p \
        LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,Result,ActiveEnterTimestamp,ExecMainStartTimestamp,ExecMainExitTimestamp \
        -- "$@")
    now=$(date +%s)
    at=0
    printf 'unit 0\n%s\n' "$now"
    while IFS= read -r line; do
        if [ -n "$line" ]; then
            printf '%s\n' "$line"
        else
            at=$((at + 1))
            printf '\0unit %s\n%s\n' "$at" "$now"
        fi
    done <<END
$shown
END
    printf '\0'
}
