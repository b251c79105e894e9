# A registry that has a remote layer's blob is not sent it; otherwise nobody gets anything else in its place.

load lib/bats

setup() {
  test_begin
  site
  BASE=$REGISTRY/small/deletions
}

# uploads: blobs that were sent since the mark.
uploads() { registry_sum '.method == "PUT" and (.path | contains("/blobs/"))' 1; }

@test "an image that is pushed as it was pulled keeps its digest" {
  local tag digest
  for tag in 1 oci zstd; do
    run_podman pull --quiet --cvmfs=only "$BASE:$tag"
    run_podman image inspect --format '{{.Digest}}' "$BASE:$tag"
    digest=$output
    registry_mark
    run_podman push --quiet --digestfile "$T/user/digest" "$BASE:$tag" "$BASE:again"
    equal "$(cat "$T/user/digest")" "$digest" "the manifest's digest"
    equal "sha256:$(manifest small/deletions:again | sha256sum | cut -d' ' -f1)" "$digest" "what the registry has"
    equal "$(uploads)" 0 "blobs that were sent"
    run_podman rmi --all
  done
}

@test "what is built on top is sent alone, and names its base's blobs as they are" {
  local tag want
  for tag in 1 oci zstd; do
    run_podman pull --quiet --cvmfs=only "$BASE:$tag"
    rootless mkdir -p "$T/user/context"
    rootless sh -c 'echo "FROM $0" >"$1"; echo "RUN echo built >/data/built" >>"$1"' "$BASE:$tag" "$T/user/context/Containerfile"
    run_podman build --quiet --tag built "$T/user/context"
    registry_mark
    run_podman push --quiet built "$BASE:built"
    equal "$(uploads)" 2 "blobs that were sent: a layer and the config"
    want=$(manifest "small/deletions:$tag" | jq -c '[.layers[] | {digest, size}]')
    equal "$(manifest small/deletions:built | jq -c '[.layers[:4][] | {digest, size}]')" "$want" "the base's layers"
    case $tag in
      zstd) want=application/vnd.oci.image.layer.v1.tar+zstd ;;
      *) want=application/vnd.oci.image.layer.v1.tar+gzip ;;
    esac
    equal "$(manifest small/deletions:built | jq -r '[.layers[:4][].mediaType] | unique[]')" "$want"
    run_podman rmi --all
    run_podman pull --quiet "$BASE:built"
    layers_are user 0 5
    run_podman run --rm "$BASE:built" cat /data/built /data/again
    equal "$output" $'built\nsecond'
    run_podman rmi --all
  done
}

@test "another format of the manifest, the same blobs" {
  run_podman pull --quiet --cvmfs=only "$BASE:1"
  registry_mark
  run_podman push --quiet --format oci "$BASE:1" "$BASE:other"
  equal "$(uploads)" 1 "blobs that were sent: the config"
  contains "$(manifest small/deletions:other)" application/vnd.oci.image.manifest.v1+json
  equal "$(manifest small/deletions:other | jq -c '[.layers[].digest]')" "$(manifest small/deletions:1 | jq -c '[.layers[].digest]')"
}

no_manifest() {
  if manifest "$1" >/dev/null; then fail "the registry has $1"; fi
}

# refused ARG…: with the blob's name and the way out.
refused() {
  run_podman 125 "$@"
  contains "$(grep ^Error <<<"$stderr")" "--cvmfs=off"
  contains "$(grep ^Error <<<"$stderr")" "sha256:"
}

@test "a registry that lacks one blob gets no image" {
  local digest
  run_podman pull --quiet --cvmfs=only "$BASE:1"
  digest=$(layer_digest small/deletions:1 2)
  registry_lacks "$digest"
  refused push --quiet "$BASE:1" "$BASE:lacking"
  contains "$stderr" "$digest"
  no_manifest small/deletions:lacking
  refused push --quiet --compression-format zstd --force-compression "$BASE:1" "$BASE:lacking"
  no_manifest small/deletions:lacking
}

@test "an archive or directory needs the bytes, and none is left that lacks them" {
  local format
  run_podman pull --quiet --cvmfs=only "$BASE:1"
  for format in docker-archive oci-archive oci-dir docker-dir; do
    refused save --quiet --format "$format" --output "$T/user/saved" "$BASE:1"
    [ ! -s "$T/user/saved" ] || [ ! -f "$T/user/saved" ] || fail "$format: left $(ls -l "$T/user/saved")"
    [ ! -e "$T/user/saved/manifest.json" ] && [ ! -e "$T/user/saved/index.json" ] || fail "$format: left $(ls "$T/user/saved")"
    rm -rf "$T/user/saved"
  done
  refused push --quiet "$BASE:1" "dir:$T/user/dir"
  refused push --quiet "$BASE:1" "oci:$T/user/oci:1"
  run_podman pull --quiet --cvmfs=off "$BASE:1"
  run_podman save --quiet --output "$T/user/saved" "$BASE:1"
  run_podman rmi --all
  run_podman load --quiet --input "$T/user/saved"
  run_podman run --rm "$BASE:1" cat /data/again
  equal "$output" second
}
