#!/bin/bash
# Forty namespaces in all states: exactly the dead ones go, with all that belongs to them.
# shellcheck source=scene.sh disable=SC2154,SC2086 # what scene.sh sets, and words without blanks
. "${0%/*}/scene.sh"

orchestrator=$node_id manager=client-1
clean >/dev/null # the timer has run since the host booted

# Slots of programs that were here before both of today's, which left no reservation.
for n in 36 37 38; do namespace $n; wire $n; rules $n; done
sleep 1.2
start template-manager; manager_pid=$started
for n in $(seq 31 35) $(seq 41 44); do slot $manager "$n"; done

# An orchestrator that dies: pooled slots, sandboxes that outlive it, slots that it did not finish.
start orchestrator; first=$started
for n in $(seq 1 8); do slot $orchestrator "$n"; done
for n in 9 10; do slot "${orchestrator:0:8}" $n; ip netns exec ns-$n sleep 3600 & done
for n in 11 12; do reserve $orchestrator $n; namespace $n; done
namespace 13 # without a reservation, and younger than the template-manager: it could be that one's
end "$first"
sleep 1.2

# The next one, with sandboxes, a pool, and slots in the making.
start orchestrator; second=$started
for n in $(seq 14 18); do slot $orchestrator "$n"; ip netns exec "ns-$n" sleep 3600 & done
for n in $(seq 19 26); do slot $orchestrator "$n"; done
reserve $orchestrator 27; namespace 27
namespace 28
reserve $orchestrator 29
ip netns add other
for _ in $(seq 50); do [[ -n $(ip netns pids ns-18) ]] && break; sleep 0.1; done

count=$(find /run/netns -name 'ns-*' | wc -l)
[[ $count == 40 ]] || fail "the scene has $count namespaces, not 40"

# While Consul does not answer, nothing goes.
if E2B_CONSUL=http://127.0.0.1:9 clean 2>/dev/null; then fail "it went on without Consul"; fi
[[ $(find /run/netns -name 'ns-*' | wc -l) == 40 ]] || fail "something went without Consul"

clean >"$WORK/said"
for n in $(seq 1 8) 11 12; do gone $orchestrator "$n" || fail "slot $n of the dead orchestrator is not gone"; done
for n in 36 37 38; do gone $manager $n || fail "slot $n, older than all, is not gone"; done
[[ $(grep -c '^released slot' "$WORK/said") == 13 ]] || fail "it says: $(<"$WORK/said")"
for n in 9 10; do whole "${orchestrator:0:8}" $n || fail "slot $n with a sandbox in it is not whole"; done
for n in $(seq 14 26); do whole $orchestrator "$n" || fail "slot $n of the running orchestrator is not whole"; done
for n in $(seq 31 35) $(seq 41 44); do whole $manager "$n" || fail "slot $n of the template-manager is not whole"; done
for n in 13 27 28; do [[ -e /run/netns/ns-$n ]] || fail "slot $n, in the making, is gone"; done
for n in 27 29; do reserved $orchestrator $n || fail "the reservation of slot $n is gone"; done
[[ -e /run/netns/other ]] || fail "a namespace of somebody else is gone"

clean >"$WORK/said"
[[ ! -s $WORK/said ]] || fail "the second run did something: $(<"$WORK/said")"

# Without an owner all goes that has no process in it, and reservations without a namespace.
end "$second"
end "$manager_pid"
clean >/dev/null
left=$(find /run/netns -name 'ns-*' -printf '%f\n' | sort -V | tr '\n' ' ')
[[ $left == 'ns-9 ns-10 ns-14 ns-15 ns-16 ns-17 ns-18 ' ]] || fail "left are $left"
for n in 13 19 26 27 28 29 31 44; do
    gone $orchestrator $n || fail "slot $n is not gone"
    gone $manager $n || fail "slot $n is not gone"
done
for n in $(seq 14 18); do whole $orchestrator "$n" || fail "slot $n with a sandbox in it is not whole"; done

# Block devices: dead ones go, live and mounted ones stay.
mkdir -p "$WORK"/block/nbd{0,1,2,3}/holders "$WORK/tools"
echo $$ >"$WORK/block/nbd0/pid"
echo 4194300 >"$WORK/block/nbd1/pid"
echo 4194300 >"$WORK/block/nbd2/pid"
mkdir "$WORK/block/nbd2/holders/dm-0"
printf '#!/bin/sh\necho "$@" >>%q\n' "$WORK/detached" >"$WORK/tools/nbd-client"
chmod +x "$WORK/tools/nbd-client"
PATH=$WORK/tools:$PATH clean >/dev/null
[[ $(<"$WORK/detached") == '-d /dev/nbd1' ]] || fail "detached: $(<"$WORK/detached")"
kill "$consul_pid"
echo "40 namespaces: well"
