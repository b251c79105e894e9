# What an image holds at a volume's place is copied into the volume, from remote layers as from ordinary ones: all of it or nothing.

load lib/bats

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  IMAGE=hard/everything:1
}

teardown() { ! is_root || test_end; }

# volume_record FILE DIR [OPTION…]: what a new volume at a container's directory holds.
volume_record() {
  local file=$1 dir=$2
  shift 2
  run_podman run --rm --user 0 --volume "data:$dir" --volume "$TOOLS/oracle:/.oracle:ro" --entrypoint '["/.oracle"]' "$@" \
    "$REGISTRY/$IMAGE" capture "$dir" >"$T/log" || return 1
  cp "$T/stdout" "$file"
  run_podman volume rm data >"$T/log"
}

@test "a volume on directories of the image" {
  local kind options dir
  for kind in ordinary remote; do
    if [ "$kind" = ordinary ]; then
      run_podman pull --quiet "$REGISTRY/$IMAGE"
    else
      oracle_lacking "$IMAGE"
      run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
      equal "$(layer_count user local)" 0 "local layers"
    fi
    for options in "" --userns=keep-id; do
      for dir in opaques whiteouts names links; do
        volume_record "$T/$kind.$dir$options" "/$dir" $options
        [ "$kind" = ordinary ] || same "$IMAGE, user, volume on /$dir $options" "$T/ordinary.$dir$options" "$T/remote.$dir$options" \
          --links --chowned --xattrs --now "$ORACLE_BEGIN"
      done
    done
    run_podman rmi --all --force
  done
}

@test "a volume on a directory with a file that the repository keeps from the user" {
  local tries
  oracle_lacking "$IMAGE"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  run_podman create --quiet --name one --user 0 --volume data:/etc "$REGISTRY/$IMAGE" cat /etc/shadow
  for tries in 1 2; do
    run_podman 125 start --attach one
    contains "$stderr" "shadow"
    contains "$stderr" "permission denied"
    equal "$(find "$T/user/store/volumes/data/_data" -mindepth 1)" "" "what is left in the volume"
  done
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  run_podman start --attach one
  contains "$output" "root:"
  run_podman rm one
  run_podman volume rm data
}

# An overlay on an overlay on a view: the kernel stacks two, and a view must not count as one.
@test "an image as a volume, and an overlay on what it holds" {
  oracle_lacking "$IMAGE"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  local mode
  for mode in false true; do
    run_podman run --rm --user 0 --mount "type=image,source=$REGISTRY/$IMAGE,destination=/mnt,rw=$mode" "$REGISTRY/$IMAGE" \
      cat /mnt/etc/os-release /etc/os-release
    equal "$output" $'ID=crafted\nID=crafted'
  done
}
