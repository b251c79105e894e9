# Bad input is refused by name or falls back to the registry, as the mode says; it never half works.

load lib/bats

nothing_left() {
  run_podman images --quiet --all
  equal "$output" ""
  store_empty user
}

@test "an unknown mode" {
  site
  run_podman 125 pull --cvmfs=perhaps "$REGISTRY/small/base:1"
  contains "$stderr" '"perhaps"'
  contains "$stderr" only
  nothing_left
}

@test "a bad value, a relative path, no TOML in cvmfs.conf" {
  site
  local file=$T/user/conf/cvmfs.conf bad
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/deletions:1"
  for bad in 'pull = "sometimes"' 'repositories = ["cvmfs/relative"]' 'repositories = ["/cvmfs/../x"]' 'repositories = ['; do
    echo "$bad" >"$file"
    run_podman 125 pull "$REGISTRY/small/base:1"
    contains "$stderr" "$file"
    run_podman 125 pull --cvmfs "$REGISTRY/small/base:1"
    contains "$stderr" "$file"
    # what does not need to know goes on, and the way to look shows it
    run_podman info --format '{{.Store.CVMFS.Error}}'
    contains "$output" "$file"
    run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
    equal "$output" second
  done
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/base:1"
  run_podman rmi --all
  nothing_left
}

@test "an unknown key in cvmfs.conf: one warning" {
  site
  local file=$T/user/conf/cvmfs.conf
  cvmfs_conf 'pull = "auto"' 'colour = "blue"' '[storage]' 'pull = "off"'
  allow_warning 'unknown key \\?"(colour|storage)\\?" is ignored'
  run_podman pull --quiet "$REGISTRY/small/deletions:1" "$REGISTRY/small/base:1"
  equal "$(grep -c 'unknown key' <<<"$stderr")" 2 warnings
  contains "$stderr" "$file"
  contains "$stderr" colour
  run_podman info --format '{{json .Store.CVMFS}}'
  equal "$(jq -r '.pull, .error, (.warnings | length)' <<<"$output" | tr '\n' ' ')" "auto null 2 "
  equal "$stderr" ""
  # what podman runs as its helper says nothing, which would be taken for its error
  run_podman run --rm --userns=keep-id "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  equal "$stderr" ""
  _CONTAINERS_OVERLAY_DISABLE_IDMAP=yes run_podman run --rm --userns=keep-id "$REGISTRY/small/base:1" echo mapped
  equal "$output" mapped
}

@test "a path in cvmfs.conf that is not clean" {
  site
  echo "repositories = [\"/$REPOSITORY//.//\", \"$REPOSITORY\"]" >"$T/user/conf/cvmfs.conf"
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  run_podman info --format '{{range .Store.CVMFS.Repositories}}{{.Path}} {{.Mounted}}{{end}}'
  equal "$output" "$REPOSITORY true"
  cvmfs_conf # the same repository to what was recorded
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/base:1"
  layers_are user 1 0
}

@test "a mode after a space" {
  site
  local mode
  for mode in auto only off; do
    run_podman 125 pull --cvmfs "$mode" "$REGISTRY/small/base:1"
    contains "$stderr" "did you mean --cvmfs=$mode?"
  done
  nothing_left
}

@test "a bad storage option" {
  site
  run_podman 125 --storage-opt overlay.cvmfs_pull=never pull "$REGISTRY/small/base:1"
  contains "$stderr" '"never"'
  run_podman 125 --storage-opt overlay.cvmfs_repositories=here pull "$REGISTRY/small/base:1"
  contains "$stderr" '"here"'
}

# auto downloads and warns once, only fails; both name the repository.
not_a_repository() {
  printf 'repositories = ["%s"]\n' "$1" >"$T/user/conf/cvmfs.conf"
  allow_warning "$1"
  run_podman 125 pull --cvmfs=only "$REGISTRY/small/deletions:1"
  contains "$(grep ^Error <<<"$stderr")" "$1"
  nothing_left
  run_podman pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  equal "$(grep -c "level=warning.*$1" <<<"$stderr")" 1 "warnings"
  layers_are user 0 4
}

@test "a repository that does not exist" {
  registry_with_images
  not_a_repository /cvmfs/no.such.repository
}

@test "a repository that is a file" {
  registry_with_images
  echo file >"$T/user/file"
  not_a_repository "$T/user/file"
}

@test "a repository that is an empty directory: a mount that is gone" {
  registry_with_images
  mkdir "$T/user/empty"
  not_a_repository "$T/user/empty"
}

@test "a repository that answers and has no layers" {
  registry_with_images
  mkdir -p "$T/flat/.flat/ab" "$T/flat/.images"
  repository_mount "$T/flat" singularity.example.org
  not_a_repository "$REPOSITORY"
  lacks "$stderr" migrate
  contains "$stderr" "it answers, and publishes no layers"
  run_podman info --format '{{range .Store.CVMFS.Repositories}}{{.Mounted}} {{.Error}}{{end}}'
  contains "$output" "true repository"
  contains "$output" "publishes no layers"
}

# A repository's tree with one thing wrong in it: auto downloads that layer, only fails.
one_bad_layer() {
  allow_warning "$(layer_digest small/deletions:1 1)"
  allow_warning unpacked.example.org
  run_podman 125 pull --cvmfs=only "$REGISTRY/small/deletions:1"
  nothing_left
  run_podman pull --cvmfs=auto "$REGISTRY/small/deletions:1"
  layers_are user 3 1
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/kept /data/again
  equal "$output" $'kept\nsecond'
}

bad_tree() {
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  BAD=$T/tree/$(layer_dir "$(layer_digest small/deletions:1 1)")
}

@test "a layer directory without layerfs" {
  bad_tree
  rm -r "$BAD/layerfs"
  repository_mount "$T/tree" && cvmfs_conf
  one_bad_layer
}

@test "a layerfs that is a symlink" {
  bad_tree
  mv "$BAD/layerfs" "$BAD/real"
  ln -s real "$BAD/layerfs"
  repository_mount "$T/tree" && cvmfs_conf
  one_bad_layer
}

@test "a layerfs that is a file" {
  bad_tree
  rm -r "$BAD/layerfs"
  echo file >"$BAD/layerfs"
  repository_mount "$T/tree" && cvmfs_conf
  one_bad_layer
}

@test "a layer directory that is a symlink out of the repository" {
  bad_tree
  mv "$BAD" "$T/elsewhere"
  ln -s "$T/elsewhere" "$BAD"
  repository_mount "$T/tree" && cvmfs_conf
  one_bad_layer
}

@test "a repository that states another diffID" {
  bad_tree
  sed -i 's/"diff-digest": *"sha256:..../"diff-digest":"sha256:0000/' "$BAD/.metadata/layers.json"
  repository_mount "$T/tree" && cvmfs_conf
  one_bad_layer
}
