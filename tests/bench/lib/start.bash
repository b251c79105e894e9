# start: how long until the command runs, and what that reads of the repository. "nothing" is a static program of ours,
# so that the start alone is counted; "true" is the image's, with the loader and the C library.

bench_start() {
  local round variant kind what image=science:1 options
  for variant in local served; do
    node "$variant"
    image_pull "$image"
  done
  for ((round = 1; round <= START_ROUNDS; round++)); do
    for variant in $(shuffled "$round" local served); do
      node "$variant"
      for kind in $(shuffled "$round" plain keep-id); do
        options=()
        [ "$kind" = plain ] || options=(--userns=keep-id)
        for what in nothing true; do
          start_one "$what, $kind, cold" drop
          start_one "$what, $kind"
        done
      done
    done
  done
}

# start_one MEASURE [drop]
start_one() {
  local command=(/run/measure nothing) started
  [ "$what" = nothing ] || command=(true)
  [ $# -lt 2 ] || ctl drop
  ctl reset
  started=${EPOCHREALTIME/[.,]/}
  rootless_podman run --rm "${options[@]}" --volume "$T/user/measure:/run/measure:ro" "$REGISTRY/$image" "${command[@]}"
  record start "$1" s "$(seconds_since "$started")" "$round"
  [ "$variant" != local ] || return 0
  record start "$1: bytes read" B "$(repository_bytes)" "$round"
  record start "$1: files opened" "" "$(ctl counters | jq .total.opens)" "$round"
  record start "$1: requests" "" "$(repository_requests)" "$round"
}
