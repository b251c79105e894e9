# The node that docs/admin.md describes: its files, as they are printed there, give users containers from CVMFS in a batch
# job, where there is neither a session nor XDG_RUNTIME_DIR.
# shellcheck disable=SC2154 # output is bats'

load lib/bats
load lib/pages

teardown() {
  umount -l /etc/containers 2>/dev/null || true
  test_end
}

# node: the page's files in place.
node() {
  needs_root
  pages_site
  mkdir -p "$T/local"
  page_run docs/admin.md "" page_root
  page_run docs/admin.md boot page_root
  cp "$T/user/conf/registries.conf" "$T/user/home/.config/containers/policy.json" "$T/etc/containers"
  # Podman 5 has another name for what it keeps where there is no XDG_RUNTIME_DIR.
  KEPT=podman-run
  ! podman_5 || { KEPT=storage-run && sed -i "s/podman-run/$KEPT/" "$T/etc/slurm/epilog.d/50-containers"; }
  # beside the page's, where the tests name a runtime
  [ -z "${OCI_RUNTIME:-}" ] || {
    mkdir -p "$T/etc/containers/containers.conf.d"
    printf '[engine]\nruntime = "%s"\n' "$OCI_RUNTIME" >"$T/etc/containers/containers.conf.d/zz-runtime.conf"
  }
  chmod -R a+rX "$T/etc" "$T/local"
  mount --bind "$T/etc/containers" /etc/containers
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
  local who=$1 uid=$TEST_UID
  [ "$who" != single ] || uid=$SINGLE_UID
  local store=$T/local/containers-$uid
  touch "$T/began" # a run that was killed may have left what is its own, under the same id
  env -i SLURM_JOB_UID="$uid" sh "$T/etc/slurm/prolog.d/50-containers"
  equal "$(stat -c '%u %a' "$store")" "$uid 700" "the store's directory"
  echo 'echo fit >result; ls /opt' >"$T/$who/home/fit.py" # for what the image calls python3
  run job "$who" env -C "$T/$who/home" sh "$T/etc/slurm/job"
  [ "$status" = 0 ] || fail "$output"
  lacks "$output" old
  equal "$(cat "$T/$who/home/result")" fit "what the job wrote"
  equal "$(jq '[.[] | select(.kind != "remote-readonly")] | length' "$store/overlay-layers/layers.json")" 0 "local layers of the image"
  run job "$who" podman info --format '{{.Host.CgroupManager}} {{.Host.EventLogger}} {{.Host.RemoteSocket.Path}}'
  contains "$output" "cgroupfs file /tmp/$KEPT-$uid/"
  # podman's pause process is the user's, too
  env -i SLURM_JOB_UID="$uid" sh "$T/etc/slurm/epilog.d/50-containers"
  [ -d "$store" ] || fail "the epilog removed the store under a process of the user"
  job "$who" podman system migrate
  for _ in {1..50}; do
    pgrep -u "$uid" >/dev/null || break
    sleep 0.1
  done
  env -i SLURM_JOB_UID="$uid" sh "$T/etc/slurm/epilog.d/50-containers"
  equal "$(find /tmp /dev/shm "$T/local" -maxdepth 1 -uid "$uid" -newer "$T/began" -not -path "$RUN" -printf '%p\n')" "" "what is left of the job: $(pgrep -a -u "$uid")"
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
  run env -i SLURM_JOB_UID="$TEST_UID" sh "$T/etc/slurm/prolog.d/50-containers"
  [ "$status" != 0 ] || fail "the prolog found a repository"
}
