# Whoever does not use --cvmfs sees the podman that he knows.

load lib/bats

setup() {
  test_begin
  registry_with_images
}

life_of_an_image() {
  local run=$1 image=$REGISTRY/small/deletions:1
  "$run" pull "$image"
  "$run" images --quiet --no-trunc
  contains "$output" "sha256:"
  "$run" run --name one "$image" sh -c 'cat /data/again; echo mine >/data/mine; rm /data/kept'
  equal "$output" second
  "$run" diff one
  contains "$output" "A /data/mine"
  contains "$output" "D /data/kept"
  "$run" commit --quiet one committed
  "$run" run --rm committed sh -c 'cat /data/mine; ls /data'
  contains "$output" mine
  lacks "$output" kept
  "$run" rm one
  "$run" rmi --all
}

@test "pull, run, diff, commit, rmi: rootless" {
  life_of_an_image run_podman
  store_empty user
}

@test "pull, run, diff, commit, rmi: root" {
  needs_root
  life_of_an_image root_run_podman
  store_empty root
}

@test "whiteouts, opaque directories, names that change kind" {
  run_podman run --rm "$REGISTRY/small/deletions:1" find /data
  equal "$(sort <<<"$output" | tr '\n' ' ')" \
    "/data /data/again /data/kept /data/link /data/noise /data/opaque /data/opaque/newer /data/replaced /data/revived /data/revived/new "
  run_podman run --rm "$REGISTRY/small/flips:1" sh -c 'cat /flip/file-dir/inside /flip/dir-file; ls /flip/round /flip/dir-link/'
  equal "$(tr '\n' ' ' <<<"$output")" "inside file /flip/dir-link/: inside  /flip/round: second "
}

@test "more layers than a page of mount options holds" {
  run_podman run --rm "$REGISTRY/small/deep:1" cat /deep/top
  equal "$output" "layer-bn"
}

# file_calls PODMAN: how many system calls with a path more a start on 41 layers takes than one on a single layer.
file_calls() {
  local image calls=()
  for image in base deep; do
    as_root strace -f -qq -e trace=%file -o "$T/root/calls" "$1" run --rm "$REGISTRY/small/$image:1" true || return 1
    calls+=("$(wc -l <"$T/root/calls")")
  done
  echo $((calls[1] - calls[0]))
}

@test "a stack without remote layers costs a start no call more for a layer than stock's" {
  needs_root
  [ -x "$BIN/stock/podman" ] || make -C "$CHECKOUT" stock
  local ours stock
  root_run_podman pull --quiet "$REGISTRY/small/base:1"
  root_run_podman pull --quiet "$REGISTRY/small/deep:1"
  ours=$(file_calls "$(podman_path)")
  stock=$(file_calls "$BIN/stock/podman")
  echo "41 layers take ours $ours calls more than one layer does, stock $stock"
  [ $stock -gt 40 ]
  [ $((ours - stock)) -lt 30 ] # some differ by chance
}

@test "a Containerfile builds" {
  mkdir "$T/user/context"
  printf 'FROM %s\nRUN echo built >/data/built; rm /data/kept\n' "$REGISTRY/small/deletions:1" >"$T/user/context/Containerfile"
  run_podman build --quiet --tag built "$T/user/context"
  run_podman run --rm built sh -c 'cat /data/built; ls /data'
  contains "$output" built
  lacks "$output" kept
}

@test "no repository is asked while the mode is off" {
  mkdir -p "$T/empty"
  printf 'repositories = ["%s"]\n' "$T/empty" >"$T/user/conf/cvmfs.conf"
  run_podman pull "$REGISTRY/small/base:1"
  layers_are user 0 1
}
