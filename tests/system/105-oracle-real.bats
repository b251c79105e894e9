# Of real images and of very large ones, a container on remote layers shows what an ordinary pull gives, each of its files.

load lib/bats
load lib/inside
load lib/science

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  needs_root
  test_begin
  ORACLE_BEGIN=$(date +%s)
  PODMAN_TIMEOUT=300
}

teardown() { ! is_root || test_end; }

# pulled WHO IMAGE FILE [FLAG…]: a record of what the pull gave, which then goes.
pulled() {
  local who=$1 image=$2 file=$3
  shift 3
  run_podman_as "$who" pull --quiet "$@" "$REGISTRY/$image"
  KINDS="$(layer_count "$who" remote) remote, $(layer_count "$who" local) local"
  record "$who" "$file" --user 0 "$REGISTRY/$image"
  run_podman_as "$who" rmi --all --force
}

# tree_without LAYOUT IMAGE N…: the published tree without these layers is mounted instead.
tree_without() { repository_lacking "$1" "$RUN/$(basename "$1").tree" "${@:2}" && cvmfs_conf; }

# both IMAGE LAYERS ENTRIES WHO…: ordinary and remote, of an image with so many layers and at least so many entries.
both() {
  local image=$1 layers=$2 entries=$3 who
  shift 3
  for who in "$@"; do
    pulled "$who" "$image" "$T/ordinary.$who"
    equal "$KINDS" "0 remote, $layers local" layers
    pulled "$who" "$image" "$T/remote" --cvmfs=only
    equal "$KINDS" "$layers remote, 0 local" layers
    allowed "$who" remote
    same "$image, $who, all layers remote" "$T/ordinary.$who" "$T/remote" "${ALLOWED_DIFFERENCES[@]}" --min-entries "$entries"
  done
}

@test "Debian with a compiler, Python and R" {
  debian_image
  inside_site "$DEBIAN" inside/debian:1
  both inside/debian:1 5 12000 root user
  tree_without "$DEBIAN" inside/debian:1 1 3
  pulled user inside/debian:1 "$T/mixed" --cvmfs=auto
  equal "$KINDS" "3 remote, 2 local" layers
  allowed user mixed
  same "inside/debian:1, user, layers by turns local" "$T/ordinary.user" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}" --min-entries 12000
}

@test "a science image of nine layers" {
  science_layout "$CHECKOUT/_build/images"
  inside_site "$SCIENCE" science:1
  both science:1 9 40000 user
}

# large_site IMAGE: its tree is for one test, being large.
large_site() {
  [ -e "$RUN/large/index.json" ] || "$TOOLS/images" large "$RUN/large" "$(busybox_path)"
  rm -rf "$RUN/large.tree"
  inside_site "$RUN/large" "$1"
}

@test "100,000 files in one directory" {
  large_site hard/many:1
  both hard/many:1 3 99000 user
  tree_without "$RUN/large" hard/many:1 2
  pulled user hard/many:1 "$T/mixed" --cvmfs=auto
  equal "$KINDS" "2 remote, 1 local" layers
  allowed user mixed
  same "hard/many:1, user, the layer that deletes is local" "$T/ordinary.user" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}" --min-entries 99000
}

@test "a file of 5 GB" {
  large_site hard/large:1
  both hard/large:1 2 60 user
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/large:1"
  # It is copied up whole, for one byte.
  run_podman run --rm --user 0 "$REGISTRY/hard/large:1" sh -euc '
    before=$(stat -c %s /large/huge); tail -c 3 /large/huge; printf x >>/large/huge
    tail -c 4 /large/huge; head -c 5 /large/huge; echo " $(($(stat -c %s /large/huge) - before))"'
  equal "$output" "endendxstart 1"
}
