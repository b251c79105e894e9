# Everything that befalls a repository, at every moment of an image's life: what the user is told, that nobody else is held up,
# that nothing is lost and nothing is left. docs/faults.md is the result.

load lib/bats
load lib/table
load lib/faults

readonly COLUMNS=("pull --cvmfs=only" "pull --cvmfs" "in mid-pull" "start" "in mid-start" "in a container" "rm, rmi" "afterwards")

setup_file() { table_begin faults.md repository; }
teardown_file() { ! is_root || TABLE_ROWS="the repository …" table_end "${COLUMNS[@]}"; }

setup() {
  test_begin
  needs_root
  IMAGE=small/deletions:1 HANGS="" PULLED="" ATOMIC="" AUTOMOUNT=""
  ORIGINAL=$RUN/tree
}

teardown() {
  [ -z "$AUTOMOUNT" ] || automount_end
  test_end
}

# here: the image's layers are all remote, and there is another image, which is none of the repository's business.
here() {
  [ -n "${REGISTRY:-}" ] || site
  cvmfs_conf 'timeout = "2s"' 'start_timeout = "12s"'
  # of a fault more may be said than the one error that the table has
  allow_warning 'level=(warning|error)'
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/other:1"
  OTHERS=$(layer_count user local)
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
}

# mended: the fault is over, and all is as it was.
mended() {
  mend
  HANGS=
  run_podman run --rm "$REGISTRY/$IMAGE" cat /data/again
  equal "$output" second
  store_sound user
}

# fallen: the fault comes.
fallen() {
  registry_mark
  [ -n "$HANGS" ] || repository_ctl drop || true
  strike
}

# moment COLUMN: the cell of what was attempted. A refusal of what is the repository's says which one it is.
moment() {
  local cell
  grep -q ^Error "$T/stderr" || sed -i '1s/^/Error: /' "$T/stderr" # of a program in the container
  # which call of the program is the first to meet the fault is chance
  [[ $stderr != *"OCI runtime"* ]] || contains "$stderr" "$REPOSITORY"
  sed -i -E 's/^Error: (OCI runtime error: repository .*: crun: open executable|cat: .*): /Error: a program in the container: /' "$T/stderr"
  cell=$(outcome)$(downloaded)
  [[ $stderr != *level=warning*"$REPOSITORY"* ]] || cell+=", warns"
  [[ $cell != refused* ]] || [[ $1 == "in a container" ]] || contains "$stderr" "${NAMED:-$REPOSITORY}"
  note "$FAULT" "$1" "$cell"
}

# moments FAULT: all of them, for a fault that strike brings and mend ends.
moments() {
  FAULT=$1
  here
  at_start
  in_mid_start
  at_removal
  at_pull
  in_mid_pull
}

# starts: a container, and nobody waits for it.
starts() {
  begin start run --rm "$REGISTRY/$IMAGE" cat /data/again
  others
  [ -z "$HANGS" ] || [ -n "${LOCKED:-}" ] || ended_not start # nobody waited for it
  ended start
  moment start
}

at_start() {
  local tree
  run_podman run --detach --name running "$REGISTRY/$IMAGE" sleep 1000
  run_podman unshare "$(podman_path)" mount running
  tree=$output
  registry_mark
  fallen
  starts
  in_container "$tree"
  mended
  restarted
}

# restarted: whatever befell the container's files, a restart mends it.
restarted() {
  run_podman unmount running
  run_podman restart --time 0 running
  run_podman exec running cat /data/again
  equal "$output" second
  run_podman rm --force --time 0 running
}

# What is started in a container whose repository hangs is given up, a restart too, which leaves it running; and whoever lists
# containers has not waited for it. What reads already waits for the repository.
in_container() {
  if [ -n "$HANGS" ]; then
    run_podman inspect --format '{{.State.Pid}}' running
    local pid=$output
    begin inside exec running cat /data/again
    begin again restart running
    others
    ended_not inside
    ended_not again
    ended inside
    moment "in a container"
    ended again
    [ "$status" != 0 ]
    contains "$stderr" "$REPOSITORY"
    run_podman inspect --format '{{.State.Pid}}' running
    equal "$output" "$pid"
    mend
    HANGS=
    run_podman exec running cat /data/again
    equal "$output" second
    return
  fi
  begin inside exec running cat /data/again
  whole_or_error 5 ls "$1/data/opaque"
  whole_or_error 4 cat "$1/data/kept"
  ended inside
  [ "$status" != 0 ] || equal "$output" second
  moment "in a container"
}

in_mid_start() {
  [ -z "$ATOMIC" ] || return 0
  repository_ctl drop
  repository_ctl delay 100ms
  repository_ctl reset
  begin start run --rm "$REGISTRY/$IMAGE" cat /data/again
  wait_until asked_more 4
  fallen
  others
  [ -z "$HANGS" ] || ended_not start # nobody waited for it
  ended start
  case $status in
    0) equal "$output" second ;;
    *) [[ $stderr == *$REPOSITORY* || $stderr == *nput/output\ error* ]] || fail "no true reason" ;;
  esac
  # How far it had come decides where a mount that goes meets it.
  note "$FAULT" "in mid-start" "${MID_START:-$([ "$status" = 0 ] && echo works || echo refused)}"
  mended
}

# at_removal: of a container that ran and of the image. The store is then as if neither had been.
at_removal() {
  run_podman run --name ran "$REGISTRY/$IMAGE" true
  fallen
  registry_mark
  attempt rm ran
  equal "$status" 0
  attempt rmi "$REGISTRY/$IMAGE"
  moment "rm, rmi"
  gone
}

gone() {
  layers_are user 0 "$OTHERS"
  run_podman images --quiet --all
  equal "$(wc -l <<<"$output")" 1 "images"
  store_sound user
}

# at_pull: the fault has come.
at_pull() {
  begin pull pull --cvmfs=only "$REGISTRY/$IMAGE"
  others
  ended pull
  moment "pull --cvmfs=only"
  if [ "$status" = 0 ]; then run_podman rmi "$REGISTRY/$IMAGE"; fi
  gone
  registry_mark
  attempt pull --cvmfs "$REGISTRY/$IMAGE"
  moment "pull --cvmfs"
  equal "$status" 0
  PULLED=1
  mended
  run_podman rmi "$REGISTRY/$IMAGE"
  gone
}

in_mid_pull() {
  [ -z "$ATOMIC" ] || return 0
  repository_ctl drop
  repository_ctl delay 30ms
  repository_ctl reset
  registry_mark
  begin pull pull --cvmfs "$REGISTRY/$IMAGE"
  wait_until layers_due
  wait_until asked_more 4
  fallen
  others
  ended pull
  equal "$status" 0
  note "$FAULT" "in mid-pull" works # how far it had come decides what it downloads
  mended
}

afterwards() { note "$FAULT" afterwards "${1:-all works}"; }

# file_again: where the repository has the container's /data/again.
file_again() { (cd "$RUN/tree" && for n in 0 1 2 3; do grep -lsx second "$(layer_dir "$(layer_digest "$IMAGE" $n)")/layerfs/data/again"; done; true); }

# file_of PATH: where it has another, of the topmost layer that holds it.
file_of() { (cd "$RUN/tree" && for n in 3 2 1 0; do ls -d "$(layer_dir "$(layer_digest "$IMAGE" $n)")/layerfs$1" 2>/dev/null && break; done); }

@test "is unmounted" {
  strike() { repository_unmount; }
  mend() { repository_mount "$ORIGINAL"; }
  MID_START="works or refused"
  moments "is unmounted: an empty directory"
  afterwards
}

@test "hangs" {
  strike() {
    repository_ctl hang
    HANGS=1
  }
  mend() { repository_ctl clear; }
  moments "hangs: no answer, not even to a kill"
  afterwards
}

# What libpod and the OCI runtime read at a start, they read with the container locked: `podman ps` waits for this lock if the start
# took it first, until the start fails.
@test "does not answer for one file" {
  strike() {
    repository_ctl hang all "$(file_of /etc/passwd)"
    HANGS=1
  }
  mend() { repository_ctl clear; }
  FAULT="does not answer for one file, which a start reads once all is mounted"
  here
  fallen
  LOCKED=1 starts
  contains "$stderr" /etc/passwd
  mended
  at_removal
  afterwards
}

# Else it would stay, with its container, and with the job that it is part of.
@test "hangs, and who reads is killed" {
  local pid
  here
  mkdir -m 777 "$T/user/now"
  run_podman run --detach --name reads --volume "$T/user/now:/now" "$REGISTRY/$IMAGE" sh -c 'until [ -e /now/read ]; do sleep 0.1; done; [ -e /data/again ]; true'
  repository_ctl drop
  repository_ctl hang
  touch "$T/user/now/read"
  run_podman inspect --format '{{.State.Pid}}' reads
  pid=$output
  wait_until waits "$pid"
  begin removal rm --force --time 0 reads
  run_podman images --quiet
  WAIT=20 ended removal
  equal "$status" 0
  repository_ctl clear
  run_podman run --rm "$REGISTRY/$IMAGE" cat /data/again
  equal "$output" second
  store_sound user
}

# waits PID: for an answer of a file system, and the kernel lets no signal end that.
waits() { grep -q request_wait_answer "/proc/$1/stack"; }

@test "is slow" {
  strike() { repository_ctl delay 20ms; }
  mend() { repository_ctl clear; }
  moments "is slow: 20 ms a call"
  afterwards
}

# Of a real client these are the calls that go over the network: names, and files that are not cached.
@test "is very slow" {
  local slow="is slow: 2 s for each look-up and each file that is opened"
  strike() {
    repository_ctl delay 2s lookup
    repository_ctl delay 2s open
  }
  mend() { repository_ctl clear; }
  FAULT="$slow; limits of 2 s and 4 s"
  here
  cvmfs_conf 'timeout = "2s"' 'start_timeout = "4s"'
  fallen
  starts
  mended
  at_removal
  at_pull
  afterwards
  FAULT="$slow; limits of 60 s"
  cvmfs_conf 'timeout = "60s"' 'start_timeout = "60s"'
  fallen
  begin pull pull --cvmfs=only "$REGISTRY/$IMAGE"
  others
  ended_not pull # nobody waited for it
  ended pull
  moment "pull --cvmfs=only"
  repository_ctl drop
  begin start run --rm "$REGISTRY/$IMAGE" cat /data/again
  others
  ended_not start
  WAIT=110 ended start
  equal "$output" second
  moment start
  mended
  at_removal
  afterwards
}

@test "has lost its servers" {
  strike() {
    repository_ctl delay 300ms open
    repository_ctl fault EIO open
  }
  mend() { repository_ctl clear; }
  moments "has lost its servers: after a while, EIO for each file that is not cached"
  afterwards
}

@test "cannot read one file" {
  strike() { repository_ctl fault EIO open "$(file_again)"; }
  mend() { repository_ctl clear; }
  NAMED=error
  moments "gives EIO for one file"
  afterwards
}

@test "its client dies" {
  REPOSITORY_FLAGS=(--watchdog 0)
  strike() { repository_ctl die; }
  mend() {
    repository_unmount
    repository_mount "$ORIGINAL"
  }
  moments "its client dies: ENOTCONN"
  afterwards
}

@test "gets a new revision" {
  strike() { repository_ctl revision; }
  mend() { repository_ctl clear; }
  moments "gets a new revision"
  afterwards
}

@test "is mounted anew, at an older revision" {
  REPOSITORY_FLAGS=(--revision 5)
  strike() {
    repository_unmount
    REPOSITORY_FLAGS=(--revision 4)
    repository_mount "$ORIGINAL"
  }
  mend() {
    repository_unmount
    REPOSITORY_FLAGS=(--revision 6)
    repository_mount "$ORIGINAL"
  }
  MID_START="works or refused"
  moments "is mounted anew, at an older revision"
  afterwards
}

@test "has other contents under the same digest" {
  registry_with_images
  published_tree
  cp -a "$RUN/tree" "$T/tree"
  ORIGINAL=$T/tree
  repository_mount "$ORIGINAL"
  local file
  file=$T/tree/$(file_again)
  strike() {
    cp -a "$file" "$T/again"
    echo "something else" >"$file"
    repository_ctl revision
  }
  mend() {
    cp -a "$T/again" "$file"
    repository_ctl clear
    repository_ctl revision
    [ -z "$PULLED" ] || run_podman pull --quiet --cvmfs "$REGISTRY/$IMAGE" # what was recorded meanwhile
  }
  moments "has other contents under the same digest"
  afterwards "all works once they are back, or after \`podman pull --cvmfs\`, which records what is there"
}

@test "loses a layer" {
  local layer
  strike() { repository_ctl remove "$layer"; }
  mend() {
    repository_ctl clear
    repository_ctl restore "$layer"
    # published again, it is not what was recorded
    run_podman pull --quiet --cvmfs "$REGISTRY/$IMAGE"
  }
  layer=$(small_images && layer_dir "$(layer_digest "$IMAGE" 1)")
  NAMED=layer
  moments "loses a layer: garbage collection"
  afterwards "all works after \`podman pull --cvmfs\`, once it is published again too: under another catalogue hash"
}

@test "loses a layer, and starts may download" {
  local layer
  strike() { repository_ctl remove "$layer"; }
  mend() { repository_ctl restore "$layer"; }
  layer=$(small_images && layer_dir "$(layer_digest "$IMAGE" 1)")
  FAULT="loses a layer, with \`pull = \"auto\"\`"
  here
  cvmfs_conf 'pull = "auto"'
  run_podman create --name one "$REGISTRY/$IMAGE" cat /data/again
  fallen
  attempt start --attach one
  moment start
  equal "$output" second
  registry_mark
  attempt rm one
  moment "rm, rmi"
  mended
  afterwards
}

# What is mounted after podman's pause process started, where mounts do not propagate, is not there for podman.
@test "is mounted where podman does not see it" {
  mkdir -p "$T/cvmfs"
  mount --bind "$T/cvmfs" "$T/cvmfs"
  mount --make-private "$T/cvmfs"
  strike() {
    repository_unmount
    rootless_podman system migrate
    rootless_podman ps
    repository_mount "$ORIGINAL"
    [ -e "$REPOSITORY/.layers" ] # here it is
  }
  mend() { rootless_podman system migrate; }
  FAULT="is mounted after podman's pause process, and mounts do not propagate"
  here
  fallen
  starts
  contains "$stderr" "podman system migrate"
  mended
  at_removal
  at_pull
  afterwards "all works after \`podman system migrate\`"
  rootless_podman system migrate
  repository_unmount
  umount -l "$T/cvmfs"
}

automount_begin() {
  command -v automount >/dev/null || skip "needs automount; .ci/deps test sees to it"
  repository_mount "$ORIGINAL"
  mkdir "$T/behind"
  mount --bind "$REPOSITORY" "$T/behind"
  umount "$REPOSITORY"
  printf '#!/bin/sh\necho "-fstype=bind :%s"\n' "$T/behind" >"$T/map"
  chmod 755 "$T/map"
  echo "$T/cvmfs program:$T/map --timeout=1" >"$T/master"
  # a session of its own: to those of the daemon's process group nothing is mounted
  CVMFS_TEST_DIR=$T setsid automount --foreground --dont-check-daemon --pid-file "$T/automount" "$T/master" 3>&- 4>&- &
  AUTOMOUNT=$!
  wait_until test -e "$REPOSITORY/.layers"
}

automount_end() {
  kill -KILL "$AUTOMOUNT"
  umount -l "$T/cvmfs" 2>/dev/null || true
  umount -l "$T/behind"
}

expired() { ! grep -q " $REPOSITORY " /proc/self/mountinfo; }

@test "is mounted when it is needed, and taken away when it is not" {
  registry_with_images
  published_tree
  automount_begin
  strike() { wait_until expired; }
  mend() { true; }
  ATOMIC=1 FAULT="expires: autofs takes it away, and mounts it for whoever asks"
  here
  run_podman run --detach --name running "$REGISTRY/$IMAGE" sleep 1000
  sleep 3 # it is in use, and stays
  registry_mark
  attempt exec running cat /data/again
  equal "$output" second
  moment "in a container"
  run_podman rm --force --time 0 running
  fallen
  attempt run --rm "$REGISTRY/$IMAGE" cat /data/again
  equal "$output" second
  moment start
  at_removal
  at_pull
  afterwards
}
