# Over a corpus of every hard case, a container on remote layers is the one that an ordinary pull gives: all layers remote, the
# lower half, the upper half; rootless and as root.

load lib/bats

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  # A closed directory of a layer in the middle shows what the layers above it have.
  ALLOWED_DIFFERENCES+=(--hidden-partly)
}

teardown() { ! is_root || test_end; }

# halves N: the numbers of the lower and of the upper half of N layers.
lower_half() { seq 0 $(($1 / 2 - 1)); }
upper_half() { seq $(($1 / 2)) $(($1 - 1)); }

# ordinary WHO IMAGE: what the reference shows.
ordinary() {
  run_podman_as "$1" pull --quiet "$REGISTRY/$2"
  equal "$(layer_count "$1" remote)" 0 "remote layers after an ordinary pull"
  record "$1" "$T/ordinary" --user 0 "$REGISTRY/$2"
  run_podman_as "$1" rmi --all --force
}

DOCKER_EMPTY=a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4

# corpus IMAGE [FLAG…]
corpus() {
  local image=$1 n half who
  shift
  n=$(hard_layers "$image")
  for who in user root; do
    ordinary "$who" "$image"
    oracle_lacking "$image"
    registry_mark
    run_podman_as "$who" pull --quiet --cvmfs=only "$REGISTRY/$image"
    # but Docker's empty layer, which nobody publishes
    equal "$(registry_sum ".kind == \"layer\" and (.path | endswith(\"$DOCKER_EMPTY\") | not)" 1)" 0 "requests for layers"
    equal "$(layers_json "$who" | jq "[.[] | select(.kind == null and .\"compressed-diff-digest\" != \"sha256:$DOCKER_EMPTY\")] | length")" \
      0 "local layers"
    record "$who" "$T/remote" --user 0 "$REGISTRY/$image"
    same "$image, $who, all layers remote" "$T/ordinary" "$T/remote" "${ALLOWED_DIFFERENCES[@]}" "$@"
    run_podman_as "$who" rmi --all --force
    [ "$who" = user ] || continue
    for half in lower upper; do
      mapfile -t lacking < <("${half}_half" "$n")
      oracle_lacking "$image" "${lacking[@]}"
      run_podman_as "$who" pull --quiet --cvmfs=auto "$REGISTRY/$image"
      record "$who" "$T/mixed" --user 0 "$REGISTRY/$image"
      same "$image, $who, $half half local" "$T/ordinary" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}" "$@"
      run_podman_as "$who" rmi --all --force
    done
  done
}

# A layer on top opens dir-0000: what the closed one beneath holds stays hidden.
@test "everything" { corpus hard/everything:1 --except /kinds/modes/dir-0000; }
@test "implied directories" { corpus hard/implied:1; }
@test "inside" { corpus hard/inside:1; }
@test "whiteouts where nothing was" { corpus hard/ghosts:1; }
@test "AUFS's own names" { corpus hard/aufs:1 --except /.wh..wh.plnk; }
@test "names like markers" { corpus hard/markers:1 --except /markers/.cvmfscatalog; }
@test "the root directory" { corpus hard/root:1; }
@test "devices" { corpus hard/devices:1 --except /devices/deleted --except /devices/replaced; }
@test "closed files and directories" { corpus hard/closed:1 --except /closed/widened; }
@test "owners" { corpus hard/ids:1; }
@test "times long ago" { corpus hard/past:1; }
@test "long paths" { corpus hard/paths:1; }

# The user cannot look into the layer at all, so it is downloaded.
@test "a closed root directory" {
  local image=hard/closed-root:1
  ordinary user "$image"
  oracle_lacking "$image"
  allow_warning "not for this user to read"
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/$image"
  layers_are user 1 1
  record user "$T/mixed" --user 0 "$REGISTRY/$image"
  same "$image, user, the closed layer local" "$T/ordinary" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}"
  run_podman rmi --all --force
}

@test "a deletion whose marker no repository can hold is downloaded" {
  local image=hard/longest:1 who
  mkdir "$T/published"
  run -2 publish "$image" "$T/published"
  contains "$output" ".wh.nnnn"
  for who in user root; do
    ordinary "$who" "$image"
    oracle_lacking "$image"
    run_podman_as "$who" pull --quiet --cvmfs=auto "$REGISTRY/$image"
    equal "$(layer_count "$who" remote)" 1 "remote layers"
    record "$who" "$T/mixed" --user 0 "$REGISTRY/$image"
    same "$image, $who, what is published remote" "$T/ordinary" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}"
    run_podman_as "$who" rmi --all --force
  done
}

@test "127 layers" { corpus hard/layers:1; }
@test "one layer twice" { corpus hard/twice:1; }
@test "empty layers" { corpus hard/empty:1; }
@test "a shared layer" { corpus hard/shared:1; }
@test "USER 1000" { corpus hard/user:1; }

@test "two images that share layers, of one store" {
  local one=$REGISTRY/hard/shared:1 two=$REGISTRY/hard/shared:2 image
  for image in 1 2; do
    run_podman pull --quiet "$REGISTRY/hard/shared:$image"
    record user "$T/ordinary.$image" --user 0 "$REGISTRY/hard/shared:$image"
  done
  run_podman rmi --all --force
  repository_mount "$RUN/hard-tree" && cvmfs_conf
  run_podman pull --quiet --cvmfs=only "$one"
  run_podman pull --quiet --cvmfs=only "$two"
  equal "$(layer_count user local)" 0 "local layers"
  shared_same "both remote" 1 2
  run_podman pull --quiet --cvmfs=off "$two" # the other's lower layers become local as well
  [ "$(layer_count user remote)" -gt 0 ] && [ "$(layer_count user local)" -gt 0 ] || fail "not both kinds of layers"
  shared_same "one made local" 1 2
  run_podman rmi "$two"
  shared_same "the other removed" 1
  run_podman pull --quiet --cvmfs=only "$two"
  run_podman rmi "$one"
  shared_same "the other removed" 2
}

# shared_same STATE N…
shared_same() {
  local state=$1 image
  shift
  for image in "$@"; do
    record user "$T/now" --user 0 "$REGISTRY/hard/shared:$image"
    same "hard/shared:$image, user, $state" "$T/ordinary.$image" "$T/now" "${ALLOWED_DIFFERENCES[@]}"
  done
}
