# A repository that is out is told from one that lacks a layer; nothing is ever silently wrong.

load lib/bats
load lib/faults

nothing_left() {
  run_podman images --quiet --all
  equal "$output" ""
  store_empty user
}

# out_at_pull: auto warns once, naming the repository, and downloads; only fails, naming it.
out_at_pull() {
  allow_warning "$REPOSITORY"
  run_podman 125 pull --cvmfs=only "$REGISTRY/small/deletions:1"
  contains "$(grep ^Error <<<"$stderr")" "$REPOSITORY"
  nothing_left
  run_podman pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  equal "$(grep -c level=warning <<<"$stderr")" 1 "warnings"
  layers_are user 0 4
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

@test "pull: the repository is not mounted" {
  site
  repository_unmount
  out_at_pull
}

@test "pull: the repository's client died" {
  site
  repository_ctl die
  out_at_pull
}

@test "pull: the repository answers with EIO" {
  site
  repository_ctl fault EIO
  out_at_pull
}

@test "pull: the repository hangs" {
  site
  cvmfs_conf 'timeout = "2s"'
  repository_ctl hang
  out_at_pull
  repository_ctl unhang
}

@test "pull: one repository is out, another has the layers" {
  site
  repository_ctl fault EIO
  local out=$REPOSITORY
  repository_mount "$RUN/tree" second.example.org
  printf 'repositories = ["%s", "%s"]\n' "$out" "$REPOSITORY" >"$T/user/conf/cvmfs.conf"
  allow_warning "$out"
  registry_mark
  run_podman pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  no_layer_requested
  layers_are user 4 0
}

pulled() {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
}

# cannot_start: a plain error, soon, and the image stays.
cannot_start() {
  local started=$SECONDS
  allow_warning 'level=error'
  run_podman '12[567]' run --rm "$REGISTRY/small/deletions:1" cat /data/again
  contains "$stderr" "$REPOSITORY"
  [ $((SECONDS - started)) -lt 70 ]
  layers_are user 4 0
}

@test "run: the repository is not mounted, and comes back" {
  pulled
  repository_unmount
  cannot_start
  repository_mount "$RUN/tree"
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

# The container does not start, and podman is not stuck: it ends, and other commands work meanwhile.
@test "run: the repository hangs" {
  pulled
  cvmfs_conf 'start_timeout = "5s"'
  repository_ctl hang
  run_podman 126 run --rm "$REGISTRY/small/deletions:1" cat /data/again
  contains "$stderr" "unavailable"
  run_podman ps --all --quiet
  equal "$output" ""
  run_podman images --quiet
  repository_ctl unhang
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

@test "run: the repository answers with EIO" {
  pulled
  repository_ctl fault EIO
  cannot_start
  repository_ctl clear
}

@test "run: a layer was removed from the repository" {
  pulled
  repository_ctl remove "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  cannot_start
  contains "$stderr" "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  contains "$stderr" "\`podman pull --cvmfs $REGISTRY/small/deletions@sha256:"
  repository_ctl rollback "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

# A server gives the same files another catalogue hash when it publishes them again.
@test "run: a layer was removed from the repository and published again" {
  pulled
  local layer
  layer=$(layer_dir "$(layer_digest small/deletions:1 1)")
  repository_ctl remove "$layer"
  repository_ctl restore "$layer"
  run_podman 126 run --rm "$REGISTRY/small/deletions:1" cat /data/again
  contains "$stderr" "layer content mismatch"
  contains "$stderr" "\`podman pull --cvmfs $REGISTRY/small/deletions@sha256:"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

@test "run: what the error says to do mends it, also after the tag has moved" {
  site
  manifest small/deletions:1 | put_manifest small/deletions:moving
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:moving"
  manifest small/base:1 | put_manifest small/deletions:moving
  run_podman create --name one "$REGISTRY/small/deletions:moving" cat /data/again
  repository_ctl remove "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  run_podman 125 start one
  local command
  command=$(sed -n 's/.*`podman \(pull --cvmfs [^`]*\)`.*/\1/p' <<<"$stderr")
  run_podman $command
  layers_are user 3 2 # one that was downloaded, and the container's
  run_podman start --attach one
  equal "$output" second
}

# lost: the repository of a pulled image loses a layer of it, the third of four.
lost() {
  repository_ctl remove "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  allow_warning "pulling $REGISTRY/small/deletions:1 anew"
}

@test "run: with pull = auto, what the repository lost is downloaded" {
  pulled
  cvmfs_conf 'pull = "auto"'
  run_podman create --name one "$REGISTRY/small/deletions:1" cat /data/again
  run_podman create --name two --userns keep-id "$REGISTRY/small/deletions:1" cat /data/again
  lost
  registry_mark
  run_podman 126 run --rm --pull=never "$REGISTRY/small/deletions:1" true
  contains "$stderr" "\`podman pull --cvmfs $REGISTRY/small/deletions@sha256:"
  equal "$(registry_sum true 1)" 0 "requests of a registry with --pull=never"
  run_podman start --attach one
  equal "$output" second
  equal "$(registry_layer_requests)" 1 "layers downloaded"
  contains "$stderr" "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  run_podman start --attach two
  equal "$output" second
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  equal "$stderr" ""
  equal "$(registry_layer_requests)" 1 "layers downloaded"
  run_podman images --format '{{.Repository}}:{{.Tag}}'
  equal "$output" "$REGISTRY/small/deletions:1"
}

@test "run: with pull = auto, what another repository has is used from there" {
  pulled
  local first=$REPOSITORY
  repository_mount "$RUN/tree" second.example.org
  printf '%s\n' "repositories = [\"$first\", \"$REPOSITORY\"]" 'pull = "auto"' >"$T/user/conf/cvmfs.conf"
  REPOSITORY=$first lost
  registry_mark
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  no_layer_requested
  layers_are user 4 0
}

# The tag leads to another image by then, and the layer belongs to an image that was built on.
@test "run: with pull = auto, an image built on one that the repository lost works" {
  pulled
  cvmfs_conf 'pull = "auto"'
  run_podman create --name work "$REGISTRY/small/deletions:1" true
  run_podman commit --quiet work localhost/built:1
  run_podman rm work
  run_podman pull --quiet "$REGISTRY/small/other:1"
  run_podman tag "$REGISTRY/small/other:1" "$REGISTRY/small/deletions:1"
  lost
  run_podman run --rm localhost/built:1 cat /data/again
  equal "$output" second
  run_podman images --filter dangling=false --format '{{.Repository}}:{{.Tag}}'
  equal "$(sort <<<"$output" | tr '\n' ' ')" "$REGISTRY/small/deletions:1 $REGISTRY/small/other:1 localhost/built:1 "
}

@test "run: with pull = auto, the registry lacks what the repository lost" {
  pulled
  cvmfs_conf 'pull = "auto"'
  run_podman create --name one "$REGISTRY/small/deletions:1" cat /data/again
  lost
  registry_lacks "$(layer_digest small/deletions:1 1)"
  allow_warning 'Failed, retrying'
  run_podman 125 start --attach one
  contains "$stderr" "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  contains "$stderr" "pulling $REGISTRY/small/deletions:1 anew: "
  layers_are user 4 1 # the container's
}

# running: container one on a pulled image. TREE is its root, to be looked at by this machine's programs: busybox's ls takes
# an error for the end of a directory.
running() {
  pulled
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  run_podman unshare "$(podman_path)" mount one
  TREE=$output
}

@test "a layer that goes under a running container is an error, never an empty directory" {
  running
  repository_ctl remove "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  whole_or_error "$(printf 'again\nkept\nlink\nnoise\nopaque\nreplaced\nrevived' | wc -c)" ls "$TREE/data"
  whole_or_error 5 ls "$TREE/data/opaque"
  whole_or_error 4 cat "$TREE/data/kept"
  run_podman rm --force --time 0 one
}

@test "the client dies under a running container: errors, and the container can be removed" {
  running
  repository_ctl die
  whole_or_error "$(printf 'again\nkept\nlink\nnoise\nopaque\nreplaced\nrevived' | wc -c)" ls "$TREE/data"
  whole_or_error 5 ls "$TREE/data/opaque"
  whole_or_error 4 cat "$TREE/data/kept"
  run_podman rm --force --time 0 one
}

@test "one layer remote, another lacking in the registry: the pull fails and leaves nothing" {
  site_lacking small/deletions:1 2
  registry_lacks "$(layer_digest small/deletions:1 2)"
  allow_warning 'Failed, retrying'
  run_podman 125 pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  contains "$stderr" "$(layer_digest small/deletions:1 2)"
  nothing_left
  run_podman ps --all --quiet
  equal "$output" ""
}

@test "the registry lacks the lowest layer, the others are remote" {
  site_lacking small/deletions:1 0
  registry_lacks "$(layer_digest small/deletions:1 0)"
  allow_warning 'Failed, retrying'
  run_podman 125 pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  contains "$stderr" "$(layer_digest small/deletions:1 0)"
  nothing_left
}

# closed_there FILE: an export met a file that the repository keeps from the user.
closed_there() { grep -Eq '(/etc/|openat )shadow: permission denied' "$1"; }

@test "a start that waits for a repository holds up nobody else" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/other:1"
  run_podman create --name one "$REGISTRY/small/deletions:1" cat /data/again
  run_podman create --name base "$REGISTRY/small/deletions:1" sleep 1000
  local command others=()
  for command in exported committed read written; do # one that ends while it is read is another matter
    run_podman create --name "$command" "$REGISTRY/small/deletions:1" true
  done
  run_podman create --name depends --network container:base "$REGISTRY/small/other:1" cat /data/again
  run_podman run --detach --name running "$REGISTRY/small/deletions:1" sleep 1000
  run_podman pod create --name pod
  run_podman create --pod pod --name podded "$REGISTRY/small/deletions:1" true
  repository_ctl hang
  rootless_podman start --attach one >"$T/start.log" 2>&1 &
  local start=$!
  for command in "pod start pod" "export exported --output $T/user/exported.tar" "commit --quiet committed localhost/committed:1" "cp read:/data/again $T/user/again" \
    "cp $T/user/conf/storage.conf written:/storage.conf" "start depends"; do
    rootless_podman $command >"$T/other.${#others[@]}" 2>&1 &
    others+=($!)
  done
  sleep 1
  PODMAN_TIMEOUT=20
  run_podman images
  run_podman ps --all
  run_podman run --rm "$REGISTRY/small/other:1" true
  run_podman container inspect one
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/kinds:1"
  run_podman start running
  run_podman create "$REGISTRY/small/deletions:1"
  run_podman pod ps
  kill -0 "$start" "${others[@]}"
  repository_ctl unhang
  wait "$start"
  equal "$(cat "$T/start.log")" second
  for command in "${!others[@]}"; do
    wait "${others[command]}" || closed_there "$T/other.$command" || fail "$(cat "$T/other.$command")"
  done
  equal "$(cat "$T/user/again")" second
}
