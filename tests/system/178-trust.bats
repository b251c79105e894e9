# Who is believed in what: what a repository holds counts for pulls that may use it, and for nothing else; a diffID that nobody
# has verified leads to no other image; and an image that the policy refuses is not asked for in a repository.

load lib/bats

IMAGE=small/deletions:1

setup_file() {
  [ -x "$BIN/stock/skopeo" ] || make -C "$CHECKOUT" stock
}

# evil_site: the images, and a repository whose publisher has put other contents into one layer of an image, the second.
evil_site() {
  registry_with_images && published_tree || return 1
  cp -a "$RUN/tree" "$T/tree"
  echo evil >"$T/tree/$(layer_dir "$(layer_digest "$IMAGE" 1)")/layerfs/data/kept"
  repository_mount "$T/tree" && cvmfs_conf
}

kept() { run_podman run --rm "$REGISTRY/${1:-$IMAGE}" cat /data/kept; }

@test "mode off takes nothing that was not verified: not the same image's layers, not another's" {
  evil_site
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  kept
  equal "$output" evil
  # one that shares the layer
  registry_mark
  run_podman pull --quiet "$REGISTRY/small/user:1"
  kept small/user:1
  equal "$output" kept
  equal "$(registry_sum '.kind == "layer" and .method == "GET"' 1)" 2 "requests for layers"
  kept
  equal "$output" evil "the image that was pulled first: another one's pull does not change it"
  layers_are user 4 2
  run_podman pull --quiet "$REGISTRY/$IMAGE"
  kept
  equal "$output" kept
  layers_are user 0 6
}

@test "nor what is in a store that is shared" {
  needs_root
  evil_site
  root_run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
  chmod -R a+rX "$T/root/store"
  chmod a+rx "$T/root"
  printf '[storage.options]\nadditionalimagestores = ["%s"]\n' "$T/root/store" >>"$T/user/conf/storage.conf"
  kept
  equal "$output" evil "the admin's image"
  run_podman pull --quiet --cvmfs=off "$REGISTRY/$IMAGE"
  kept
  equal "$output" kept
  run_podman pull --quiet "$REGISTRY/small/tags:2"
  kept small/tags:2
  equal "$output" kept
  run_podman rmi --all --force
  sed -i '/storage.options/,$d' "$T/user/conf/storage.conf"
}

# put_blob FILE: into the registry. Prints its digest.
put_blob() {
  local hex
  hex=$(sha256sum "$1" | cut -d' ' -f1)
  cp "$1" "$REGISTRY_DIR/sha256/$hex"
  echo "sha256:$hex"
}

# lying_image NAME DIFFID: an image made of the crafted base and one layer of its own, $EVIL, for which the config gives DIFFID.
# EVIL_DIFFID is the true one.
lying_image() {
  local config size
  if [ -z "${EVIL:-}" ]; then
    mkdir -p "$T/evil/data"
    echo evil >"$T/evil/data/kept"
    tar --owner=0 --group=0 --sort=name --mtime=@0 -C "$T/evil" -cf "$T/evil.tar" data
    EVIL_DIFFID=sha256:$(sha256sum "$T/evil.tar" | cut -d' ' -f1)
    gzip -nk "$T/evil.tar"
    EVIL=$(put_blob "$T/evil.tar.gz")
  fi
  curl --silent --fail "http://$REGISTRY/v2/small/base/blobs/$(manifest small/base:1 | jq -r .config.digest)" |
    jq -c --arg d "$2" '.rootfs.diff_ids += [$d] | .history += [{}]' >"$T/config.json"
  config=$(put_blob "$T/config.json")
  size=$(stat -c %s "$T/config.json")
  manifest small/base:1 | jq -c --arg config "$config" --argjson size "$size" --arg evil "$EVIL" --argjson layer "$(stat -c %s "$T/evil.tar.gz")" \
    '.config.digest = $config | .config.size = $size | .layers += [(.layers[0] | .digest = $evil | .size = $layer)]' | put_manifest "$1"
}

# has_evil [DIFFID]: the repository has the layer, and states its diffID or none.
has_evil() {
  local dir
  dir=$T/tree/$(layer_dir "$EVIL")
  mkdir -p "$dir"
  cp -a "$T/evil" "$dir/layerfs"
  [ -z "${1:-}" ] || { mkdir "$dir/.metadata" && echo "[{\"compressed-diff-digest\":\"$EVIL\",\"diff-digest\":\"$1\"}]" >"$dir/.metadata/layers.json"; }
}

# known_as DIGEST: the diffIDs of the store's layers that came from a blob.
known_as() { layers_json user | jq -r --arg d "$1" '.[] | select(."compressed-diff-digest" == $d) | ."diff-digest"'; }

# lie_downloaded ARG…: a pull that reads such a layer finds out what it is. podman 5 then refuses the image.
lie_downloaded() {
  if podman_5; then
    run_podman 125 pull --quiet "$@"
    contains "$stderr" "does not match config's DiffID"
  else
    run_podman pull --quiet "$@"
  fi
}

@test "a diffID that lies: an honest image gets its own contents, however it is pulled" {
  local honest mode
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  honest=$(layer_diffid small/user:1 1)
  lying_image evil/lies:1 "$honest"
  has_evil
  repository_mount "$T/tree" && cvmfs_conf
  lie_downloaded "$REGISTRY/evil/lies:1"
  podman_5 || equal "$(known_as "$EVIL")" "$EVIL_DIFFID" "what an ordinary pull calls the layer"
  run_podman rmi --all
  for mode in off auto only; do
    # Nobody can tell that it lies, and it fools those who asked for it.
    run_podman pull --quiet --cvmfs=only "$REGISTRY/evil/lies:1"
    kept evil/lies:1
    equal "$output" evil
    run_podman pull --quiet --cvmfs="$mode" "$REGISTRY/small/user:1"
    kept small/user:1
    equal "$output" kept "after a pull in mode $mode"
    run_podman rmi --all
  done
  # The other way round: what is there already is not replaced, be it verified or vouched for. The one that lies stands apart from
  # a remote layer with the diffID that it claims, and is found out beside a local one.
  for mode in off only; do
    run_podman pull --quiet --cvmfs="$mode" "$REGISTRY/small/user:1"
    allow_warning "$honest"
    if [ $mode = off ]; then
      lie_downloaded --cvmfs=auto "$REGISTRY/evil/lies:1"
    else
      run_podman pull --quiet --cvmfs=auto "$REGISTRY/evil/lies:1"
    fi
    kept small/user:1
    equal "$output" kept "before, in mode $mode"
    run_podman rmi --all --force
  done
}

# claimant NAME: an image with the config of small/user:1, byte by byte, whose second layer is $EVIL. Its repository has all of it.
claimant() {
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  lying_image evil/lies:1 "$(layer_diffid small/user:1 1)"
  manifest small/user:1 | jq -c --arg evil "$EVIL" --argjson layer "$(stat -c %s "$T/evil.tar.gz")" \
    '.layers[1].digest = $evil | .layers[1].size = $layer' | put_manifest "$1"
  has_evil
  repository_mount "$T/tree" && cvmfs_conf
}

# build_from TAG: of the Containerfile on standard input, with the cache of steps.
build_from() {
  mkdir -p "$T/user/context"
  cat >"$T/user/context/Containerfile"
  run_podman build --layers --network none --pull=never --tag "$1" "$T/user/context"
}

@test "what was made on claimed contents is never taken for what was made on the genuine ones" {
  local mode
  claimant evil/claims:1
  for mode in off only; do
    run_podman pull --quiet --cvmfs=only "$REGISTRY/evil/claims:1"
    printf 'FROM %s\nRUN cat /data/kept >/tmp/out\n' "$REGISTRY/evil/claims:1" | build_from evil-built
    run_podman run --rm evil-built cat /tmp/out
    equal "$output" evil
    run_podman pull --quiet --cvmfs="$mode" "$REGISTRY/small/user:1"
    run_podman run --rm evil-built cat /data/kept
    equal "$output" evil "an image that was built does not change beneath"
    printf 'FROM %s\nRUN cat /data/kept >/tmp/out\n' "$REGISTRY/small/user:1" | build_from built
    run_podman run --rm built cat /tmp/out /data/kept
    equal "$output" $'kept\nkept' "no step of the other build"
    # a commit, and a copy within the store
    run_podman create --name made "$REGISTRY/small/user:1" true
    run_podman commit --quiet made committed
    run_podman run --rm committed cat /data/kept
    equal "$output" kept
    run_podman rm made
    run_podman rmi --all --force
  done
}

@test "a diffID that lies is not remembered for the blob" {
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  lying_image evil/lies:1 "$(layer_diffid small/user:1 1)"
  has_evil
  lying_image evil/true:1 "$EVIL_DIFFID"
  repository_mount "$T/tree" && cvmfs_conf
  run_podman pull --quiet "$REGISTRY/small/user:1" # its second layer has the diffID that is claimed
  lie_downloaded --cvmfs=auto "$REGISTRY/evil/lies:1"
  run_podman pull --quiet "$REGISTRY/evil/true:1"
  kept evil/true:1
  equal "$output" evil "its own contents"
  kept small/user:1
  equal "$output" kept
}

@test "a repository that states the diffID: a config that gives another one is not believed" {
  registry_with_images && published_tree
  cp -a "$RUN/tree" "$T/tree"
  lying_image evil/lies:1 "$(layer_diffid small/user:1 1)"
  has_evil "$EVIL_DIFFID"
  repository_mount "$T/tree" && cvmfs_conf
  allow_warning "$EVIL_DIFFID"
  run_podman 125 pull --quiet --cvmfs=only "$REGISTRY/evil/lies:1"
  contains "$stderr" "$EVIL"
  lie_downloaded --cvmfs=auto "$REGISTRY/evil/lies:1"
  ! podman_5 || return 0
  layers_are user 1 1
  equal "$(known_as "$EVIL")" "$EVIL_DIFFID"
}

@test "sizes and media types that lie, and a tag that moved" {
  site
  manifest "$IMAGE" | jq -c '.layers |= map(.size = 1 | .mediaType = "application/vnd.docker.image.rootfs.diff.tar")' | put_manifest small/lies:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/lies:1"
  kept small/lies:1
  equal "$output" kept
  # the tag: what it names now is what comes, with either mode
  manifest small/tags:1 | put_manifest small/moves:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/moves:1"
  manifest small/tags:2 | put_manifest small/moves:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/moves:1"
  run_podman run --rm "$REGISTRY/small/moves:1" cat /data/replaced
  equal "$output" "new and longer"
  run_podman pull --quiet --cvmfs=off "$REGISTRY/small/moves:1"
  run_podman run --rm "$REGISTRY/small/moves:1" cat /data/replaced
  equal "$output" "new and longer"
}

# policy JSON: what is required of images in this registry.
policy() { jq -n --argjson p "$1" --arg r "$REGISTRY" '{default: [{type: "reject"}], transports: {docker: {($r): $p}}}' >"$T/user/home/.config/containers/policy.json"; }

# refused IMAGE TEXT: in each mode, and no repository is asked.
refused() {
  local mode
  for mode in off auto only; do
    repository_ctl drop
    repository_ctl reset
    registry_mark
    run_podman 125 pull --quiet --cvmfs="$mode" "$REGISTRY/$1"
    contains "$stderr" "$2"
    equal "$(repository_ctl counters | jq '[.total[]] | add')" 0 "requests to the repository"
    no_layer_requested
  done
  run_podman images --quiet --all
  equal "$output" ""
}

# taken IMAGE
taken() {
  repository_ctl drop
  repository_ctl reset
  run_podman pull --quiet --cvmfs=only "$REGISTRY/$1"
  [ "$(repository_ctl counters | jq '[.total[]] | add')" != 0 ] || fail "the counters count nothing"
  layers_are user 4 0
  kept "$1"
  equal "$output" kept
  run_podman rmi --all
}

@test "a policy that rejects" {
  site
  policy '[{"type": "reject"}]'
  refused "$IMAGE" "rejected by policy"
  policy '[{"type": "insecureAcceptAnything"}]'
  taken "$IMAGE"
}

@test "a policy that demands a sigstore signature" {
  site
  local key=$T/user/home/key
  mkdir -p "$T/user/home/.config/containers/registries.d"
  printf 'docker:\n  %s:\n    use-sigstore-attachments: true\n' "$REGISTRY" >"$T/user/home/.config/containers/registries.d/test.yaml"
  rootless sh -c "echo secret >$key.pass"
  rootless "$BIN/stock/skopeo" generate-sigstore-key --output-prefix "$key" --passphrase-file "$key.pass"
  rootless "$BIN/stock/skopeo" copy --quiet --src-tls-verify=false --dest-tls-verify=false --preserve-digests \
    --sign-by-sigstore-private-key "$key.private" --sign-passphrase-file "$key.pass" \
    "docker://$REGISTRY/$IMAGE" "docker://$REGISTRY/small/signed:1"
  manifest small/user:1 | put_manifest small/signed:2
  policy "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"$key.pub\", \"signedIdentity\": {\"type\": \"matchRepository\"}}]"
  refused "$IMAGE" "signature"
  refused small/signed:2 "signature"
  taken small/signed:1
  # signed by another
  rootless "$BIN/stock/skopeo" generate-sigstore-key --output-prefix "$key.other" --passphrase-file "$key.pass"
  policy "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"$key.other.pub\", \"signedIdentity\": {\"type\": \"matchRepository\"}}]"
  refused small/signed:1 "ignature"
}

@test "a policy that demands a GPG signature" {
  site
  local home=$T/user/home/gpg digest
  mkdir -p "$T/user/home/.config/containers/registries.d"
  printf 'docker:\n  %s:\n    lookaside: file://%s\n' "$REGISTRY" "$T/user/home/signatures" >"$T/user/home/.config/containers/registries.d/test.yaml"
  rootless mkdir -m 700 "$home"
  rootless gpg --homedir "$home" --batch --quiet --passphrase '' --quick-generate-key signer@example.org rsa2048 sign never
  rootless gpg --homedir "$home" --batch --output "$home/key.gpg" --export signer@example.org
  policy "[{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"$home/key.gpg\"}]"
  refused "$IMAGE" "signature"
  # as podman push --sign-by writes it, with libraries that the product is not built with (containers-signature(5))
  digest=sha256:$(manifest "$IMAGE" | sha256sum | cut -d' ' -f1)
  rootless mkdir -p "$T/user/home/signatures/${IMAGE%:*}@${digest/:/=}"
  jq -nc --arg i "$REGISTRY/$IMAGE" --arg d "$digest" \
    '{critical: {identity: {"docker-reference": $i}, image: {"docker-manifest-digest": $d}, type: "atomic container signature"}, optional: {}}' |
    rootless gpg --homedir "$home" --batch --quiet --local-user signer@example.org \
      --output "$T/user/home/signatures/${IMAGE%:*}@${digest/:/=}/signature-1" --sign
  taken "$IMAGE"
  refused small/user:1 "signature"
  rootless gpgconf --homedir "$home" --kill all
}
