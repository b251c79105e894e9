# The ground that a run stands on. As root, everything that a machine lacks is made in a mount namespace of the run's own:
# cgroup v2, devices that anyone may open, a test account with subordinate ids, a shared "/". The machine itself is not
# touched, and the kernel undoes it all when the last process of the run ends. As another user the run is that user's own,
# and what only root could mend is named.
#
# CVMFS_TEST_BIN names another directory than bin/ to take the product from.
#
# Sets: CHECKOUT, RUN (the run's directory), BIN (the product), TOOLS (what tests need), TEST_USER, TEST_UID, TEST_GID.

CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export CHECKOUT

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# host_enter SCRIPT ARG…: call it first. As root, starts SCRIPT again in a private mount namespace; returns inside.
# CVMFS_TEST_OUTSIDE is then a process that stayed outside.
host_enter() {
  is_root || return 0
  if [ "${CVMFS_TEST_NAMESPACE:-}" != "$(readlink /proc/self/ns/mnt)" ]; then
    # shellcheck disable=SC2016 # expanded inside
    CVMFS_TEST_OUTSIDE=$PPID exec unshare --mount --propagation private /bin/bash -c \
      'CVMFS_TEST_NAMESPACE=$(readlink /proc/self/ns/mnt) exec "$@"' enter "$@"
  fi
}

# host_prepare demo|test: make the ground. The caller traps EXIT with host_undo.
host_prepare() {
  umask 022
  host_lacks "$1"
  RUN=$(mktemp -d "${TMPDIR:-/var/tmp}/pc.XXXXXX") # short: sockets live below it
  export RUN
  chmod 755 "$RUN"
  mkdir "$RUN/tools" "$RUN/bin"
  export TOOLS=$RUN/tools
  if is_root; then
    host_mounts
    host_account
  else
    TEST_USER=$(id -un) TEST_UID=$(id -u) TEST_GID=$(id -g)
    VIEWS_BEFORE=$(pgrep -x 'cvmfs-(vi|lo).*' -u "$TEST_UID" || true)
    export VIEWS_BEFORE
    ln -s "${CVMFS_TEST_BIN:-$CHECKOUT/bin}"/* "$RUN/bin/" 2>/dev/null || true
    host_user_lacks
  fi
  export BIN=$RUN/bin TEST_USER TEST_UID TEST_GID
  host_tools
}

host_mounts() {
  mount --make-rshared / # podman's own namespaces then follow later mounts, as on a machine with systemd
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm # podman's locks
  mkdir "$RUN/dev"
  mount -t tmpfs -o mode=755 tmpfs "$RUN/dev"
  host_device /dev/fuse 10 229
  host_device /dev/net/tun 10 200
  local product=${CVMFS_TEST_BIN:-$CHECKOUT/bin}
  if [ -d "$product" ]; then
    # The account may not be able to reach the checkout. Read-only: nothing that clears the run away may empty it.
    mount --bind "$product" "$RUN/bin"
    # upstream's own tools, which are of one time, beside a product of another
    [ ! -d "$product/stock" ] || [ ! -d "$CHECKOUT/bin/stock" ] || mount --bind "$CHECKOUT/bin/stock" "$RUN/bin/stock"
    mount -o remount,bind,ro "$RUN/bin"
  fi
}

# host_device PATH MAJOR MINOR: a device that only root may open is covered by one for all.
host_device() {
  [ -e "$1" ] || return 0
  [ "$(stat -c %a "$1")" != 666 ] || return 0
  local node
  node=$RUN/dev/$(basename "$1")
  mknod -m 666 "$node" c "$2" "$3"
  mount --bind "$node" "$1"
}

# host_account: a test account, in an /etc of the run's own. The lock keeps its uid to this run.
host_account() {
  local uid lock
  for uid in {64101..64120}; do
    getent passwd "$uid" >/dev/null && continue
    lock=/run/lock/podman-cvmfs-test.$uid
    exec {TEST_LOCK}>"$lock"
    if flock --nonblock "$TEST_LOCK"; then break; fi
    exec {TEST_LOCK}>&-
    uid=
  done
  [ -n "$uid" ] || die "no free uid for a test account: 20 other runs on this machine?"
  TEST_USER=cvmfstest$uid TEST_UID=$uid TEST_GID=$uid
  # Far above what useradd hands out; distinct between runs.
  TEST_SUBID=$((1000000000 + (uid - 64101) * 65536))
  export TEST_SUBID
  # One without subordinate ids beside it, as most accounts of an HPC site are.
  SINGLE_UID=$((uid + 100))
  export SINGLE_UID
  host_etc
  etc_append passwd "$TEST_USER:x:$uid:$uid::$RUN:/bin/bash" "${TEST_USER}s:x:$SINGLE_UID:$SINGLE_UID::$RUN:/bin/bash"
  etc_append group "$TEST_USER:x:$uid:" "${TEST_USER}s:x:$SINGLE_UID:"
  # Root's --userns=auto takes ids of a user called containers (podman-run(1)).
  etc_append subuid "$TEST_USER:$TEST_SUBID:65536" "containers:$((TEST_SUBID + 20 * 65536)):262144"
  etc_append subgid "$TEST_USER:$TEST_SUBID:65536" "containers:$((TEST_SUBID + 20 * 65536)):262144"
}

# etc_append NAME LINE…: to the run's own /etc/NAME.
etc_append() { printf '%s\n' "${@:2}" >>"/etc/$1"; }

# host_etc: cover /etc with a copy. All of it: a mount on a single file is gone, in every namespace, when a program of the
# machine renames a new file over the one beneath, as useradd does with /etc/passwd. A mount on a directory stays.
host_etc() {
  local etc=$RUN/dev/etc
  mkdir "$etc"
  # What such a program has for a moment may be gone before it is copied; nothing else may be lacking.
  LC_ALL=C cp --archive /etc/. "$etc" 2>"$RUN/etc.log" || true
  ! grep -v 'No such file or directory$' "$RUN/etc.log" >&2 || die "cannot copy /etc"
  rm -f "$etc"/*.lock "$RUN/etc.log" # of an account program that is at work outside
  mount --bind "$etc" /etc
}

# host_lacks demo|test: is a program that they start not there? .ci/deps has the list of all, with packages.
host_lacks() {
  local command commands=(conmon crun flock fusermount3 jq newuidmap setpriv)
  local paths=$PATH:/usr/sbin:/sbin:/usr/libexec/podman:/usr/lib/podman
  case $1 in
    demo) commands+=(mmdebstrap) ;;
    test) commands+=(bats busybox) ;;
  esac
  for command in "${commands[@]}"; do
    PATH=$paths command -v "$command" >/dev/null || die "$command is not installed; .ci/deps $1 sees to it"
  done
}

# host_user_lacks: what a user cannot mend himself, with the one command that does.
host_user_lacks() {
  local mend=()
  [ -w /dev/fuse ] || mend+=("chmod 666 /dev/fuse")
  if ! grep -q "^$TEST_USER:" /etc/subuid || ! grep -q "^$TEST_USER:" /etc/subgid; then
    mend+=("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $TEST_USER")
  fi
  [ ${#mend[@]} -gt 0 ] || return 0
  local IFS='&'
  die "this machine keeps you from running rootless containers. Mend it with:"$'\n'"  sudo sh -c '${mend[*]//&/ && }'"
}

# host_tools: the test's own programs.
host_tools() {
  # static: some run in containers
  (cd "$CHECKOUT" && PATH=$(.ci/find-go):$PATH GOWORK=off CGO_ENABLED=0 go build -o "$TOOLS/" \
    ./tests/system/crash ./tests/system/images ./tests/system/oracle ./tests/system/pages ./tests/system/registry) || die "cannot build the test tools"
}

# host_undo: end what the run started and remove its directory.
host_undo() {
  trap - EXIT
  trap '' INT TERM
  [ -n "${RUN:-}" ] || return 0
  processes_end
  mounts_end
  if is_root; then
    umount -l "$RUN/bin" 2>/dev/null || true
    [ ! -d "$RUN/dev/etc" ] || umount -l /etc 2>/dev/null || true
    umount -l "$RUN/dev" 2>/dev/null || true
    rm -rf --one-file-system "$RUN"
  else
    remove_as_user "$RUN"
  fi
}
