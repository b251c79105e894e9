# A registry on the loopback interface that counts what it sends. Sets REGISTRY, host:port.

REGISTRY_PIDS=()

# What else the registry is started with: what goes before its command line.
REGISTRY_ENTER=()

# registry_start LAYOUT…
registry_start() {
  REGISTRY_DIR=$(mktemp -d "$T/registry.XXXX")
  registry_background serve "$REGISTRY_DIR" "$REGISTRY_DIR/port" "$@"
}

# registry_proxy HOST: count what a registry elsewhere sends.
registry_proxy() {
  REGISTRY_DIR=$(mktemp -d "$T/registry.XXXX")
  registry_background proxy "$REGISTRY_DIR/port" "$1"
}

registry_background() {
  CVMFS_TEST_DIR=$T "${REGISTRY_ENTER[@]}" "$TOOLS/registry" "$@" 3>&- 4>&- &
  local pid=$! deadline=$((SECONDS + 20))
  REGISTRY_PIDS+=("$pid")
  until [ -s "$REGISTRY_DIR/port" ]; do
    if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      echo "the registry does not start" >&2
      return 1
    fi
    sleep 0.05
  done
  REGISTRY=127.0.0.1:$(cat "$REGISTRY_DIR/port")
  trust_registry "${REGISTRY#*:}"
}

# registry_other: a second one, with nothing in it. Sets OTHER.
registry_other() {
  local registry=$REGISTRY dir=$REGISTRY_DIR
  mkdir -p "$T/nothing"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$T/nothing/oci-layout"
  echo '{"schemaVersion":2,"manifests":[]}' >"$T/nothing/index.json"
  registry_start "$T/nothing"
  OTHER=$REGISTRY REGISTRY=$registry REGISTRY_DIR=$dir
  trust_registry "${REGISTRY#*:}" "${OTHER#*:}"
}

registry_stop() {
  local pid
  for pid in "${REGISTRY_PIDS[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  REGISTRY_PIDS=()
}

registry_requests() { "$TOOLS/registry" requests "${REGISTRY#*:}"; }

# registry_mark: count from here on.
registry_mark() { REGISTRY_MARK=$(registry_requests | wc -l); }

# registry_sum FILTER EXPRESSION: sum a jq expression over the requests since the mark that pass a jq filter.
registry_sum() {
  registry_requests | tail -n "+$((${REGISTRY_MARK:-0} + 1))" | jq -s "map(select($1) | $2) | add // 0"
}

registry_bytes() { registry_sum true .bytes; }
registry_layer_bytes() { registry_sum '.kind == "layer"' .bytes; }
# registry_layer_requests: every request for a layer's content counts, also one that failed.
registry_layer_requests() { registry_sum '.kind == "layer" and .method == "GET"' 1; }

# manifest NAME:TAG: as the registry has it.
manifest() { curl --silent --fail "http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}" -H 'Accept: */*'; }

# put_manifest NAME:TAG: from now on the tag names the image of the manifest on standard input.
put_manifest() {
  curl --silent --fail -X PUT "http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}" --data-binary @- \
    -H 'Content-Type: application/vnd.docker.distribution.manifest.v2+json'
}

# registry_lacks DIGEST: from now on the registry does not have this blob.
registry_lacks() { rm "$REGISTRY_DIR/sha256/${1#sha256:}"; }
