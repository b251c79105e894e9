# Pulls and starts in a row leave nothing behind: no process, mount, descriptor, lock or temporary file, neither of podman's nor of a
# service that did half of it. SOAK is the number of rounds, each one with podman and one with the service; what the first rounds
# leave, such as the pause process, is where the count starts. SOAK=large is 2,500, or as many as go into SOAK_SECONDS.

load lib/bats
load lib/service
load lib/faults

setup() {
  test_begin
  ROUNDS=${SOAK:-10}
  [ "$ROUNDS" != large ] || ROUNDS=2500
  [ "$ROUNDS" = 10 ] || export BATS_TEST_TIMEOUT=
}

teardown() {
  unset PODMAN
  service_stop
  test_end
}

# rounds N: as many, or what goes into SOAK_SECONDS. Each hundred has a shell of its own: bash can take a new process for an old one
# with the same number, when it has started many thousands, and waits for it without end.
rounds() {
  local n end=$((SECONDS + ${SOAK_SECONDS:-100000}))
  for ((DONE = 0; DONE < $1 && SECONDS < end; DONE += n)); do
    n=$(($1 - DONE < 100 ? $1 - DONE : 100))
    (some_rounds "$n") || return 1
    [ "$n" != 100 ] || echo "$(date +%T) $((DONE + n)) rounds: $(memory)" >>"${SOAK_LOG:-/dev/null}"
  done
}

# some_rounds N: pull, run, rm, rmi.
some_rounds() {
  local n
  for ((n = 1; n <= $1; n++)); do
    rootless_podman pull --quiet --cvmfs=only "$REGISTRY/small/kinds:1" >/dev/null || return 1
    gives plain rootless_podman one "$REGISTRY/small/kinds:1" cat /kinds/plain || return 1
    rootless_podman rm one >/dev/null || return 1
    rootless_podman rmi "$REGISTRY/small/kinds:1" >/dev/null || return 1
    remote pull --quiet --cvmfs=only "$REGISTRY/small/user:1" >/dev/null || return 1
    gives 1000 remote two "$REGISTRY/small/user:1" id -u || return 1
    remote rm two >/dev/null || return 1
    remote rmi "$REGISTRY/small/user:1" >/dev/null || return 1
  done
}

# gives OUTPUT PODMAN NAME ARG…: what a container prints. What podman prints of it comes from conmon, by a socket that may be
# closed, or empty, when the container ends at once: upstream's. The log has all of it.
gives() {
  local status=0
  "$2" run --name "${@:3}" >"$T/ran" 2>"$T/stderr" || status=$?
  if grep -q 'attach: read: connection reset by peer' "$T/stderr" || { [ "$status" = 0 ] && [ ! -s "$T/ran" ]; }; then
    echo "$3" >>"$T/lost"
    status=$("$2" wait "$3") && "$2" logs "$3" >"$T/ran"
  fi
  [ "$status" = 0 ] && [ "$(<"$T/ran")" = "$1" ] && return
  "$2" ps --all
  "$2" logs "$3"
  fail "run --name ${*:3}: exit status $status, '$(<"$T/ran")', $(<"$T/stderr")"
}

remote() { PODMAN=$T/podman-remote rootless_podman "$@"; }

# left: all that there is of the test, a line each, without what has another name each time.
left() {
  local pid
  echo "== processes"
  running_ones | sort
  echo "== mounts, of the machine and of podman"
  mounts_below "$T" | sort
  rootless_podman unshare awk -v dir="$T/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort
  # What a view's server keeps of its layers comes and goes, as do files that the service has forgotten and Go's collector closes.
  echo "== descriptors of those that stay, by what they are"
  for pid in $STAYS; do
    echo "$(cat "/proc/$pid/comm"): $(find "/proc/$pid/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | grep -v "^$T/cvmfs/\|/events\.log$\|(deleted)$" | sed 's/[0-9]*\(\[[0-9]*\]\)*$//' | sort | uniq -c | tr -s ' \n' ' ')"
  done
  echo "== locks, semaphores, shared memory"
  find /dev/shm -mindepth 1 -user "$TEST_UID" | sort
  locks
  echo "== files"
  find "$T/user" -xdev ! -path "*/libpod/events/*" ! -name 'cni-*' 2>/dev/null | sed "s|^$T||" | sort
}

# running_ones: names of the test's processes.
running_ones() {
  local pid
  for pid in $(test_processes "$T" | sort -u); do cat "/proc/$pid/comm" 2>/dev/null; done | grep -x 'podman\|conmon\|catatonit\|crun\|cvmfs-.*\|exe'
}

# locks: how many of podman's are taken. A new container gets the lowest that is free.
locks() {
  rootless_podman create --name probe "$REGISTRY/small/other:1" true >/dev/null
  rootless_podman inspect --format '{{.LockNumber}}' probe
  rootless_podman rm probe >/dev/null
}

# memory: resident kilobytes of those that stay.
memory() {
  local pid
  for pid in $STAYS; do awk -v pid="$pid" '/^Name/ { name = $2 } /^VmRSS/ { printf "%s %d kB; ", name, $2 }' "/proc/$pid/status"; done
}

@test "pulls and starts in a row" {
  needs_root
  site
  service_start
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/other:1"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --name stays "$REGISTRY/small/deletions:1" sh -c 'while sleep 1; do find /data >/dev/null; done'
  rounds 3
  STAYS="$(pgrep -f "system service --time 0 unix://$SERVICE" | tail -1) $(cat "$T/user/xdg/libpod/tmp/pause.pid" "$T/user/xdg/libpod/pause.pid" 2>/dev/null | head -1) $(pgrep -x -u "$TEST_UID" cvmfs-view | head -1)"
  equal "$(wc -w <<<"$STAYS")" 3 "processes that stay: service (podman's child, whose parent only waits), pause, the view's server"
  wait_until calm
  left >"$T/before"
  local before after lost
  before=$(memory)
  rounds "$ROUNDS"
  wait_until calm
  wait_until as_before || true # what is told below
  after=$(memory)
  lost=$(cat "$T/lost" 2>/dev/null | wc -l)
  echo "$DONE rounds, output lost of $lost; memory: $before then: $after"
  [ -z "${SOAK:-}" ] || echo "# $((2 * DONE)) pulls and starts, output lost of $lost; memory before: $before after: $after" >&3
  diff "$T/before" "$T/after" || fail "$DONE rounds leave something (>)"
  [ "$(wc -l <"$T/before")" -gt 50 ] || fail "too little is looked at: $(cat "$T/before")"
  memory_bounded "$before" "$after"
  run_podman rm --force --time 0 stays
}

as_before() {
  left >"$T/after"
  diff "$T/before" "$T/after" >/dev/null
}

# calm: what podman left to end in its own time has ended: cleanup processes, servers of views, connections. A service of
# podman 5's is called exe, too.
calm() { [ "$(running_ones | grep -c '^conmon$\|^cvmfs-view$\|^crun$\|^exe$')" = "$(if podman_5; then echo 3; else echo 2; fi)" ]; }

# memory_bounded BEFORE AFTER: the server of the view has not grown by a half and 10 MB. (The service's grows with what Go keeps.)
memory_bounded() {
  local was is
  was=$(sed -n 's/.*cvmfs-view \([0-9]*\).*/\1/p' <<<"$1")
  is=$(sed -n 's/.*cvmfs-view \([0-9]*\).*/\1/p' <<<"$2")
  [ "$is" -le $((was * 3 / 2 + 10240)) ] || fail "the server of the view has $is kB, and had $was"
  is=$(find "/proc/${STAYS##* }/fd" -mindepth 1 | wc -l)
  [ "$is" -le 100 ] || fail "the server of the view has $is descriptors"
}
