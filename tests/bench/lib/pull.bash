# pull: an image that is not there, all of it from the registry or all of it from the repository. The floor is a pull of the
# image that is there already: its manifest is asked for, and nothing else.

PULL_LAYERS=(1 30 60 120)
# pull time over layers is a line through these
readonly PULL_FEWEST=${PULL_LAYERS[0]} PULL_MOST=${PULL_LAYERS[-1]}

layouts_pull() {
  local n
  for n in "${PULL_LAYERS[@]}"; do tree_layout "layers:$n" "$n" own 120 10 1000; done
}

bench_pull() {
  local round variant image n variants=(local served floor)
  declare -A took=()
  node floor
  for image in science:1 "${PULL_LAYERS[@]/#/layers:}"; do image_pull "$image"; done
  for ((round = 1; round <= ROUNDS; round++)); do
    for image in science:1 "${PULL_LAYERS[@]/#/layers:}"; do
      for variant in $(shuffled "$round" "${variants[@]}"); do
        # it takes minutes, and is far from its target
        [ "$variant $image" != "local science:1" ] || [ "$round" -le 2 ] || continue
        say "pull: $image, $variant, round $round"
        pull_one
      done
    done
    # shellcheck disable=SC2034 # record's column
    VARIANT=served
    record pull "a layer more" ms "$(awk -v least="${took[layers:$PULL_FEWEST]}" -v most="${took[layers:$PULL_MOST]}" \
      -v n=$((PULL_MOST - PULL_FEWEST)) 'BEGIN { printf "%.3f", (most - least) / n * 1000 }')" "$round"
  done
}

# pull_one: of $image on $variant.
pull_one() {
  local before names result mode=only
  node "$variant"
  [ "$variant" = served ] || mode=off
  [ "$variant" = floor ] || rootless_podman rmi --ignore "$REGISTRY/$image" >/dev/null
  before=$(store_bytes user) names=$(store_names)
  ctl reset
  registry_mark
  result=$(rootless "$TOOLS/measure" command 1 "$(podman_path)" pull --quiet "--cvmfs=$mode" "$REGISTRY/$image")
  [ "$variant" != served ] || took[$image]=$(jq ".[0].seconds" <<<"$result")
  pulled "" s "$(jq '.[0].seconds' <<<"$result")"
  pulled ": CPU" "s of CPU" "$(jq '.[0].cpu' <<<"$result")"
  pulled ": memory" MB "$(jq '.[0].rss / 1e6' <<<"$result")"
  pulled ": from the registry" B "$(registry_bytes)"
  pulled ": of layers" B "$(registry_layer_bytes)"
  pulled ": requests to the registry" "" "$(registry_requests | tail -n "+$((REGISTRY_MARK + 1))" | wc -l)"
  [ "$variant" = local ] || pulled ": requests to the repository" "" "$(ctl counters | jq '.total | del(."bytes-read") | add')"
  [ "$variant" != floor ] || return 0
  pulled ": on disk" B $(($(store_bytes user) - before))
  pulled ": names in the store" "" $(($(store_names) - names))
  pulled ": on disk, a layer" B "$((($(store_bytes user) - before) / $(layers_of "$image")))"
}

pulled() { record pull "${image/#science:1/science}$1" "$2" "$3" "$round"; }

# layers_of IMAGE
layers_of() { lowers "$1" | wc -l; }

store_names() { find "$T/user/store" 2>/dev/null | wc -l; }
