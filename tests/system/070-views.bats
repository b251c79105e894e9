# What overlayfs stacks can be chosen: the kernel's overlayfs or a mount program over a served view, or layer directories as
# they are.

load lib/bats

@test "fuse-overlayfs stacks the same view" {
  site
  mount_program user
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  layers_are user 4 0
  run_podman run --name one "$REGISTRY/small/deletions:1" sh -euc '
    grep " / fuse.fuse-overlayfs " /proc/mounts >&2
    find /data | sort; cat /data/again
    echo more >>/data/again; cat /data/again; rm /data/kept; mv /data/replaced /data/moved; echo new >/etc/new; ls /data'
  equal "$output" "$(printf '%s\n' /data /data/again /data/kept /data/link /data/noise /data/opaque /data/opaque/newer \
    /data/replaced /data/revived /data/revived/new second second more again link moved noise opaque revived)"
  run_podman diff one
  contains "$output" "D /data/kept"
  contains "$output" "A /data/moved"
  lacks "$output" /data/noise
  run_podman rm one
}

@test "fuse-overlayfs: whiteouts and opaque directories reach local layers" {
  site_lacking small/deletions:1 1
  mount_program user
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/small/deletions:1"
  layers_are user 3 1
  run_podman run --rm "$REGISTRY/small/deletions:1" sh -euc 'find /data | sort; cat /data/again'
  equal "$output" "$(printf '%s\n' /data /data/again /data/kept /data/link /data/noise /data/opaque /data/opaque/newer \
    /data/replaced /data/revived /data/revived/new second)"
}

@test "direct: a layer with an AUFS marker, or an owner that is not mapped, is refused by name" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/deletions:1"
  cvmfs_conf 'view = "direct"'
  run_podman 126 run --rm "$REGISTRY/small/deletions:1" true
  contains "$stderr" 'view = "direct"'
  contains "$stderr" "$REPOSITORY/.layers"
}

@test "direct: a tree of one's own in overlayfs's form is stacked as it is" {
  site
  local tree=$T/user/tree digest
  digest=$(layer_digest small/base:1 0)
  # The test account's own: owners are mapped, and one layer deletes nothing.
  cp -a "$RUN/tree" "$tree"
  rm -f "$tree"/.layers/*/*/layerfs/.cvmfscatalog
  chown -R "$TEST_UID:$TEST_GID" "$tree"
  printf '%s\n' "repositories = [\"$tree\"]" 'view = "direct"' >"$T/user/conf/cvmfs.conf"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  contains "$(jq -r '.[]."remote-path"' "$T/user/store/overlay-layers/layers.json")" "$tree/.layers/${digest:7:2}"
  run_podman run --rm "$REGISTRY/small/base:1" sh -euc 'echo x >>/etc/os-release; cat /etc/os-release; stat -c %u /bin; ls -A /root'
  equal "$output" $'ID=crafted\nx\n0\n.profile'
}
