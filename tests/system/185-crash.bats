# Podman is killed at any step, and nothing is lost: what comes next works, the image is there whole, as before, or not at all, and
# when all is removed, nothing is left. By default a sample of the kill points of each command is tried, the same one in each run
# (CRASH_SEED takes another one, such as $RANDOM); CRASH=all takes all of them, which is long.

load lib/bats
load lib/crash
load lib/others

setup_file() {
  export CRASH_SAMPLE=${CRASH_SAMPLE:-3} CRASH_SEED=${CRASH_SEED:-25259}
  [ "${CRASH:-}" = all ] || echo "# CRASH_SEED=$CRASH_SEED" >&3
}

setup() {
  test_begin
  crash_scene
}

@test "pull, all layers remote" {
  crash_points "$BATS_TEST_DESCRIPTION" no pull --quiet --cvmfs=auto "$IMAGE"
}

@test "pull, some layers remote" {
  crash_lacking 1 3
  crash_points "$BATS_TEST_DESCRIPTION" no pull --quiet --cvmfs=auto "$IMAGE"
}

@test "rmi, all layers remote" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  crash_points "$BATS_TEST_DESCRIPTION" no rmi "$IMAGE"
}

@test "rmi, some layers remote" {
  crash_lacking 1 3
  run_podman pull --quiet --cvmfs=auto "$IMAGE"
  layers_are user 2 2
  crash_points "$BATS_TEST_DESCRIPTION" no rmi "$IMAGE"
}

@test "pull in mode off, layers remote: they are made local" {
  crash_lacking 0
  run_podman pull --quiet --cvmfs=auto "$IMAGE"
  layers_are user 3 1
  crash_points "$BATS_TEST_DESCRIPTION" yes pull --quiet --cvmfs=off "$IMAGE"
}

@test "pull in mode off, layers remote, the base too: they are made local" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  crash_points "$BATS_TEST_DESCRIPTION" yes pull --quiet --cvmfs=off "$IMAGE"
}

@test "pull of layers that another repository has: they are recorded anew" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  repository_mount "$RUN/tree" moved.example.org
  cvmfs_conf
  crash_points "$BATS_TEST_DESCRIPTION" yes pull --quiet --cvmfs=auto "$IMAGE"
}

@test "run, layers remote" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  SKIPPED="system df" crash_points "$BATS_TEST_DESCRIPTION" yes run --rm "$IMAGE" true
}

# What it started goes on: conmon, the view's server, a look-up.
@test "run, layers remote, podman alone is killed" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  CRASH_ALONE=yes SKIPPED="system df" crash_points "$BATS_TEST_DESCRIPTION" yes run --rm "$IMAGE" true
}

@test "pull, some layers remote, podman alone is killed" {
  crash_lacking 1 3
  CRASH_ALONE=yes crash_points "$BATS_TEST_DESCRIPTION" no pull --quiet --cvmfs=auto "$IMAGE"
}

@test "rm of a container on remote layers" {
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  run_podman run --name one "$IMAGE" true
  SKIPPED="system df" crash_points "$BATS_TEST_DESCRIPTION" yes rm one
}

# What is held against nobody above is what upstream's podman does with an ordinary image.
@test "upstream's podman, killed, leaves files, names and a container's layer" {
  stock_tools
  PODMAN=$BIN/stock/podman
  crash_inside prepare
  upstream_leaves 'renameat .*/overlay-layers/\.tmp-layers' '^store/overlay-layers/\.tmp-layers' pull --quiet "$IMAGE"
  upstream_leaves 'openat .*/overlay/[0-9a-f]{64}/link"' '^store/overlay/l/[A-Z0-9]{26}$' pull --quiet "$IMAGE"
  upstream_leaves 'renameat .*/overlay-images/\.tmp-images' '^tmp/(container_images_)?storage[0-9]+' pull --quiet "$IMAGE"
  run_podman pull --quiet "$IMAGE"
  crash_inside prepare
  upstream_leaves '/overlay-containers/\.tmp-volatile-containers' '^store/overlay/[0-9a-f]{64}$' run --rm "$IMAGE" true
  crash_end
}

@test "upstream's podman, killed, has no list of images, or no system df" {
  stock_tools
  PODMAN=$BIN/stock/podman
  crash_inside prepare
  upstream_killed 'renameat .*/overlay-images/[0-9a-f]{64}/\.tmp-' '! podman images --all && grep "locating item named" err' pull --quiet "$IMAGE"
  run_podman pull --quiet "$IMAGE"
  run_podman run --name one "$IMAGE" true
  crash_inside prepare
  upstream_killed 'unlinkat .*/overlay-containers/[0-9a-f]{64}"' '! podman system df && grep "failed to get root file system size" err' rm one
  crash_end
}

@test "upstream's podman, killed alone, leaves a container that nobody knows" {
  stock_tools
  PODMAN=$BIN/stock/podman
  run_podman pull --quiet "$IMAGE"
  crash_inside prepare
  local kill=(upstream_killed '^[0-9]+ (/|crun) mkdirat .*/merged/'
    'podman rm --all --force --time 0; nobody_left >left; grep "^as upstream" left' run --rm "$IMAGE" true)
  local try
  for try in 1 2 3 4 5; do # on a busy machine what is killed may be elsewhere by then
    if CRASH_ALONE=yes "${kill[@]}"; then break; fi
    [ $try -lt 5 ]
  done
  crash_end
}
