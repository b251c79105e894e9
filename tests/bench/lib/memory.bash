# memory: the view's server, idle and after walks of a tree of more than 100,000 files.

layouts_memory() { tree_layout many:1 3 own 5000 24 100; }

bench_memory() {
  local round what
  node served
  image_pull many:1
  for ((round = 1; round <= ROUNDS; round++)); do
    container_start many:1
    memory_state idle
    for what in names stat read; do
      say "memory: $what, round $round"
      job memory "$what" "$round" first "$what" /tree 2
      memory_state "after $what"
    done
    container_end
  done
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
