# podman pull --cvmfs records the layers that a repository has, and downloads none of them.

load lib/bats

all_remote() {
  local image=$1
  shift
  registry_mark
  run_podman pull "$@" "$REGISTRY/$image"
  no_layer_requested
  layers_are user "$(layers_of "${2:-$image}")" 0
}

@test "a bare --cvmfs: every layer is remote, no layer is requested" {
  site
  all_remote small/deletions:1 --cvmfs
  equal "$(grep -c "unpacked.example.org" <<<"$stderr")" 4 "lines that name the repository"
  [ "$(store_bytes user)" -lt 1000000 ]
}

@test "--cvmfs=auto and --cvmfs=only" {
  site
  all_remote small/deletions:1 --cvmfs=auto
  run_podman rmi --all
  all_remote small/deletions:1 --cvmfs=only
}

@test "--cvmfs=off downloads, whatever cvmfs.conf says" {
  site
  cvmfs_conf 'pull = "auto"'
  run_podman pull --cvmfs=off "$REGISTRY/small/deletions:1"
  layers_are user 0 4
}

@test "cvmfs.conf sets the mode for pull and run" {
  site
  cvmfs_conf 'pull = "auto"'
  registry_mark
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
  no_layer_requested
  layers_are user 4 0
}

@test "cvmfs.conf sets the mode for build" {
  site
  cvmfs_conf 'pull = "only"'
  mkdir "$T/user/context"
  printf 'FROM %s\nRUN cat /data/again; echo built >/data/built; rm /data/kept\n' "$REGISTRY/small/deletions:1" \
    >"$T/user/context/Containerfile"
  registry_mark
  run_podman build --network none --tag built "$T/user/context"
  no_layer_requested
  layers_are user 4 1
  run_podman run --rm built sh -c 'cat /data/built; ls /data'
  contains "$output" built
  lacks "$output" kept
}

@test "storage options override cvmfs.conf" {
  site
  printf 'repositories = ["/cvmfs/no.such.repository"]\n' >"$T/user/conf/cvmfs.conf"
  registry_mark
  run_podman --storage-opt "overlay.cvmfs_repositories=$REPOSITORY" --storage-opt overlay.cvmfs_pull=only \
    pull "$REGISTRY/small/deletions:1"
  no_layer_requested
  layers_are user 4 0
}

@test "an image with remote layers has IDs of its own, and the digests of an ordinary pull" {
  site
  local digests='.[] | (.["remote-diff-id"] // .["diff-digest"]) + " " + (.["remote-digest"] // .["compressed-diff-digest"])' ordinary own digest layers ids
  run_podman pull --quiet "$REGISTRY/small/deletions:1"
  ordinary=$output
  layers=$(layers_json user | jq -r "$digests" | sort)
  ids=$(layers_json user | jq -r '.[].id')
  run_podman image inspect --format '{{.Digest}}' "$ordinary"
  digest=$output
  run_podman rmi --all
  run_podman pull --quiet --cvmfs "$REGISTRY/small/deletions:1"
  own=$output
  [ "$own" != "$ordinary" ] || fail "contents that nobody has compared with the config stand for those that somebody has"
  equal "$(layers_json user | jq -r '.[].id' | grep -cF "$ids")" 0 "layers with the ID of an ordinary one"
  equal "$(layers_json user | jq -r "$digests" | sort)" "$layers"
  equal "$(layers_json user | jq 'map(has("diff-digest") or has("compressed-diff-digest")) | any')" false "a claim counts as computed"
  run_podman image inspect --format '{{.Digest}}' "$own"
  equal "$output" "$digest" "the manifest's digest"
  # Making it local changes no ID.
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/deletions:1"
  equal "$output" "$own" "image ID"
}

@test "the record names the layer directory and the content's identity" {
  site
  run_podman pull --cvmfs "$REGISTRY/small/base:1"
  local record
  record=$(layers_json user | jq '.[0]')
  equal "$(jq -r .kind <<<"$record")" remote-readonly
  equal "$(jq -r '."remote-path"' <<<"$record")" "$REPOSITORY/$(layer_dir "$(layer_digest small/base:1 0)")/layerfs"
  contains "$record" unpacked.example.org
}

@test "--quiet prints the image ID and nothing else" {
  site
  run_podman pull --quiet --cvmfs "$REGISTRY/small/deletions:1"
  [[ $output =~ ^[0-9a-f]{64}$ ]]
  equal "$stderr" ""
}

@test "--all-tags" {
  site
  registry_mark
  run_podman pull --cvmfs --all-tags "$REGISTRY/small/tags"
  no_layer_requested
  run_podman images --format '{{.Tag}}'
  equal "$(sort <<<"$output" | tr '\n' ' ')" "1 2 "
  layers_are user 3 0
}

@test "schema2, OCI, zstd, manifest list, OCI index" {
  site
  local tag
  for tag in 1 oci zstd list index; do
    registry_mark
    run_podman pull --cvmfs=only "$REGISTRY/small/deletions:$tag"
    no_layer_requested
    layers_are user 4 0
    run_podman run --rm "$REGISTRY/small/deletions:$tag" cat /data/again
    equal "$output" second
    run_podman rmi --all
  done
}

@test "a second pull of the same image finds everything there" {
  site
  run_podman pull --cvmfs "$REGISTRY/small/deletions:1"
  run_podman pull --cvmfs "$REGISTRY/small/deletions:1"
  run_podman pull --cvmfs=only "$REGISTRY/small/deletions:1"
  layers_are user 4 0
}

@test "a pull whose mode is off is never satisfied by remote layers" {
  site
  run_podman pull --cvmfs "$REGISTRY/small/deletions:1"
  layers_are user 4 0
  run_podman pull --cvmfs=off "$REGISTRY/small/deletions:1"
  equal "$(remote_layers_of "$output")" 0
  layers_are user 0 4
  repository_unmount
  run_podman run --rm "$REGISTRY/small/deletions:1" cat /data/again
  equal "$output" second
}

@test "an ordinary pull of another image that shares remote layers" {
  site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/tags:1"
  run_podman pull --quiet "$REGISTRY/small/tags:2"
  equal "$(remote_layers_of "$output")" 0
  repository_unmount
  run_podman run --rm "$REGISTRY/small/tags:2" cat /data/again
  equal "$output" second
}

@test "repositories are searched in order" {
  site_lacking small/deletions:1 0
  local first=$REPOSITORY
  repository_mount "$RUN/tree" second.example.org
  printf 'repositories = ["%s", "%s"]\n' "$first" "$REPOSITORY" >"$T/user/conf/cvmfs.conf"
  registry_mark
  run_podman pull --cvmfs=only "$REGISTRY/small/deletions:1"
  no_layer_requested
  equal "$(layers_json user | grep -o '[a-z]*\.example\.org/\.layers' | sort | uniq -c | tr -s ' \n' ' ')" \
    " 1 second.example.org/.layers 3 unpacked.example.org/.layers "
}

@test "help and completion know the flag" {
  run_podman pull --help
  contains "$output" "--cvmfs"
  run_podman __complete pull --cvmfs=
  contains "$output" only
}

@test "version and info tell of the patches" {
  run_podman version --format '{{.Client.Patches}}'
  [[ $output =~ storage\ [0-9]+.*image\ [0-9]+.*common\ [0-9]+.*podman\ [0-9]+ ]]
  local patches=$output
  run_podman version
  contains "$output" "$patches"
  run_podman info --format '{{.Version.Patches}}'
  equal "$output" "$patches"
}
