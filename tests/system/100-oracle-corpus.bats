# Over a corpus of every hard case, a container on remote layers is the one that an ordinary pull gives: all layers remote, the
# lower half, the upper half; rootless and as root.

load lib/bats

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  FOR_USER=() FOR_ROOT=() MIXED=()
}

teardown() { ! is_root || test_end; }

# halves IMAGE: what is local in a mixed image, a case a line: its name, and the layers' numbers.
halves() {
  local n
  n=$(hard_layers "$1")
  echo "lower half: $(seq -s ' ' 0 $((n / 2 - 1)))"
  echo "upper half: $(seq -s ' ' $((n / 2)) $((n - 1)))"
}

# ordinary WHO IMAGE: what the reference shows.
ordinary() {
  run_podman_as "$1" pull --quiet "$REGISTRY/$2"
  equal "$(layer_count "$1" remote)" 0 "remote layers after an ordinary pull"
  record "$1" "$T/ordinary" --user 0 "$REGISTRY/$2"
  run_podman_as "$1" rmi --all --force
}

DOCKER_EMPTY=a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4

# corpus IMAGE [FLAG…]: FLAGs are for all comparisons, FOR_USER and FOR_ROOT for those of one. What they expect of an image
# whose layers are all remote may be or not where some are local: the MIXED cases.
corpus() {
  local image=$1 case who flags lacking
  shift
  ! podman_5 || [ "$image" != hard/everything:1 ] || skip "an ordinary pull of podman 5.8.6 fails: it has names that are not UTF-8"
  [ ${#MIXED[@]} -gt 0 ] || mapfile -t MIXED < <(halves "$image")
  for who in user root; do
    if [ "$who" = user ]; then flags=("$@" "${FOR_USER[@]}"); else flags=("$@" "${FOR_ROOT[@]}"); fi
    ordinary "$who" "$image"
    oracle_lacking "$image"
    registry_mark
    run_podman_as "$who" pull --quiet --cvmfs=only "$REGISTRY/$image"
    # but Docker's empty layer, which nobody publishes
    equal "$(registry_sum ".kind == \"layer\" and (.path | endswith(\"$DOCKER_EMPTY\") | not)" 1)" 0 "requests for layers"
    equal "$(layers_json "$who" | jq "[.[] | select(.kind == null and .\"compressed-diff-digest\" != \"sha256:$DOCKER_EMPTY\")] | length")" \
      0 "local layers"
    record "$who" "$T/remote" --user 0 "$REGISTRY/$image"
    allowed "$who" remote
    same "$image, $who, all layers remote" "$T/ordinary" "$T/remote" "${ALLOWED_DIFFERENCES[@]}" "${flags[@]}"
    run_podman_as "$who" rmi --all --force
    optional "${flags[@]}"
    allowed "$who" mixed
    for case in "${MIXED[@]}"; do
      read -ra lacking <<<"${case#*: }"
      oracle_lacking "$image" "${lacking[@]}"
      run_podman_as "$who" pull --quiet --cvmfs=auto "$REGISTRY/$image"
      both_kinds "$who" "$image"
      record "$who" "$T/mixed" --user 0 "$REGISTRY/$image"
      same "$image, $who, ${case%%:*} local" "$T/ordinary" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}" "${OPTIONAL[@]}"
      run_podman_as "$who" rmi --all --force
    done
  done
}

# both_kinds WHO IMAGE: the store has layers of both.
both_kinds() {
  [ "$(layer_count "$1" local)" -gt 0 ] || fail "no layer of $2 is local" || return 1
  [ "$(layer_count "$1" remote)" -gt 0 ] || fail "no layer of $2 is remote"
}

@test "everything" {
  # A layer on top opens dir-0000: what the closed one beneath holds stays hidden.
  FOR_USER=(--expect '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent' --needs "owners,setid,links,xattrs,seconds,hidden")
  FOR_ROOT=(--needs "owners,setid,links,xattrs,seconds")
  corpus hard/everything:1
}
@test "implied directories" { corpus hard/implied:1; }
@test "inside" { corpus hard/inside:1; }
@test "whiteouts where nothing was" { corpus hard/ghosts:1; }
@test "AUFS's own names" { corpus hard/aufs:1 --expect '"/\.wh\.\.wh\.plnk(/.*)?" entry: ordinary (dir|file), other absent'; }
@test "names like markers" { corpus hard/markers:1 --expect '"/markers/\.cvmfs(auto)?catalog" entry: ordinary file, other absent'; }
@test "the root directory" { corpus hard/root:1; }
@test "devices" {
  # An ordinary pull of a user leaves out all devices, also the form that overlayfs has for a deletion.
  FOR_USER=(--expect '"/devices/(deleted|replaced)(/.*)?" entry: ordinary .*, other absent')
  corpus hard/devices:1
}
@test "closed files and directories" {
  FOR_USER=(--expect '"/closed/widened/.*" entry: ordinary .*, other absent' --needs hidden)
  corpus hard/closed:1
}
@test "owners" { corpus hard/ids:1; }
@test "times long ago" { corpus hard/past:1; }
@test "long paths" { corpus hard/paths:1; }

# The user cannot look into the layer at all, so it is downloaded.
@test "a closed root directory" {
  local image=hard/closed-root:1
  ordinary user "$image"
  oracle_lacking "$image"
  allow_warning "closed to this user: permission denied; downloading it"
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/$image"
  layers_are user 1 1
  record user "$T/mixed" --user 0 "$REGISTRY/$image"
  allowed user mixed
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
    allowed "$who" mixed
    same "$image, $who, what is published remote" "$T/ordinary" "$T/mixed" "${ALLOWED_DIFFERENCES[@]}"
    run_podman_as "$who" rmi --all --force
  done
}

@test "127 layers" { corpus hard/layers:1; }
# What is known costs nothing, however many layers: tests/bench has the times.
@test "127 layers, walked and read again: the repository is asked whether it answers, the server for nothing but lists" {
  local walk='find / -xdev ! -path "/proc/*" ! -path "/sys/*" -exec stat -c %n {} + | wc -l; cat /layers/* >/dev/null 2>&1; true' server reads
  oracle_lacking hard/layers:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/layers:1"
  run_podman run --detach --name one --user 0 "$REGISTRY/hard/layers:1" sleep 1000
  run_podman exec one sh -c "$walk"
  [ "$output" -gt 270 ] || fail "too few names to be true"
  server=$(pgrep -x cvmfs-view -u "$TEST_UID")
  reads=$(awk '/^syscr/ { print $2 }' "/proc/$server/io")
  repository_ctl reset
  run_podman exec one sh -c "$walk"
  # podman asks with one layer whether the repository hangs, before it starts something in the container
  [ "$(repository_ctl counters | jq '.total | add')" -le 5 ] || fail "requests of the repository in a second walk: $(repository_ctl counters)"
  reads=$(($(awk '/^syscr/ { print $2 }' "/proc/$server/io") - reads))
  # one request for each directory's list, of which there are few here
  [ $reads -lt 200 ] || fail "$reads reads by the server in a second walk"
  run_podman rm --force --time 0 one
}

@test "one layer twice" {
  MIXED=("the layer: 1" "what is between: 2 3" "the base: 0")
  corpus hard/twice:1
}
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
    allowed user mixed
    same "hard/shared:$image, user, $state" "$T/ordinary.$image" "$T/now" "${ALLOWED_DIFFERENCES[@]}"
  done
}
