# start: how long until the command runs, and what that reads of the repository. "nothing" is a static program of ours,
# so that the start alone is counted; "true" is the image's, with the loader and the C library.

bench_start() {
  local round variant kind what image=science:1 options
  for variant in local served; do
    node "$variant"
    image_pull "$image"
  done
  for ((round = 1; round <= (ROUNDS < 7 ? 7 : ROUNDS); round++)); do
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
  local command=(/run/measure nothing) started ended
  [ "$what" = nothing ] || command=(true)
  [ $# -lt 2 ] || ctl drop
  ctl reset
  started=${EPOCHREALTIME/[.,]/}
  rootless_podman run --rm "${options[@]}" --volume "$T/user/measure:/run/measure:ro" "$REGISTRY/$image" "${command[@]}"
  ended=${EPOCHREALTIME/[.,]/}
  record start "$1" s "$(awk -v us=$((ended - started)) 'BEGIN { printf "%.4f", us / 1e6 }')" "$round"
  [ "$variant" != local ] || return 0
  record start "$1: bytes read" B "$(ctl counters | jq '.total."bytes-read"')" "$round"
  record start "$1: requests" "" "$(ctl counters | jq '.total | del(."bytes-read") | add')" "$round"
}
