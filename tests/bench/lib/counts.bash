# counts: what no clock has to do with, so that it is the same on every machine: bytes, requests, names, system calls of a pull
# and of a start. CI holds each against tests/bench/counts. The columns are images: of one layer and of many, and one of as many
# that holds eight times the files, for nothing here may depend on how large a layer is.

COUNTED=(one:1 many:1 large:1)

layouts_counts() {
  tree_layout one:1 1 own 120 10 1000
  tree_layout many:1 40 own 120 10 1000
  tree_layout large:1 40 own 600 16 4000
}

bench_counts() {
  local image
  command -v strace >/dev/null || die "strace is not installed; .ci/deps test sees to it"
  for image in "${COUNTED[@]}"; do
    say "counts: $image"
    counted_pull
    counted_start plain
    counted_start keep-id --userns=keep-id
  done
}

# count MEASURE UNIT VALUE: of $image.
# shellcheck disable=SC2097,SC2098 # record's column
count() { VARIANT=${image%:1} record counts "$1" "$2" "$3"; }

counted_pull() {
  local bytes names layers
  node "c-${image%:1}" # a store in which there is nothing else
  layers=$(layers_of "$image")
  bytes=$(store_bytes user) names=$(store_names)
  ctl drop
  ctl reset
  registry_mark
  rootless strace -f -qq -e trace=fsync,fdatasync,syncfs,sync -o "$T/user/synced" \
    "$(podman_path)" pull --quiet --cvmfs=only "$REGISTRY/$image" >/dev/null
  count "pull: from the registry, a layer" B $(($(registry_bytes) / layers))
  count "pull: of layers" B "$(registry_layer_bytes)"
  count "pull: requests to the registry" "" "$(registry_requests | tail -n "+$((REGISTRY_MARK + 1))" | wc -l)"
  count "pull: requests to the repository" "" "$(repository_requests)"
  count "pull: bytes read of the repository, a layer" B $(($(repository_bytes) / layers))
  count "pull: on disk, a layer" B $((($(store_bytes user) - bytes) / layers))
  count "pull: names in the store, a layer" "" $((($(store_names) - names) / layers))
  count "pull: syncs, a layer" "" $(($(grep -cE ' (fsync|fdatasync|syncfs|sync)\(' "$T/user/synced") / layers))
}

# counted_start KIND OPTION…: a static program of ours, which reads nothing of the image: what is read is the start's.
counted_start() {
  local kind=$1 state
  shift
  for state in cold again; do
    [ $state = again ] || ctl drop
    ctl reset
    rootless_podman run --rm "$@" --volume "$T/measure:/run/measure:ro" "$REGISTRY/$image" /run/measure nothing
    server_ends
    count "start, $kind, $state: requests to the repository" "" "$(repository_requests)"
    count "start, $kind, $state: bytes read of the repository" B "$(repository_bytes)"
  done
}
