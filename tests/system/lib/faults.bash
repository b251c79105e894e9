# Breaking what a node stands on, and looking at what still answers.
# shellcheck disable=SC2034,SC2154 # status, output and stderr are bats'

# whole_or_error SIZE COMMAND ARG…: the command, in podman's namespace, prints SIZE bytes, or fails and says why. Less is never
# taken for all. (busybox's ls takes an error for the end of a directory: this machine's programs look.)
whole_or_error() {
  local size=$1
  shift
  status=0
  rootless_podman unshare "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
  output=$(<"$T/stdout") stderr=$(<"$T/stderr")
  echo "$*: status $status, ${#output} bytes, $stderr"
  if [ "$status" = 0 ]; then
    equal "${#output}" "$size" "bytes"
  else
    [ -n "$stderr" ] || fail "no reason is given"
  fi
}

# wait_until COMMAND ARG…: for at most a minute, or WAIT seconds.
wait_until() {
  local deadline=$((SECONDS + ${WAIT:-60}))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "waited in vain: $*" || return 1
    sleep 0.02
  done
}

# asked_more N: the repository had that many requests since the counters were reset.
asked_more() { [ "$(repository_ctl counters | jq '.total | add')" -ge "$1" ]; }

# layers_due: since registry_mark a pull has fetched the image's config: layers are next.
layers_due() { [ "$(registry_sum '.kind == "config" and .method == "GET"' 1)" -ge 1 ]; }

# begin NAME ARG…: podman, in the background; its pid is in BEGUN. ended NAME: wait, and have its $status, $output, $stderr.
begin() {
  local name=$1
  shift
  echo "\$ podman $* &"
  rm -f "$T/$name.status"
  (
    status=0
    rootless_podman "$@" >"$T/$name.stdout" 2>"$T/$name.stderr" </dev/null || status=$?
    echo "$status" >"$T/$name.status"
  ) 3>&- 4>&- &
}

ended() {
  wait_until test -s "$T/$1.status" || return 1
  cp "$T/$1.stdout" "$T/stdout"
  cp "$T/$1.stderr" "$T/stderr"
  status=$(<"$T/$1.status")
  attempted
}

# ended_not NAME: it waits still.
ended_not() { [ ! -s "$T/$1.status" ] || fail "it ended: $(cat "$T/$1.stderr")"; }

# others: whoever needs nothing of the fault is not held up by it. $REGISTRY/small/other:1 is local.
others() {
  local PODMAN_TIMEOUT=30
  run_podman ps --all --quiet
  run_podman images --quiet
  run_podman run --rm "$REGISTRY/small/other:1" cat /other
  equal "$output" "another base"
}

# store_sound WHO: storage's own check finds nothing, and podman lists what there is.
store_sound() {
  local env
  run_podman_as "$1" images --all --quiet
  run_podman_as "$1" ps --all --quiet
  attempt_check "$1" || fail "the store is damaged: $(<"$T/check")"
}

attempt_check() {
  local check=("$BIN/containers-storage" check --quick)
  if [ "$1" = root ]; then as_root "${check[@]}"; else rootless_podman unshare "${check[@]}"; fi >"$T/check" 2>&1
}
