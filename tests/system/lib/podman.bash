# Running podman: as the test account first, in an environment that holds nothing of the machine's own configuration.

# scene NAME: fresh directories and configuration below $RUN for both accounts; one scene is one machine to podman.
# Sets T. The rootless account's things are in $T/user, those of one without subordinate ids in $T/single, root's in $T/root;
# each has conf, home, run, store, xdg.
scene() {
  T=$RUN/$1
  local who
  mkdir -p "$T"
  for who in user single root; do
    mkdir "$T/$who"
    mkdir "$T/$who"/{conf,home,run,store,xdg,tmp}
    chmod 700 "$T/$who/xdg"
    scene_conf "$T/$who"
  done
  is_root || return 0
  chown -R "$TEST_UID:$TEST_GID" "$T/user"
  chown -R "$SINGLE_UID:$SINGLE_UID" "$T/single"
}

scene_conf() {
  local dir=$1 lock="shm" lacks=
  is_root || lock="file" # /dev/shm is the user's own podman's, too
  [ "$(basename "$dir")" != root ] || may_lock_memory || lacks='cgroups = "disabled"'
  [ -z "$lacks" ] || ! podman_5 ||
    lacks+=$'\n'"default_ulimits = [\"nofile=$(ulimit -Hn):$(ulimit -Hn)\", \"nproc=$(ulimit -Hu):$(ulimit -Hu)\"]"
  mkdir -p "$dir/home/.config/containers"
  cat >"$dir/conf/containers.conf" <<CONF
[containers]
netns = "none"
$lacks
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "${OCI_RUNTIME:-crun}"
lock_type = "$lock"
tmp_dir = "$dir/xdg/libpod"
static_dir = "$dir/store/libpod"
volume_path = "$dir/store/volumes"
helper_binaries_dir = ["$RUN/bin", "/usr/local/libexec/podman", "/usr/libexec/podman", "/usr/lib/podman"]
[network]
network_config_dir = "$dir/conf/networks"
default_rootless_network_cmd = "slirp4netns" # what this machine has; podman 5 would want passt
CONF
  cat >"$dir/conf/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$dir/store"
rootless_storage_path = "$dir/store"
runroot = "$dir/run"
CONF
  [ "$(basename "$dir")" != single ] || printf '[storage.options.overlay]\nignore_chown_errors = "true"\n' >>"$dir/conf/storage.conf"
  : >"$dir/conf/registries.conf"
  : >"$dir/conf/cvmfs.conf"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$dir/home/.config/containers/policy.json"
}

# mount_program WHO: from here on, fuse-overlayfs stacks.
mount_program() {
  local conf=$T/$1/conf/storage.conf program
  program=$(command -v fuse-overlayfs) || die "fuse-overlayfs is not installed; .ci/deps test sees to it"
  ! grep -q '^mount_program' "$conf" || return 0
  grep -q '^\[storage.options.overlay\]' "$conf" || echo '[storage.options.overlay]' >>"$conf"
  echo "mount_program = \"$program\"" >>"$conf" # the last section is this one
}

# shellcheck disable=SC2154 # output is bats'
# stacked_by WHO kernel|fuse-overlayfs IMAGE: what containers of the image stand on.
stacked_by() {
  run_podman_as "$1" run --rm --user 0 "$3" grep ' / ' /proc/mounts
  case $2 in
    kernel) contains "$output" "overlay / overlay " ;;
    fuse-overlayfs) contains "$output" " / fuse.fuse-overlayfs " ;;
  esac
}

# Where not even root may lock memory, crun cannot load the program that rules devices in a control group: root's
# containers then go without groups, root's builds without crun. Nor may it raise limits, which podman 5's builds do.
may_lock_memory() { (ulimit -l unlimited) 2>/dev/null; }

# trust_registry PORT…: use them without TLS.
trust_registry() {
  local who
  for who in user single root; do
    printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$@" >"$T/$who/conf/registries.conf"
  done
}

# What a test adds to the environment, as NAME=value.
VARIABLES=()

# environment WHO: what a process of the scene sees, one assignment a line.
environment() {
  local dir=$T/$1 name
  case $1 in
    user) name=$TEST_USER ;;
    single) name=${TEST_USER}s ;;
    root) name=root ;;
  esac
  cat <<ENV
PATH=$BIN:$TOOLS:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=$dir/home
USER=$name
LOGNAME=$name
LANG=C.UTF-8
TMPDIR=$dir/tmp
XDG_RUNTIME_DIR=$dir/xdg
XDG_CONFIG_HOME=$dir/home/.config
CONTAINERS_CONF=$dir/conf/containers.conf
CONTAINERS_STORAGE_CONF=$dir/conf/storage.conf
CONTAINERS_REGISTRIES_CONF=$dir/conf/registries.conf
CONTAINERS_CVMFS_CONF=$dir/conf/cvmfs.conf
CVMFS_TEST_DIR=$T
ENV
  [ "$1" != root ] || may_lock_memory || echo BUILDAH_ISOLATION=chroot
  [ ${#VARIABLES[@]} = 0 ] || printf '%s\n' "${VARIABLES[@]}"
  # a store that cannot shift ids, where a test wants one
  [ -z "${_CONTAINERS_OVERLAY_DISABLE_IDMAP:-}" ] || echo "_CONTAINERS_OVERLAY_DISABLE_IDMAP=$_CONTAINERS_OVERLAY_DISABLE_IDMAP"
}

# What root puts before the test account's command lines, such as nsenter.
ENTER=()

# rootless CMD…: run it as the test account; single CMD…: as the one without subordinate ids (as root only); as_root CMD…: as
# root. Each has a store of its own. The closed descriptors are bats': what stays in the background must not hold them.
rootless() {
  local env
  mapfile -t env < <(environment user)
  if is_root; then
    (cd / && exec env -i "${env[@]}" "${ENTER[@]}" setpriv --reuid="$TEST_UID" --regid="$TEST_GID" --init-groups "$@" 3>&- 4>&-)
  else
    (cd / && exec env -i "${env[@]}" "$@" 3>&- 4>&-)
  fi
}

single() {
  local env
  mapfile -t env < <(environment single)
  (cd / && exec env -i "${env[@]}" setpriv --reuid="$SINGLE_UID" --regid="$SINGLE_UID" --clear-groups "$@" 3>&- 4>&-)
}

as_root() {
  local env
  mapfile -t env < <(environment root)
  (cd / && exec env -i "${env[@]}" "$@" 3>&- 4>&-)
}

podman_path() { echo "${PODMAN:-$BIN/podman}"; }

# podman_5: what is tested is podman 5. What differs has nothing to do with remote layers (docs/upstream.md).
podman_5() { [[ $("$(podman_path)" --version) == *" 5."* ]]; }

# PODMAN_TIMEOUT, in seconds, ends a podman that hangs.
rootless_podman() { rootless ${PODMAN_TIMEOUT:+timeout --kill-after=5 "$PODMAN_TIMEOUT"} "$(podman_path)" "$@"; }
single_podman() { single ${PODMAN_TIMEOUT:+timeout --kill-after=5 "$PODMAN_TIMEOUT"} "$(podman_path)" "$@"; }
root_podman() { as_root ${PODMAN_TIMEOUT:+timeout --kill-after=5 "$PODMAN_TIMEOUT"} "$(podman_path)" "$@"; }

# scene_end: remove all containers and images of the scene.
scene_end() {
  local status=0 runner
  for runner in rootless_podman single_podman root_podman; do
    # the others' stores are there only if the test used them
    [ "$runner" = rootless_podman ] || [ -d "$T/${runner%_podman}/store/overlay" ] || continue
    "$runner" rm --all --force --time 0 >/dev/null || status=1
    "$runner" rmi --all --force >/dev/null || status=1
  done
  return $status
}

# layers_json WHO: the store's record of layers.
layers_json() {
  local file=$T/$1/store/overlay-layers/layers.json
  if [ -s "$file" ]; then cat "$file"; else echo '[]'; fi
}

# layer_count WHO remote|local
layer_count() {
  local remote='(.kind // "") == "remote-readonly"'
  [ "$2" = remote ] || remote="$remote | not"
  layers_json "$1" | jq "[.[] | select($remote)] | length"
}

# store_bytes WHO: bytes that the store takes on disk.
store_bytes() {
  if is_root; then
    du -s --block-size=1 "$T/$1/store" | cut -f1
  else
    rootless_podman unshare du -s --block-size=1 "$T/$1/store" | cut -f1
  fi
}

# remove_as_user DIR: a store holds files of subordinate ids.
remove_as_user() {
  rm -rf "$1" 2>/dev/null || true
  [ ! -e "$1" ] || unshare --user --map-root-user --map-auto rm -rf "$1"
}
