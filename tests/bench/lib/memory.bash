# memory: what the view's server costs, idle and after walks of a tree of 300,000 files (fewer in a quick run), and what the
# servers of many containers of one image cost together.

IDLE_SECONDS=5

layouts_memory() { files_layout "$MEMORY_FILES"; }

bench_memory() {
  local round what image=files:$MEMORY_FILES
  node served
  image_pull "$image"
  for ((round = 1; round <= MEMORY_ROUNDS; round++)); do
    container_start "$image"
    memory_state idle
    memory_idle "an idle container"
    for what in names stat; do
      say "memory: $what, round $round"
      job memory "$what" "$round" first "$what" /tree 2
      memory_state "after $what"
    done
    container_end
  done
  memory_crowd
}

# memory_crowd: many containers, all idle.
memory_crowd() {
  local i round=1
  say "memory: $CROWD containers"
  for ((i = 1; i <= CROWD; i++)); do
    rootless_podman run --detach --name "crowd-$i" --volume "$T/measure:/run/measure:ro" "$REGISTRY/$image" /run/measure pause >/dev/null
  done
  servers >"$RUN/servers"
  record memory "servers, $CROWD containers" "" "$(wc -l <"$RUN/servers")"
  # what they share counts once
  record memory "resident, $CROWD containers" MB "$(sed 's#.*#/proc/&/smaps_rollup#' "$RUN/servers" | xargs cat | awk '/^Pss:/ { sum += $2 } END { print sum / 1e3 }')"
  memory_idle "$CROWD idle containers"
  rootless_podman rm --all --force --time 0 >/dev/null
  server_ends
}

# servers: processes of all views of the node.
servers() { pgrep -x cvmfs-view -u "$TEST_UID" | grep -vxF "${VIEWS_BEFORE:-none}"; }

# memory_idle WHAT: what nobody asks anything of may not run.
memory_idle() {
  local before
  before=$(servers_cpu)
  sleep "$IDLE_SECONDS"
  record memory "CPU time in ten minutes, $1" "s of CPU" \
    "$(awk -v before="$before" -v after="$(servers_cpu)" -v s="$IDLE_SECONDS" 'BEGIN { print (after - before) / s * 600 }')" "$round"
}

# servers_cpu: seconds of CPU of all views' servers; by the scheduler's own count, which knows less than a tick.
servers_cpu() {
  local pid sum=0 ns
  for pid in $(servers); do
    for ns in /proc/"$pid"/task/*/schedstat; do
      read -r ns _ <"$ns" && sum=$((sum + ns))
    done
  done
  awk -v ns=$sum 'BEGIN { print ns / 1e9 }'
}

# memory_state WHEN
memory_state() {
  local state names
  state=$(server_state)
  record memory "resident, $1" MB "$(jq '.rss / 1e6' <<<"$state")" "$round"
  record memory "peak, $1" MB "$(jq '.peak / 1e6' <<<"$state")" "$round"
  record memory "CPU time, $1" "s of CPU" "$(jq .cpu <<<"$state")" "$round"
  if [ "$1" = idle ]; then
    IDLE=$(jq .rss <<<"$state")
    return
  fi
  names=$(jq '.runs[0].names' <<<"$DETAIL")
  record memory "bytes a name, $1" "B of memory" "$(jq --argjson idle "$IDLE" --argjson names "$names" '(.rss - $idle) / $names | round' <<<"$state")" "$round"
}
