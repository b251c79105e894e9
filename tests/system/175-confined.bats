# What reads a repository is left with nothing but that: a container's view server, and the process that asks for layers.

load lib/bats

# confined PID: in every thread; package confine's own tests try what must be refused. CAP_DAC_READ_SEARCH is left.
confined() {
  local proc=/proc/$1 status=$T/status thread
  for thread in "$proc"/task/*; do
    cat "$thread/status" >"$status"
    contains "$(cat "$status")" $'NoNewPrivs:\t1' || return 1
    contains "$(cat "$status")" $'Seccomp:\t2' || return 1
    contains "$(cat "$status")" $'CapPrm:\t0000000000000004' || return 1
    contains "$(cat "$status")" $'CapEff:\t0000000000000004' || return 1
  done
  equal "$(tr '\0' '\n' <"$proc/environ" | grep -v '^XDG_RUNTIME_DIR=')" "$(printf '%s\n' "${VARIABLES[@]}")" environment || return 1
  equal "$(readlink "$proc/cwd")" / "working directory" || return 1
  equal "$(awk '/^Max core file size/ { print $5, $6 }' "$proc/limits")" "0 0" "core dumps"
}

# What CVMFS's helper for secured repositories looks for is passed; XDG_RUNTIME_DIR, too.
VARIABLES=(X509_USER_PROXY=/job/proxy BEARER_TOKEN=secret BEARER_TOKEN_FILE=/job/token)

# open_files PID: what a process has open, but for what the Go runtime waits with.
open_files() { find "/proc/$1/fd" -type l -printf '%l\n' | grep -v '^anon_inode:\[event' | LC_ALL=C sort -u; }

# server: the view server of the one container that runs.
server() {
  local pid
  for pid in $(test_processes "$T"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cvmfs-view ] || echo "$pid"
  done
}

# served_to WHO: a container's server keeps its connection and its layers, and the container works.
served_to() {
  local pid
  site
  run_podman_as "$1" pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman_as "$1" run --detach --name one "$REGISTRY/small/deletions:1" sleep 1000
  pid=$(server)
  confined "$pid"
  lacks "$(open_files "$pid" | grep -vx -e /dev/null -e /dev/fuse | grep -v "^$REPOSITORY/.layers/")" /
  contains "$(open_files "$pid")" "$(layer_dir "$(layer_digest small/deletions:1 1)")/layerfs"
  run_podman_as "$1" exec one sh -euc 'cat /data/again; find / -xdev -type f -exec cat {} + >/dev/null 2>&1 || true; echo new >/data/new; cat /data/new'
  equal "$output" $'second\nnew'
  run_podman_as "$1" rm --force --time 0 one
  run_podman_as "$1" rmi --all --force
}

@test "a container's server: rootless" { served_to user; }
@test "a container's server: as root" {
  needs_root
  served_to root
}

# asked_by WHO: the process that waits for a repository that hangs, found while a pull waits.
asked_by() {
  local pid tries puller
  site
  cvmfs_conf 'timeout = "20s"'
  allow_warning "$REPOSITORY"
  repository_ctl hang
  podman_as "$1" pull --quiet --cvmfs=auto "$REGISTRY/small/deletions:1" >/dev/null 2>&1 3>&- 4>&- &
  puller=$!
  for tries in {1..150}; do
    for pid in $(test_processes "$T"); do
      [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cvmfs-lookup ] || break 2
    done
    pid=
    sleep 0.1
  done
  [ -n "$pid" ] || fail "no process asks the repository" || return 1
  confined "$pid"
  equal "$(basename "$(readlink "/proc/$pid/exe")")" cvmfs-view
  repository_ctl unhang
  wait "$puller"
  run_podman_as "$1" rmi --all --force
}

@test "the process that asks a repository: rootless" { asked_by user; }
@test "the process that asks a repository: as root" {
  needs_root
  asked_by root
}
