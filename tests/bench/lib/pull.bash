# pull: an image that is not there, all of it from the registry or all of it from the repository. The floor is a pull of the
# image that is there already: its manifest is asked for, and nothing else.

layouts_pull() {
  local n
  for n in "${PULL_LAYERS[@]}"; do tree_layout "layers:$n" "$n" own 120 10 1000; done
}

bench_pull() {
  local round variant image n images=(science:1 "${PULL_LAYERS[@]/#/layers:}")
  local fewest=${PULL_LAYERS[0]} most=${PULL_LAYERS[-1]} # pull time over layers is a line through these
  declare -A took=()
  # An ordinary pull takes long, and is far from its target: a round or two. What it leaves is there already, for the floor. The
  # first pull of a node, with nothing cached, is a measure of its own.
  for ((round = 1; round <= BESIDE_ROUNDS; round++)); do
    for image in "${images[@]}"; do
      variant=local
      pull_one
      variant=served
      ctl drop
      pull_one ", first"
    done
  done
  sync # what 1.9 GB left to be written is not the next pulls' to wait for
  for ((round = 1; round <= ROUNDS; round++)); do
    for image in "${images[@]}"; do
      for variant in $(shuffled "$round" served floor); do
        pull_one
      done
    done
    # shellcheck disable=SC2034 # record's column
    VARIANT=served
    record pull "a layer more" ms "$(awk -v least="${took[layers:$fewest]}" -v most="${took[layers:$most]}" \
      -v n=$((most - fewest)) 'BEGIN { printf "%.3f", (most - least) / n * 1000 }')" "$round"
  done
}

# pull_one [LABEL]: of $image on $variant; with a label, only what it takes.
pull_one() {
  local before names result mode=only
  say "pull: $image, $variant${1:-}, round $round"
  node "$variant"
  [ "$variant" = served ] || mode=off
  [ "$variant" = floor ] || rootless_podman rmi --ignore "$REGISTRY/$image" >/dev/null
  before=$(store_bytes user) names=$(store_names)
  ctl reset
  registry_mark
  result=$(rootless "$TOOLS/measure" command 1 "$(podman_path)" pull --quiet "--cvmfs=$mode" "$REGISTRY/$image")
  [ "$variant" != served ] || took[$image]=$(jq ".[0].seconds" <<<"$result")
  pulled "${1:-}" s "$(jq '.[0].seconds' <<<"$result")"
  [ $# = 0 ] || return 0
  pulled ": CPU" "s of CPU" "$(jq '.[0].cpu' <<<"$result")"
  pulled ": memory" MB "$(jq '.[0].rss / 1e6' <<<"$result")"
  pulled ": from the registry" B "$(registry_bytes)"
  pulled ": of layers" B "$(registry_layer_bytes)"
  pulled ": requests to the registry" "" "$(registry_requests | tail -n "+$((REGISTRY_MARK + 1))" | wc -l)"
  [ "$variant" = local ] || pulled ": requests to the repository" "" "$(repository_requests)"
  [ "$variant" != floor ] || return 0
  pulled ": on disk" B $(($(store_bytes user) - before))
  pulled ": names in the store" "" $(($(store_names) - names))
  pulled ": on disk, a layer" B "$((($(store_bytes user) - before) / $(layers_of "$image")))"
}

pulled() { record pull "${image/#science:1/science}$1" "$2" "$3" "$round"; }

# layers_of IMAGE
layers_of() { lowers "$1" | wc -l; }

store_names() { find "$T/user/store" 2>/dev/null | wc -l; }
