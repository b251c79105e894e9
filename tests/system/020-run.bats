# A container on remote layers is the container that an ordinary pull gives: rootless, on the kernel's own overlayfs.

load lib/bats

@test "the whole tree is that of an ordinary pull" {
  site
  cvmfs_conf 'setuid = true' # as the image has it
  local image
  for image in base:1 deletions:1 kinds:1 flips:1 user:1 deep:1; do
    run_podman pull --quiet --cvmfs=only "$REGISTRY/small/$image"
    same_tree "$REGISTRY/small/$image"
    run_podman rmi --all
  done
}

@test "deleted files are gone and no marker shows" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --rm "$REGISTRY/small/deletions:1" sh -c 'find / -xdev -name ".wh.*" -o -name .cvmfscatalog; ls -A /data /data/opaque /data/revived'
  lacks "$output" .wh.
  lacks "$output" .cvmfscatalog
  lacks "$output" gone
  lacks "$output" tree
  lacks "$output" old
  run_podman 1 run --rm "$REGISTRY/small/deletions:1" cat /data/gone
  run_podman 1 run --rm "$REGISTRY/small/deletions:1" cat /data/.wh.gone
}

@test "the overlay is the kernel's" {
  site
  run_podman run --rm "$REGISTRY/small/deletions:1" grep ' / ' /proc/mounts
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  run_podman run --rm "$REGISTRY/small/deletions:1" grep ' / ' /proc/mounts
  contains "$output" "overlay / overlay"
  lacks "$output" fuse
}

@test "root creates, appends, renames, changes modes, deletes anywhere" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/kinds:1"
  run_podman run --rm "$REGISTRY/small/kinds:1" sh -euc '
    for dir in $(find / -xdev -type d ! -path "/proc*" ! -path "/sys*" ! -path "/dev*"); do
      echo new >"$dir/created"; test "$(cat "$dir/created")" = new; rm "$dir/created"; test ! -e "$dir/created"
    done
    echo more >>/kinds/plain; test "$(cat /kinds/plain)" = "$(printf "plain\nmore")"
    echo more >>/etc/passwd; grep -q more /etc/passwd
    mv /kinds/run /kinds/run2; test "$(sh /kinds/run2)" = ran; test ! -e /kinds/run
    mv /kinds/setgid-dir /kinds/moved; test ! -e /kinds/setgid-dir; touch /kinds/moved/x
    mv /usr /usr2; test -d /usr2/bin; test ! -e /usr; mv /usr2 /usr
    chmod 600 /kinds/readonly; test "$(stat -c %a /kinds/readonly)" = 600
    chown 1000:1000 /kinds/empty; test "$(stat -c %u:%g /kinds/empty)" = 1000:1000
    rm /kinds/hard /kinds/relative; rm -r /kinds/sticky; rm /kinds/fifo
    mkdir /kinds/sticky; test -z "$(ls -A /kinds/sticky)"
    ln -s plain /kinds/relative2; ln /kinds/plain /kinds/hard2; mkfifo /kinds/fifo
    rm -r /home; mkdir -p /home/user; echo all right'
  contains "$output" "all right"
}

@test "everything belongs to the container's root, and closed files to nobody" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/kinds:1"
  run_podman run --rm "$REGISTRY/small/kinds:1" sh -c 'find / -xdev ! -path "/proc*" ! -path "/sys*" ! -path "/dev*" ! -user 0 -exec stat -c "%n %u %g" {} + | sort'
  equal "$output" $'/etc/shadow 65534 65534\n/kinds/group 65534 65534\n/kinds/private 65534 65534'
}

@test "a second user writes his own files" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/user:1"
  run_podman run --rm "$REGISTRY/small/user:1" sh -euc '
    id -u; echo one >/tmp/mine; echo two >>/tmp/mine; cat /tmp/mine; chmod 700 /tmp/mine; mv /tmp/mine /tmp/mine2; rm /tmp/mine2
    ! echo no >/etc/passwd 2>/dev/null; ! rm /data/kept 2>/dev/null; cat /data/kept'
  equal "$output" $'1000\none\ntwo\nkept'
  run_podman run --rm --user 0 "$REGISTRY/small/user:1" sh -euc '
    chown -R 1000:1000 /data; su user -c "echo more >>/data/kept; cat /data/kept; rm -r /data/tree; ls /data"'
  contains "$output" more
  lacks "$output" tree
}

@test "HOME=/root works, also where the repository hides its contents" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  run_podman run --rm --workdir /root "$REGISTRY/small/base:1" sh -euc 'cd; pwd; mkdir .cache; echo x >.cache/x; cat .cache/x; stat -c %a /root'
  equal "$output" $'/root\nx\n700'
}

# changes IMAGE: what podman diff says after a container deleted, added, appended and made a directory anew.
changes() {
  run_podman run --name one "$1" sh -euc \
    'rm /data/kept; echo new >/data/new; echo more >>/data/again; rm -r /data/revived; mkdir /data/revived; rm /data/noise
     mkdir /data/noise; chmod 700 /data/opaque; mv /data/opaque/newer /data/opaque/moved'
  run_podman diff one
  CHANGES=$(sort <<<"$output")
}

@test "podman diff and commit" {
  site
  changes "$REGISTRY/small/deletions:1"
  local ordinary=$CHANGES
  run_podman rm one
  run_podman rmi --all
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  changes "$REGISTRY/small/deletions:1"
  contains "$CHANGES" "D /data/kept"
  contains "$CHANGES" "A /data/new"
  contains "$CHANGES" "C /data/again"
  equal "$CHANGES" "$ordinary" "changes"
  run_podman commit --quiet one committed
  run_podman run --rm committed sh -c 'find /data | sort; cat /data/again'
  contains "$output" $'second\nmore'
  contains "$output" /data/new
  lacks "$output" kept
  lacks "$output" /data/revived/new
  run_podman rm one # a container's own layer is local, too
  layers_are user 4 1
  # The base's original bytes are not in the store, which says how to have them. With them, what was committed is an
  # image like any other elsewhere.
  registry_other
  run_podman 125 push --quiet committed "$OTHER/pushed:1"
  contains "$stderr" --cvmfs=off
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/deletions:1"
  layers_are user 0 5
  run_podman push --quiet committed "$OTHER/pushed:1"
  run_podman rmi --all --force
  run_podman run --rm "$OTHER/pushed:1" sh -c 'cat /data/again; ls /data'
  contains "$output" $'second\nmore'
  lacks "$output" kept
}

@test "--userns=keep-id" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  run_podman run --rm --userns=keep-id "$REGISTRY/small/base:1" sh -euc 'id -u; echo x >/tmp/x; stat -c %u /tmp/x /bin/busybox'
  equal "$output" "$TEST_UID"$'\n'"$TEST_UID"$'\n0'
  equal "$(find "$T/user/store/overlay" -name busybox)" "" "what was copied up to map its owner"
}

@test "as root" {
  needs_root
  site
  registry_mark
  root_run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  no_layer_requested
  layers_are root 4 0
  root_run_podman run --rm "$REGISTRY/small/deletions:1" sh -euc 'cat /data/again; ls -A /data; echo x >>/data/again; rm /data/kept; chown 7 /data/noise'
  contains "$output" second
  lacks "$output" gone
  lacks "$output" .wh.
}

@test "as root, with mapped ids" {
  needs_root
  site_lacking small/deletions:1 1
  root_run_podman pull --quiet --cvmfs=auto "$REGISTRY/small/deletions:1"
  layers_are root 3 1
  root_run_podman run --rm --uidmap 0:200000:65536 --gidmap 0:200000:65536 "$REGISTRY/small/deletions:1" sh -euc '
    echo x >>/data/again; stat -c %u:%g /bin/busybox /data/again /data/kept; cat /data/again'
  equal "$output" $'0:0\n0:0\n0:0\nsecond\nx'
  equal "$(find "$T/root/store/overlay" -name busybox)" "" "what was copied up to map its owner"
}

@test "one process opens the layers and serves them" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  local options asked=
  # Each process asks the repository's file system about itself once. Who makes a container for longer than a second
  # takes another one, which a busy machine can do, but not each time.
  for options in "" --userns=keep-id; do
    for _ in 1 2 3; do
      repository_ctl reset
      # shellcheck disable=SC2086 # none, or one
      run_podman run --rm $options "$REGISTRY/small/deletions:1" true
      asked=$(repository_ctl counters | jq .total.statfs)
      [ "$asked" != 1 ] || break
    done
    [ "$asked" = 1 ] || fail "$asked processes have opened the layers"
  done
}
