# What a container changes is the same on remote layers: podman diff and commit, export, build on top, cp.

load lib/bats
load lib/changes

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  needs_root
  test_begin
  changes_site
  # As elsewhere, but that nothing is hidden here: the changes leave no such file.
  oracle_allowed
  KEPT=(--owner 0:0 --links --xattrs --seconds --now "$ORACLE_BEGIN")
}

teardown() { ! is_root || test_end; }

# added FILE NAME…: of an ordinary image, podman diff tells of each NAME that it changed, although it is new: an opaque directory
# of a layer in the middle hides the one that is beneath. It asks layer by layer; a view of all has no such name.
added() {
  local name
  for name in "${@:2}"; do
    grep -qx "C $name" "$1" || fail "no change of $name: the exception is not needed" || return 1
    sed "s|^C $name\$|A $name|" "$1" | LC_ALL=C sort >"$1.added"
    mv "$1.added" "$1"
  done
}

# diff_and_commit WHO OVERLAY OPTION…: options of the container.
diff_and_commit() {
  local who=$1 overlay=$2 kind case differs=0 what
  shift 2
  for kind in ordinary remote mixed; do
    pulled "$who" "$kind"
    diff_of "$who" "$T/$kind.image" "$REGISTRY/$IMAGE"
    changed "$who" one "" "$@"
    diff_of "$who" "$T/$kind.container" one
    run_podman_as "$who" commit --quiet one committed
    diff_of "$who" "$T/$kind.committed" committed
    diff_of "$who" "$T/$kind.two" committed "$REGISTRY/$IMAGE"
    layer_tar "$who" committed "$T/$kind.layer"
    record "$who" "$T/$kind.tree" --user 0 "$@" committed
    run_podman_as "$who" rm one
    run_podman_as "$who" rmi --all --force
    [ "$kind" != ordinary ] || continue
    case="$who, $overlay, $kind${*:+, $*}:"
    for what in image container committed two; do cp "$T/ordinary.$what" "$T/expected.$what"; done
    [ "$kind" != remote ] || {
      added "$T/expected.image" /opaques/plain/sub
      for what in container committed two; do added "$T/expected.$what" /opaques/nested/in/old; done
    }
    same_lines "$case diff of the image" 10 "$T"/{expected,$kind}.image || differs=1
    same_lines "$case diff of the container" 300 "$T"/{expected,$kind}.container || differs=1
    same_lines "$case diff of the committed image" 300 "$T"/{expected,$kind}.committed || differs=1
    same_lines "$case diff of both images" 300 "$T"/{expected,$kind}.two || differs=1
    same "$case tar of the committed layer" "$T"/{ordinary,$kind}.layer "${KEPT[@]}" --min-entries 300 || differs=1
    # /kinds/empty is closed to the user, and is touched.
    same "$case container of the committed image" "$T"/{ordinary,$kind}.tree "${KEPT[@]}" --hidden --min-entries 500 || differs=1
  done
  return $differs
}

@test "diff and commit, rootless" { diff_and_commit user kernel; }
@test "diff and commit, rootless, keep-id" { diff_and_commit user kernel --userns=keep-id; }
@test "diff and commit, rootless, fuse-overlayfs" {
  mount_program user
  diff_and_commit user fuse-overlayfs
}
@test "diff and commit, root" { diff_and_commit root kernel; }

@test "commit of what podman diff cannot tell" {
  local who kind
  for who in user root; do
    for kind in ordinary remote mixed; do
      pulled "$who" "$kind"
      changed "$who" one "$(entered_changes)"
      run_podman_as "$who" 125 diff one
      echo "${stderr##*/diff/}" >"$T/$kind.error"
      run_podman_as "$who" commit --quiet one committed
      layer_tar "$who" committed "$T/$kind.layer"
      record "$who" "$T/$kind.tree" --user 0 committed
      run_podman_as "$who" rm one
      run_podman_as "$who" rmi --all --force
      [ "$kind" != ordinary ] || continue
      same_lines "$who, $kind: diff's error" 1 "$T"/{ordinary,$kind}.error
      same "$who, $kind: tar of the committed layer" "$T"/{ordinary,$kind}.layer "${KEPT[@]}" --min-entries 300
      same "$who, $kind: container of the committed image" "$T"/{ordinary,$kind}.tree "${KEPT[@]}" --hidden --min-entries 500
    done
  done
}
