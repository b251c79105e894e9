# Each podman command on an image of remote layers, of both kinds, and with the repository out: what it does, what it asks of
# the repository, and that it gives what it gives with an ordinary image. docs/commands.md is the result.

load lib/bats
load lib/table

readonly COLUMNS=("all layers remote" "some layers remote" "repository out")

setup_file() { table_begin commands.md; }
teardown_file() { table_end "${COLUMNS[@]}"; }

# there COLUMN: the image, in the store as the column says. "repository out" is after repository_out.
there() {
  COLUMN=$1 IMAGE=small/deletions:1 HANGS="" REMOTE="0 1 2 3" LOCAL=""
  case $1 in
    "some layers remote")
      REMOTE="0 2" LOCAL="1 3"
      site_lacking "$IMAGE" $LOCAL
      ;;
    *) site ;;
  esac
  pull
}

pull() {
  local mode=only
  case $COLUMN in
    ordinary) mode=off ;;
    some*) mode=auto ;;
  esac
  run_podman pull --quiet "--cvmfs=$mode" "$REGISTRY/$IMAGE"
}

# repository_out hang|EIO
repository_out() {
  [ "$COLUMN" = "repository out" ] || return 0
  if [ "$1" = hang ]; then
    repository_ctl hang
    HANGS=1
  else
    repository_ctl fault "$1"
  fi
}

# stored: what `image inspect` says of where the layers are.
stored() {
  case $COLUMN in
    ordinary) equal "$(jq -c '.[].StoredLayers' <<<"$output")" null ;;
    *)
      equal "$(jq -r '.[].StoredLayers[] | select(.Kind == "remote-readonly") | .Path' <<<"$output")" \
        "$(for n in $REMOTE; do echo "$REPOSITORY/$(layer_dir "$(layer_digest "$IMAGE" "$n")")/layerfs"; done)" "paths"
      equal "$(jq -r '.[].StoredLayers[] | select(.Kind == "local") | .Digest' <<<"$output")" \
        "$(for n in $LOCAL; do layer_digest "$IMAGE" "$n"; done)" "layers that are local"
      equal "$(jq -r '[.[].StoredLayers[] | .Repository // empty, .Revision // empty] | unique | join(" ")' <<<"$output")" "1 unpacked.example.org"
      ;;
  esac
}

# counted: what `system df` says of space.
counted() {
  local row
  row=$(grep "^Remote Layers" <<<"$output" || true)
  read -r _ _ total active size _ <<<"$row"
  case $COLUMN in
    ordinary) equal "$row" "" ;;
    *) equal "$total $active $size" "$(wc -w <<<"$REMOTE") $(wc -w <<<"$REMOTE") 0B" "remote layers in: $output" ;;
  esac
}

# told: what `info` says.
told() {
  local remote
  remote=$(wc -w <<<"$REMOTE")
  [ "$COLUMN" != ordinary ] || remote=0
  equal "$(jq -c '.store.cvmfs | .pull, .remoteLayers, .layers' <<<"$output" | tr '\n' ' ')" "\"off\" $remote 6 " "pull mode, remote layers, layers with the containers'"
  equal "$(jq -r '.store.cvmfs.repositories[] | .path' <<<"$output")" "$REPOSITORY"
  local repository
  repository=$(jq -c '.store.cvmfs.repositories[0] | [.mounted, .name, .revision]' <<<"$output")
  if [ -n "$HANGS" ]; then
    equal "$repository" "[false,null,null]"
    contains "$(jq -r '.store.cvmfs.repositories[0].error' <<<"$output")" "$REPOSITORY"
  else
    equal "$repository" '[true,"unpacked.example.org",1]'
  fi
}

# Nothing that lists or names things needs a repository: with one that hangs, none of this waits.
look() {
  there "$1"
  run_podman create --quiet --name one "$REGISTRY/$IMAGE" true
  repository_out hang
  local name=$REGISTRY/$IMAGE
  local unlike_age='awk "NR > 1 { print \$1, \$2, \$3, \$(NF - 1), \$NF }"'
  FILTER=$unlike_age row images images
  FILTER=$unlike_age row "images --digests" images --digests --no-trunc
  row "image exists" image exists "$name"
  FILTER='jq "del(.[].StoredLayers, .[].GraphDriver)"' row "image inspect" image inspect "$name"
  stored
  row history history --no-trunc --format '{{.ID}} {{.CreatedBy}} {{.Size}} {{.Comment}}' "$name"
  row "image tree" image tree "$name"
  row ps ps --all --size --format '{{.Names}} {{.Image}} {{.Size}}'
  FILTER='jq ".[].Image"' row "container inspect" container inspect --size one
  measure "system df" system df
  counted
  measure "system df -v" system df --verbose
  FILTER='sort -u' row events events --stream=false --since 1h --filter event=create --format '{{.Image}}'
  FILTER='jq -e .name' row "generate spec" generate spec one
  FILTER='grep image:' row "kube generate" kube generate one
  FILTER='grep -c "^ExecStart="' row "generate systemd" generate systemd one
  row tag tag "$name" localhost/other:1
  row untag untag "$name" localhost/other:1
  FILTER=true row "container clone" container clone one two
  FILTER=true row "system migrate" system migrate
  FILTER=true row "system renumber" system renumber
  measure info info --format json
  told
  FILTER=true row rm rm one two
  FILTER='sort' row rmi rmi "$name"
  HANGS=
  repositories_clear
  store_empty user
}

@test "looking, ordinary" { look ordinary; }
@test "looking, all layers remote" { look "all layers remote"; }
@test "looking, some layers remote" { look "some layers remote"; }
@test "looking, repository out" { look "repository out"; }

# Removing, and keeping, needs a repository as little.
remove() {
  there "$1"
  repository_out hang
  run_podman tag "$REGISTRY/$IMAGE" localhost/other:1
  row "rmi of a name" rmi localhost/other:1
  FILTER='grep -c .' row "image prune --all" image prune --all --force
  store_empty user
  HANGS=
  repositories_clear
  pull
  repository_out hang
  FILTER='sed "s/[0-9.]*[kM]*B//"' row "system prune --all" system prune --all --force
  store_empty user
  HANGS=
  repositories_clear
  pull
  repository_out hang
  FILTER=true row "system reset" system reset --force
  HANGS=
  repositories_clear
}

@test "removing, ordinary" { remove ordinary; }
@test "removing, all layers remote" { remove "all layers remote"; }
@test "removing, some layers remote" { remove "some layers remote"; }
@test "removing, repository out" { remove "repository out"; }

# rm_all: what a row left, so that the next one stands alone.
rm_all() { rootless_podman rm --all --force --time 0 >/dev/null; }

# What shows contents asks for what it shows. What runs goes on with what the kernel holds; the fault meets what starts.
contents() {
  there "$1"
  local name=$REGISTRY/$IMAGE mounted
  run_podman create --quiet --name stopped "$name" cat /data/again
  run_podman run --detach --name running --health-cmd "test -e /data/again" --health-interval disable "$name" sleep 1000
  echo new >"$T/user/new"
  repository_out EIO
  row run run --rm "$name" cat /data/again
  row "run --userns=keep-id" run --rm --userns=keep-id "$name" cat /data/again
  row "run --pull=newer" run --rm --pull=newer "$name" cat /data/again
  row "run --mount type=image" run --rm --mount "type=image,source=$name,destination=/mnt" "$name" cat /mnt/data/again
  row "run --volume" run --rm --volume data:/data "$name" cat /data/again # copied from the image
  FILTER=true row create create --quiet --name two "$name" true
  row start start --attach stopped
  row "diff of a container" diff running
  row "diff of an image" diff "$name"
  row "cp, into a container" cp "$T/user/new" stopped:/data/new
  row "cp, out of a container" cp stopped:/data/again "$T/user/again"
  FILTER='tar -t | sort' row export export stopped
  FILTER=true row commit commit --quiet stopped committed
  FILTER=true row "commit --squash" commit --quiet --squash stopped committed
  row exec exec running cat /data/again
  row "healthcheck run" healthcheck run running
  row top top running args
  row "stats" stats --no-stream --format '{{.Name}}' running
  FILTER=true row restart restart --time 0 running
  mounted="$(podman_path) mount stopped >&2 && cat \"\$($(podman_path) mount stopped)/data/again\" && $(podman_path) unmount stopped >&2"
  row mount unshare sh -c "$mounted"
  mounted="$(podman_path) image mount $name >&2 && cat \"\$($(podman_path) image mount $name)/data/again\" && $(podman_path) image unmount $name >&2"
  row "image mount" unshare sh -c "$mounted"
}

@test "contents, ordinary" { contents ordinary; }
@test "contents, all layers remote" { contents "all layers remote"; }
@test "contents, some layers remote" { contents "some layers remote"; }
@test "contents, repository out" { contents "repository out"; }

# containerfile LINE…: of the context, which has one file.
containerfile() {
  mkdir -p "$T/user/context"
  echo new >"$T/user/context/new"
  printf '%s\n' "$@" >"$T/user/context/Containerfile"
}

build() {
  there "$1"
  local name=$REGISTRY/$IMAGE
  repository_out EIO
  containerfile "FROM $name" "RUN cat /data/again >/data/built" "COPY new /data/"
  FILTER=true row build build --quiet --tag built "$T/user/context"
  [ "$status" != 0 ] || row "run of what was built" run --rm --pull=never built sh -c 'cat /data/built /data/new; ls /data'
  FILTER='grep -c "Using cache"' row "build, from the cache" build --tag built "$T/user/context"
  containerfile "FROM $name" "COPY new /data/"
  FILTER=true row "build that runs nothing" build --quiet --tag copied "$T/user/context"
  containerfile "FROM $name AS first" "RUN rm /data/kept" "FROM $name" "COPY --from=first /data /copied"
  FILTER=true row "build, of two stages" build --quiet --tag stages "$T/user/context"
  [ "$status" != 0 ] || row "run of two stages" run --rm --pull=never stages ls /copied
  containerfile "FROM $name" "RUN rm /data/kept" "RUN echo squashed >/data/squashed"
  FILTER=true row "build --squash" build --quiet --squash --tag squashed "$T/user/context"
  [ "$status" != 0 ] || row "run of --squash" run --rm --pull=never squashed sh -c 'cat /data/squashed; ls /data'
  FILTER=true row "build --squash-all" build --quiet --squash-all --tag all "$T/user/context"
  [ "$status" != 0 ] || row "run of --squash-all" run --rm --pull=never all sh -c 'cat /data/squashed; ls /data'
}

@test "building, ordinary" { build ordinary; }
@test "building, all layers remote" { build "all layers remote"; }
@test "building, some layers remote" { build "some layers remote"; }
@test "building, repository out" { build "repository out"; }

pods() {
  there "$1"
  local name=$REGISTRY/$IMAGE
  cat >"$T/user/kube.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata: {name: played}
spec:
  restartPolicy: Never
  hostNetwork: true
  containers: [{name: one, image: "$name", command: [sh, -c, "cat /data/again; sleep 1000"]}]
YAML
  repository_out EIO
  FILTER=true row "pod create" pod create --name pod --infra=false
  row "run in a pod" run --rm --pod pod "$name" cat /data/again
  FILTER=true row "kube play" kube play "$T/user/kube.yaml"
  [ "$status" != 0 ] || row logs logs played-one
  FILTER='grep -c "^Pods"' row "kube down" kube down "$T/user/kube.yaml"
  rootless mkdir "$T/user/rootfs"
  rootless cp "$(busybox_path)" "$T/user/rootfs/busybox"
  row "run --rootfs" run --rm --rootfs "$T/user/rootfs" /busybox echo own
}

@test "pods, ordinary" { pods ordinary; }
@test "pods, all layers remote" { pods "all layers remote"; }
@test "pods, some layers remote" { pods "some layers remote"; }
@test "pods, repository out" { pods "repository out"; }

# layer_of IMAGE N: the digest of its layer N at the registry.
layer_of() { manifest "$1" | jq -r --arg n "$2" '.layers[$n | tonumber].digest'; }

# Whether a registry or an archive can have the image.
transport() {
  there "$1"
  local name=$REGISTRY/$IMAGE
  registry_other
  repository_out hang
  row "push, to where it came from" push --quiet "$name" "$REGISTRY/small/deletions:pushed"
  [ "$COLUMN" = ordinary ] || for n in $REMOTE; do # those of local layers are compressed anew
    equal "$(layer_of small/deletions:pushed "$n")" "$(layer_digest "$IMAGE" "$n")" "pushed layer $n"
  done
  row "push, to a registry that has nothing" push --quiet "$name" "$OTHER/small/pushed:1"
  FILTER=true row "save" save --quiet --output "$T/user/docker.tar" "$name"
  FILTER=true row "save --format oci-archive" save --quiet --format oci-archive --output "$T/user/oci.tar" "$name"
  HANGS=
  repositories_clear
  measure "pull --cvmfs" pull --quiet --cvmfs "$name"
  repository_out hang
  measure "pull --cvmfs=off" pull --quiet --cvmfs=off "$name"
  layers_are user 0 4
  HANGS=
  repositories_clear
  measure "pull --cvmfs, of what is local" pull --quiet --cvmfs "$name"
  layers_are user 0 4
  row "push, of what was made local" push --quiet "$name" "$OTHER/small/pushed:1"
  FILTER=true row "save, of what was made local" save --quiet --output "$T/user/local.tar" "$name"
  row load load --quiet --input "$T/user/local.tar"
}

@test "transport, ordinary" { transport ordinary; }
@test "transport, all layers remote" { transport "all layers remote"; }
@test "transport, some layers remote" { transport "some layers remote"; }
@test "transport, repository out" { transport "repository out"; }
