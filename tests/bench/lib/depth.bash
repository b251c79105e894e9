# depth: one tree of 20,000 names over 1 to 127 layers. In shape "every" each directory is merged of all layers, in shape
# "own" it is whole in one.

DEPTHS=(1 8 32 127)

layouts_depth() {
  local depth
  for depth in "${DEPTHS[@]}"; do
    tree_layout "every:$depth" "$depth" every 500 40 200
    tree_layout "own:$depth" "$depth" own 500 40 200
  done
}

bench_depth() {
  local round variant shape depth what
  for variant in local served; do
    node "$variant"
    for shape in every own; do
      for depth in "${DEPTHS[@]}"; do image_pull "$shape:$depth"; done
    done
  done
  for ((round = 1; round <= ROUNDS; round++)); do
    for shape in every own; do
      for depth in "${DEPTHS[@]}"; do
        for variant in $(shuffled "$round" local served); do
          node "$variant"
          say "depth: $shape, $depth layers, $variant, round $round"
          for what in names stat read; do
            ctl drop
            container_start "$shape:$depth"
            job "depth-$shape" "$what, $depth layers" "$round" cold "$what" /tree 2
            container_end
          done
        done
      done
    done
  done
}
