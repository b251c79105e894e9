# Other ways to have an image on a node, as lib/peers.bash lists them: what each takes to be made.

STARGZ=github.com/containerd/stargz-snapshotter
STARGZ_VERSION=v0.6.4 # the last one whose stargz-store the Go module proxy has

# stargz_build: the program, and the image that it needs, kept as the science image is, with what it took. `go install` refuses a
# module that replaces others, so a module of ours asks for it.
stargz_build() {
  local dir=$CHECKOUT/_build/stargz key layout started
  [[ " ${PEERS[*]} " == *" stargz "* ]] || return 0
  (
    PATH=$("$CHECKOUT/.ci/find-go"):$PATH
    mkdir -p "$dir"
    cd "$dir"
    export GOWORK=off GOFLAGS=-mod=mod
    [ -e go.mod ] || go mod init stargz
    [ -x "$dir/stargz-store" ] || { go get "$STARGZ/cmd/stargz-store@$STARGZ_VERSION" && go build -o "$dir/" "$STARGZ/cmd/stargz-store"; }
    cd "$CHECKOUT"
    GOFLAGS='' CGO_ENABLED=0 go build -o "$TOOLS/" ./tests/bench/estargz
  ) >"$RUN/stargz.log" 2>&1 || return 1
  key=$(cat "$SCIENCE/index.json" "$CHECKOUT"/tests/bench/estargz/{main,layer}.go | sha256sum | cut -c 1-12)
  layout=$CHECKOUT/_build/images/stargz-$key
  if [ ! -e "$layout/index.json" ]; then
    say "peers: the image as eStargz, which takes minutes"
    rm -rf "$CHECKOUT"/_build/images/stargz-*
    started=${EPOCHREALTIME/[.,]/}
    TMPDIR=$RUN "$TOOLS/estargz" "$SCIENCE" science:1 "$layout.new" stargz:1 2>>"$RUN/stargz.log" || return 1
    seconds_since "$started" >"$layout.new/seconds"
    mv "$layout.new" "$layout"
  fi
  CONVERTED+=("$layout")
}

# peer_prepared: what fails is left in the node's directory, for its cells.
peer_prepared() {
  local status=0
  set +e
  (set -e && peer_prepare) 2>"$T/lacking"
  status=$?
  set -e
  if [ $status = 0 ]; then rm "$T/lacking"; fi
}

# peer_prepare: the new node's storage, and what stands behind it.
peer_prepare() {
  local conf=$T/user/conf/storage.conf
  case $VARIANT in
    links)
      links_make "$T/user/layers" science:1
      printf '[storage.options]\nadditionallayerstores = ["%s"]\n' "$T/user/layers" >>"$conf"
      ;;
    store | store-fuse)
      [ -d "$RUN/tree/podmanStore" ] || image_store_make "$RUN/tree/podmanStore" science:1
      printf '[storage.options]\nadditionalimagestores = ["%s"]\n' "$REPOSITORY/podmanStore" >>"$conf"
      [ "$VARIANT" = store ] || mount_program user
      ;;
    squashfs) squashfs_make science:1 ;;
    stargz)
      stargz_start
      record peers prepare "s once" "$(cat "${CONVERTED[0]}/seconds")"
      printf '[storage.options]\nadditionallayerstores = ["%s:ref"]\n' "$T/user/stargz/store" >>"$conf"
      ;;
  esac
}

# image_layers IMAGE: digest, diffID, size of each, the lowest first.
image_layers() {
  local layout
  for layout in "${IMAGES[@]}"; do
    "$TOOLS/images" list "$layout" | awk -v image="$1" '$1 == image { print $3, $4, $5 }'
  done
}

# links_make DIR IMAGE: for each layer what containers-storage.conf(5) asks of a layer store.
links_make() {
  local dir=$1 digest diff size layer below
  while read -r digest diff size; do
    layer=$dir/$digest below=$REPOSITORY/$(layer_dir "$digest")
    mkdir -p "$layer"
    ln -s "$below/layerfs" "$layer/diff"
    : >"$layer/blob"
    jq -n --arg digest "$digest" --argjson size "$size" --arg diff "$diff" --argjson full "$(jq '.[0]."diff-size"' "$below/.metadata/layers.json")" \
      '{"compressed-diff-digest": $digest, "compressed-size": $size, "diff-digest": $diff, "diff-size": $full}' >"$layer/info"
  done < <(image_layers "$2")
}

# image_store_make DIR IMAGE: the store of the ordinary node, without the layers' files.
image_store_make() {
  local dir=$1 from=$RUN/local/user/store id digest diff
  mkdir -p "$dir/overlay"
  cp -r "$from/overlay-images" "$from/overlay-layers" "$dir/"
  cp -a "$from/overlay/l" "$dir/overlay/"
  while read -r digest diff _; do
    # the first: an ID-mapped copy, of a start before, comes after it
    id=$(jq -r --arg digest "$digest" 'first(.[] | select(."compressed-diff-digest" == $digest)).id' "$from/overlay-layers/layers.json")
    mkdir "$dir/overlay/$id"
    cp "$from/overlay/$id/link" "$dir/overlay/$id/"
    [ ! -e "$from/overlay/$id/lower" ] || cp "$from/overlay/$id/lower" "$dir/overlay/$id/"
    ln -s "../../../$(layer_dir "$digest")/layerfs" "$dir/overlay/$id/diff"
  done < <(image_layers "$2")
  chmod -R a+rX "$dir"
  ctl revision >/dev/null
}

# squashfs_make IMAGE: of the image in the ordinary node's store, for all nodes.
squashfs_make() {
  local started=${EPOCHREALTIME/[.,]/}
  install -d -o "$TEST_UID" "$RUN/squashfs.d"
  # shellcheck disable=SC2016 # expanded in podman's namespace
  T=$RUN/local PODMAN=$OURS rootless_podman unshare sh -euc 'root=$("$1" image mount "$2")
    mksquashfs "$root" "$3" -comp lz4 -quiet -no-progress >/dev/null
    "$1" image unmount "$2" >/dev/null' make "$BIN/podman" "$REGISTRY/$1" "$RUN/squashfs.d/image"
  record peers prepare "s once" "$(seconds_since "$started")"
}

# stargz_start: in podman's own namespace, as the project's page on rootless use has it.
stargz_start() {
  local dir=$T/user/stargz deadline=$((SECONDS + 20))
  if [ ${#CONVERTED[@]} = 0 ]; then
    tail -n 1 "$RUN/stargz.log" >&2
    return 1
  fi
  install -D -m 755 "$CHECKOUT/_build/stargz/stargz-store" "$dir/stargz-store"
  printf '[[resolver.host."%s".mirrors]]\nhost = "%s"\ninsecure = true\n' "$REGISTRY" "$REGISTRY" >"$dir/config.toml"
  chmod 777 "$dir"
  rootless_podman unshare "$dir/stargz-store" --root "$dir/root" --config "$dir/config.toml" "$dir/store" >"$dir/log" 2>&1 &
  until rootless_podman unshare mountpoint -q "$dir/store"; do
    [ $SECONDS -lt $deadline ] || { tail -n 1 "$dir/log" >&2 && return 1; }
    sleep 0.2
  done
}

# root_mount IMAGE: at $T/user/peer/root, in podman's namespace.
root_mount() {
  rootless mkdir -p "$T/user/peer"/{root,lower,upper,work}
  if [ "$VARIANT" = squashfs ]; then
    rootless_podman unshare sh -euc "squashfuse_ll -o allow_other '$RUN/squashfs.d/image' '$T/user/peer/lower'
      mount -t overlay overlay -o 'lowerdir=$T/user/peer/lower,upperdir=$T/user/peer/upper,workdir=$T/user/peer/work,userxattr' '$T/user/peer/root'"
    return
  fi
  rootless_podman unshare fuse-overlayfs \
    -o "lowerdir=$(lowers "$1" | paste -sd:),upperdir=$T/user/peer/upper,workdir=$T/user/peer/work,squash_to_root" \
    "$T/user/peer/root"
}

root_unmount() {
  rootless_podman unshare sh -euc "umount '$T/user/peer/root'; [ $VARIANT != squashfs ] || umount '$T/user/peer/lower'; rm -rf '$T/user/peer'"
}
