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
  oracle_allowed
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

# tree_without LAYOUT IMAGE N…: the published tree without these layers, 0 being the lowest, is mounted instead.
tree_without() {
  local layout=$1 image=$2 n digest tree
  shift 2
  tree=$(mktemp -d "$T/tree.XXXX")
  chmod 755 "$tree"
  cp -al "$RUN/$(basename "$layout").tree/.layers" "$tree/" # hard links
  for n in "$@"; do
    digest=$("$TOOLS/images" list "$layout" | awk -v i="$image" -v n="$n" '$1 == i && $2 == n { print $3 }')
    rm -r "${tree:?}/$(layer_dir "$digest")"
  done
  repository_unmount
  repository_mount "$tree" && cvmfs_conf
}

# both IMAGE LAYERS ENTRIES WHO…: ordinary and remote, of an image with so many layers and at least so many entries.
both() {
  local image=$1 layers=$2 entries=$3 who
  shift 3
  for who in "$@"; do
    pulled "$who" "$image" "$T/ordinary.$who"
    equal "$KINDS" "0 remote, $layers local" layers
    pulled "$who" "$image" "$T/remote" --cvmfs=only
    equal "$KINDS" "$layers remote, 0 local" layers
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
}

@test "a file of 5 GB" {
  large_site hard/large:1
  both hard/large:1 2 60 user
}
