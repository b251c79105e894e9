# start: how long until the command runs, and what that reads of the repository. "nothing" is a static program of ours,
# so that the start alone is counted; "true" is the image's, with the loader and the C library. single-id is an account
# without subordinate ids, which has a store of its own.

bench_start() {
  local round variant kind what image=science:1 options starter
  for variant in local served; do
    node "$variant"
    image_pull "$image"
    for kind in "${START_KINDS[@]}"; do
      [ "$kind" != single-id ] || single_pulls
    done
  done
  for ((round = 1; round <= START_ROUNDS; round++)); do
    for variant in $(shuffled "$round" local served); do
      node "$variant"
      for kind in $(shuffled "$round" "${START_KINDS[@]}"); do
        options=() starter=rootless_podman
        case $kind in
          keep-id) options=(--userns=keep-id) ;;
          single-id) starter=single_podman ;;
        esac
        for what in nothing true; do
          start_one "$what, $kind, cold" drop
          start_one "$what, $kind"
        done
      done
    done
  done
}

# single_pulls: the image, for the account without subordinate ids.
single_pulls() {
  local mode=only
  [ "$variant" != local ] || mode=off
  single_podman pull --quiet --cvmfs=$mode "$REGISTRY/$image" >/dev/null 2>&1 || die "no pull without subordinate ids"
}

# start_one MEASURE [drop]
start_one() {
  local command=(/run/measure nothing) started
  [ "$what" = nothing ] || command=(true)
  [ $# -lt 2 ] || ctl drop
  ctl reset
  started=${EPOCHREALTIME/[.,]/}
  "$starter" run --rm "${options[@]}" --volume "$T/measure:/run/measure:ro" "$REGISTRY/$image" "${command[@]}" \
    2> >(grep -v 'uid mapping\|subuid ranges\|single mapping' >&2)
  record start "$1" s "$(seconds_since "$started")" "$round"
  [ "$variant" != local ] || return 0
  record start "$1: bytes read" B "$(repository_bytes)" "$round"
  record start "$1: files opened" "" "$(ctl counters | jq .total.opens)" "$round"
  record start "$1: requests" "" "$(repository_requests)" "$round"
}
