# The bench's ground: one site (a registry, a mounted repository) and one node for each variant that is compared.
#
#   local    ordinary layers, the kernel's overlayfs: what all others are measured by
#   served   layers from the repository, a served view, the kernel's overlayfs: the product
#   program  the same view under fuse-overlayfs, as mount_program
#   floor    the image is there already, for pulls: the same node as local
#   peer     fuse-overlayfs straight over the repository's layer directories, without the product
#   squashfs, links, store, store-fuse, stargz: lib/peers.bash

# site_start LAYOUT…: serve and publish all images of these layouts, mount the tree; of CONVERTED, only serve. Sets IMAGES,
# and PUBLISH_SECONDS, the seconds that the science image took.
# shellcheck disable=SC2034,SC2153 # lib/peers.bash's
site_start() {
  local layout image started
  scene site
  IMAGES=("$@")
  registry_start "$@" "${CONVERTED[@]}"
  for layout in "$@"; do
    for image in $("$TOOLS/images" list "$layout" | cut -d' ' -f1 | sort -u); do
      started=${EPOCHREALTIME/[.,]/}
      publish "$image" "$RUN/tree"
      [ "$image" != science:1 ] || PUBLISH_SECONDS=$(seconds_since "$started")
    done
  done
  repository_mount "$RUN/tree"
}

# ctl COMMAND…: to the stand-in.
ctl() { T=$RUN/site repository_ctl "$@"; }

# What the stand-in has been asked since `ctl reset`: the system calls on the repository that no cache of the kernel answered.
repository_requests() { ctl counters | jq '.total | del(."bytes-read") | add'; }
repository_bytes() { ctl counters | jq '.total."bytes-read"'; }

# node VARIANT: what follows is on this node; made when it is first named.
# shellcheck disable=SC2034 # podman_path's
node() {
  VARIANT=$1
  T=$RUN/${1/#floor/local}
  PODMAN=$OURS
  ! is_stock "$1" || PODMAN=$BIN/stock/podman
  [ ! -d "$T" ] || return 0
  # The podman that cleans up after a container refuses a longer runroot, and each start then takes 20 seconds.
  local runroot=$T/user/xdg/containers
  [ ${#runroot} -le 50 ] || die "the path $runroot is longer than 50 characters: take a shorter TMPDIR"
  scene "$1"
  trust_registry "${REGISTRY#*:}"
  cvmfs_conf
  [ "$1" != program ] || mount_program user
  install -m 755 "$TOOLS/measure" "$T/measure"
  mkdir -m 777 "$T/user/work"
  rootless_podman info >/dev/null # the first podman of a session makes its namespaces; nothing measured should pay for that
  ! is_peer "$1" || peer_prepared
}

# image_pull IMAGE: as the node's variant has it.
image_pull() {
  case $VARIANT in
    local) rootless_podman pull --quiet --cvmfs=off "$REGISTRY/$1" ;;
    links | store | store-fuse | stargz) rootless_podman pull --quiet "$(image_name "$1")" ;;
    peer | squashfs) ;;
    *) rootless_podman pull --quiet --cvmfs=only "$REGISTRY/$1" ;;
  esac >/dev/null
}

# lowers IMAGE: the image's layer directories in the repository, topmost first, one a line.
lowers() {
  local layout
  for layout in "${IMAGES[@]}"; do
    "$TOOLS/images" list "$layout" | awk -v image="$1" -v below="$REPOSITORY/.layers" '$1 == image {
      sub("sha256:", "", $3); print below "/" substr($3, 1, 2) "/" $3 "/layerfs" }'
  done | tac
}

# container_start IMAGE OPTION…: a container that does nothing until asked, on a mount of its own.
container_start() {
  local image=$1 options=(--detach --name bench --volume "$T/measure:/run/measure:ro"
    --volume "$T/user/work:/run/work" --env MPLCONFIGDIR=/run/work --workdir /)
  shift
  options+=("$@")
  if ! has_root; then
    rootless_podman run "${options[@]}" "$(image_name "$image")" /run/measure pause >/dev/null
    return
  fi
  root_mount "$image"
  rootless_podman run "${options[@]}" --rootfs "$T/user/peer/root" /run/measure pause >/dev/null
}

# measured ARG…: a job of the measure tool in the container.
measured() { rootless_podman exec bench /run/measure "$@"; }

container_end() {
  rootless_podman rm --force --time 0 bench >/dev/null
  ! has_root || root_unmount
  server_ends
}

# server: the process of the node's view; nothing where there is none. One container runs at a time.
server() { pgrep -x cvmfs-view -u "$TEST_UID" | grep -vxF "${VIEWS_BEFORE:-none}" | head -n 1 || true; }

# server_ends: the next container's numbers must not be those of this one.
server_ends() {
  local deadline=$((SECONDS + 20))
  while [ -n "$(server)" ]; do
    [ $SECONDS -lt $deadline ] || die "a view's server outlives its container"
    sleep 0.1
  done
}

# server_state: JSON of the server's memory (bytes), CPU time (seconds) and read calls (its requests, and reads of files).
server_state() {
  local pid
  pid=$(server)
  if [ -z "$pid" ]; then
    echo null
    return
  fi
  awk -v tick="$(getconf CLK_TCK)" '
    FILENAME ~ /status$/ && /^VmRSS/ { rss = $2 * 1024 }
    FILENAME ~ /status$/ && /^VmHWM/ { hwm = $2 * 1024 }
    FILENAME ~ /stat$/ { cpu = ($14 + $15) / tick }
    FILENAME ~ /io$/ && /^syscr/ { reads = $2 }
    END { printf "{\"rss\":%d,\"peak\":%d,\"cpu\":%.2f,\"reads\":%d}\n", rss, hwm, cpu, reads }
  ' "/proc/$pid/status" "/proc/$pid/stat" "/proc/$pid/io"
}

# record PART MEASURE UNIT VALUE [ROUND]: one value of the variant, for the table.
record() {
  printf '{"part":"%s","measure":"%s","variant":"%s","unit":"%s","value":%s,"round":%d}\n' \
    "$1" "$2" "$VARIANT" "$3" "$4" "${5:-0}" >>"$RUN/records"
}

# note PART MEASURE ROUND TEXT: why there is no value.
note() {
  jq -cn --arg part "$1" --arg measure "$2" --arg variant "$VARIANT" --argjson round "$3" --arg note "$4" \
    '{part: $part, measure: $measure, variant: $variant, unit: "", value: 0, round: $round, note: $note}' >>"$RUN/records"
}

# job PART MEASURE ROUND STATE JOB ARG…: run a job in the container, record its runs: the first as "MEASURE, STATE", the
# median of the others as "MEASURE, again". Leaves all that is known of it in $RUN/details, and in $DETAIL.
job() {
  local part=$1 measure=$2 round=$3 state=$4 before after runs
  shift 4
  before=$(server_state)
  ctl reset
  runs=$(measured "$@")
  after=$(server_state)
  DETAIL=$(jq -cn --arg part "$part" --arg measure "$measure" --arg variant "$VARIANT" --arg state "$state" --argjson round "$round" \
    --argjson runs "$runs" --argjson before "$before" --argjson after "$after" --argjson repository "$(ctl counters | jq .total)" \
    '{part: $part, measure: $measure, variant: $variant, state: $state, round: $round, runs: $runs, repository: $repository,
      server: {before: $before, after: $after}}')
  echo "$DETAIL" >>"$RUN/details"
  record "$part" "$measure, $state" s "$(jq '.runs[0].seconds' <<<"$DETAIL")" "$round"
  if [ "$VARIANT" = served ] && [ "$state" = cold ]; then
    record "$part" "$measure, cold: read of the repository" B "$(jq '.repository."bytes-read"' <<<"$DETAIL")" "$round"
  fi
  if [ "$(jq '.runs | length' <<<"$DETAIL")" -gt 1 ]; then
    record "$part" "$measure, again" s "$(jq '[.runs[1:][].seconds] | sort | .[length / 2 | floor]' <<<"$DETAIL")" "$round"
  fi
}

# shuffled N WORD…: the words, beginning with another one in each round, so that none always follows the same.
shuffled() {
  local n=$1
  shift
  echo "${@:n % $# + 1}" "${@:1:n % $#}"
}

say() { printf '== %s\n' "$*" >&2; }
