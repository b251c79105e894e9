# peers: what people use instead, side by side, each with the science image: a pull, a start, an import of eight modules. What
# cannot be done says why in its cell.
#
#   links       stock podman, an additional layer store that is a plain directory of links to the repository's layers
#   store       stock podman, an additional image store in the repository, its layers links to those that are published
#   store-fuse  the same with fuse-overlayfs as mount_program, as DUCC's podmanStore is used
#   peer        fuse-overlayfs straight over the repository's layer directories
#   squashfs    a squashfs of the whole image, mounted by squashfuse under a writable overlay of podman's, as podman-hpc does
#   stargz      stock podman, stargz-store, the image converted to eStargz
#
# "prepare" is what somebody does once for all nodes, beside the push to a registry: publish, or convert.
# A start of those that are no images includes the mount.

MODULES="import numpy, scipy.optimize, scipy.stats, matplotlib.pyplot, pandas, sklearn.linear_model, sympy, iminuit"
PEERS=(local served links store store-fuse peer squashfs stargz)

PEER_PULL=(pull "pull: from the registry" "pull: on disk" "pull: names in the store")
PEER_STARTS=("start of true, cold" "import, cold" "start of true, new mount" "import, new mount" "fit, new mount")

is_peer() { [[ " links store store-fuse squashfs stargz " == *" $1 "* ]]; }
is_stock() { [[ " links store store-fuse stargz " == *" $1 "* ]]; }

# has_root: is the container's root file system mounted by us?
# shellcheck disable=SC2153 # node's
has_root() { [ "$VARIANT" = peer ] || [ "$VARIANT" = squashfs ]; }

# image_name IMAGE: as this variant names it.
image_name() { if [ "$VARIANT" = stargz ]; then echo "$REGISTRY/stargz:1"; else echo "$REGISTRY/$1"; fi; }

# layouts_peers: what must be made before the registry starts; what cannot be made is noted when its node is.
layouts_peers() {
  [ -x "$CHECKOUT/bin/stock/podman" ] || make -C "$CHECKOUT" stock STOCK_TOOLS=podman >&2
  stargz_build || true
}

bench_peers() {
  local round variant image=science:1
  for variant in "${PEERS[@]}"; do
    node "$variant"
    image_pull "$image" 2>/dev/null || true
    [ "$variant" != local ] || contained /opt/analysis/fit.py >"$RUN/fit"
  done
  for ((round = 1; round <= PEER_ROUNDS; round++)); do
    for variant in $(shuffled "$round" "${PEERS[@]}"); do
      sync # what another has left to be written
      node "$variant"
      if [ -e "$T/lacking" ]; then
        peer_lacks "fails: $(reason "$T/lacking")" prepare "${PEER_PULL[@]}" "${PEER_STARTS[@]}"
        continue
      fi
      say "peers: $variant, round $round"
      case $variant in
        local) peer_lacks none prepare ;;
        squashfs | stargz) ;; # were timed when it was done
        *) record peers prepare "s once" "$PUBLISH_SECONDS" ;;
      esac
      peer_pull
      peer_starts
    done
  done
}

# peer_lacks WHY MEASURE…
peer_lacks() {
  local why=$1 measure
  shift
  for measure in "$@"; do note peers "$measure" "$round" "$why"; done
}

# peer_pull: seconds and bytes, or why not.
peer_pull() {
  local bytes names started
  if has_root; then
    peer_lacks "none: a mount" "${PEER_PULL[@]}"
    return
  fi
  rootless_podman rmi --ignore "$(image_name "$image")" >/dev/null 2>&1 || true # an additional store's cannot be removed
  bytes=$(store_bytes user) names=$(store_names)
  registry_mark
  started=${EPOCHREALTIME/[.,]/}
  if ! image_pull "$image" 2>"$T/error"; then
    peer_lacks "fails: $(reason "$T/error")" "${PEER_PULL[@]}"
    return
  fi
  record peers pull s "$(seconds_since "$started")" "$round"
  record peers "pull: from the registry" B "$(registry_bytes)" "$round"
  record peers "pull: on disk" B $(($(store_bytes user) - bytes)) "$round"
  record peers "pull: names in the store" "" $(($(store_names) - names)) "$round"
}

# peer_starts: each in a new container, and with an answer that must be right.
peer_starts() {
  local state
  for state in cold "new mount"; do
    peer_run "start of true, $state" true
    peer_run "import, $state" python3 -c "$MODULES"
  done
  peer_run "fit, new mount" /opt/analysis/fit.py
}

# peer_run MEASURE CMD…: seconds until a new container has run it, the mount of what is no image included. Uses $state.
peer_run() {
  local measure=$1 started status=0
  shift
  [ "$state" != cold ] || ctl drop
  started=${EPOCHREALTIME/[.,]/}
  contained "$@" >"$T/out" 2>"$T/error" || status=$?
  if [ $status = 0 ] && [ "${measure%%,*}" = fit ] && ! cmp -s "$T/out" "$RUN/fit"; then
    note peers "$measure" "$round" "fails: another answer than in an ordinary container"
  elif [ $status = 0 ]; then
    record peers "$measure" s "$(seconds_since "$started")" "$round"
  else
    note peers "$measure" "$round" "fails: $(reason "$T/error")"
  fi
}

# contained CMD…: in a new container of the variant's.
contained() {
  local status=0 of=("$(image_name "$image")")
  if has_root; then
    root_mount "$image" || return
    of=(--rootfs "$T/user/peer/root")
  fi
  rootless_podman run --rm --env MPLCONFIGDIR=/tmp "${of[@]}" "$@" || status=$?
  ! has_root || root_unmount
  return $status
}

# reason FILE: the last error in it, without paths and what stands before the cause.
reason() { { grep -v '^ *$' "$1" || echo "no message"; } | tail -n 1 | sed -E 's/^.*(level=[a-z]+ msg=|Error: )//; s#"?/[^ ]*/##g; s/[0-9a-f]{64}/…/g' | cut -c 1-100; }

# seconds_since MICROSECONDS
seconds_since() { awk -v us=$((${EPOCHREALTIME/[.,]/} - $1)) 'BEGIN { printf "%.4f", us / 1e6 }'; }
