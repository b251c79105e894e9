# cvmfs-layers verify: what a mounted repository holds is what the registry holds, or every difference is told.

load lib/bats

# verify STATUS FLAG… IMAGE: as the account's own command on a node. Leaves its lines in $output.
verify() {
  local expected=$1 run=(rootless)
  shift
  is_root || run=(rootless_podman unshare) # where it is mounted
  status=0
  "${run[@]}" "$BIN/cvmfs-layers" verify --plain-http --repository "$REPOSITORY" "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
  output=$(cat "$T/stdout") stderr=$(cat "$T/stderr")
  printf '%s\n' "$output" "$stderr"
  equal "$status" "$expected" "exit status"
}

# kinds_layer: where the repository has the layer that holds every kind of file.
kinds_layer() { layer_dir "$(layer_digest small/kinds:1 1)"; }

# damaged: mount a copy of the published tree; $D is the layer of all kinds in it.
damaged() {
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  D=$T/tree/$(kinds_layer)/layerfs/kinds
}

@test "an account finds no difference, and is told what it may not read" {
  site
  [ "$(rootless_podman unshare readlink "$REPOSITORY/$(kinds_layer)/layerfs/kinds/variable")" != '$(HOME)/x' ] ||
    fail "nothing expands links here: this tests nothing"
  local image
  for image in kinds:1 deletions:zstd deletions:index; do
    verify 3 --quiet "$REGISTRY/small/$image"
    equal "$(grep -cv ': unreadable: repository not readable by this account, registry ' <<<"$output")" 0 "other lines"
  done
  verify 3 "$REGISTRY/small/kinds:1"
  local name
  for name in etc/shadow root kinds/private kinds/group kinds/closed; do
    contains "$output" " layerfs/$name: unreadable: "
  done
  contains "$output" $'\nnot compared, since CVMFS keeps none: owners, '
  contains "$(tail -n 1 <<<"$output")" "differences: 0, not readable by this account: 5"
}

@test "where all may be read, all is equal" {
  needs_root
  oracle_images
  registry_start "$RUN/hard"
  repository_mount "$RUN/hard-tree"
  local image
  for image in $("$TOOLS/images" list "$RUN/hard" | cut -d' ' -f1 | sort -u); do
    [ "$image" != hard/longest:1 ] || continue # no repository can hold it
    "$BIN/cvmfs-layers" verify --plain-http --quiet --repository "$REPOSITORY" "$REGISTRY/$image" >"$T/stdout" ||
      fail "$image: $(cat "$T/stdout")"
  done
}

@test "every damage is told, and nothing else" {
  damaged
  local layer
  layer=$(layer_digest small/kinds:1 1)
  touch -r "$D/plain" "$T/when"
  rm "$D/plain" && printf 'plaix\n' >"$D/plain" && # not its hard link
    touch -r "$T/when" "$D/plain"
  chmod 755 "$D/setuid"
  rm "$D/run" && mkfifo "$D/run"
  : >"$D/added" && rm -r "$D/empty-dir"
  ln -sfn "elsewhere" "$D/variable" && touch -h -r "$T/when" "$D/variable"
  touch -r "$T/when" "$D"
  repository_mount "$T/tree"
  verify 1 --quiet "$REGISTRY/small/kinds:1"
  equal "$(grep -v ': unreadable: ' <<<"$output")" "$layer layerfs/kinds/added: extra: repository file, registry nothing
$layer layerfs/kinds/empty-dir: missing: repository nothing, registry directory
$layer layerfs/kinds/plain: content: repository sha256:$(printf 'plaix\n' | sha256sum | cut -c-64), registry sha256:$(printf 'plain\n' | sha256sum | cut -c-64)
$layer layerfs/kinds/run: type: repository FIFO, registry file
$layer layerfs/kinds/setuid: mode: repository 0755, registry 4755
$layer layerfs/kinds/variable: target: repository \"elsewhere\", registry \"\$(HOME)/x\""
}

@test "a layer that the repository lacks is a line of its own" {
  site_lacking small/kinds:1 1
  verify 1 --quiet "$REGISTRY/small/kinds:1"
  contains "$output" "$(layer_digest small/kinds:1 1): missing: repository nothing, registry layer"
}

@test "an outage is no difference" {
  site
  repository_ctl fault EIO open "$(kinds_layer)/layerfs/kinds/plain"
  verify 2 --quiet "$REGISTRY/small/kinds:1"
  contains "$output" " layerfs/kinds/plain: failed: repository input/output error, registry file"
  contains "$stderr" "repository unavailable: 1 files could not be read"
  repository_ctl clear
  repository_ctl fault EIO lookup "$(kinds_layer)/layerfs/kinds"
  repository_ctl drop
  verify 2 --quiet "$REGISTRY/small/kinds:1"
  lacks "$output" "kinds/plain"
  contains "$stderr" ': repository unavailable: input/output error'
  repository_ctl clear
  verify 3 --quiet "$REGISTRY/small/kinds:1"
}
