# Whoever runs it and however ids are mapped, a container on remote layers is the one that an ordinary pull gives, and nothing
# is copied or chowned for that.

load lib/bats

IMAGE=hard/everything:1

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  # Layers by turns, and what the layer on top opens in one beneath it (100-oracle-corpus.bats).
  ALLOWED_DIFFERENCES+=(--hidden-partly --except /kinds/modes/dir-0000)
  # podman adds the user that it runs a container as to these two, and their times change.
  ALLOWED_DIFFERENCES+=(--except /etc/passwd --except /etc/group)
}

teardown() { ! is_root || test_end; }

# mount_program WHO: stack with fuse-overlayfs.
mount_program() {
  grep -q '^\[storage.options.overlay\]' "$T/$1/conf/storage.conf" ||
    echo '[storage.options.overlay]' >>"$T/$1/conf/storage.conf"
  echo "mount_program = \"$(command -v fuse-overlayfs)\"" >>"$T/$1/conf/storage.conf"
}

# pulled WHO KIND: the image, ordinary, remote, or with every other layer local.
pulled() {
  local local_layers=()
  case $2 in
    ordinary) run_podman_as "$1" pull --quiet "$REGISTRY/$IMAGE" ;;
    remote)
      oracle_lacking "$IMAGE"
      run_podman_as "$1" pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
      ;;
    mixed)
      mapfile -t local_layers < <(seq 1 2 $(($(hard_layers "$IMAGE") - 1)))
      oracle_lacking "$IMAGE" "${local_layers[@]}"
      run_podman_as "$1" pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
      equal "$(layer_count "$1" local)" "${#local_layers[@]}" "local layers"
      ;;
  esac
}

# store_files WHO: how many files the image's layers take in the store.
store_files() { find "$T/$1/store/overlay" -path '*/diff*/*' ! -type d | wc -l; }

# cheap WHO KIND OPTION…: a start reads less than 1 MB of the repository, and leaves nothing of the image in the store.
cheap() {
  local who=$1 before read
  before=$(store_files "$who")
  repository_ctl reset
  run_podman_as "$who" 2 run --rm --volume "$TOOLS/oracle:/.oracle:ro" --entrypoint '["/.oracle"]' "${@:3}" "$REGISTRY/$IMAGE"
  read=$(repository_ctl counters | jq '.total."bytes-read"')
  [ "$read" -lt 1000000 ] || fail "a start with ${*:3} read $read bytes of the repository" || return 1
  equal "$(store_files "$who")" "$before" "files in the store after a start with ${*:3}"
}

# What fuse-overlayfs makes of AUFS names in ordinary layers: a whiteout hides its own layer's entry, too.
FUSE_OVERLAYFS_LACKS=(--except /opaques/recreated --except /replaced/marked-dir-link --except /replaced/marked-link-dir
  --except /whiteouts/again --except /whiteouts/again-file --except /whiteouts/dir-again --except /whiteouts/merged)

# Hard links that an ordinary chown takes apart.
CHOWN_SEPARATES=(--except /links --except /replaced/linked-b --except /whiteouts/other)

# mappings WHO OVERLAY OPTIONS…: OPTIONS are a mapping each, words in one string.
mappings() {
  local who=$1 overlay=$2 kind n options=() mapping except
  shift 2
  if [ "$overlay" != kernel ]; then
    mount_program "$who"
    ALLOWED_DIFFERENCES+=("${FUSE_OVERLAYFS_LACKS[@]}")
  fi
  for kind in ordinary remote mixed; do
    pulled "$who" "$kind"
    n=0
    for mapping in "$@"; do
      n=$((n + 1))
      read -ra options <<<"$mapping"
      # The chown of an ordinary image, to map its owners, takes names of hard links from each other.
      if [[ $kind$mapping == mixed*--u*ns=* || $kind$mapping == mixed*--uidmap* ]]; then except=("${CHOWN_SEPARATES[@]}"); else except=(); fi
      record "$who" "$T/$kind.$n" "${options[@]}" "$REGISTRY/$IMAGE"
      [ "$kind" = ordinary ] || cheap "$who" "$kind" "${options[@]}" || return 1
      [ "$kind" = ordinary ] || same "$who, $overlay, $kind, $mapping" "$T/ordinary.$n" "$T/$kind.$n" \
        "${ALLOWED_DIFFERENCES[@]}" "${except[@]}" || return 1
    done
    run_podman_as "$who" rmi --all --force
  done
}

rootless_mappings=("--user 0" "--user 33" "--user 1000" "--userns=keep-id" "--userns=keep-id --user 0" "--userns=keep-id:uid=5,gid=6"
  "--userns=auto" "--uidmap 0:1:1000 --gidmap 0:1:1000" "--uidmap 0:100:60000 --gidmap 0:200:60000 --user 1000")
single_mappings=("--user 0" "--userns=keep-id" "--userns=keep-id:uid=5,gid=6")
root_mappings=("--user 0" "--user 33" "--uidmap 0:200000:65536 --gidmap 0:300000:65536" "--userns=auto:size=65536")

@test "rootless, the kernel's overlayfs" { mappings user kernel "${rootless_mappings[@]}"; }
@test "rootless, fuse-overlayfs" { mappings user fuse-overlayfs "${rootless_mappings[@]}"; }
@test "without subordinate ids, the kernel's overlayfs" { mappings single kernel "${single_mappings[@]}"; }
@test "without subordinate ids, fuse-overlayfs" { mappings single fuse-overlayfs "${single_mappings[@]}"; }
@test "root, the kernel's overlayfs" { mappings root kernel "${root_mappings[@]}"; }
@test "root, fuse-overlayfs" { mappings root fuse-overlayfs "${root_mappings[@]}"; }

@test "a store that cannot shift ids: root, with mapped ids" {
  export _CONTAINERS_OVERLAY_DISABLE_IDMAP=yes
  mappings root kernel "--uidmap 0:200000:65536 --gidmap 0:300000:65536"
}

@test "a mapped container leaves the image as it was, also when its layers are made local" {
  local image=small/deletions:1
  registry_stop
  site
  run_podman pull --quiet "$REGISTRY/$image"
  record user "$T/ordinary" --user 0 "$REGISTRY/$image"
  run_podman rmi --all
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$image"
  run_podman run --name kept --userns=keep-id "$REGISTRY/$image" sh -c 'echo x >/tmp/x'
  run_podman images --format '{{.Size}}'
  registry_mark
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$image"
  equal "$(registry_layer_requests)" 4 "requests for layers"
  record user "$T/local" --user 0 "$REGISTRY/$image"
  same "small/deletions:1, made local after keep-id" "$T/ordinary" "$T/local" --now "$ORACLE_BEGIN"
  record user "$T/mapped" --userns=keep-id --user 0 "$REGISTRY/$image"
  same "small/deletions:1, made local, keep-id again" "$T/ordinary" "$T/mapped" --now "$ORACLE_BEGIN" \
    --except /etc/passwd --except /etc/group
  run_podman start --attach kept
}

@test "an image with a user of its own" {
  IMAGE=hard/user:1
  mappings user kernel "--env PLAIN=" "--userns=keep-id" "--userns=keep-id:uid=1000,gid=1000" "--user 0"
  mappings root kernel "--env PLAIN=" "--user 0"
}

# inner_podman: what a podman inside a container of its own reads.
inner_podman() {
  local inner=$1
  mkdir -p "$inner/.config/containers" "$inner/tmp"
  printf '[storage]\ndriver = "overlay"\ngraphroot = "/inner/store"\nrunroot = "/inner/run"\n' >"$inner/storage.conf"
  cat >"$inner/containers.conf" <<CONF
[containers]
netns = "host"
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
lock_type = "file"
CONF
  cp "$T/user/conf/registries.conf" "$T/user/conf/cvmfs.conf" "$inner"
  cp "$T/user/home/.config/containers/policy.json" "$inner/.config/containers"
  cat >"$inner/script" <<'SH'
set -e
export HOME=/inner TMPDIR=/inner/tmp CONTAINERS_STORAGE_CONF=/inner/storage.conf CONTAINERS_CONF=/inner/containers.conf
export CONTAINERS_REGISTRIES_CONF=/inner/registries.conf CONTAINERS_CVMFS_CONF=/inner/cvmfs.conf
for mode in off only; do
  podman pull --quiet --cvmfs=$mode $IMAGE
  podman images --all --no-trunc
  podman run --rm --volume $TOOLS/oracle:/.oracle:ro --entrypoint '["/.oracle"]' $IMAGE capture $PRUNE / >/inner/$mode
  podman run --rm $IMAGE sh -c 'echo more >>/etc/os-release; rm /etc/group; cat /etc/os-release'
  podman rmi --all --force
done
SH
  chmod -R a+rwX "$inner"
}

@test "podman in podman" {
  local inner=$T/inner path prune=
  registry_stop
  site
  for path in "${ORACLE_PRUNE[@]}"; do prune+=" --prune $path"; done
  mkdir "$inner"
  inner_podman "$inner"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  registry_mark
  # The machine's own programs, in a container from CVMFS.
  run_podman run --rm --privileged --network host --device /dev/fuse --volume "$inner:/inner" --volume "$BIN:$BIN:ro" \
    --volume "$TOOLS:$TOOLS:ro" --volume "$REPOSITORY:$REPOSITORY:rslave" --volume /usr:/usr:ro --volume /lib:/lib:ro \
    --volume /lib64:/lib64:ro --env PATH="$BIN:/usr/bin:/usr/sbin:/bin" --env TOOLS="$TOOLS" --env PRUNE="$prune" \
    --env IMAGE="$REGISTRY/small/deletions:1" "$REGISTRY/small/base:1" sh /inner/script
  equal "$(grep -c '^ID=crafted$' <<<"$output")" 2 "containers that ran"
  equal "$(registry_layer_requests)" 4 "requests for layers, by the ordinary pull"
  same "small/deletions:1, podman in podman" "$inner/off" "$inner/only" "${ALLOWED_DIFFERENCES[@]}"
}
