# What the pages for users, admins and publishers tell a reader to type works as it stands there, and prints what they say.
# docs/admin.md is 172's.

load lib/bats
load lib/pages

@test "docs/user.md" {
  pages_site
  page_run docs/user.md "" page_user
}

# cvmfs_server_simulated: a machine that publishes unpacked.example.org. Its program does to names what the real one does.
cvmfs_server_simulated() {
  mkdir -p "$T/bin" "$T/cvmfs/unpacked.example.org" "$T/srv" "$T/staging"
  ln -s "$BIN/cvmfs-standin" "$T/bin/cvmfs_server"
  chmod 555 "$T/cvmfs/unpacked.example.org"
  if is_root; then chown "$TEST_UID:$TEST_GID" "$T/cvmfs" "$T/cvmfs/unpacked.example.org" "$T/srv" "$T/staging"; fi
}

@test "docs/publish.md" {
  pages_site
  cvmfs_server_simulated
  local publisher=(page_user env "CVMFS_STANDIN_ROOT=$T/cvmfs" "TMPDIR=$T/staging")
  page_run docs/publish.md "" "${publisher[@]}"
  local tree=$T/cvmfs/unpacked.example.org
  equal "$(cd "$tree" && find .metadata -mindepth 3 -type d | wc -l)" 1 "images of the repository"
  equal "$(cd "$tree" && find .layers -mindepth 2 -maxdepth 2 -type d | wc -l)" 2 "layers of the repository"
  equal "$(find "$tree/.layers" -name '.wh.*' | wc -l)" 1 "whiteouts of the repository"
  equal "$(find "$T/staging" -mindepth 1)" "" "staged files that are left"
  page_run docs/publish.md verify page_user
  # a user who is not root has mounted the repository where podman alone sees it
  ! is_root || page_run docs/publish.md node page_user

  # What this page said to do once: the server loses what the layer deletes, and cvmfs-layers sees it coming where the union is.
  rootless mkdir -p "$tree.old"
  rootless ln -s "$BIN/cvmfs-standin" "$T/staging/cvmfs_server"
  local server=(rootless env "CVMFS_STANDIN_ROOT=$T/cvmfs" "$T/staging/cvmfs_server")
  "${server[@]}" transaction "$(basename "$tree").old"
  rootless "$BIN/cvmfs-layers" publish --quiet --plain-http "$REGISTRY/cms/analysis:3" "$tree.old"
  "${server[@]}" publish "$(basename "$tree").old"
  equal "$(find "$tree.old/.layers" -name '.wh.*' | wc -l)" 0 "whiteouts that a transaction keeps"
}

# A union over a plain directory stands for the server's: an overlay that is called as CVMFS calls it.
@test "a layer with whiteouts is not laid into a transaction" {
  needs_root
  pages_site
  local tree=$T/cvmfs/unpacked.example.org status=0
  mkdir -p "$T/union" "$tree"
  mount -t tmpfs tmpfs "$T/union"
  mkdir "$T/union"/{lower,upper,work}
  mount -t overlay overlay_unpacked.example.org "$tree" -o "lowerdir=$T/union/lower,upperdir=$T/union/upper,workdir=$T/union/work"
  "$BIN/cvmfs-layers" publish --plain-http "$REGISTRY/cms/analysis:3" "$tree" >"$T/stdout" 2>"$T/stderr" || status=$?
  equal "$status" 2 "exit status"
  contains "$(cat "$T/stderr")" "cvmfs_server abort"
  equal "$(find "$T/union/upper" -name '.wh.*' -o -name manifest.json -o -name '.publish-*')" "" "what is left of it"
  status=0
  "$BIN/cvmfs-layers" publish --ingest --plain-http "$REGISTRY/cms/analysis:3" "$tree" 2>"$T/stderr" || status=$?
  equal "$status" 2 "exit status"
  contains "$(cat "$T/stderr")" "has an open transaction"
  # Outside of a transaction it goes to the server by itself.
  mount -o remount,ro "$tree"
  status=0
  env PATH=/nowhere "$BIN/cvmfs-layers" publish --plain-http "$REGISTRY/cms/analysis:3" "$tree" 2>"$T/stderr" || status=$?
  equal "$status" 2 "exit status"
  contains "$(cat "$T/stderr")" "needs the package cvmfs-server"
  umount "$tree" "$T/union"
}

@test "docs/shared-store.md" {
  needs_root # for an account beside the user's
  pages_site
  mkdir "$T/srv"
  page_run docs/shared-store.md admin page_root
  # with the page's configuration, the store is where podman has it by itself
  local conf=$T/user/home/.config/containers/storage.conf
  rootless mkdir -p "$T/user/home/.local/share/containers"
  rootless ln -s "$T/user/store" "$T/user/home/.local/share/containers/storage"
  page_run docs/shared-store.md user page_user env CONTAINERS_STORAGE_CONF="$conf"
  cp "$conf" "$T/user/conf"
  run_podman images --format '{{.Repository}} {{.ReadOnly}}'
  equal "$output" "$REGISTRY/cms/analysis true"
  layers_are user 0 0
}

# fails_with WORDS ARG…: podman fails and says so.
fails_with() {
  run_podman '1|12[0-9]|255' "${@:2}"
  contains "$stderr" "$1"
}

# Each command of the page, after the message that it is for.
@test "docs/troubleshooting.md: repositories and layers" {
  pages_site
  local image=$REGISTRY/cms/analysis:3 layer
  layer=$(layer_dir "$("$TOOLS/images" list "$RUN/pages/analysis" | awk '$2 == 1 { print $3 }')")
  page_run docs/troubleshooting.md "" page_user
  run_podman pull --quiet --cvmfs=only "$image"

  repository_unmount
  fails_with "is it mounted? A repository that was mounted after podman's pause process" run --rm "$image" true
  repository_mount "$RUN/pages/tree" unpacked.cern.ch
  page_run docs/troubleshooting.md unmounted page_user
  run_podman run --rm "$image" true

  repository_ctl remove "$layer"
  fails_with "the repository no longer has what image" run --rm "$image" true
  page_run docs/troubleshooting.md lost page_user
  run_podman run --rm "$image" true
  layers_are user 1 1

  run_podman rmi "$image"
  fails_with "layer unknown: not in" pull --quiet --cvmfs=only "$image"
  page_run docs/troubleshooting.md only page_user
  layers_are user 1 1
}

@test "docs/troubleshooting.md: containers, blobs, configuration" {
  pages_site
  local image=$REGISTRY/cms/analysis:3 pid
  run_podman pull --quiet --cvmfs=only "$image"
  run_podman run --detach --name job "$image" sleep 1000
  for pid in $(test_processes "$T"); do
    [ "$(cat "/proc/$pid/comm")" != cvmfs-view ] || kill -9 "$pid"
  done
  echo 2 >/proc/sys/vm/drop_caches 2>/dev/null || true
  fails_with "ransport endpoint is not connected" exec job ls /opt
  page_run docs/troubleshooting.md died page_user
  run_podman exec job ls /opt
  run_podman rm --force --time 0 job

  cvmfs_conf 'view = "direct"'
  fails_with '(view = "direct")' run --rm "$image" true
  page_run docs/troubleshooting.md direct page_user
  cvmfs_conf 'pull = "blue"'
  fails_with 'unknown mode "blue"' pull "$image"
  page_run docs/troubleshooting.md configuration page_user
  contains "$output" 'unknown mode "blue"'
  cvmfs_conf
  page_run docs/troubleshooting.md configuration page_user

  fails_with "the store does not have blob" save --quiet --output "$T/user/home/saved" "$image"
  page_run docs/troubleshooting.md blobs page_user
  run_podman rmi "$image"
  run_podman pull --quiet --cvmfs=only "$image"
  page_run docs/troubleshooting.md stock page_user
  layers_are user 0 2
}

@test "README.md" {
  pages_site
  page_run README.md first page_user
  page_run README.md look page_user
}
