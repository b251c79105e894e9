# One admin's store serves many: remote layers in an additional image store that is another account's and read-only, and in
# an image store apart from the containers (storage.conf: additionalimagestores, imagestore).

load lib/bats

IMAGE=small/deletions:1

setup() {
  test_begin
  mkdir "$T/shared"
}

teardown() {
  stores_unmount
  test_end
}

# stores_unmount: the store goes when no podman needs it any more.
stores_unmount() {
  local who
  is_root || return 0
  for who in user single root; do
    [ ! -d "$T/$who/store/overlay" ] || podman_as "$who" rm --all --force --time 0 >/dev/null 2>&1
    sed -i '/^additionalimagestores/d' "$T/$who/conf/storage.conf"
  done
  mount | grep -q " on $T/shared " && umount "$T/shared"
  [ ! -d "$T/admin" ] || mounts_end "$T/admin"
}

# admin_podman ARG…: root's, with a store of its own.
admin_podman() {
  local env name
  if [ ! -d "$T/admin" ]; then
    mkdir -p "$T"/admin/{conf,home,run,store,xdg,tmp}
    scene_conf "$T/admin"
  fi
  for name in registries cvmfs; do cp "$T/root/conf/$name.conf" "$T/admin/conf"; done
  mapfile -t env < <(environment root | sed "s,=$T/root/,=$T/admin/,")
  (cd / && exec env -i "${env[@]}" "$(podman_path)" "$@" 3>&- 4>&-)
}
admin_run_podman() { checked admin_podman "$@"; }

# share: users find the admin's store as an NFS server exports it, read-only, and with the modes that docs/shared-store.md asks for.
share() {
  local who
  readable "$T/admin/store"
  mount --bind "$T/admin/store" "$T/shared"
  mount -o remount,bind,ro "$T/shared"
  ln -s shared "$T/current"
  for who in user single root; do
    sed -i "/^runroot/a[storage.options]\nadditionalimagestores = [\"$T/current\"]" "$T/$who/conf/storage.conf"
  done
  shared_state >"$T/shared.before"
}

# readable STORE: for all, but what is in the layers keeps its modes.
readable() {
  find "$1" -path '*/overlay/*/diff' -prune -o \( -type d -exec chmod a+rx {} + -o -type f -exec chmod a+r {} + \)
}

# shared_state: every name, with all that a write would change, and every content.
shared_state() {
  (cd "$T/shared" && find . -printf '%p %y %m %U:%G %s %T@ %C@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# nothing_left: the shared store is as it was, and no view is served any more.
nothing_left() {
  view_servers_end || return 1
  shared_state | diff "$T/shared.before" - || fail "the shared store was changed"
}

# tree_of WHO IMAGE FILE: the tree of a container.
tree_of() {
  podman_as "$1" run --quiet --rm --user 0 "$2" sh -c "$(tree_listing)" >"$3" 2>"$3.errors" || { cat "$3.errors"; return 1; }
  equal "$(grep -v 'level=warning.*\(no subuid ranges\|single mapping\)' "$3.errors")" "" "errors of the listing" || return 1
  [ "$(wc -l <"$3")" -gt 50 ] || fail "the tree is too small to be true"
}

# uses WHO: all that an account does with an image that it may only read.
uses() {
  local who=$1 image=$REGISTRY/$IMAGE id
  podman_one() { run_podman_as "$who" "$@"; }
  podman_one images --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}'
  equal "$output" "$image true"
  podman_one image inspect --format '{{.Id}} {{len .RootFS.Layers}}' "$image"
  id=${output% *}
  equal "$output" "$id 4"
  podman_one image tree "$image"
  equal "$(grep -c ' Size: ' <<<"$output")" 4 "layers of the tree"
  podman_one history --quiet "$image"
  equal "$(wc -l <<<"$output")" 4 "lines of the history"
  equal "$(view_servers)" 0 "servers for commands that tell"

  podman_one run --rm "$image" sh -euc 'stat -c %u:%g / /data/kept; echo x >>/data/again; cat /data/again; rm -r /data/revived
    mkdir /data/opaque/sub; ls -A /data/opaque; touch /new; chmod 700 /data/noise; mv /data /data2; ls /data2'
  equal "$output" $'0:0\n0:0\nsecond\nx\nnewer\nsub\nagain\nkept\nlink\nnoise\nopaque\nreplaced'
  podman_one run --rm --userns=keep-id "$image" sh -euc 'id -u; cat /data/again; echo x >/tmp/x; stat -c %u /tmp/x'
  equal "$(sed -n 2p <<<"$output")" second
  podman_one run --rm --user 0 --mount "type=image,source=$image,destination=/mnt" "$image" cat /mnt/data/again
  equal "$output" second

  podman_one create --name one "$image" sh -euc 'echo new >/data/new; rm -r /data/revived /data/kept'
  podman_one start --attach one
  podman_one diff one
  contains "$output" "A /data/new"
  contains "$output" "D /data/kept"
  lacks "$output" "/data/again"
  podman_one cp one:/data/again "$T/$who/home/again"
  equal "$(<"$T/$who/home/again")" second
  podman_one container inspect --format '{{.Image}}' one
  equal "$output" "$id"
  podman_one commit --quiet one committed
  podman_one rm one
  podman_one run --rm committed sh -c 'ls /data; cat /data/new'
  equal "$output" $'again\nlink\nnew\nnoise\nopaque\nreplaced\nnew'
  podman_one diff committed
  contains "$output" "D /data/kept"
  printf 'FROM %s\nRUN rm /data/kept && echo built >/data/built\nRUN cat /data/again /data/built\n' "$image" >"$T/$who/home/Containerfile"
  podman_one build --quiet --tag built "$T/$who/home"
  podman_one run --rm built sh -c 'ls /data; cat /data/built /data/again'
  equal "$output" $'again\nbuilt\nlink\nnoise\nopaque\nreplaced\nrevived\nbuilt\nsecond'

  # Each changes nothing, and says what it cannot do.
  podman_one 125 save --quiet --output "$T/$who/home/saved" "$image"
  contains "$stderr" Error
  registry_other
  podman_one 125 push --quiet "$image" "$OTHER/pushed:1" # which lacks the blobs
  contains "$stderr" Error
  podman_one '1|125' rmi "$image"
  contains "$stderr" "read-only"
  podman_one system df
  registry_mark
  podman_one pull --quiet --cvmfs=auto "$image"
  no_layer_requested
  equal "$(layer_count "$who" remote)" 0 "remote layers of the account's own"

  podman_one rmi committed built
  podman_one image prune --all --force
  podman_one system prune --all --force
  podman_one images --quiet --no-trunc
  contains "$output" "$id"
}

# image_diff WHO IMAGE: what podman says of the topmost layer.
image_diff() { run_podman_as "$1" diff "$2" && sort <<<"$output" >"$3"; }

# mounts_it WHO: podman image mount, and its counts.
mounts_it() {
  local image=$REGISTRY/$IMAGE shell=("$1")
  case $1 in
    user) shell=(rootless_podman unshare) ;;
    single) shell=(single_podman unshare) ;;
    root) shell=(as_root) ;;
  esac
  # shellcheck disable=SC2016 # expanded there
  "${shell[@]}" sh -euc 'podman=$0; m=$("$podman" image mount "$1"); cat "$m/data/again"; ls "$m/data/opaque"
    "$podman" image mount | grep -q "$m"; "$podman" image mount "$1" >/dev/null
    "$podman" image unmount "$1" >/dev/null; cat "$m/data/again"
    if touch "$m/new" 2>/dev/null; then echo writable; fi; "$podman" image unmount "$1" >/dev/null
    if test -e "$m/data"; then echo mounted; fi; "$podman" image mount' \
    "$(podman_path)" "$image" >"$T/mounts" 2>"$T/mounts.errors" || { cat "$T/mounts" "$T/mounts.errors"; return 1; }
  equal "$(<"$T/mounts")" $'second\nnewer\nsecond'
}

# shared_by WHO N…: the whole life, where the admin's store holds all layers of the image but these as remote ones.
shared_by() {
  local who=$1 image=$REGISTRY/$IMAGE
  needs_root
  shift
  site_lacking "$IMAGE" "$@"
  image=$REGISTRY/$IMAGE
  admin_run_podman pull --quiet --cvmfs=auto "$image"
  equal "$(jq '[.[] | select(.kind)] | length' "$T/admin/store/overlay-layers/layers.json")" $((4 - $#)) "remote layers"
  share
  uses "$who"
  mounts_it "$who"
  image_diff "$who" "$image" "$T/diff.shared"
  tree_of "$who" "$image" "$T/tree.shared"
  nothing_left
  # A local copy is the account's own, and an ordinary one.
  registry_mark
  run_podman_as "$who" pull --quiet --cvmfs=off "$image"
  equal "$(layer_count "$who" remote)" 0 "remote layers"
  tree_of "$who" "$image" "$T/tree.own"
  diff "$T/tree.own" "$T/tree.shared" || fail "the trees differ (<: own, >: shared)"
  image_diff "$who" "$image" "$T/diff.own"
  diff "$T/diff.own" "$T/diff.shared" || fail "the changes differ (<: own, >: shared)"
  run_podman_as "$who" rmi "$image"
  run_podman_as "$who" run --rm "$image" cat /data/again
  equal "$output" second
  store_empty "$who"
  nothing_left
}

@test "rootless" { shared_by user; }
@test "rootless, without subordinate ids" { shared_by single; }
@test "as root" { shared_by root; }
@test "local layers among the remote ones: rootless" { shared_by user 1 2; }
@test "local layers among the remote ones: rootless, without subordinate ids" { shared_by single 0 2; }
@test "local layers among the remote ones: as root" { shared_by root 1 3; }
@test "a local layer on top: rootless" { shared_by user 3; }

@test "only the lower layers are in the shared store" {
  needs_root
  site_lacking small/tags:2 2
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:1"
  share
  local who
  for who in user single root; do
    registry_mark
    run_podman_as "$who" pull --quiet --cvmfs=auto "$REGISTRY/small/tags:2"
    equal "$(registry_layer_requests)" 1 "requests for layers"
    equal "$(layer_count "$who" remote) $(layer_count "$who" local)" "0 1" "remote and local layers of the account's own"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/small/tags:2" sh -c 'ls /data; echo x >>/data/replaced; cat /data/replaced'
    equal "$output" $'again\nkept\nlink\nnoise\nopaque\nreplaced\nnew and longer\nx'
    # The account's own copy of a shared image is apart from it.
    run_podman_as "$who" pull --quiet --cvmfs=off "$REGISTRY/small/tags:1"
    equal "$(layer_count "$who" local)" 3 "local layers of the account's own"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/small/tags:2" cat /data/again
    run_podman_as "$who" rmi "$REGISTRY/small/tags:1"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/small/tags:2" cat /data/again
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/small/tags:1" cat /data/again
    equal "$output" first
    run_podman_as "$who" rmi "$REGISTRY/small/tags:2"
  done
  nothing_left
}

@test "an account's own copy of an image on which another one of the shared store stands" {
  needs_root
  site
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:1"
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:2"
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/other:1"
  share
  run_podman diff "$REGISTRY/small/tags:2" "$REGISTRY/small/tags:1"
  contains "$output" "D /data/gone"
  run_podman diff "$REGISTRY/small/tags:2" "$REGISTRY/small/other:1" # mounts both
  contains "$output" "A /data/kept"
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/tags:1"
  layers_are user 0 2
  repository_unmount
  run_podman run --rm --user 0 "$REGISTRY/small/tags:1" cat /data/again
  equal "$output" first
  run_podman '12[67]' run --rm "$REGISTRY/small/tags:2" true
  contains "$stderr" "$REPOSITORY"
  repository_mount "$RUN/tree"
  run_podman run --rm --user 0 "$REGISTRY/small/tags:2" sh -c 'ls /data; cat /data/replaced'
  equal "$output" $'again\nkept\nlink\nnoise\nopaque\nreplaced\nnew and longer'
  run_podman rmi "$REGISTRY/small/tags:1"
  run_podman run --rm --user 0 "$REGISTRY/small/tags:2" cat /data/again
  nothing_left
}

# What has no remote layer at all is not left to overlayfs, either, where another account owns it.
@test "ordinary images in the shared store" {
  needs_root
  registry_with_images
  admin_run_podman pull --quiet "$REGISTRY/$IMAGE"
  share
  local who
  for who in user single root; do
    image_diff "$who" "$REGISTRY/$IMAGE" "$T/diff.$who"
    diff "$T/diff.user" "$T/diff.$who"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/$IMAGE" sh -c 'ls -A /data/opaque /data; echo x >>/data/again; cat /data/again'
    equal "$output" $'/data:\nagain\nkept\nlink\nnoise\nopaque\nreplaced\nrevived\n\n/data/opaque:\nnewer\nsecond\nx'
    mounts_it "$who"
  done
  run_podman run --rm --userns=keep-id "$REGISTRY/$IMAGE" sh -c 'id -u; cat /data/again'
  equal "$output" "$TEST_UID"$'\nsecond'
  nothing_left
}

@test "where fuse-overlayfs stacks" {
  needs_root
  site_lacking "$IMAGE" 1
  admin_run_podman pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
  share
  local who
  for who in user single; do
    mount_program "$who"
    stacked_by "$who" fuse-overlayfs "$REGISTRY/$IMAGE"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/$IMAGE" sh -euc 'stat -c %u:%g / /data/kept; echo x >>/data/again; cat /data/again
      rm -r /data/revived; ls -A /data/opaque; ls /data'
    equal "$output" $'0:0\n0:0\nsecond\nx\nnewer\nagain\nkept\nlink\nnoise\nopaque\nreplaced'
    mounts_it "$who"
    run_podman_as "$who" diff "$REGISTRY/$IMAGE"
    contains "$output" "D /data/opaque/new"
  done
  nothing_left
}

@test "accounts at the same time" {
  needs_root
  site_lacking "$IMAGE" 1
  admin_run_podman pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
  share
  local who n pids=() status=0
  for n in 1 2 3; do
    for who in user single root; do
      podman_as "$who" run --rm --user 0 "$REGISTRY/$IMAGE" sh -c \
        "sleep 1; echo $who $n >/data/mine; cat /data/again /data/mine; rm /data/kept" >"$T/out.$who.$n" 2>"$T/error.$who.$n" &
      pids+=($!)
    done
  done
  for n in "${pids[@]}"; do wait "$n" || status=1; done
  equal "$status" 0 || { cat "$T"/error.*; return 1; }
  for n in 1 2 3; do
    for who in user single root; do equal "$(<"$T/out.$who.$n")" "second"$'\n'"$who $n"; done
  done
  nothing_left
}

@test "a node without the repository" {
  needs_root
  site
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  admin_run_podman pull --quiet --cvmfs=off "$REGISTRY/small/other:1"
  share
  repository_unmount
  local who
  for who in user single root; do
    run_podman_as "$who" images
    run_podman_as "$who" '12[567]' run --rm "$REGISTRY/$IMAGE" true
    contains "$stderr" "$REPOSITORY"
    run_podman_as "$who" '12[567]' diff "$REGISTRY/$IMAGE"
    contains "$stderr" "$REPOSITORY"
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/small/other:1" cat /top
    equal "$output" "another top"
  done
  # Who wants it nevertheless downloads it.
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  run_podman run --rm --user 0 "$REGISTRY/$IMAGE" cat /data/again
  equal "$output" second
  nothing_left
}

@test "the admin removes an image, and adds others" {
  needs_root
  site
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  share
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 100
  run_podman create --name two "$REGISTRY/$IMAGE" cat /data/again
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:2"
  admin_run_podman rmi "$REGISTRY/$IMAGE"
  # What podman writes, only its owner can read.
  run_podman 125 images
  contains "$stderr" "permission denied"
  readable "$T/admin/store"
  run_podman images --format '{{.Repository}}:{{.Tag}}'
  equal "$output" "$REGISTRY/small/tags:2"
  run_podman exec one cat /data/again
  equal "$output" second
  run_podman '12[567]' start two
  contains "$stderr" "is in no store any more"
  run_podman rm --force --time 0 one two
  run_podman run --rm "$REGISTRY/small/tags:2" cat /data/kept
  view_servers_end
}

# A stock tool dropped the records' fields before the store became read-only: they are recovered in memory.
@test "records that a stock tool rewrote" {
  needs_root
  site
  admin_run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  local layers=$T/admin/store/overlay-layers/layers.json
  jq -c 'map(del(.kind, .["remote-path"], .["remote-identity"]))' "$layers" >"$T/layers"
  cat "$T/layers" >"$layers"
  share
  local who
  for who in user single root; do
    run_podman_as "$who" run --rm --user 0 "$REGISTRY/$IMAGE" cat /data/again
    equal "$output" second
    run_podman_as "$who" 125 save --quiet --output "$T/$who/home/saved" "$REGISTRY/$IMAGE"
    contains "$stderr" --cvmfs=off
    run_podman_as "$who" diff "$REGISTRY/$IMAGE"
    contains "$output" "A /data/opaque/newer"
  done
  # Not taken for local ones, and not recorded again.
  registry_mark
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  no_layer_requested
  layers_are user 0 0
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  layers_are user 0 4
  nothing_left
}

# image_store: images of the account are apart from its containers, $T/user/store.
image_store() {
  rootless mkdir -p "$T/user/images"
  sed -i "/^runroot/aimagestore = \"$T/user/images\"" "$T/user/conf/storage.conf"
}

# image_store_is REMOTE LOCAL: how many layers of each kind it holds.
image_store_is() {
  # but copies that map the owners of remote ones
  local count='[.[] | select(.flags["remote-mapped"] | not)] | "\(map(select(.kind == "remote-readonly")) | length) \(length)"'
  equal "$(jq -r "$count" "$T/user/images/overlay-layers/layers.json")" "$1 $(($1 + $2))" "remote layers and all"
}

# image_store_empty: neither store holds anything of an image or a container.
image_store_empty() {
  image_store_is 0 0
  equal "$(cd "$T/user" && find images/overlay store/overlay -mindepth 1 -maxdepth 1 ! -name l ! -name '.has-mount-program' ! -name staging ! -name tempdirs)" ""
  equal "$(find "$T/user"/{images,store}/overlay/l -mindepth 1)" "" "links"
}

@test "an image store" {
  site_lacking "$IMAGE" 1
  image_store
  local image=$REGISTRY/$IMAGE mode
  for mode in auto off; do
    run_podman pull --quiet "--cvmfs=$mode" "$image"
    if [ "$mode" = auto ]; then image_store_is 3 1; else image_store_is 0 4; fi
    run_podman run --rm "$image" sh -euc 'stat -c %u:%g / /data/kept; echo x >>/data/again; cat /data/again; rm -r /data/revived
      mkdir /data/opaque/sub; ls -A /data/opaque; mv /data /data2; ls /data2'
    equal "$output" $'0:0\n0:0\nsecond\nx\nnewer\nsub\nagain\nkept\nlink\nnoise\nopaque\nreplaced'
    run_podman run --rm --userns=keep-id "$image" sh -euc 'id -u; cat /data/again; stat -c %u /data/kept'
    equal "$output" "$TEST_UID"$'\nsecond\n0'
    run_podman create --name one "$image" sh -euc 'echo new >/data/new; rm -r /data/revived /data/kept'
    run_podman start --attach one
    run_podman diff one
    equal "$(sort <<<"$output" | grep data)" $'A /data/new\nC /data\nD /data/kept\nD /data/revived'
    image_diff user "$image" "$T/diff.$mode"
    run_podman commit --quiet one committed
    run_podman run --rm committed sh -c 'ls /data; cat /data/new'
    equal "$output" $'again\nlink\nnew\nnoise\nopaque\nreplaced\nnew'
    printf 'FROM %s\nRUN rm /data/kept && echo built >/data/built\nRUN cat /data/built\n' "$image" >"$T/user/home/Containerfile"
    run_podman build --quiet --tag built "$T/user/home"
    run_podman run --rm built sh -c 'ls /data; cat /data/built'
    equal "$output" $'again\nbuilt\nlink\nnoise\nopaque\nreplaced\nrevived\nbuilt'
    mounts_it user
    tree_of user "$image" "$T/tree.$mode"
    run_podman rm one
    run_podman rmi committed built
    view_servers_end
  done
  diff "$T/tree.off" "$T/tree.auto" || fail "the trees differ (<: ordinary, >: with remote layers)"
  diff "$T/diff.off" "$T/diff.auto" || fail "the changes differ (<: ordinary, >: with remote layers)"
  run_podman image prune --all --force
  image_store_empty
}

@test "a container goes on while the layers in its image store become local" {
  site
  image_store
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 100
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  image_store_is 0 "$(if podman_5; then echo 4; else echo 5; fi)" # podman 4 has the container's own among them
  run_podman exec one cat /data/again
  run_podman stop --time 0 one
  view_servers_end
  repository_unmount
  run_podman start one
  run_podman exec one sh -c 'cat /data/again; ls /data/opaque'
  equal "$output" $'second\nnewer'
  run_podman rm --force --time 0 one
  run_podman rmi --all
  image_store_empty
}

@test "an image store beside the shared store" {
  needs_root
  site_lacking "$IMAGE" 1
  admin_run_podman pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
  share
  image_store
  uses user
  image_diff user "$REGISTRY/$IMAGE" "$T/diff.shared"
  tree_of user "$REGISTRY/$IMAGE" "$T/tree.shared"
  mounts_it user
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  image_store_is 0 4
  image_diff user "$REGISTRY/$IMAGE" "$T/diff.own"
  tree_of user "$REGISTRY/$IMAGE" "$T/tree.own"
  diff "$T/diff.own" "$T/diff.shared"
  diff "$T/tree.own" "$T/tree.shared"
  run_podman rmi "$REGISTRY/$IMAGE"
  image_store_empty
  nothing_left
}
