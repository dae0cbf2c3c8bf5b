# shellcheck shell=sh
# enable_unit UNIT enable|disable
enable_unit() {
    reload_now
    run systemctl "$2" --quiet -- "$1"
}

# change_unit UNIT start|stop|restart|reload
change_unit() {
    reload_now
    # A unit that failed too often is not started again without this.
    if [ "$2" != stop ]; then systemctl reset-failed --quiet -- "$1" 2>/dev/null; fi
    if ! systemctl "$2" --quiet -- "$1" 3<&- 4>&-; then unit_failed "$1" "$2"; fi
    if [ "$2" != stop ]; then
        # What fails at once has failed by then.
        sleep 0.3
        case $(systemctl show --value -p ActiveState,SubState -- "$1" | tr '\n' ' ') in
            failed* | *auto-restart*) unit_failed "$1" "$2" ;;
        esac
    fi
}

# unit_failed UNIT VERB
unit_failed() {
    result=$(systemctl show --value -p Result -- "$1")
    because "\`$1\` did not $2 (result: $result)"
    systemctl status --no-pager --full --lines=0 -- "$1" 3<&- 4>&-
    journalctl --no-pager --quiet --output=cat --lines=12 --unit="$1" 3<&- 4>&-
    fail 1 "systemctl $2 $1"
}

# note_reload NAME: a reload leaves the unit's start time as it was.
note_reload() {
    remember "$1" "$(date +%s)"
}
