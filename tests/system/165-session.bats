# A user's day: pull, run, build on top, push, pull that elsewhere. With podman, and with podman-remote and a service.

load lib/bats
load lib/service

teardown() {
  unset PODMAN
  service_stop
  test_end
}

# elsewhere: this node is now one with an empty store, and without the repository.
elsewhere() {
  run_podman rmi --all --force
  run_podman images --quiet --all
  equal "$output" ""
  repository_unmount
}

session() {
  local base=$REGISTRY/small/deletions:1
  run_podman info --format '{{.Store.CVMFS.RemoteLayers}}'
  equal "$output" 0
  registry_mark
  run_podman pull --cvmfs=only "$base"
  contains "$stderr" unpacked.example.org
  no_layer_requested
  layers_are user 4 0
  run_podman run --rm "$base" cat /data/again
  equal "$output" second
  run_podman run --rm --userns=keep-id "$base" sh -c 'echo mine >/tmp/mine && cat /tmp/mine'
  equal "$output" mine

  rootless mkdir "$T/user/context"
  rootless sh -c 'echo fit >"$0/fit"' "$T/user/context"
  rootless tee "$T/user/context/Containerfile" >/dev/null <<CONTAINERFILE
FROM $base
COPY fit /usr/bin/fit
RUN rm /data/kept && cat /data/again >/data/built
CONTAINERFILE
  run_podman build --tag "$REGISTRY/mine/fit:1" "$T/user/context"
  no_layer_requested
  list_tree "$REGISTRY/mine/fit:1" "$T/tree.built"

  # A registry that has the image's layers is sent those that are new.
  run_podman push "$REGISTRY/mine/fit:1"
  # One that does not needs them from here, and here they are not.
  run_podman 125 push "$REGISTRY/mine/fit:1" "$OTHER/mine/fit:1"
  contains "$stderr" "--cvmfs=off"
  run_podman pull --quiet --cvmfs=off "$base"
  equal "$(layer_count user remote)" 0 "remote layers"
  run_podman push "$REGISTRY/mine/fit:1" "$OTHER/mine/fit:1"

  elsewhere
  run_podman pull --quiet "$OTHER/mine/fit:1"
  list_tree "$OTHER/mine/fit:1" "$T/tree.other"
  diff "$T/tree.built" "$T/tree.other"

  # On a node that has the repository, the base is used from there again.
  elsewhere
  repository_mount "$RUN/tree"
  registry_mark
  run_podman pull --quiet --cvmfs "$REGISTRY/mine/fit:1"
  no_layer_requested # of the base
  equal "$(registry_sum '.method == "GET" and .kind == "blob"' 1)" 3 "blobs: the config and two new layers"
  layers_are user 4 2
  list_tree "$REGISTRY/mine/fit:1" "$T/tree.again"
  diff "$T/tree.built" "$T/tree.again"
  run_podman image inspect "$REGISTRY/mine/fit:1"
  equal "$(jq -c '[.[].StoredLayers[].Kind]' <<<"$output")" \
    '["remote-readonly","remote-readonly","remote-readonly","remote-readonly","local","local"]'
}

@test "with podman" {
  site
  registry_other
  session
}

@test "with podman-remote" {
  site
  registry_other # before the service reads which registries need no TLS
  service_start
  PODMAN=$T/podman-remote
  session
}
