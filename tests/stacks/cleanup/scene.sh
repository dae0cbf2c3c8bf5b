# shellcheck shell=bash disable=SC2034 # its readers are the scenes
# A client host for e2b-cleanup-network: run with mount, network and process namespaces of its own, so that its slots,
# addresses and processes are nobody else's, and all of it is gone with the first process. Needs CONSUL, SCRIPT and WORK.
set -euo pipefail

mount -t tmpfs tmpfs /run
ip link set lo up
mkdir -p "$WORK/bin" "$WORK/block"
for program in orchestrator template-manager; do cp "$(command -v sleep)" "$WORK/bin/$program"; done
node_id=0badcafe-1111-2222-3333-444455556666
echo "$node_id" >"$WORK/client-id"
export E2B_BIN=$WORK/bin E2B_SYS_BLOCK=$WORK/block E2B_CLEANUP_STATE=/run/cleanup E2B_NODE_NAME=client-1 \
    E2B_NOMAD_CLIENT_ID=$WORK/client-id E2B_CONSUL=http://127.0.0.1:8500
kv=$E2B_CONSUL/v1/kv

"$CONSUL" agent -dev -bind=127.0.0.1 -log-level=error >"$WORK/consul.log" 2>&1 &
consul_pid=$!
for _ in $(seq 300); do
    curl -sf "$E2B_CONSUL/v1/status/leader" | grep -q : && break
    sleep 0.1
done

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# start PROGRAM: runs it for as long as the scene lasts; its process is in $started
start() {
    "$WORK/bin/$1" 3600 &
    started=$!
}

end() { kill "$1" && { wait "$1" || true; }; }

# reserve OWNER SLOT: takes the slot in the key-value store, as the platform does: only if nobody has it
reserve() { [[ $(curl -sf -X PUT -d '' "$kv/$1/$2?cas=0") == true ]]; }
reserved() { curl -sf -o /dev/null "$kv/$1/$2"; }

namespace() { ip netns add "ns-$1"; }

wire() {
    ip -n "ns-$1" link add "vpeer-$1" type veth peer name "veth-$1"
    ip -n "ns-$1" link set "veth-$1" netns 1
    ip link set "veth-$1" up
    ip addr add "10.12.$(($1 / 128)).$(($1 % 128 * 2))/31" dev "veth-$1"
    ip -n "ns-$1" link set "vpeer-$1" up
    ip -n "ns-$1" addr add "10.12.$(($1 / 128)).$(($1 % 128 * 2 + 1))/31" dev "vpeer-$1"
    ip route add "10.11.$(($1 / 256)).$(($1 % 256))/32" via "10.12.$(($1 / 128)).$(($1 % 128 * 2 + 1))"
}

rules() {
    iptables -w -A FORWARD -i "veth-$1" -j ACCEPT
    iptables -w -t nat -A POSTROUTING -s "10.11.$(($1 / 256)).$(($1 % 256))/32" -j MASQUERADE
}

slot() { # OWNER SLOT
    reserve "$1" "$2" && namespace "$2" && wire "$2" && rules "$2"
}

# whole OWNER SLOT: nothing of it is missing; an owner of - means without a reservation
whole() {
    [[ -e /run/netns/ns-$2 ]] && ip link show "veth-$2" >/dev/null 2>&1 && ip -n "ns-$2" link show "vpeer-$2" >/dev/null 2>&1 &&
        [[ -n $(ip route show "10.11.$(($2 / 256)).$(($2 % 256))") ]] && { [[ $1 == - ]] || reserved "$1" "$2"; }
}

# gone OWNER SLOT: nothing of it is left
gone() {
    [[ ! -e /run/netns/ns-$2 ]] && ! ip link show "veth-$2" >/dev/null 2>&1 &&
        [[ -z $(ip route show "10.11.$(($2 / 256)).$(($2 % 256))") ]] && ! reserved "$1" "$2" &&
        ! { iptables -w -S && iptables -w -t nat -S; } | grep -qE "veth-$2 |10\.11\.$(($2 / 256))\.$(($2 % 256))/32"
}

clean() { "$SCRIPT"; }
