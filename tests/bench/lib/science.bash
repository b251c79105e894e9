# science: work in a real image, on all variants.

bench_science() {
  local round variant measure runs image=science:1
  local variants=("${VARIANTS[@]}")
  for variant in "${variants[@]}"; do
    node "$variant"
    image_pull "$image"
  done
  image_bytes science "$image"
  node local
  container_start "$image"
  measured dirs /usr/lib/python3 >"$RUN/dirs"
  container_end
  for variant in "${variants[@]}"; do
    node "$variant"
    install -m 644 "$RUN/dirs" "$T/user/work/dirs"
    container_start "$image" # fills the caches of the modules that keep some
    measured command 1 python3 -c "$MODULES" >/dev/null
    container_end
  done
  for ((round = 1; round <= ROUNDS + IMPORT_MORE; round++)); do
    for measure in "${SCIENCE_MEASURES[@]}"; do
      [[ $round -le $ROUNDS || $measure = import ]] || continue
      [[ $round -le $BESIDE_ROUNDS || $measure != absent ]] || continue # no target
      for variant in $(shuffled "$round" "${variants[@]}"); do
        # what is beside takes minutes, and is far from local and served
        [[ $variant = local || $variant = served || $round -le $BESIDE_ROUNDS && $measure != absent ]] || continue
        say "science: $measure, $variant, round $round"
        node "$variant"
        runs=2 # what is again is short for these two, and its target near
        [[ ($variant = local || $variant = served) && $measure != import ]] && runs=4
        science_job cold "$runs"
        [[ $measure = read || -n $QUICK && $measure != import ]] || science_job "new mount" 1
      done
    done
  done
  [ -n "$QUICK" ] || science_floor
}

# science_job STATE RUNS
science_job() {
  local what
  case $measure in
    absent) what=(absent /run/work/dirs "$2") ;;
    import) what=(command "$2" python3 -c "$MODULES") ;;
    *) what=("$measure" / "$2") ;;
  esac
  [ "$1" != cold ] || ctl drop
  container_start "$image"
  [ "$1" != cold ] || ctl drop
  job science "$measure" "$round" "$1" "${what[@]}"
  container_end
}

# science_floor: what the repository itself allows, layer by layer, without a view or an overlay: per name.
science_floor() {
  local lower what
  node local
  for what in names stat; do
    ctl drop
    # Names of all layers, also of those that are deleted: more than in the image.
    lowers science:1 | while read -r lower; do
      rootless "$TOOLS/measure" "$what" "$lower" 2
    done | jq -s '{names: map(.[0].names) | add, cold: map(.[0].seconds) | add, again: map(.[1].seconds) | add}' |
      jq -r '"\(.names) \(.cold) \(.again)"' | while read -r names cold again; do
        # shellcheck disable=SC2034 # record's column
        VARIANT=repository
        record science "$what, cold" s "$cold"
        record science "$what, again" s "$again"
        say "the repository alone: $what of $names names"
      done
  done
}
