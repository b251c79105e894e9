# What each bats file loads. One test is one machine to podman: its own directories, configuration, registry, repository.
# shellcheck disable=SC2034,SC2154 # output, stderr and status are bats'; what is set is the other files'

bats_require_minimum_version 1.5.0

LIB=$(dirname "${BASH_SOURCE[0]}")
for part in host leaks podman registry repository site oracle; do
  # shellcheck source=/dev/null
  . "$LIB/$part.bash"
done

export PODMAN_TIMEOUT=120

[ -n "${RUN:-}" ] || {
  echo "start the tests with tests/system/run" >&2
  exit 1
}

setup() { test_begin; }
teardown() { test_end; }

test_begin() {
  scene "t$BATS_SUITE_TEST_NUMBER"
  ALLOWED=()
  unset REGISTRY REPOSITORY
  REGISTRY_PIDS=()
  REGISTRY_ENTER=()
  REPOSITORY_FLAGS=()
  ENTER=()
}

# test_end: everything goes, and it must go without force.
test_end() {
  local status=0
  repositories_clear
  scene_end || { echo "cleaning up failed"; status=1; }
  podman_mounts_gone || status=1
  repositories_unmount # in podman's namespace, if that is where they are
  rootless_podman system migrate || status=1
  [ ! -d "$T/single/store/overlay" ] || single_podman system migrate || status=1
  store_empty user || status=1
  registry_stop
  no_processes "$T" || status=1
  no_mounts "$T" || status=1
  processes_end "$T"
  mounts_end "$T"
  if [ "$status" != 0 ] && [ "${BATS_TEST_COMPLETED:-}" != 1 ]; then
    echo "(the test had failed already)"
    status=0
  fi
  if is_root; then rm -rf --one-file-system "$T"; else remove_as_user "$T"; fi
  return $status
}

needs_root() { is_root || skip "needs root"; }

fail() {
  echo "$*"
  return 1
}

# allow_warning REGEX: this test expects such a line on podman's standard error.
allow_warning() { ALLOWED+=("$1"); }

# run_podman [STATUS] ARG…: as the test account. Fails on an exit status that does not match STATUS (0), and on a warning that the
# test did not allow. Leaves $output and $stderr. single_run_podman: the same without subordinate ids; root_run_podman: as root.
run_podman() { checked rootless_podman "$@"; }
single_run_podman() {
  single_warnings
  checked single_podman "$@"
}
single_warnings() {
  allow_warning "no subuid ranges found for user"
  allow_warning "Using rootless single mapping into the namespace"
}
root_run_podman() { checked root_podman "$@"; }

checked() {
  local runner=$1 expected=0
  shift
  if [[ $1 =~ ^[0-9] ]]; then
    expected=$1
    shift
  fi
  echo "\$ $runner $*"
  status=0 # not by bats' run, to which 127 is a mistake of the test
  "$runner" "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
  # What a container prints that ends at once may be lost on its way to podman, stock's as ours (docs/faults.md).
  if [ "$status" = 0 ] && [ ! -s "$T/stdout" ] && [[ "$* " =~ ^run\ .*--rm\ .*\ (cat|echo|env|find|grep|head|id|ls|readlink|sha256sum|stat|wc)\  ]]; then
    echo "# printed nothing; once more: $*" >&3 # told, so that they can be counted
    "$runner" "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
  fi
  output=$(tr -d '\0' <"$T/stdout") stderr=$(tr -d '\0' <"$T/stderr")
  [ -z "$output" ] || echo "$output"
  [ -z "$stderr" ] || printf '%s\n' "$stderr" | sed 's/^/2> /'
  [[ $status =~ ^$expected$ ]] || fail "exit status $status instead of $expected" || return 1
  no_warnings "$stderr"
}

# no_warnings STDERR: but those that the test allowed.
no_warnings() {
  local unexpected pattern
  unexpected=$(grep -E 'level=(warning|error|fatal|panic)|^(WARN|ERRO|FATA)|panic:' <<<"$1" || true)
  for pattern in "${ALLOWED[@]}"; do
    unexpected=$(grep -Ev -- "$pattern" <<<"$unexpected" || true)
  done
  [ -z "$unexpected" ] || fail "unexpected: $unexpected"
}

# assert WHAT, a string that must equal / contain / not contain another.
equal() { [ "$1" = "$2" ] || fail "${3:-value}: got '$1', expected '$2'"; }
contains() { [[ $1 == *"$2"* ]] || fail "'$2' is not in: $1"; }
lacks() { [[ $1 != *"$2"* ]] || fail "'$2' is in: $1"; }

# no_layer_requested: not one GET of a layer's blob since registry_mark.
no_layer_requested() { equal "$(registry_layer_requests)" 0 "requests for layers"; }

# layers_are WHO REMOTE LOCAL: how many layers of each kind the store holds.
layers_are() {
  equal "$(layer_count "$1" remote)" "$2" "remote layers"
  equal "$(layer_count "$1" local)" "$3" "local layers"
}
