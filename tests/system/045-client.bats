# What a CVMFS client does of its own accord does not reach a container: other inode numbers with each revision, expanded links.

load lib/bats

setup() {
  test_begin
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/kinds:1"
}

# numbers: what a listing and a look-up say of some names, in the running container.
numbers() {
  run_podman exec one sh -euc 'cd /kinds; for name in * /bin/busybox /etc /kinds/closed; do stat -c "%i %n" "$name"; done'
  NUMBERS=$output
}

@test "inode numbers stay, in a container and from one to the next, whatever the client's are" {
  local first theirs layer
  layer=$(layer_dir "$(layer_digest small/kinds:1 1)")
  run_podman run --detach --name one --user 0 "$REGISTRY/small/kinds:1" sleep 1000
  numbers
  first=$NUMBERS
  theirs=$(rootless_podman unshare stat -c %i "$REPOSITORY/$layer/layerfs/kinds/plain")
  repository_ctl revision
  [ "$(rootless_podman unshare stat -c %i "$REPOSITORY/$layer/layerfs/kinds/plain")" != "$theirs" ] || fail "the client's numbers are the same: this tests nothing"
  echo 2 >/proc/sys/vm/drop_caches 2>/dev/null || true # what the kernel does not hold is looked up again
  numbers
  equal "$NUMBERS" "$first" "numbers after a revision"
  run_podman rm --force --time 0 one
  run_podman run --detach --name one --user 0 "$REGISTRY/small/kinds:1" sleep 1000
  numbers
  equal "$NUMBERS" "$first" "numbers in another container"
  run_podman rm --force --time 0 one
}

@test "a link whose target cannot be had gives an error, never the client's expansion of it" {
  run_podman run --detach --name one --user 0 "$REGISTRY/small/kinds:1" sleep 1000
  repository_ctl fault EIO getxattr "$(layer_dir "$(layer_digest small/kinds:1 1)")/layerfs/kinds"
  run_podman 1 exec one readlink /kinds/variable
  equal "$output" ""
  repository_ctl clear
  run_podman exec one readlink /kinds/variable
  equal "$output" '$(HOME)/x'
  run_podman rm --force --time 0 one
}
