# Other tools, as upstream has them, on a store with one image: ordinary, of remote layers, or mixed. Each does its work where no
# layer is remote and fails plainly where one is, whether or not ours has used the store since. Nothing is destroyed: ours runs
# the image after every command that wrote records.

load lib/bats
load lib/others

setup_file() {
  stock_tools
  rm -rf "$RUN/others"
  mkdir "$RUN/others"
}

teardown_file() { [ -z "$(ls "$RUN/others")" ] || measured | sed 's/^/# /' >&3; }

# A cell: works, with the right contents; or no, and the first words of what the error names as its cause:
#
#   Stat …/diff: no such file or directory, when a layer is put on top of a remote one
#   symlink …/diff …/layerfs, the rest of the record, and no such file or directory, when something is mounted: stock thinks that
#     its store lost a link
#   linkpath must be absolute (got: "remote-readonly layer of podman-cvmfs"), when a layer's tar is read
#   size for layer … is unknown, uncompressed digest for layer … is unknown: a remote layer has no digest that stock would believe
#
# pulled anew: stock has pulled the image, or begun to, as it does with one that it takes for corrupted; the name is another image's
# then, and the one that ours pulled is there without it.
#
# image gone: the store does not have it any more. All of these commands are told to remove it but one: `containers-storage check
# --repair` removes every image that it cannot mount and that has no container. Nothing in the records could keep it from that.
matrix() {
  cat <<'TABLE'
command                                            | ordinary               | remote                      | mixed, local on top
podman images                                      | works                  | no: size for layer          | no: size for layer
podman ps                                          | works                  | works                       | works
podman image inspect                               | works                  | no: size for layer          | no: size for layer
podman history                                     | works                  | no: size for layer          | no: size for layer
podman image tree                                  | works                  | no: symlink                 | no: linkpath must be
podman system df                                   | works                  | no: size for layer          | no: size for layer
podman tag, untag                                  | works                  | works                       | works
podman image prune                                 | works                  | works                       | works
podman run                                         | works                  | works, pulled anew          | no: symlink
podman create, start, rm                           | works                  | works, pulled anew          | no: symlink
podman image mount                                 | works                  | no: symlink                 | no: symlink
podman diff                                        | works                  | no: symlink                 | no: symlink
podman save                                        | works                  | no: uncompressed digest for | no: uncompressed digest for
podman push                                        | works                  | no: uncompressed digest for | no: uncompressed digest for
podman pull, again                                 | works                  | works, pulled anew          | no: symlink
podman pull, layers shared                         | works                  | works                       | works
podman pull, layers shared on another layer        | works                  | works                       | no: symlink
podman pull, run, rmi, other image                 | works                  | works                       | works
podman build                                       | works                  | no: Stat, pulled anew       | no: symlink
podman start, ours' container                      | works                  | no: symlink                 | no: symlink
podman commit, ours' container                     | works                  | no: linkpath must be        | no: linkpath must be
podman export, ours' container                     | works                  | no: symlink                 | no: symlink
podman rm, ours' container                         | works                  | works                       | works
podman create; start by ours                       | works                  | works, pulled anew          | no: symlink
podman rmi                                         | works, image gone      | works, image gone           | works, image gone
podman system prune --all                          | works, image gone      | no: symlink                 | no: linkpath must be
buildah images                                     | works                  | no: symlink                 | no: linkpath must be
buildah inspect                                    | works                  | works                       | works
buildah from, rm                                   | works                  | no: Stat, pulled anew       | no: symlink
buildah run                                        | works                  | no: Stat, pulled anew       | no: symlink
buildah mount                                      | works                  | no: Stat, pulled anew       | no: symlink
buildah commit                                     | works                  | no: Stat, pulled anew       | no: symlink
buildah build                                      | works                  | no: Stat, pulled anew       | no: symlink
buildah build, other image                         | works                  | works                       | works
buildah push                                       | works                  | no: uncompressed digest for | no: uncompressed digest for
buildah rmi                                        | works, image gone      | works, image gone           | works, image gone
buildah prune --all                                | works, image gone      | works, image gone           | works, image gone
skopeo inspect                                     | works                  | works                       | works
skopeo copy to dir:                                | works                  | no: uncompressed digest for | no: uncompressed digest for
skopeo copy to docker://                           | works                  | no: uncompressed digest for | no: uncompressed digest for
skopeo copy from docker://, other image            | works                  | works                       | works
skopeo delete                                      | works, image gone      | works, image gone           | works, image gone
containers-storage layers                          | works                  | works                       | works
containers-storage images                          | works                  | works                       | works
containers-storage diff                            | works                  | no: symlink                 | no: symlink
containers-storage check                           | works                  | no: 4 layer errors          | no: 4 layer errors
containers-storage check --repair, ours' container | works                  | no: image is in             | no: image is in
containers-storage check --repair                  | works                  | works, image gone           | works, image gone
cri images                                         | works                  | works                       | works
cri layers                                         | works                  | works                       | works
cri status                                         | works                  | no: size for layer          | no: size for layer
cri container                                      | works                  | no: Stat                    | no: symlink
cri pull, again                                    | works                  | works, pulled anew          | no: symlink
cri pull, container, remove, other image           | works                  | works                       | works
cri remove                                         | works, image gone      | works, image gone           | works, image gone
TABLE
}

@test "ordinary" { column ordinary; }
@test "remote" { column remote; }
@test "mixed, local on top" { column "mixed, local on top"; }

# An image of one layer is mounted without looking for others beneath.
@test "no command of stock's makes an empty layer of a remote one" {
  site
  IMAGE=$REGISTRY/small/base:1
  ln -s "$T/user/conf/registries.conf" "$T/user/home/.config/containers/"
  moved_image
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  # with an ID-mapped copy of the layer
  _CONTAINERS_OVERLAY_DISABLE_IDMAP=yes run_podman run --rm --userns=keep-id "$IMAGE" true
  layers_are user 1 1
  local again
  for again in 1 2; do # what one makes another may find
    refused podman unshare "$BIN/stock/podman" image mount "$IMAGE"
    refused podman run --rm --pull=never "$IMAGE" true
    refused containers-storage check
    refused podman save --quiet --output "$T/user/saved" "$IMAGE"
    refused skopeo copy --quiet "containers-storage:$IMAGE" "dir:$T/user/copied"
    stock podman run --rm "$REGISTRY/moved:1" /bin/sh -c true # on layers of its own
    stock podman rmi "$REGISTRY/moved:1"
  done
  run_podman run --rm "$IMAGE" echo whole
  equal "$output" whole
  layers_are user 1 1
}

refused() {
  echo "\$ stock $*"
  ! stock "$@" || fail "worked"
}

# container: one, stopped, with a file of its own.
container() {
  run_podman run --name one "$IMAGE" sh -c 'cat /data/again; echo mine >>/mine'
  equal "$output" second
}

container_whole() {
  run_podman start --attach one
  equal "$output" second
  run_podman cp one:/mine -
  contains "$output" mine
}

@test "our check: remote layers are in order, and so are mapped copies" {
  store_of "mixed, remote on top"
  container
  export _CONTAINERS_OVERLAY_DISABLE_IDMAP=yes # so that --userns makes such a copy
  run_podman run --rm --userns=keep-id "$IMAGE" true
  equal "$(layers_json user | jq '[.[] | select(.flags["remote-mapped"])] | length')" 1 "mapped copies"
  repository_ctl reset
  ours check
  equal "$output" ""
  equal "$(repository_ctl counters | jq .total.opens)" 0 "files of the repository that were opened"
  ours check --repair --force
  container_whole
}

# told_and_kept: check tells, and --repair removes nothing, not even with --force.
told_and_kept() {
  ours 1 check
  contains "$output" "$REPOSITORY"
  ours 1 check --repair --force
  contains "$stderr" "not removed: "
  contains "$stderr" "$REPOSITORY"
}

@test "our check: a repository that is out is told, and nothing is removed" {
  store_of remote
  container
  repository_ctl fault EIO
  told_and_kept
  repository_ctl clear
  repository_unmount
  told_and_kept
  repository_mount "$RUN/tree"
  ours check
  container_whole
}

@test "our check: a layer that the repository lost is told, and nothing is removed" {
  store_of remote
  container
  repository_ctl remove "$(layer_dir "$(layer_digest small/deletions:1 1)")"
  told_and_kept
  run_podman pull --quiet --cvmfs=off "$IMAGE"
  ours check
  container_whole
}

@test "our check: damage of a local layer among remote ones is told and repaired" {
  store_of "mixed, remote on top"
  rootless sh -c 'echo damage >"$1"' sh "$(find "$T/user/store/overlay" -path '*/diff/data/kept')"
  ours 1 check
  contains "$output" "integrity checksum failed"
  ours check --repair
  store_empty user
  ours_pulls
}
