# A publisher who means harm: nothing that a layer holds, or is changed to, leads out of the container, holds up its server, or
# makes that grow without end.

load lib/bats
load lib/inside

IMAGE=small/deletions:1

# hostile_tree: a copy of the published tree. Sets TOP, the layer directory of the image's topmost layer.
hostile_tree() {
  registry_with_images && published_tree || return 1
  cp -a "$RUN/tree" "$T/tree"
  TOP=$T/tree/$(layer_dir "$(layer_digest "$IMAGE" 3)")/layerfs
  # what nobody may read through a layer: of the host's, and open to all
  mkdir "$T/outside"
  echo "outside" >"$T/outside/file"
}

# hostile_pull: mount the tree, and pull.
hostile_pull() {
  repository_mount "$T/tree" && cvmfs_conf && run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
}

inside() { run_podman run --rm --user 0 "$REGISTRY/$IMAGE" "$@"; }

@test "links and markers of every type lead nowhere but into the container" {
  hostile_tree
  mkdir -p "$TOP/evil"
  ln -s "$T/outside/file" "$TOP/evil/absolute"
  ln -s "$(printf '../%.0s' {1..40})$T/outside/file" "$TOP/evil/relative"
  ln -s "/proc/self/root$T/outside" "$TOP/evil/root"
  ln -s "$T/outside" "$TOP/data/tree"       # where a lower layer has a directory that another deletes
  ln -s /proc/self/fd "$TOP/evil/descriptors"
  ln -s loop "$TOP/evil/loop"
  mkdir -p "$TOP/data/.wh.kept"             # a whiteout that is a directory
  ln -s "$T/outside" "$TOP/data/.wh.noise"  # one that is a link
  rm -f "$TOP/data/opaque/.wh..wh..opq"
  ln -s "$T/outside" "$TOP/data/opaque/.wh..wh..opq"
  ln -s "$T/outside" "$TOP/evil/.cvmfscatalog"
  mkdir "$TOP/evil/.wh..wh.plnk"
  hostile_pull
  # shellcheck disable=SC2016
  inside sh -c 'cd /evil; cat absolute relative root/file loop /data/tree/file; ls /data /data/opaque; ls -a | tr "\n" " "' || true
  lacks "$output" outside
  lacks "$output" kept
  lacks "$output" noise
  contains "$output" ". .. absolute descriptors loop relative root "
  inside sh -c 'ls /data/opaque; ls -l /proc/self/exe >/evil/new; mkdir /data/kept; ls /data/kept; test -L /evil/absolute'
  equal "$output" newer
}

@test "devices, FIFOs and setuid files" {
  hostile_tree
  mkdir "$TOP/evil"
  mkfifo -m 666 "$TOP/evil/fifo"
  cp "$(busybox_path)" "$TOP/evil/setuid"
  chmod 4755 "$TOP/evil/setuid"
  if is_root; then
    mknod -m 666 "$TOP/evil/null" c 1 3
    mknod -m 666 "$TOP/data/.wh.kept" c 1 3 # a marker is one, whatever it is
    mknod -m 666 "$TOP/evil/disk" b 7 0
  else
    : >"$TOP/data/.wh.kept"
  fi
  hostile_pull
  # A reader of the FIFO waits, as it would on any file system, and nobody else does.
  inside sh -c 'cat /evil/fifo & cat /data/again; echo written >/evil/fifo; wait; ls /evil /data'
  equal "$(head -n 2 <<<"$output")" $'second\nwritten'
  lacks "$output" null
  lacks "$output" disk
  lacks "$output" kept
  # Whoever owned it in the image, what is shown is root's, which is the account outside: the bits are not.
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 100
  run_podman exec one stat -c '%a %u' /evil/setuid
  equal "$output" "755 0"
  run_podman inspect --format '{{.State.Pid}}' one
  equal "$(stat -c '%a %u' "/proc/$output/root/evil/setuid")" "755 $TEST_UID" "outside"
}

# runs_as WHAT UID GID: what a setuid and a setgid program of the image run as, and read, when user 1000 starts them.
runs_as() {
  run_podman run --rm --user 1000:1000 --volume "$T/user/private:/private" "$REGISTRY/$IMAGE" \
    sh -c '/evil/setuid role id; /evil/setgid role id; /evil/setuid role open-noatime /private/secret'
  like "$(sed -n 1p <<<"$output")" "uid $2 *" "$1: setuid"
  like "$(sed -n 2p <<<"$output")" "* gid $3 *" "$1: setgid"
  like "$(sed -n 3p <<<"$output")" "$4" "$1: a file of the host's user"
}

# shellcheck disable=SC2053 # the second is a pattern
like() { [[ $1 == $2 ]] || fail "$3: got '$1', expected '$2'"; }

@test "a setuid or setgid file of anyone does not become root's, unless the site says setuid = true" {
  inside_tool
  hostile_tree
  mkdir "$TOP/evil"
  cp "$TOOLS/inside" "$TOP/evil/setuid"
  cp "$TOOLS/inside" "$TOP/evil/setgid"
  chmod 4755 "$TOP/evil/setuid"
  chmod 2755 "$TOP/evil/setgid"
  mkdir -m 755 "$T/user/private"
  echo secret >"$T/user/private/secret"
  chmod 600 "$T/user/private/secret"
  is_root && chown -R "$TEST_UID:$TEST_GID" "$T/user/private"
  hostile_pull
  runs_as default 1000 1000 '* without EACCES'
  cvmfs_conf 'setuid = true'
  runs_as 'setuid = true' 0 0 'ok without ok'
}

@test "names of every kind" {
  hostile_tree
  mkdir "$TOP/evil"
  local name names=($'new\nline' 'a,b:c' 'back\slash' '"quote'"'" $'\xff\xfe' "$(printf 'n%.0s' {1..255})" '-rf' ' ' '$(HOME)' '..a' '%s' $'\e[31m')
  for name in "${names[@]}"; do
    echo "$name" >"$TOP/evil/$name"
    mkdir "$TOP/evil/in"$'\n'"${#name}" 2>/dev/null || true
  done
  hostile_pull
  # shellcheck disable=SC2016
  inside sh -c 'cd /evil; n=0; for f in * ..?*; do [ -f "$f" ] || continue
    [ "$(cat "./$f"; echo .)" = "$f
." ] || exit 3; echo more >>"./$f" || exit 4; mv "./$f" "./x$n" || exit 5; n=$((n + 1)); done; echo $n'
  equal "$output" "${#names[@]}"
}

# A path is no part of a mount's options, of a list, or of a pattern.
@test "a repository whose path has commas, colons, backslashes, quotes, new lines" {
  hostile_tree
  local name
  # shellcheck disable=SC1003
  for name in 'upperdir=x,lowerdir=y:z' 'back\slash\:' $'new\nline "quote" $(HOME)%s*'; do
    repository_mount "$T/tree" "$name"
    jq -n --arg r "$REPOSITORY" '"repositories = [\($r | tojson)]"' -r >"$T/user/conf/cvmfs.conf"
    run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
    layers_are user 4 0
    inside cat /data/again
    equal "$output" second
    run_podman image inspect --format '{{len .RootFS.Layers}}' "$REGISTRY/$IMAGE"
    run_podman rmi --all
    repository_unmount
  done
}

@test "a layer that is changed under a container, and before the next" {
  hostile_tree
  mkdir "$TOP/evil" "$TOP/evil/dir"
  echo good >"$TOP/evil/file"
  echo good >"$TOP/evil/other"
  echo good >"$TOP/evil/dir/file"
  hostile_pull
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 100
  run_podman exec one ls -R /evil
  rm -r "$TOP/evil/dir" "$TOP/evil/file" "$TOP/evil/other"
  ln -s "$T/outside/file" "$TOP/evil/file"
  mkfifo -m 666 "$TOP/evil/other"
  ln -s "$T/outside" "$TOP/evil/dir"
  repository_ctl revision
  # the names are known already; what they stand for now is never read
  PODMAN_TIMEOUT=20 run_podman 1 exec one sh -c 'cat /evil/file; cat /evil/dir/file; cat /evil/other'
  lacks "$output" outside
  run_podman exec one sh -c 'echo alive'
  equal "$output" alive
  run_podman rm --force --time 0 one
  # the layer itself becomes a link out of the repository
  mv "$TOP" "$T/was"
  ln -s "$T/outside" "$TOP"
  repository_ctl revision
  allow_warning "$TOP"
  run_podman '12[5-7]' run --rm "$REGISTRY/$IMAGE" cat /file /data/again
  contains "$(grep ^Error <<<"$stderr")" layerfs
  lacks "$output" outside
}

@test "20,000 names in a directory, and 200 directories in each other" {
  hostile_tree
  mkdir "$TOP/huge"
  (cd "$TOP/huge" && seq -f '%020.0f' 20000 | xargs touch)
  (cd "$TOP" && for _ in {1..200}; do mkdir deep && cd deep || exit 1; done)
  hostile_pull
  run_podman run --detach --name one "$REGISTRY/$IMAGE" sleep 100
  run_podman exec one sh -c 'ls /huge | wc -l; cd /deep; n=1; while [ -d deep ]; do cd deep; n=$((n + 1)); done; echo $n'
  equal "$output" $'20000\n200'
  local rss
  rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$(pgrep -x cvmfs-view -u "$TEST_UID" | tail -n 1)/status")
  [ "$rss" -lt 65536 ] || fail "the view's server takes $rss KB"
  echo "# the view's server takes $rss KB"
}
