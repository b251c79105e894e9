# A run has ground of its own: what other programs of the machine do meanwhile does not reach it.

load lib/bats

# outside CMD…: where the machine's own programs run.
outside() { nsenter --mount="/proc/$CVMFS_TEST_OUTSIDE/ns/mnt" -- "$@"; }

setup() {
  test_begin
  OTHER=${TEST_USER:-}x
}

teardown() {
  ! is_root || ! outside getent passwd "$OTHER" >/dev/null || outside userdel "$OTHER"
  test_end
}

accounts() {
  grep -c "^$TEST_USER:" /etc/passwd /etc/group /etc/subuid /etc/subgid
  grep -c "^${TEST_USER}s:" /etc/passwd /etc/group
  getent passwd "$TEST_UID" "$SINGLE_UID"
}

# useradd and userdel write a new /etc/passwd, group, shadow, subuid and subgid, and rename it over the one that is there.
@test "accounts that come and go on the machine leave the test's account alone" {
  needs_root
  [ ! "/proc/$CVMFS_TEST_OUTSIDE/ns/mnt" -ef /proc/self/ns/mnt ] || fail "no process outside is known"
  local before after round
  before=$(accounts)
  for round in 1 2 3; do
    outside useradd --no-create-home --shell /bin/false "$OTHER"
    outside getent passwd "$OTHER" >/dev/null || fail "round $round: useradd changed another /etc/passwd"
    after=$(accounts)
    equal "$after" "$before" "round $round, accounts"
    ! getent passwd "$OTHER" || fail "the run sees the machine's /etc/passwd"
    outside userdel "$OTHER"
  done
  run_podman unshare cat /proc/self/uid_map
  contains "$output" "$TEST_SUBID"
}
