# shellcheck shell=sh disable=SC1091
# What there is to know about a host: one `name value` a line, values as the host has them.
say() { printf '%s %s\n' "$1" "$2"; }
say time "$(date +%s.%N)"
say hostname "$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)"
say kernel "$(uname -r)"
say arch "$(uname -m)"
(. /etc/os-release && say os "$PRETTY_NAME" && say os_id "$ID" && say os_version "${VERSION_ID-}") 2>/dev/null
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
while read -r name kib _; do
    case $name in
        MemTotal:) say memory_kib "$kib" ;;
        MemAvailable:) say memory_available_kib "$kib" ;;
        SwapTotal:) say swap_kib "$kib" ;;
    esac
done </proc/meminfo
while read -r up _; do say uptime "${up%.*}"; done </proc/uptime
read -r load _ </proc/loadavg && say load "$load"
df -P -k 2>/dev/null | while read -r source total used free _ mount; do
    case $source in
        /dev/* | overlay | rootfs) say disk "$total $used $free $mount" ;;
        *) [ "$mount" = / ] && say disk "$total $used $free $mount" ;;
    esac
done
if [ -d /run/systemd/system ]; then
    say systemd "$(systemctl is-system-running 2>/dev/null)"
    systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | while read -r unit _; do
        say failed_unit "$unit"
    done
fi
[ -c /dev/kvm ] && say kvm yes
say virtualization "$(systemd-detect-virt 2>/dev/null || echo none)"
say cpu_flags "$(grep -o -m1 -w -E 'vmx|svm' /proc/cpuinfo | head -n 1)"
ip -o addr show scope global 2>/dev/null | while read -r _ interface _ address _; do
    say address "$interface ${address%%/*}"
done
ip route show default 2>/dev/null | while read -r _ _ gateway _ interface _; do
    say default_route "$interface $gateway"
done
say end yes
