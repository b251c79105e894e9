# The node that docs/admin.md describes: its files, as they are printed there, give users containers from CVMFS in a batch
# job, where there is neither a session nor XDG_RUNTIME_DIR.
# shellcheck disable=SC2154 # output is bats'

load lib/bats

teardown() {
  umount -l /etc/containers 2>/dev/null || true
  test_end
}

# printed FILE: the block that the page has for a file, for the directories and the repository of this test.
printed() {
  awk -v mark="<!-- file: $1 -->" '
    $0 == mark { on = 1; next }
    !on { next }
    /^    / { printf "%s%s\n", blank, substr($0, 5); blank = ""; some = 1; next }
    /^$/ { if (some) blank = blank "\n"; next }
    { exit }
  ' "$CHECKOUT/docs/admin.md" | sed "s|/cvmfs/unpacked.cern.ch|$REPOSITORY|g; s|/local/|$T/local/|g"
}

# node: the page's files in place.
node() {
  local file
  needs_root
  site
  mkdir -p "$T/etc/cvmfs.conf.d" "$T/etc/containers.conf.d" "$T/local"
  for file in cvmfs.conf.d/50-site.conf storage.conf containers.conf.d/50-batch.conf; do
    printed "/etc/containers/$file" >"$T/etc/$file"
    [ -s "$T/etc/$file" ] || fail "docs/admin.md has no /etc/containers/$file"
  done
  cp "$T/user/conf/registries.conf" "$T/etc/"
  cp "$T/user/home/.config/containers/policy.json" "$T/etc/"
  chmod -R a+rX "$T/etc" "$T/local"
  mount --bind "$T/etc" /etc/containers
  for file in prolog epilog; do
    printed "/etc/slurm/$file.d/50-containers" >"$T/$file"
    [ -s "$T/$file" ] || fail "docs/admin.md has no $file"
  done
}

# job WHO CMD…: what a job sees.
job() {
  local uid=$TEST_UID name=$TEST_USER groups=--init-groups
  if [ "$1" = single ]; then uid=$SINGLE_UID name=${TEST_USER}s groups=--clear-groups; fi
  (cd / && exec env -i PATH="$BIN:/usr/bin:/usr/sbin:/bin:/sbin" HOME="$T/$1/home" USER="$name" LOGNAME="$name" SLURM_JOB_ID=1 \
    setpriv --reuid="$uid" --regid="$uid" "$groups" timeout --kill-after=5 "$PODMAN_TIMEOUT" "${@:2}" 3>&- 4>&-)
}

# batch WHO: prolog, job, epilog.
batch() {
  local who=$1 uid=$TEST_UID image=$REGISTRY/small/deletions:1
  [ "$who" != single ] || uid=$SINGLE_UID
  local store=$T/local/containers-$uid
  env -i SLURM_JOB_UID="$uid" sh "$T/prolog"
  equal "$(stat -c '%u %a' "$store")" "$uid 700" "the store's directory"
  run job "$who" podman run --rm --network none --volume "$T/$who/home:/work" --workdir /work "$image" sh -c 'id -u; echo fit >result; ls /data'
  [ "$status" = 0 ] || fail "$output"
  lacks "$output" gone
  equal "$(cat "$T/$who/home/result")" fit "what the job wrote"
  equal "$(jq '[.[] | select(.kind != "remote-readonly")] | length' "$store/overlay-layers/layers.json")" 0 "local layers of the image"
  run job "$who" podman info --format '{{.Host.CgroupManager}} {{.Host.EventLogger}} {{.Host.RemoteSocket.Path}}'
  contains "$output" "cgroupfs file /tmp/podman-run-$uid/"
  # podman's pause process is the user's, too
  env -i SLURM_JOB_UID="$uid" sh "$T/epilog"
  [ -d "$store" ] || fail "the epilog removed the store under a process of the user"
  job "$who" podman system migrate
  for _ in {1..50}; do
    pgrep -u "$uid" >/dev/null || break
    sleep 0.1
  done
  env -i SLURM_JOB_UID="$uid" sh "$T/epilog"
  equal "$(find /tmp /dev/shm "$T/local" -maxdepth 1 -uid "$uid" -not -path "$RUN" -printf '%p\n')" "" "what is left of the job: $(pgrep -a -u "$uid")"
}

@test "a job: rootless" {
  node
  batch user
}

@test "a job: without subordinate ids" {
  node
  batch single
}

@test "a prolog on a node that lost its repository fails" {
  node
  repository_unmount
  run env -i SLURM_JOB_UID="$TEST_UID" sh "$T/prolog"
  [ "$status" != 0 ] || fail "the prolog found a repository"
}
