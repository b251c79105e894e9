# What befalls a node: its disk, its processes, its clock, a reboot, fifty at once. With an ordinary image the same is done first,
# where upstream has an answer of its own. The second table in docs/faults.md is the result.

load lib/bats
load lib/table
load lib/faults
load lib/service
load lib/apart

readonly COLUMNS=("an ordinary image" "layers remote" "afterwards")

setup_file() { table_begin faults.md node; }
teardown_file() { ! is_root || TABLE_ROWS="the node" table_end "${COLUMNS[@]}"; }

setup() {
  test_begin
  needs_root
  IMAGE=small/deletions:1
  allow_warning 'level=(warning|error)'
}

teardown() {
  unset PODMAN
  apart_end
  service_stop
  if grep -q " $T/user/store " /proc/self/mountinfo; then
    mount -o remount,rw "$T/user/store"
    rootless_podman rm --all --force --time 0
    rootless_podman system migrate # its namespace holds the mount
    umount -l "$T/user/store"
  fi
  test_end
}

# small_store: 3 MB. fill: to the last byte; make_room.
small_store() {
  mount -t tmpfs -o "size=3m,uid=$TEST_UID,gid=$TEST_GID,mode=700" store "$T/user/store"
}

# quota_store LABEL…: the same with a quota in place of an end. (btrfs: for the quotas of other file systems a kernel needs an
# option more, which many lack.) Where there can be none, the rows stay as they are on the page.
quota_store() {
  local disk=$T/disk label
  if command -v mkfs.btrfs >/dev/null && grep -qw btrfs /proc/filesystems; then
    truncate -s 150M "$disk"
    mkfs.btrfs --quiet "$disk"
    mount -o loop "$disk" "$T/user/store"
    chown "$TEST_UID:$TEST_GID" "$T/user/store"
    chmod 700 "$T/user/store"
    btrfs quota enable "$T/user/store"
    btrfs qgroup limit 8M 0/5 "$T/user/store"
    FULL="disk quota exceeded"
    return
  fi
  for label in "$@"; do as_on_page "$label" "${COLUMNS[@]}"; done
  skip "needs btrfs, for its quotas: mkfs.btrfs (.ci/deps test sees to it) and a kernel with it"
}

fill() { dd if=/dev/zero of="$T/user/store/ballast" bs=4k 2>/dev/null || true; }
make_room() {
  rm "$T/user/store/ballast"
  sync --file-system "$T/user/store" # a quota counts it until then
}

# told LABEL COLUMN: the cell of what failed for want of space.
told() {
  [ "$status" != 0 ] || fail "it works: the disk is not full"
  contains "$stderr" "${FULL:-no space left on device}"
  # where it ran out differs
  note "$1" "$2" "refused, naming what is full"
}

# right: the image runs, and the store is sound; then nothing is left of it.
right() {
  run_podman run --rm "$REGISTRY/$IMAGE" cat /data/again
  equal "$output" second
  store_sound user
}

full_pull() {
  local column=$1 mode=$2
  registry_mark
  fill
  attempt pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
  told "$LABEL" "$column"
  make_room
  store_empty user
  run_podman pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
  right
  run_podman rmi --all
}

@test "disk full during a pull" {
  small_store
  site_lacking "$IMAGE" 1
  run_podman images
  LABEL="its disk is full, during a pull"
  full_pull "an ordinary image" off
  full_pull "layers remote" auto
  repository_unmount
  repository_mount "$RUN/tree"
  LABEL="its disk is full, during a pull that downloads nothing"
  full_pull "layers remote" only
  note "its disk is full, during a pull" afterwards "the same pull works once there is room"
  note "$LABEL" afterwards "the same pull works once there is room"
}

# The layer that the repository lacks is not to be had: the registry ends while the repository is asked for it.
@test "the registry goes away during a pull" {
  site_lacking "$IMAGE" 3
  repository_ctl delay 300ms
  registry_mark
  begin pull pull --cvmfs "$REGISTRY/$IMAGE"
  wait_until layers_due
  registry_stop
  ended pull
  [ "$status" != 0 ]
  contains "$stderr" "$REGISTRY"
  note "its registry goes away, during a pull" "layers remote" "$(outcome)"
  store_empty user
  repository_ctl clear
  registry_start "$RUN/small"
  run_podman pull --quiet --cvmfs "$REGISTRY/$IMAGE"
  layers_are user 3 1
  right
  note "its registry goes away, during a pull" afterwards "the same pull works once it is there"
}

@test "quota used up during a pull" {
  LABEL="its user's quota is used up, during a pull"
  quota_store "$LABEL"
  site_lacking "$IMAGE" 1
  run_podman images
  full_pull "an ordinary image" off
  full_pull "layers remote" auto
  note "$LABEL" afterwards "the same pull works once there is room"
}

full_start() {
  local mode
  site
  for mode in off only; do
    run_podman pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
    fill
    attempt run --rm "$REGISTRY/$IMAGE" cat /data/again
    told "$LABEL" "$([ $mode = off ] && echo "an ordinary image" || echo "layers remote")"
    make_room
    attempt rm --all --force
    right
    run_podman rmi --all
  done
  note "$LABEL" afterwards "the same start works once there is room"
}

# cut_pull MODE: in the midst of a layer. Whoever does not need the registry notices nothing, such as a container of remote layers.
cut_pull() {
  local mode=$1 before
  before=$(here ip -json -statistics link show cable | jq '.[0].stats64.rx.bytes')
  begin pull pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
  wait_until received $((before + 200000))
  cut_cable
  others
  ended_not pull
}

@test "its network is cut during a pull" {
  site_lacking "$IMAGE" 0
  apart
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/other:1"
  local column mode remote
  remote=$(layer_count user remote)
  for mode in off auto; do
    LABEL="its network is cut for ten seconds, during a pull"
    column=$([ $mode = off ] && echo "an ordinary image" || echo "layers remote")
    cut_pull "$mode"
    sleep 10
    join_cable
    ended pull
    note "$LABEL" "$column" "$(outcome)"
    right
    run_podman rmi "$REGISTRY/$IMAGE"
    note "$LABEL" afterwards "all works"
    LABEL="its network is cut, during a pull that is ended then"
    cut_pull "$mode"
    pkill -TERM -u "$TEST_UID" -f "^$BIN/podman pull --quiet --cvmfs=$mode "
    ended pull
    run_podman 1 image exists "$REGISTRY/$IMAGE" # upstream's exit status is 0
    layers_are user "$remote" 0
    note "$LABEL" "$column" "nothing is left"
    join_cable
    run_podman pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
    right
    run_podman rmi "$REGISTRY/$IMAGE"
    note "$LABEL" afterwards "the same pull works once it is there"
  done
}

@test "disk full at a start" {
  small_store
  LABEL="its disk is full, at a start"
  full_start
}

@test "quota used up at a start" {
  LABEL="its user's quota is used up, at a start"
  quota_store "$LABEL"
  full_start
}

read_only() {
  local column=$1 mode=$2
  run_podman pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
  mount -o remount,ro "$T/user/store"
  registry_mark
  attempt run --rm "$REGISTRY/$IMAGE" cat /data/again
  note "its store is read-only, at a start" "$column" "$(outcome)"
  attempt pull --quiet "--cvmfs=$mode" "$REGISTRY/small/other:1"
  note "its store is read-only, during a pull" "$column" "$(outcome)"
  mount -o remount,rw "$T/user/store"
  right
  run_podman rmi --all
}

@test "read-only store" {
  small_store
  site
  read_only "an ordinary image" off
  read_only "layers remote" only
  note "its store is read-only, at a start" afterwards "all works"
  note "its store is read-only, during a pull" afterwards "all works"
}

@test "the server of a view is killed" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 1000
  run_podman pod create --infra=false --name pod
  run_podman run --detach --pod pod --name two "$REGISTRY/$IMAGE" sleep 1000
  mkdir -m 777 "$T/user/now"
  mkfifo -m 666 "$T/user/now/end"
  run_podman run --detach --name three --restart on-failure --volume "$T/user/now:/now" "$REGISTRY/$IMAGE" \
    sh -c 'if [ -s /now/had ]; then cat /data/kept; else cat /data/again; fi >>/now/had; read x </now/end; exit 1'
  wait_until had 1
  run_podman unshare "$(podman_path)" mount one
  local tree=$output
  pkill -KILL -x cvmfs-view -u "$TEST_UID"
  whole_or_error 5 ls "$tree/data/opaque"
  [ "$status" != 0 ]
  whole_or_error 4 cat "$tree/data/kept"
  [ "$status" != 0 ]
  registry_mark
  attempt exec one cat /data/again
  note "the server of a view is killed" "layers remote" "$(outcome)"
  contains "$stderr" "$REPOSITORY"
  run_podman unmount one
  local container
  run_podman restart --time 0 one
  run_podman pod restart pod
  for container in one two; do
    run_podman exec "$container" cat /data/again
    equal "$output" second
  done
  # by the container's own policy
  echo >"$T/user/now/end"
  wait_until had 2
  equal "$(<"$T/user/now/had")" $'second\nkept'
  run_podman rm --force --time 0 one three
  run_podman pod rm --force --time 0 pod
  right
  note "the server of a view is killed" afterwards "all works after \`podman restart\`"
}

# had N: a container has read its file N times.
had() { [ -e "$T/user/now/had" ] && [ "$(wc -l <"$T/user/now/had")" = "$1" ]; }

# What was recorded before a clock jumps back or forth is dated in the future, or long ago. (No namespace has a clock of its own that
# tells the date; deadlines are measured with the one that does not jump.)
@test "the clock jumps" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  run_podman run --detach --name running "$REGISTRY/$IMAGE" sleep 1000
  local file year
  for year in 2099 1971; do
    run_podman create --name one "$REGISTRY/$IMAGE" cat /data/again
    for file in overlay-layers/layers.json overlay-images/images.json overlay-containers/containers.json; do
      sed -i -E "s/\"created\":\"[0-9]{4}/\"created\":\"$year/g" "$T/user/store/$file"
    done
    find "$T/user/store" -type f \( -name '*.json' -o -name '*.lock' \) -exec touch -d "$year-01-01" {} +
    grep -q "\"created\":\"$year" "$T/user/store/overlay-layers/layers.json"
    run_podman images
    run_podman ps --all
    run_podman start --attach one
    equal "$output" second
    run_podman exec running cat /data/again
    equal "$output" second
    run_podman restart --time 0 running
    right
    run_podman rm one
    run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  done
  run_podman rm --force --time 0 running
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  run_podman rmi --all
  store_empty user
  note "its clock jumps, back from 2099 or on from 1971" "layers remote" works
  note "its clock jumps, back from 2099 or on from 1971" afterwards "all works"
}

# renumbered COLUMN MODE: with a container that runs, and one that does not.
renumbered() {
  local command
  run_podman pull --quiet "--cvmfs=$2" "$REGISTRY/$IMAGE"
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 1000
  run_podman create --name two "$REGISTRY/$IMAGE" cat /data/again
  for command in renumber migrate; do
    attempt system "$command"
    sed 's/^/Error: /' "$T/stdout" >>"$T/stderr" # where it says why
    note "\`podman system $command\` while a container runs" "$1" "$(outcome)"
    note "\`podman system $command\` while a container runs" afterwards "all works"
    run_podman ps --all
    attempt start one
    run_podman exec one cat /data/again
    equal "$output" second
    run_podman start --attach two
    equal "$output" second
  done
  run_podman rm --all --force --time 0
  right
  run_podman rmi --all
}

@test "renumber and migrate" {
  site
  renumbered "an ordinary image" off
  renumbered "layers remote" only
}

@test "reboot" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sh -c 'echo mine >/data/mine; exec sleep 1000'
  wait_until rootless_podman exec one test -s /data/mine
  # as the power goes: no process, no mount, nothing below /run or in /dev/shm
  local pid
  for pid in $(test_processes "$T" | sort -u); do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      cvmfs-standin | registry | bats* | bash) ;;
      *) kill -KILL "$pid" 2>/dev/null || true ;;
    esac
  done
  repository_unmount
  find "$T/user/run" "$T/user/xdg" -mindepth 1 -delete 2>/dev/null || true
  find /dev/shm -user "$TEST_UID" -delete
  repository_mount "$RUN/tree"
  run_podman ps --all --format '{{.Status}}'
  lacks "$output" Up
  run_podman start one
  run_podman exec one cat /data/mine /data/again
  equal "$output" $'mine\nsecond'
  run_podman rm --force --time 0 one
  right
  note "it reboots" "layers remote" "containers start again, with what they wrote"
  note "it reboots" afterwards "all works"
}

# fifty COLUMN MODE: operations on one image from two podmans and a service, all at once, in no order. Each works, or says what
# another one had just done.
fifty() {
  local column=$1 mode=$2 n runner failed=0 reasons
  local image=$REGISTRY/$IMAGE
  rm -f "$T"/many.*
  for n in {1..50}; do
    runner=$BIN/podman
    [ $((n % 3)) != 0 ] || runner=$T/podman-remote
    case $((n % 5)) in
      0 | 1) PODMAN=$runner begin "many.$n" pull --quiet "--cvmfs=$mode" "$image" ;;
      2 | 3) PODMAN=$runner begin "many.$n" run --rm --pull=never "$image" cat /data/again ;;
      4) PODMAN=$runner begin "many.$n" rmi --force "$image" ;;
    esac
  done
  for n in {1..50}; do
    wait_until test -s "$T/many.$n.status"
    if [ "$(<"$T/many.$n.status")" = 0 ]; then
      case $((n % 5)) in 2 | 3) equal "$(<"$T/many.$n.stdout")" second "what a container says" ;; esac
    else
      failed=$((failed + 1))
    fi
  done
  reasons=$(cat "$T"/many.*.stderr | grep ^Error | sed -E "s/[0-9a-f]{64}/ID/g; s|$REGISTRY|REGISTRY|g" | sort | uniq -c | sort -rn)
  echo "$column: $failed of 50 fail:"$'\n'"$reasons"
  [ "$failed" -lt 50 ] || fail "nothing works"
  # Upstream says in many words that somebody removed the image, a layer or the container, or is using it. Whatever has to do
  # with where a layer is, or is nobody's doing, is no reason.
  ! grep -E "remote layer|remote-readonly|\.layers|cvmfs|view|unavailable|mismatch|input/output|permission denied|panic|timeout" <<<"$(grep -v ': layer not known$' <<<"$reasons")" ||
    fail "reasons that are none"
  note "fifty pull, run and remove one image at once" "$column" "each works, or says that the image is gone or in use"
  attempt rm --all --force --time 0
  run_podman pull --quiet "--cvmfs=$mode" "$image"
  right
  run_podman rmi --all --force
  store_empty user
}

@test "fifty at once" {
  site
  service_start
  fifty "an ordinary image" off
  fifty "layers remote" only
  note "fifty pull, run and remove one image at once" afterwards "all works"
}
