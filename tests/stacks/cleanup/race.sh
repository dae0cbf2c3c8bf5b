#!/bin/bash
# Runs the clean-up again and again beside an orchestrator that makes, uses up and makes slots, and dies now and then: no
# slot of the one that runs is ever lost. RUNS says how often.
# shellcheck source=scene.sh disable=SC2154,SC2086 # what scene.sh sets, and words without blanks
. "${0%/*}/scene.sh"

orchestrator=$node_id
clean >/dev/null

# The orchestrator's own work, in a process beside: the lowest free index, as the platform chooses it; a pool of eight,
# of which the oldest is taken down as after a sandbox. Each slot must be whole when it is made and until then.
make_slots() {
    local pool=() made=0 n oldest
    while [[ ! -e $WORK/stop ]]; do
        for n in $(seq 1 60); do
            [[ -e /run/netns/ns-$n ]] && continue
            reserve $orchestrator "$n" && break
        done
        namespace "$n" 2>/dev/null || { curl -sf -X DELETE "$kv/$orchestrator/$n" >/dev/null; continue; }
        wire "$n" || fail "slot $n was taken apart while it was made"
        pool+=("$n")
        made=$((made + 1))
        if ((${#pool[@]} > 8)); then
            for n in "${pool[@]}"; do whole $orchestrator "$n" || fail "slot $n is lost"; done
            oldest=${pool[0]}
            pool=("${pool[@]:1}")
            ip netns delete "ns-$oldest"
            ip link delete "veth-$oldest" 2>/dev/null || true
            curl -sf -X DELETE "$kv/$orchestrator/$oldest" >/dev/null
        fi
    done
    for n in "${pool[@]}"; do whole $orchestrator "$n" || fail "slot $n is lost"; done
    echo "$made" >>"$WORK/made"
}

run=0 released=0
lives=${LIVES:-5}
for life in $(seq "$lives"); do
    rm -f "$WORK/stop"
    start orchestrator; owner=$started
    make_slots & maker=$!
    while ((run < RUNS * life / lives)); do
        said=$(clean) || fail "run $run ended with $?"
        released=$((released + $(grep -c '^released slot' <<<"$said" || true)))
        run=$((run + 1))
        kill -0 $maker 2>/dev/null || fail "the maker of slots ended"
    done
    touch "$WORK/stop"
    wait $maker || fail "a slot was lost"
    end "$owner" # its pool is what the next life's clean-ups find
    sleep 1.2
done
made=$(awk '{ sum += $1 } END { print sum }' "$WORK/made")
((made > run / 20)) || fail "only $made slots were made beside $run runs: that is no race"
((released >= 8 * (lives - 1))) || fail "only $released dead slots were released"
kill "$consul_pid"
echo "$run runs beside $made slots, $released dead ones released: none lost"
