# A stock podman of the same version on the same store: ordinary images work under both, remote layers fail plainly under
# the stock one, and nothing is destroyed.

load lib/bats

setup_file() {
  [ -x "$BIN/stock/podman" ] || make -C "$CHECKOUT" stock
}

stock_podman() { PODMAN=$BIN/stock/podman run_podman "$@"; }

@test "an image that stock pulled runs under ours, and is removed by ours" {
  registry_with_images
  stock_podman pull --quiet "$REGISTRY/small/deletions:1"
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  run_podman rmi --all
  store_empty user
}

@test "an image that ours pulled runs under stock, and is removed by stock" {
  registry_with_images
  run_podman pull --quiet "$REGISTRY/small/deletions:1"
  stock_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  stock_podman rmi --all
  store_empty user
}

@test "ordinary images go on working under stock beside remote layers" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  stock_podman pull --quiet "$REGISTRY/small/other:1"
  stock_podman run --rm "$REGISTRY/small/other:1" cat /top
  equal "$output" "another top"
  run_podman run --rm "$REGISTRY/small/other:1" cat /top
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

@test "stock fails plainly on remote layers and destroys nothing" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  allow_warning .
  stock_podman 125 run --rm --pull=never "$REGISTRY/small/deletions:1" cat /data/again
  contains "$stderr" Error
  # An image that shares layers with it is downloaded whole: no digest leads to a remote layer.
  stock_podman pull --quiet "$REGISTRY/small/flips:1"
  stock_podman rmi "$REGISTRY/small/flips:1"
  stock_podman pull --quiet "$REGISTRY/small/other:1"
  stock_podman rmi "$REGISTRY/small/other:1"
  ALLOWED=()
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  equal "$(layer_count user remote)" 4 "remote layers after stock rewrote the records"
}

@test "a container made under ours is not damaged by stock" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman create --name one "$REGISTRY/small/deletions:1" cat /data/again
  allow_warning .
  stock_podman 125 start --attach one
  ALLOWED=()
  run_podman start --attach one
  equal "$output" second
}
