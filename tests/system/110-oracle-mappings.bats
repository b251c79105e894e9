# Whoever runs it and however ids are mapped, a container on remote layers is the one that an ordinary pull gives, and nothing
# is copied or chowned for that.

load lib/bats

IMAGE=hard/everything:1

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  LET=()
}

teardown() { ! is_root || test_end; }

# pulled WHO KIND: the image, ordinary, remote, with every other layer local, or with all but the lowest local.
pulled() {
  local local_layers=()
  case $2 in
    ordinary) run_podman_as "$1" pull --quiet "$REGISTRY/$IMAGE" ;;
    remote)
      oracle_lacking "$IMAGE"
      run_podman_as "$1" pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
      ;;
    *)
      mapfile -t local_layers < <(seq 1 "$([ "$2" = mixed ] && echo 2 || echo 1)" $(($(hard_layers "$IMAGE") - 1)))
      oracle_lacking "$IMAGE" "${local_layers[@]}"
      run_podman_as "$1" pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
      ;;
  esac
  equal "$(layer_count "$1" local)" "$([ "$2" = ordinary ] && hard_layers "$IMAGE" || echo "${#local_layers[@]}")" "local layers"
}

# store_files WHO: how many files the image's layers take in the store.
store_files() { find "$T/$1/store/overlay" -path '*/diff*/*' ! -type d | wc -l; }

# cheap WHO OPTION…: the first start of an image with these options reads less than 1 MB of the repository, and leaves nothing
# of the image in the store. COST is how often it asks the repository.
cheap() {
  local who=$1 before read made
  before=$(store_files "$who")
  repository_ctl drop
  repository_ctl reset
  # a copy of the image, if one were made, goes with the container
  run_podman_as "$who" 2 run --name first --volume "$TOOLS/oracle:/.oracle:ro" --entrypoint '["/.oracle"]' "${@:2}" "$REGISTRY/$IMAGE"
  read=$(repository_ctl counters | jq '.total."bytes-read"')
  COST=$(repository_ctl counters | jq '.total | del(."bytes-read") | add')
  [ "$read" -lt 1000000 ] || fail "a start with ${*:2} read $read bytes of the repository"
  made=$(($(store_files "$who") - before))
  # what podman makes in a container: mount points, /etc/mtab, an account of the user's
  [ $made -lt 20 ] || fail "a start with ${*:2} made $made files in the store"
  run_podman_as "$who" rm first
}

# root_inside MAPPING: is root who a container runs as with these options?
root_inside() {
  case $1 in
    *"--user 0"*) ;;
    *--user* | *keep-id*) return 1 ;;
    *) [ "$IMAGE" != hard/user:1 ] ;;
  esac
}

# home_of_root WHO KIND OPTION…: a directory that the repository closes to the user is home and working directory of the
# container's root, and is written to; what is closed is nobody's, and is refused when it is opened.
home_of_root() {
  local who=$1 kind=$2 want
  run_podman_as "$who" run --rm --workdir /root --env HOME=/root "${@:3}" "$REGISTRY/$IMAGE" sh -c '
    cd && pwd; ls -A; echo new >.new && mkdir .cache && cat .new; ls -A; rm .new; stat -c "%a %u %g %s" /root /etc/shadow
    cat </etc/shadow || echo "not opened"'
  want=$'/root\n.profile\nnew\n.cache\n.new\n.profile\n700 0 0 *\n640 0 0 *\nroot:*'
  if [ "$kind" != ordinary ] && [ "$who" != root ]; then
    want=$'/root\nnew\n.cache\n.new\n700 0 0 *\n640 65534 65534 *\nnot opened'
    contains "$stderr" "Permission denied"
  fi
  # shellcheck disable=SC2053 # sizes
  [[ $output == $want ]] || fail "$kind, ${*:3}: $output"
}

# mappings WHO OVERLAY OPTIONS…: OPTIONS are a mapping each, words in one string; the first is the plain one.
mappings() {
  local who=$1 overlay=$2 kind n options=() mapping flags plain times
  shift 2
  [ "$overlay" = kernel ] || mount_program "$who"
  for kind in ordinary remote mixed lowest; do
    pulled "$who" "$kind"
    stacked_by "$who" "$overlay" "$REGISTRY/$IMAGE"
    allowed "$who" "$kind"
    n=0 plain=0
    for mapping in "$@"; do
      n=$((n + 1))
      read -ra options <<<"$mapping"
      if [ "$kind" = remote ]; then
        cheap "$who" "${options[@]}"
        [ $plain != 0 ] || plain=$COST
        times=2
        [[ $mapping != *--userns=auto* ]] || times=3 # podman mounts the image, too, to look for its accounts
        [ "$COST" -le $((times * plain)) ] || fail "a start with $mapping asks the repository $COST times, a plain one $plain times"
      fi
      record "$who" "$T/$kind.$n" "${options[@]}" "$REGISTRY/$IMAGE"
      [[ $kind != ordinary && $kind != remote ]] || ! root_inside "$mapping" || home_of_root "$who" "$kind" "${options[@]}"
      [ "$kind" != ordinary ] || continue
      # podman adds the user that it runs a container as to these two, and their times change.
      flags=(--let '"/etc/(passwd|group)" mtime: .*')
      # A layer on top opens what the closed one beneath holds: it stays hidden.
      [ "$who" = root ] || [ "$IMAGE" != hard/everything:1 ] || flags+=("$([ "$kind" = remote ] && echo --expect || echo --let)" '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent')
      [ "$overlay" = kernel ] || [ "$kind" = lowest ] || [ "$IMAGE" != hard/everything:1 ] || flags+=("${FUSE_OVERLAYFS_LACKS[@]}")
      [ "$kind" != lowest ] || flags+=(--let '"/home/user" owner: ordinary .*')
      # An ordinary image is chowned to map its owners.
      [[ $mapping != *--u*ns=* && $mapping != *--uidmap* ]] || flags+=(--chowned)
      same "$who, $overlay, $kind, $mapping" "$T/ordinary.$n" "$T/$kind.$n" "${ALLOWED_DIFFERENCES[@]}" "${flags[@]}" "${LET[@]}"
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
  # That it does not shift them: there is a mapped copy of the topmost layer, of no content.
  pulled root remote
  root_run_podman run --rm --uidmap 0:200000:65536 "$REGISTRY/$IMAGE" true
  equal "$(find "$T/root/store/overlay" -mindepth 2 -maxdepth 2 -name remote-owner | wc -l)" 1 "mapped copies"
}

@test "a mapped container leaves the image as it was, also when its layers are made local" {
  local image=small/deletions:1
  registry_stop
  site
  run_podman pull --quiet "$REGISTRY/$image"
  record user "$T/ordinary" --user 0 "$REGISTRY/$image"
  record user "$T/ordinary.mapped" --userns=keep-id --user 0 "$REGISTRY/$image"
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
  same "small/deletions:1, made local, keep-id again" "$T/ordinary.mapped" "$T/mapped" --now "$ORACLE_BEGIN" \
    --chowned --let '"/etc/(passwd|group)" mtime: .*'
  run_podman start --attach kept
}

user_mappings=("--env PLAIN=" "--user 0" "--userns=keep-id" "--userns=keep-id:uid=1000,gid=1000" "--userns=auto")

# A repository keeps no owners: what is closed to all but this user is closed to him, too.
@test "an image with a user of its own" {
  local overlay
  IMAGE=hard/user:1 LET=(--let '"/home/user/closed/inside" entry: ordinary file, other absent')
  for overlay in kernel fuse-overlayfs; do mappings user $overlay "${user_mappings[@]}"; done
}
@test "an image with a user of its own, as root" {
  local overlay
  IMAGE=hard/user:1 LET=(--let '"/home/user/closed/inside" entry: ordinary file, other absent')
  for overlay in kernel fuse-overlayfs; do mappings root $overlay "--env PLAIN=" "--user 0" "--userns=auto:size=65536"; done
}
@test "an image with a user of its own, without subordinate ids" {
  local overlay
  IMAGE=hard/user:1
  for overlay in kernel fuse-overlayfs; do mappings single $overlay "--user 0" "--userns=keep-id:uid=1000,gid=1000"; done
}

# A map with a gap (a user's id beyond his subordinate ones has one, too) shifts nothing, not even with fuse-overlayfs: then the
# view shows local layers as well, in the form that fuse-overlayfs has them in.
GAP="--uidmap 0:1:1000 --uidmap 5000:1001:10 --gidmap 0:1:1000 --gidmap 5000:1001:10"

@test "ids with a gap" { mappings user kernel "--user 0" "$GAP"; }

# The chown of an ordinary image by fuse-overlayfs (1.10) fails on FIFOs and names of 255 bytes, which these have not, and loses
# the times of symbolic links.
@test "ids with a gap, fuse-overlayfs" {
  LET=(--let '"/bin/[^/]*" mtime: .*, other 1582230020\+0ns')
  for IMAGE in hard/ghosts:1 hard/inside:1 hard/shared:2 hard/implied:1; do mappings user fuse-overlayfs "--user 0" "$GAP"; done
}

# inner_podman DIR: what a podman inside a container of its own reads.
inner_podman() {
  local inner=$1 overlay program
  mkdir -p "$inner/.config/containers" "$inner/tmp"
  for overlay in kernel fuse-overlayfs; do
    [ $overlay = kernel ] && program= || program="[storage.options.overlay]"$'\n'"mount_program = \"$(command -v fuse-overlayfs)\""
    printf '[storage]\ndriver = "overlay"\ngraphroot = "/inner/store"\nrunroot = "/inner/run"\n%s\n' "$program" >"$inner/$overlay.conf"
  done
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
  cp "$T/user/conf/registries.conf" "$inner"
  cp "$T/user/home/.config/containers/policy.json" "$inner/.config/containers"
  cat >"$inner/script" <<'SH'
set -e
export HOME=/inner TMPDIR=/inner/tmp CONTAINERS_CONF=/inner/containers.conf
export CONTAINERS_REGISTRIES_CONF=/inner/registries.conf
for overlay in kernel fuse-overlayfs; do
  export CONTAINERS_STORAGE_CONF=/inner/$overlay.conf
  for kind in off only auto; do
    export CONTAINERS_CVMFS_CONF=/inner/$kind.conf
    podman pull --quiet --cvmfs=$kind $IMAGE
    podman run --rm --user 0 $IMAGE grep ' / ' /proc/mounts
    podman run --rm --user 0 --volume $TOOLS/oracle:/.oracle:ro --entrypoint '["/.oracle"]' $IMAGE capture $PRUNE / >/inner/$overlay.$kind
    podman run --rm --user 0 $IMAGE sh -c 'echo more >>/etc/os-release; rm /etc/group; cat /etc/os-release'
    podman rmi --all --force
  done
  rm -r /inner/store /inner/run
done
SH
  chmod -R a+rwX "$inner"
}

# nested WHO OPTION…: of the outer container, which is from a repository itself.
nested() {
  local who=$1 inner=$T/inner path prune="" overlay kind fuse
  shift
  for path in "${ORACLE_PRUNE[@]}"; do prune+=" --prune $path"; done
  mkdir "$inner"
  inner_podman "$inner"
  oracle_lacking "$IMAGE" 1 3
  cp "$T/user/conf/cvmfs.conf" "$inner/auto.conf"
  local lacking=$REPOSITORY
  repository_mount "$RUN/hard-tree" whole.example.org && cvmfs_conf
  cp "$T/user/conf/cvmfs.conf" "$inner/only.conf"
  cp "$T/user/conf/cvmfs.conf" "$inner/off.conf"
  run_podman_as "$who" pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  registry_mark
  # The machine's own programs, in a container from CVMFS.
  run_podman_as "$who" run --rm --privileged --user 0 --network host --device /dev/fuse --volume "$inner:/inner" --volume "$BIN:$BIN:ro" \
    --volume "$TOOLS:$TOOLS:ro" --volume "$REPOSITORY:$REPOSITORY:rslave" --volume "$lacking:$lacking:rslave" --volume /usr:/usr:ro \
    --volume /lib:/lib:ro --volume /lib64:/lib64:ro --env PATH="$BIN:/usr/bin:/usr/sbin:/bin" --env TOOLS="$TOOLS" --env PRUNE="$prune" \
    --env IMAGE="$REGISTRY/$IMAGE" "$@" "$REGISTRY/$IMAGE" sh /inner/script
  equal "$(grep -c '^overlay / overlay ' <<<"$output")" 3 "inner containers on the kernel's overlayfs"
  equal "$(grep -c ' / fuse.fuse-overlayfs ' <<<"$output")" 3 "inner containers on fuse-overlayfs"
  equal "$(grep -c '^ID=crafted$' <<<"$output")" 6 "containers that ran"
  equal "$(registry_layer_requests)" $((2 * ($(hard_layers "$IMAGE") + 2))) "requests for layers, by the ordinary and the mixed pulls"
  for overlay in kernel fuse-overlayfs; do
    for kind in only auto; do
      allowed "$who" "$([ $kind = only ] && echo remote || echo mixed)"
      [ $overlay = kernel ] && fuse=() || fuse=("${FUSE_OVERLAYFS_LACKS[@]}")
      same "$who, podman in podman, $overlay, $kind" "$inner/$overlay.off" "$inner/$overlay.$kind" "${ALLOWED_DIFFERENCES[@]}" "${fuse[@]}" \
        --let '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent'
    done
  done
}

@test "podman in podman" { nested user; }
@test "podman in podman, keep-id" { nested user --userns=keep-id; }
@test "podman in podman, as root" { nested root; }
