# The API takes the mode of a pull, streams the same progress, and a client that asks for a mode is not ignored.

load lib/bats
load lib/service

setup() {
  test_begin
  site
}

teardown() {
  service_stop
  unset PODMAN
  test_end
}

remote_pull() { PODMAN=$T/podman-remote run_podman "$@"; }

# quoted: the image's name in a query.
quoted() { jq -rn --arg name "$REGISTRY/$1" '$name | @uri'; }

@test "libpod: each mode, and the progress names the repository" {
  service_start
  registry_mark
  api POST "/v4.0.0/libpod/images/pull?cvmfs=only&reference=$(quoted small/deletions:1)"
  equal "$code" 200
  equal "$(jq -r '.stream // empty' <<<"$output" | grep -c "in unpacked.example.org")" 4 "lines that name the repository"
  matches_id "$(jq -r '.id // empty' <<<"$output")"
  no_layer_requested
  layers_are user 4 0
  api POST "/v4.0.0/libpod/images/pull?cvmfs=off&reference=$(quoted small/deletions:1)"
  layers_are user 0 4
  equal "$(registry_layer_requests)" 4 "requests for layers"
  api POST "/v4.0.0/libpod/images/pull?cvmfs=auto&reference=$(quoted small/deletions:1)"
  layers_are user 0 4
  run_podman rmi --all
  api POST "/v4.0.0/libpod/images/pull?reference=$(quoted small/deletions:1)"
  layers_are user 0 4 # as configured
}

matches_id() { [[ $1 =~ ^[0-9a-f]{64}$ ]] || fail "no image ID: $1"; }

@test "libpod: only fails in the stream, and leaves nothing" {
  repository_unmount
  site_lacking small/deletions:1 2
  service_start
  api POST "/v4.0.0/libpod/images/pull?cvmfs=only&reference=$(quoted small/deletions:1)"
  contains "$(jq -r '.error // empty' <<<"$output")" "$(layer_digest small/deletions:1 2)"
  store_empty user
}

@test "compat: each mode" {
  service_start
  registry_mark
  api POST "/v1.41/images/create?cvmfs=only&fromImage=$(quoted small/deletions:1)"
  equal "$code" 200
  equal "$(jq -r 'select(.status == "Already exists") | .id' <<<"$output" | sort -u | wc -l)" 4 "layers that are not downloaded"
  equal "$(jq -r .status <<<"$output" | tail -1)" "Download complete"
  no_layer_requested
  layers_are user 4 0
  api POST "/v1.41/images/create?cvmfs=off&fromImage=$(quoted small/deletions:1)"
  layers_are user 0 4
  run_podman rmi --all
  cvmfs_conf 'pull = "auto"'
  api POST "/v1.41/images/create?fromImage=$(quoted small/deletions:1)"
  layers_are user 4 0 # as configured, and read anew
}

@test "a value that is no mode is refused, and nothing is pulled" {
  service_start
  local path
  for path in "/v4.0.0/libpod/images/pull?cvmfs=sometimes&reference=" "/v1.41/images/create?cvmfs=sometimes&fromImage="; do
    api POST "$path$(quoted small/deletions:1)"
    equal "$code" 400
    contains "$(jq -r .message <<<"$output")" "auto, only or off"
    contains "$(jq -r .message <<<"$output")" "sometimes"
  done
  store_empty user
}

@test "what the API tells of layers: images, inspect, system df, info" {
  service_start
  api POST "/v4.0.0/libpod/images/pull?cvmfs=only&reference=$(quoted small/deletions:1)"
  repository_ctl drop
  repository_ctl reset
  api GET "/v4.0.0/libpod/images/$(quoted small/deletions:1)/json"
  equal "$(jq -r '[.StoredLayers[].Kind] | unique | join(" ")' <<<"$output")" remote-readonly
  api GET /v4.0.0/libpod/system/df
  equal "$(jq -c '.RemoteLayers | [.Total, .Active]' <<<"$output")" "[4,0]"
  equal "$(jq -c '.RemoteLayers.Size == .Images[0].RemoteSize and .Images[0].RemoteSize > 1000000' <<<"$output")" true
  equal "$(jq -c '.Images[0].Size < 10000' <<<"$output")" true
  api GET /v1.41/system/df
  equal "$code" 200
  api GET /v4.0.0/libpod/images/json
  api GET /v1.41/images/json
  equal "$(repository_ctl counters | jq '.total | add')" 0 "requests to the repository"
  api GET /v4.0.0/libpod/info
  equal "$(jq -c '.store.cvmfs | [.remoteLayers, .layers, .repositories[0].mounted]' <<<"$output")" "[4,4,true]"
}

@test "pulls of different modes at the same time do not disturb each other" {
  service_start
  local pids=() pid image status=0
  local -A mode_of=([small/deletions:1]=only [small/flips:1]=off [small/kinds:1]=auto [small/other:1]=off [small/deep:1]=only)
  for _ in 1 2 3; do
    for image in "${!mode_of[@]}"; do
      api POST "/v4.0.0/libpod/images/pull?quiet=true&cvmfs=${mode_of[$image]}&reference=$(quoted "$image")" \
        --output "$T/body.${image//\//_}" &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    pids=()
    for image in "${!mode_of[@]}"; do
      run_podman image inspect "$REGISTRY/$image"
      echo "$image ${mode_of[$image]}: $(jq -c '[.[].StoredLayers // [] | .[].Kind] | group_by(.) | map([.[0], length])' <<<"$output")"
      case ${mode_of[$image]} in
        # a layer that an image shares with one that is pulled the ordinary way is local
        off) equal "$(jq '[.[].StoredLayers // [] | .[] | select(.Kind != "local")] | length' <<<"$output")" 0 "$image: remote layers" ;;
        *) [ "$(jq '[.[].StoredLayers // [] | .[] | select(.Kind != "local")] | length' <<<"$output")" -gt 0 ] || fail "$image: no remote layer" ;;
      esac
    done
    run_podman rmi --all --force
  done
  equal "$status" 0
}

@test "podman-remote pull --cvmfs" {
  service_start
  registry_mark
  remote_pull pull --cvmfs "$REGISTRY/small/deletions:1"
  equal "$(grep -c "in unpacked.example.org" <<<"$stderr")" 4 "lines that name the repository"
  no_layer_requested
  layers_are user 4 0
  remote_pull pull --quiet --cvmfs=off "$REGISTRY/small/deletions:1"
  layers_are user 0 4
  remote_pull 125 pull --cvmfs=sometimes "$REGISTRY/small/deletions:1"
  contains "$stderr" "auto, only or off"
  remote_pull info --format '{{.Store.CVMFS.Pull}}'
  equal "$output" off
}

@test "podman-remote pull --cvmfs from a server that knows nothing of repositories" {
  [ -x "$BIN/stock/podman" ] || make -C "$CHECKOUT" stock
  SERVER=$BIN/stock/podman service_start
  remote_pull 125 pull --cvmfs=only "$REGISTRY/small/deletions:1"
  contains "$stderr" "the server can not use layers of CVMFS repositories"
  remote_pull pull --quiet --cvmfs=off "$REGISTRY/small/deletions:1"
  layers_are user 0 4
}
