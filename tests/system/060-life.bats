# Servers and records live exactly as long as they are needed.

load lib/bats

setup() {
  test_begin
  site
}

@test "a view's server ends when its container ends" {
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  equal "$(view_servers)" 0 "servers for an ordinary image"
  run_podman rm --force --time 0 one
  run_podman rmi --all
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  equal "$(view_servers)" 0 "servers without a container"
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  equal "$(view_servers)" 1 "servers of a container on consecutive remote layers"
  run_podman rm --force --time 0 one
  view_servers_end
  run_podman run --rm "$REGISTRY/small/deletions:1" true
  view_servers_end
}

@test "the server ends when the container's process is killed" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --rm --name one "$REGISTRY/small/deletions:1" sleep 100
  run_podman kill one
  view_servers_end
}

@test "many containers of one image at once" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  local n pids=() status=0
  for n in {1..8}; do
    rootless_podman run --rm "$REGISTRY/small/deletions:1" sh -c \
      "sleep 1; echo $n >/data/mine; cat /data/again /data/mine; rm /data/kept" >"$T/out.$n" 2>&1 &
    pids+=($!)
  done
  for n in {1..8}; do
    wait "${pids[n - 1]}" || status=1
    equal "$(cat "$T/out.$n")" "second"$'\n'"$n"
  done
  equal "$status" 0
  view_servers_end
}

@test "start, stop, restart" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  run_podman exec one sh -c 'echo kept >/data/mine'
  run_podman stop --time 0 one
  view_servers_end
  run_podman start one
  run_podman exec one cat /data/mine /data/again
  equal "$output" $'kept\nsecond'
  run_podman restart --time 0 one
  run_podman exec one cat /data/mine /data/again
  equal "$output" $'kept\nsecond'
}

@test "exec, cp, image mount" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  run_podman cp one:/data/again "$T/user/again"
  equal "$(cat "$T/user/again")" second
  run_podman cp "$T/user/again" one:/data/copied
  run_podman exec one cat /data/copied
  equal "$output" second
  run_podman unshare sh -euc 'm=$('"$(podman_path)"' image mount "$1"); cat "$m/data/again"; '"$(podman_path)"' image unmount "$1" >/dev/null' \
    sh "$REGISTRY/small/deletions:1"
  equal "$output" second
}

@test "rmi removes the records, and a layer that another image needs stays" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:1"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:2"
  layers_are user 3 0
  run_podman rmi "$REGISTRY/small/tags:2"
  layers_are user 2 0
  run_podman run --rm "$REGISTRY/small/tags:1" cat /data/kept
  equal "$output" kept
  run_podman rmi "$REGISTRY/small/tags:1"
  store_empty user
}

@test "save and load" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  allow_warning .
  if rootless_podman save --quiet --output "$T/user/saved" "$REGISTRY/small/deletions:1" 2>"$T/error"; then
    run_podman rmi --all
    run_podman load --quiet --input "$T/user/saved"
    run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
    equal "$output" second
  else
    # The layer's original bytes are not to be had from a repository: a plain error, and no file that claims to be whole.
    contains "$(cat "$T/error")" Error
  fi
}

@test "killed at any moment of a pull, the store opens and works" {
  local pid delay
  for delay in 0.02 0.05 0.1 0.15 0.2 0.25 0.3 0.4; do
    rootless_podman pull --quiet --cvmfs "$REGISTRY/small/deep:1" >/dev/null 2>&1 &
    pid=$!
    sleep $delay
    # the pull itself, not the shell around it
    pkill -KILL -P "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    allow_warning 'incomplete layer'
    run_podman images --quiet
    run_podman ps --all
  done
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deep:1"
  run_podman run --rm "$REGISTRY/small/deep:1" cat /deep/top
  equal "$output" layer-bn
}
