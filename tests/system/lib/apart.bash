# A registry on another machine: in a network namespace of its own, and the test account in a second one, with a cable between
# them that can be cut. The machine's own network has no part in it.
# shellcheck disable=SC2034,SC2317 # what is set is the other files', and one function takes the place of theirs

# apart: in place of site's registry. The cable carries 250 kB a second, so that there is time to cut it.
apart() {
  registry_stop
  REGISTRY_ENTER=(env REGISTRY_HOST=0.0.0.0 unshare --net)
  registry_start "$RUN/small"
  THERE=/proc/${REGISTRY_PIDS[0]}/ns/net
  CVMFS_TEST_DIR=$T unshare --net sleep infinity 3>&- 4>&- &
  APART=$!
  HERE=/proc/$APART/ns/net
  wait_until apart_begun || return 1
  here ip link add name cable type veth peer name cable netns "${REGISTRY_PIDS[0]}"
  here ip address add 192.0.2.1/24 dev cable
  there ip address add 192.0.2.2/24 dev cable
  there tc qdisc add dev cable root tbf rate 2mbit burst 16k latency 1s
  here ip link set cable up
  there ip link set cable up
  there ip link set lo up
  ENTER=(nsenter "--net=$HERE" --)
  local port=${REGISTRY#*:}
  REGISTRY=192.0.2.2:$port
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$T/user/conf/registries.conf"
  registry_requests() { there "$TOOLS/registry" requests "${REGISTRY#*:}"; }
}

apart_end() {
  [ -n "${APART:-}" ] || return 0
  kill "$APART"
  ENTER=()
  unset APART
}

apart_begun() { [ "$(readlink "$HERE")" != "$(readlink /proc/self/ns/net)" ] && [ "$(readlink "$THERE")" != "$(readlink /proc/self/ns/net)" ]; }

here() { nsenter "--net=$HERE" -- "$@"; }
there() { nsenter "--net=$THERE" -- "$@"; }

# received BYTES: so many have come here.
received() { [ "$(here ip -json -statistics link show cable | jq '.[0].stats64.rx.bytes')" -ge "$1" ]; }

# cut, join: the cable. What is on its way is lost.
cut_cable() { there ip link set cable down; }
join_cable() { there ip link set cable up; }
