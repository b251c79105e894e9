# What a test may not leave behind, and how a run ends what is left anyhow.

# test_processes [DIR]: pids that the run started: those of its account and of its subordinate ids, or, where the account
# is the user's own, those that carry the run's (or one test's) mark in their environment. Servers of views and look-ups carry no
# environment: root's are those in the run's mount namespace, a user's those that were not there before the run.
test_processes() {
  local mark=CVMFS_TEST_DIR=${1:-$RUN} proc uid
  if is_root; then
    while read -r uid proc; do
      if [ "$uid" = "$TEST_UID" ] || [ "$uid" = "$SINGLE_UID" ] || { [ "$uid" -ge "$TEST_SUBID" ] && [ "$uid" -lt $((TEST_SUBID + 65536)) ]; }; then
        zombie "$proc" || echo "${proc#/proc/}"
      fi
    done < <(stat -c '%u %n' /proc/[0-9]* 2>/dev/null)
    pgrep -x 'cvmfs-(vi|lo).*' --uid 0 --ns $$ --nslist mnt || true
  else
    while read -r proc; do
      grep -qx "$proc" <<<"$VIEWS_BEFORE" || echo "$proc"
    done < <(pgrep -x 'cvmfs-(vi|lo).*' -u "$TEST_UID")
  fi
  while IFS=/ read -r _ _ proc _; do
    [ "$proc" = "$BASHPID" ] || echo "$proc"
  done < <(grep -lz "^$mark" /proc/[0-9]*/environ 2>/dev/null)
}

# zombie PROC: it has ended, all its threads have, and its parent is slow to hear of it.
zombie() {
  local stat tasks=("$1"/task/*)
  { stat=$(<"$1/stat"); } 2>/dev/null || return 0
  [[ $stat == *") Z "* ]] && [ ${#tasks[@]} = 1 ]
}

describe() {
  local pid
  for pid in "$@"; do
    printf '%s (%s)\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
  done
}

# processes_end [DIR]: TERM, then KILL.
processes_end() {
  local signal pids tries
  for signal in TERM KILL; do
    for tries in {1..20}; do
      mapfile -t pids < <(test_processes "$@")
      [ ${#pids[@]} -gt 0 ] || return 0
      [ "$tries" != 1 ] || kill "-$signal" "${pids[@]}" 2>/dev/null || true
      sleep 0.1
    done
  done
}

# no_processes DIR: fail if the run's processes outlive the test; they have 15 seconds to see that they are not needed.
no_processes() {
  local pids deadline=$((SECONDS + 15))
  while mapfile -t pids < <(test_processes "$1"); [ ${#pids[@]} -gt 0 ]; do
    if [ $SECONDS -ge $deadline ]; then
      echo "left running: $(describe "${pids[@]}")"
      return 1
    fi
    sleep 0.1
  done
}

mounts_below() { awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo; }

# no_mounts DIR: fail if something is still mounted below it.
no_mounts() {
  local left
  left=$(mounts_below "$1" | grep -vx "$RUN/\(dev\|bin\)\(/.*\)\?" || true)
  [ -z "$left" ] || {
    echo "left mounted: $left"
    return 1
  }
}

# mounts_end [DIR]: unmount all below it, the newest first.
mounts_end() {
  local mounts
  mapfile -t mounts < <(mounts_below "${1:-$RUN}" | grep -v "^$RUN/\(dev\|bin\)" | tac)
  [ ${#mounts[@]} = 0 ] || umount -l "${mounts[@]}" 2>/dev/null || true
}

# podman_mounts_gone: nothing of the test is mounted in podman's own namespace, but what podman keeps there for good: the
# store's overlay directory on itself.
podman_mounts_gone() {
  local left
  # shellcheck disable=SC2016 # awk's
  left=$(rootless_podman unshare awk -v dir="$T/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo |
    grep -v -e "^$T/user/\(store\|images\)/overlay\$" -e "^$T/cvmfs/[^/]*\$" -e "^$T/user/xdg/netns\$" || true)
  [ -z "$left" ] || {
    echo "left mounted for podman: $left"
    return 1
  }
}

# store_empty WHO: no layer, image, container is left, in the records or on disk.
store_empty() {
  local left
  left=$({
    cd "$T/$1/store"
    find overlay -mindepth 1 -maxdepth 1 ! -name l ! -name '.has-mount-program' ! -name staging ! -name tempdirs
    find overlay/l overlay/tempdirs -mindepth 1 2>/dev/null
    find overlay-images overlay-containers -mindepth 1 -maxdepth 1 -type d
    jq -r '.[].id' overlay-layers/layers.json overlay-images/images.json
  } 2>/dev/null || true)
  [ -z "$left" ] || {
    echo "left in the store: $left"
    return 1
  }
}

# view_servers: how many servers of views run for the test.
view_servers() {
  local pid count=0
  for pid in $(test_processes "$T"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != cvmfs-view ] || count=$((count + 1))
  done
  echo "$count"
}

# view_servers_end: none is left within five seconds.
view_servers_end() {
  local deadline=$((SECONDS + 5))
  while [ "$(view_servers)" != 0 ]; do
    [ $SECONDS -lt $deadline ] || fail "$(view_servers) servers are left" || return 1
    sleep 0.1
  done
}
