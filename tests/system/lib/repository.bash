# Publishing a tree as a site does, and mounting it as a node does: read-only FUSE, owned by an account that is neither
# root nor the test's. Sets REPOSITORY, the mount point.

REPOSITORY_UID=9

# publish IMAGE TREE: lay an image of the running registry out.
publish() { "$BIN/cvmfs-layers" publish --quiet --plain-http "$REGISTRY/$1" "$2"; }

# What else the stand-in is told.
REPOSITORY_FLAGS=()

# repository_mount TREE [NAME]: a user mounts it inside podman's own user namespace, where he may.
repository_mount() {
  local name=${2:-unpacked.example.org}
  REPOSITORY=$T/cvmfs/$name
  mkdir -p "$REPOSITORY"
  local standin=("$BIN/cvmfs-standin" mount --background --pid-file "$T/$name.pid" --control "$T/$name.sock"
    --uid "$REPOSITORY_UID" --gid "$REPOSITORY_UID" --fqrn "$name" "${REPOSITORY_FLAGS[@]}" "$1" "$REPOSITORY")
  if is_root; then
    CVMFS_TEST_DIR=$T "${standin[@]}" 3>&- 4>&-
  else
    rootless_podman unshare "${standin[@]}"
  fi
}

# repository_lacking LAYOUT TREE IMAGE N…: mount, in place of the mounted repository, one that has of the published TREE the
# image's layers but these, 0 being the lowest, wherever in the image they stand.
repository_lacking() {
  local layout=$1 published=$2 image=$3 tree digest n lacks=
  shift 3
  tree=$(mktemp -d "$T/tree.XXXX")
  chmod 755 "$tree"
  while read -r n digest; do
    [[ " $* " != *" $n "* ]] || lacks+=" $digest"
  done < <("$TOOLS/images" list "$layout" | awk -v i="$image" '$1 == i { print $2, $3 }')
  while read -r digest; do
    [[ $lacks != *$digest* ]] || continue
    [ -e "$published/$(layer_dir "$digest")" ] || continue
    mkdir -p "$tree/$(dirname "$(layer_dir "$digest")")"
    # hard links: as large trees as these are not copied for each test
    [ -e "$tree/$(layer_dir "$digest")" ] || cp -al "$published/$(layer_dir "$digest")" "$tree/$(layer_dir "$digest")"
  done < <("$TOOLS/images" list "$layout" | awk -v i="$image" '$1 == i { print $3 }')
  repository_unmount
  repository_mount "$tree"
}

# repository_ctl COMMAND ARG…: counters, faults, changes of the stand-in that was mounted last.
repository_ctl() { "$BIN/cvmfs-standin" ctl "$T/$(basename "$REPOSITORY").sock" "$@"; }

# repository_unmount [NAME]
repository_unmount() {
  local name=${1:-$(basename "${REPOSITORY:-none}")}
  local pid tries
  pid=$(cat "$T/$name.pid" 2>/dev/null) || return 0
  if is_root; then
    umount -l "$T/cvmfs/$name" 2>/dev/null || true
  else
    rootless_podman unshare umount -l "$T/cvmfs/$name" 2>/dev/null || true
  fi
  for tries in {1..30}; do
    # one that died left its file, and its number may be another's by now
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) != cvmfs-standin* ]] || zombie "/proc/$pid"; then break; fi
    [ "$tries" != 3 ] || kill "$pid" 2>/dev/null || true
    sleep 0.1
  done
  rm -f "$T/$name.pid"
}

repositories_unmount() {
  local pid
  for pid in "$T"/*.pid; do
    [ ! -e "$pid" ] || repository_unmount "$(basename "$pid" .pid)"
  done
}

# repositories_clear: end all faults, so that nothing waits for an answer that does not come.
repositories_clear() {
  local socket
  for socket in "$T"/*.sock; do
    [ ! -S "$socket" ] || "$BIN/cvmfs-standin" ctl "$socket" clear 2>/dev/null || true
  done
}

# cvmfs_conf LINE…: the account's cvmfs.conf; the mounted repository comes first.
cvmfs_conf() {
  local who
  for who in user single root; do
    printf '%s\n' "repositories = [\"$REPOSITORY\"]" "$@" >"$T/$who/conf/cvmfs.conf"
  done
}

# layer_dir DIGEST: in a repository.
layer_dir() {
  local hex=${1#sha256:}
  echo ".layers/${hex:0:2}/$hex"
}
