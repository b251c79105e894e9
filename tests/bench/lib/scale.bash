# scale: pull and start against one thing at a time: layers, files, bytes, the time that each call on the repository takes,
# containers that start at once. A start is that of a static program of ours, again.

STARTS=3

layouts_scale() {
  local n
  for n in "${SCALE_LAYERS[@]}"; do tree_layout "layers:$n" "$n" own 120 10 1000; done
  for n in "${SCALE_FILES[@]}"; do files_layout "$n"; done
  for n in "${SCALE_MEGABYTES[@]}"; do tree_layout "megabytes:$n" 10 own "$n" 10 100000; done
}

bench_scale() {
  local round variant n
  for variant in local served; do
    node "$variant"
    for n in "${SCALE_LAYERS[@]}"; do scale_point "$n layers" "layers:$n"; done
    for n in "${SCALE_FILES[@]}"; do scale_point "$n files" "files:$n"; done
    for n in "${SCALE_MEGABYTES[@]}"; do scale_point "$n MB" "megabytes:$n"; done
    image_pull science:1
    for n in "${SCALE_CONTAINERS[@]}"; do
      for ((round = 1; round <= STARTS; round++)); do scale_crowd "$n" science:1; done
    done
  done
  # Ordinary layers have no repository.
  node served
  for n in "${SCALE_DELAYS[@]}"; do
    ctl delay "${n}ms"
    scale_point "$n ms a call" science:1
    ctl clear
  done
}

# scale_point WHAT IMAGE: of $variant.
scale_point() {
  local started round
  for ((round = 1; round <= STARTS; round++)); do
    # an ordinary pull takes long, and is far away
    [ "$variant $round" != "local 2" ] || break
    say "scale: $1, $variant, round $round"
    rootless_podman rmi --ignore "$REGISTRY/$2" >/dev/null
    ctl drop
    started=${EPOCHREALTIME/[.,]/}
    image_pull "$2"
    record scale "pull, $1" s "$(seconds_since "$started")" "$round"
  done
  ctl drop
  for ((round = 0; round <= STARTS; round++)); do
    started=${EPOCHREALTIME/[.,]/}
    rootless_podman run --rm --volume "$T/measure:/run/measure:ro" "$REGISTRY/$2" /run/measure nothing
    if [ $round = 0 ]; then
      record scale "first start, $1" s "$(seconds_since "$started")"
    else
      record scale "start, $1" s "$(seconds_since "$started")" "$round"
    fi
  done
  server_ends
  [ "$2" = science:1 ] || rootless_podman rmi "$REGISTRY/$2" >/dev/null # some are large
}

# scale_crowd N IMAGE: seconds until the last of N containers that are started at once has ended.
scale_crowd() {
  local started i pids=() pid
  say "scale: $1 containers, $variant, round $round"
  started=${EPOCHREALTIME/[.,]/}
  for ((i = 1; i <= $1; i++)); do
    rootless_podman run --rm --volume "$T/measure:/run/measure:ro" "$REGISTRY/$2" /run/measure nothing &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  record scale "start, $1 containers" s "$(seconds_since "$started")" "$round"
  server_ends
}
