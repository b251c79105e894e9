# What 185-crash.bats is made of: podman is killed, with all that it started, at one kill point of a command after the other
# (tests/system/crash says what those are), each time on the same prepared store. Nothing is repaired by hand; what comes next is
# what a user does next. All of it is in podman's user namespace, where podman need not start twice.
# shellcheck disable=SC2034,SC2154 # output and stderr are bats'

# What upstream's podman leaves for good as well when it is killed (185-crash.bats shows it):
#   a file that was to be renamed to layers.json, images.json or the like (ioutils.AtomicFileWriter removes it when it is closed);
#   the name of a layer whose link file was not made yet (the overlay driver makes the name first);
#   a directory in TMPDIR with the blobs that were on their way (containers/image removes it when the pull ends).
CRASH_UPSTREAM='^(store|run)/.*/\.tmp-[^/]*$|^store/overlay/l/[A-Z0-9]{26}$|^tmp/(container_images_)?storage[0-9]+(/|$)'

# What is said, with reason: whoever takes the store's lock next removes what was not finished.
CRASH_SAID='Found incomplete layer .*, deleting it'

# crash_scene: a site, and in CONTENTS what a container of the image must hold.
crash_scene() {
  site
  IMAGE=$REGISTRY/small/deletions:1
  run_podman pull --quiet --cvmfs=off "$IMAGE" || return 1
  crash_inside 'contents >contents'
  [ "$(wc -l <"$T/user/contents")" -gt 50 ] || fail "the tree is too small to be true" || return 1
  run_podman rmi "$IMAGE"
}

# crash_lacking N…: the repository has none of these layers from now on.
crash_lacking() { repository_lacking "$RUN/small" "$RUN/tree" small/deletions:1 "$@" && cvmfs_conf; }

# crash_inside SCRIPT: with the functions below, in podman's namespace.
crash_inside() {
  PODMAN_TIMEOUT=600 rootless_podman unshare bash -c "$(crash_functions); $1" inside "$T/user" "$(podman_path)" "$TOOLS/crash" "$IMAGE" \
    "$CRASH_UPSTREAM" "$CRASH_SAID" "$(tree_listing)" "${CRASH_ALONE:-}" </dev/null
}

crash_functions() {
  cat <<'SH'
set -u
cd "$1" || exit 1
podman=$2 crash=$3 image=$4 upstream=$5 said=$6 listing=$7 alone=$8

fail() {
  echo "$*"
  return 1
}

# podman ARG…: works, and warns of nothing but $allowed.
podman() {
  local status=0 warnings
  timeout --kill-after=5 120 "$podman" "$@" >out 2>err || status=$?
  [ "$status" = 0 ] || fail "podman $*: exit status $status: $(<err)" || return 1
  warnings=$(grep -aE 'level=(warning|error|fatal|panic)|^(WARN|ERRO|FATA)|panic:' err | grep -aEv -- "${allowed:-^$}")
  [ -z "$warnings" ] || fail "podman $*: $warnings"
}

# mounts: what is mounted below here, the last first, but podman's own.
mounts() { awk -v dir="$PWD/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | grep -v -e '/xdg/netns$' | tac; }

prepare() {
  rm -rf prepared
  mkdir prepared
  cp -a store run prepared/
}

# crashed N ARG…: podman on the prepared store, killed at point N (0: not at all); with $alone itself only, while what it started goes on.
crashed() {
  local mount
  for mount in $(mounts); do umount -l "$mount"; done
  rm -rf store run tmp
  mkdir tmp
  cp -a prepared/store prepared/run .
  set -- timeout --kill-after=5 300 "$crash" --kill "$1" --alone "${alone:+$PWD/killed}" --log points "$PWD/store" "$PWD/run" -- "$podman" "${@:2}"
  if [ -z "$alone" ]; then
    "$@" >out 2>err
    return
  fi
  rm -f killed
  "$@" >crash.out 2>crash.err &
  tracer=$!
  until [ -e killed ] || ! kill -0 $tracer 2>/dev/null; do sleep 0.05; done
}

# nobody_left: what the command started has ended, too.
nobody_left() {
  [ -n "$alone" ] || return 0
  ends && return
  # libpod tells of a container when it was created: of one that was being created when podman was killed, nobody knows
  [ "$(traced comm | grep -vx cvmfs-view | sort | uniq | tr '\n' ' ')" = "conmon crun " ] || fail "what podman started has not ended: $(traced cmdline | tr '\0' ' ')" || return 1
  traced pid crun | xargs kill -KILL
  ends || fail "what podman started has not ended with its container: $(traced cmdline | tr '\0' ' ')" || return 1
  fail "as upstream's: a container that nobody knows, created and not started"
}

# ends: within ten seconds, all that was traced.
ends() {
  local n status=0
  for ((n = 0; n < 200; n++)); do
    kill -0 $tracer 2>/dev/null || break
    sleep 0.05
  done
  [ "$n" -lt 200 ] || return 1
  wait $tracer || status=$?
  [ "$status" = 137 ] || fail "the tracer's exit status is $status: $(<crash.err)"
}

# traced WHAT [NAME]: of processes that are traced, those with this name: their pid, or this file in /proc.
traced() {
  local dir tracers
  tracers=$(ls "/proc/$(pgrep -P $tracer)/task")
  for dir in /proc/[0-9]*; do
    grep -qxFf <(sed 's/^/TracerPid:\t/' <<<"$tracers") "$dir/status" 2>/dev/null || continue
    [ -z "${2:-}" ] || [ "$(<"$dir/comm")" = "$2" ] || continue
    if [ "$1" = pid ]; then basename "$dir"; else cat "$dir/$1"; fi
  done
}

# contents: all that a container of the image holds.
contents() {
  podman run --quiet --rm --user 0 "$image" sh -c "$listing" && cat out
}

# runs WHEN: the image gives the right container.
runs() {
  contents >now || fail "$(<now)" "$1" || return 1
  diff contents now || fail "contents $1"
}

# looks SKIPPED: what only looks works, or there is a bare image, which has no manifest yet; and each layer is one thing to the
# driver, which has the last word: remote or local.
looks() {
  local command allowed=$said dir link # whoever comes second finds nothing that is not finished
  for command in "ps --all" "images --all" info "system df"; do
    [[ $command != $1 ]] || continue
    if ! podman $command; then
      grep -q 'locating item named "manifest"' err || return 1
      bare=yes
    fi
    allowed=
  done
  for dir in store/overlay/*/; do
    [ -e "$dir/link" ] || continue
    link=$(<"$dir/link")
    case $link in
      /*) [ -e "$dir/diff" -o -L "$dir/diff" ] ;; # with nothing there, upstream's would make a directory
      *) [ -d "$dir/diff" ] && [ -d "store/overlay/l/$link/." ] ;;
    esac || fail "$dir is neither remote nor local" || return 1
  done
}

# there: the store knows the image by its name.
there() { jq -e --arg name "$image" 'any(.[].names // [] | .[]; . == $name)' store/overlay-images/images.json >/dev/null 2>&1; }

# recorded: what the records say of remote layers is what the driver's say, and layers that are local have none.
recorded() {
  local id path link
  while read -r id path; do
    link=$(head -n 1 "store/overlay/$id/link")
    [[ $link == /* ]] || link=
    [ "$path" = "$link" ] || fail "layer $id is recorded as '$path', and by the driver as '$link'" || return 1
  done < <(jq -r '.[] | "\(.id) \(."remote-path" // "")"' store/overlay-layers/layers.json)
}

# names: all that is in the store, but what upstream leaves.
names() { find store run tmp ! -path 'store/overlay/staging*' | grep -Ev "$upstream" | LC_ALL=C sort; }

# storage ARG…: containers-storage, with the run directory of a rootless podman.
storage() {
  "$podman" info --format '{{.Store.RunRoot}}' >root && "${podman%/*}/containers-storage" --run "$(<root)" "$@"
}

# clean [ORPHANS]: all can be removed, and nothing is left: no more names than in the file left.
clean() {
  podman rm --all --force --time 0 && podman rmi --all --force || return 1
  [ -z "${1:-}" ] || storage check --repair --max 0s >out 2>&1 || fail "check --repair: $(<out)" || return 1
  if [ -n "$upstreams" ] && grep -q '"id"' store/overlay-layers/volatile-layers.json; then
    echo "as upstream's: the layer of a container that was not recorded yet"
    return 1
  fi
  names >now
  diff <(LC_ALL=C comm -13 left now) /dev/null || fail "left in the store" || return 1
  local mounted
  mounted=$(mounts | grep -v "^$PWD/store/overlay\$" | grep "^$PWD/\(store\|run\)")
  [ -z "$mounted" ] || fail "left mounted: $mounted"
}

# next KEPT MODE [SKIPPED]: what comes after a kill. KEPT says whether the image must be there still. SKIPPED, where it is a
# container that was made or removed, is the command that upstream's podman does not do then.
next() {
  local upstreams=${3:-} bare='' orphans=''
  looks "$upstreams" || return 1
  if [ -n "$bare" ]; then
    [ "$1" = no ] || fail "the image lost its manifest" || return 1
  elif there; then
    runs "after the kill" || return 1
  else
    [ "$1" = no ] || fail "the image is gone" || return 1
  fi
  podman pull --quiet "--cvmfs=$2" "$image" && runs "after another pull" && recorded || return 1
  # What is pulled without repositories stands beside remote layers that were recorded among local ones, for no image yet. They
  # stay, as ordinary layers of a pull that was killed do, until the store is checked.
  [ "$1 $2" != "no off" ] || orphans=yes
  [ "$2$orphans" != off ] || ! grep -q remote-readonly store/overlay-layers/layers.json || fail "remote layers after a pull in mode off" || return 1
  clean "$orphans" || return 1
  [ -z "$bare" ] || fail "as upstream's: the image has no manifest until it is pulled again"
}
SH
}

# crash_points LABEL KEPT ARG…: kill podman ARG… at each point, or at some, each time another with each run. The pull that follows
# is in mode auto and off by turns. SKIPPED is as for next.
crash_points() {
  local label=$1 kept=$2 command points point tried=0 step first failed=() theirs=() modes=(auto off)
  shift 2
  printf -v command '%q ' "$@"
  CRASH_ALONE='' crash_inside "prepare && crashed 0 $command" || { cat "$T/user/err"; return 1; }
  points=$(wc -l <"$T/user/points")
  [ "$points" -gt 20 ] || fail "$points kill points are too few to be true" || return 1
  [ -z "${CRASH_LOG:-}" ] || { echo "== $label"; cat "$T/user/points"; } >>"$CRASH_LOG"
  # shellcheck disable=SC2016 # expanded inside
  crash_inside 'podman pull --quiet --cvmfs=auto "$image" && runs "not killed" && podman rm --all --force && podman rmi --all --force && names >left' ||
    return 1
  step=$(((points + CRASH_SAMPLE - 1) / CRASH_SAMPLE))
  [ "${CRASH:-}" != all ] || step=1
  # shellcheck disable=SC2153 # set by the test file
  first=$((CRASH_SEED % step + 1))
  for ((point = first; point <= points; point += step)); do
    tried=$((tried + 1))
    if ! crash_inside "crashed $point $command; next $kept ${modes[point / step % 2]} '${SKIPPED:-}' && nobody_left" >"$T/next" 2>&1; then
      if grep -q "^as upstream's: " "$T/next"; then theirs+=("$point"); else failed+=("$point"); fi
      echo "killed at $(sed -n "$point p" "$T/user/points")"
      cat "$T/next"
    fi
    view_servers_end || return 1
  done
  echo "# $label: $points kill points, $tried tried from $first on in steps of $step; ${#failed[@]} failed${failed[*]:+ (${failed[*]})}," \
    "${#theirs[@]} as upstream's${theirs[*]:+ (${theirs[*]})}" >&3
  crash_end
  [ ${#failed[@]} = 0 ]
}

# crash_end: upstream's containers-storage removes what it left.
crash_end() {
  crash_inside 'podman rm --all --force --time 0; podman rmi --all --force; true'
  rootless "$BIN/containers-storage" check --repair --max 0s >/dev/null
}

# upstream_killed POINT THEN ARG…: upstream's podman ARG…, killed at the first point that POINT matches, and what then is.
upstream_killed() {
  local point=$1 next=$2 command
  shift 2
  printf -v command '%q ' "$@"
  crash_inside "crashed 0 $command" || { cat "$T/user/err"; return 1; }
  point=$(grep -nE -m 1 -- "$point" "$T/user/points" | cut -d: -f1)
  [ -n "$point" ] || fail "there is no such point" || return 1
  crash_inside "crashed $point $command; sed -n $point'p' points; $next"
}

# upstream_leaves POINT LEFT ARG…: and leaves a name that LEFT matches when all is removed.
upstream_leaves() {
  upstream_killed "$1" "allowed=\$said podman images; podman rm --all --force --time 0 && podman rmi --all --force &&
    find store run tmp | grep -E '$2'" "${@:3}"
}
