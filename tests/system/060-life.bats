# Servers and records live exactly as long as they are needed.

load lib/bats
load lib/faults

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

@test "many look at one layer at once" {
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --name one "$REGISTRY/small/deletions:1" sh -c 'echo mine >/data/mine'
  run_podman diff one
  contains "$output" "A /data/mine"
  local n pids=() alone=$output
  for n in {1..40}; do
    rootless_podman diff one >"$T/out.$n" 2>&1 &
    pids+=($!)
  done
  for n in {1..40}; do
    wait "${pids[n - 1]}" || fail "$(cat "$T/out.$n")"
    equal "$(sort "$T/out.$n")" "$(sort <<<"$alone")"
  done
  equal "$(find "$T/user/run" "$T/user/store/overlay" -name views 2>/dev/null)" ""
}

# conmon_cgroup NAME, server_cgroup: where they are.
conmon_cgroup() {
  run_podman inspect --format '{{.State.ConmonPid}}' "$1"
  cat "/proc/$output/cgroup"
}
server_cgroup() { cat "/proc/$(the_server)/cgroup"; }

# the_server: who serves the only container. What opened the layers ahead of it may be about to end.
the_server() { wait_until one_server && pgrep -x cvmfs-view -u "$TEST_UID"; }
one_server() { [ "$(pgrep -c -x cvmfs-view -u "$TEST_UID")" = 1 ]; }

@test "a container goes on when the job ends that started it" {
  needs_root
  # A cgroup namespace whose root is the account's, as its part of the tree is where systemd delegates it.
  local group=/sys/fs/cgroup/pc-$$ holder
  mkdir -p "$group/job" "$group/podman"
  [ -e "$group/job/cgroup.kill" ] || skip "needs Linux 5.14"
  (echo "$BASHPID" >"$group/cgroup.procs" && exec unshare --mount --cgroup --propagation slave sh -c \
    'mount --make-rshared /; umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec sleep 1000' 3>&- 4>&-) &
  holder=$!
  wait_until grep -q sleep "/proc/$holder/comm"
  echo "$holder" >"$group/podman/cgroup.procs"
  chown -R "$TEST_UID:$TEST_GID" "$group"
  ENTER=(nsenter --mount --cgroup --target "$holder")
  echo "$BASHPID" >"$group/podman/cgroup.procs"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  (echo "$BASHPID" >"$group/job/cgroup.procs" && rootless_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100)
  run_podman start one # what is there already
  local conmon server
  conmon=$(conmon_cgroup one)
  server=$(server_cgroup)
  [[ $conmon != */job* ]] || skip "podman cannot move conmon here"
  equal "$server" "$conmon"
  echo 1 >"$group/job/cgroup.kill"
  equal "$(cat "$group/job/cgroup.procs")" ""
  run_podman exec one cat /data/again
  equal "$output" second
  run_podman restart --time 0 one
  equal "$(server_cgroup)" "$(conmon_cgroup one)"
  run_podman rm --force --time 0 one
  view_servers_end
  ENTER=()
  echo "$BASHPID" >/sys/fs/cgroup/cgroup.procs
  kill -KILL "$holder"
  echo 1 >"$group/cgroup.kill"
  wait_until cgroup_removed "$group"
}

cgroup_removed() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null; }

@test "a restart mounts anew, or fails and leaves the container as it is" {
  local layer pid
  layer=$(layer_dir "$(layer_digest small/deletions:1 1)")
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  run_podman inspect --format '{{.State.Pid}}' one
  pid=$output
  repository_ctl remove "$layer"
  repository_ctl drop
  run_podman 125 restart --time 0 one
  contains "$stderr" "$layer"
  contains "$stderr" "podman pull --cvmfs"
  run_podman inspect --format '{{.State.Pid}}' one
  equal "$output" "$pid"
  cvmfs_conf 'pull = "auto"'
  allow_warning "pulling .* anew"
  run_podman restart --time 0 one
  run_podman exec one cat /data/again
  equal "$output" second
  repository_ctl restore "$layer"
}

@test "a server that is stopped holds nobody up but who reads" {
  local server
  cvmfs_conf 'start_timeout = "3s"'
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --detach --name one "$REGISTRY/small/deletions:1" sleep 100
  server=$(the_server)
  kill -STOP "$server"
  PODMAN_TIMEOUT=60 run_podman 255 exec one cat /data/again
  contains "$stderr" "kill -CONT $server"
  PODMAN_TIMEOUT=60 run_podman ps --quiet
  kill -CONT "$server"
  run_podman exec one cat /data/again
  equal "$output" second
  kill -STOP "$server"
  PODMAN_TIMEOUT=60 run_podman restart --time 0 one
  PODMAN_TIMEOUT=60 run_podman exec one cat /data/again
  equal "$output" second
  kill -KILL "$server" 2>/dev/null || true
  server=$(pgrep -x cvmfs-view -u "$TEST_UID" | grep -vx "$server")
  kill -STOP "$server"
  PODMAN_TIMEOUT=60 run_podman rm --force --time 0 one
  kill -CONT "$server" 2>/dev/null || true
}
