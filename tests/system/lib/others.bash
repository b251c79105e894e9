# What 055-others.bats has other tools do to a store that holds one image: ordinary, of remote layers, or mixed.
# shellcheck disable=SC2034,SC2154 # output is bats', what is set is the other files'

stock_tools() {
  local tool
  for tool in podman buildah skopeo containers-storage cri; do
    [ -x "$BIN/stock/$tool" ] || { make -C "$CHECKOUT" stock && return; }
  done
}

# stock TOOL ARG…: upstream's, as the test account.
stock() {
  local tool=$1
  shift
  rootless timeout --kill-after=5 "$PODMAN_TIMEOUT" "$BIN/stock/$tool" "$@"
}

# store_of KIND: a store with the image. MODE pulls it there again.
store_of() {
  KIND=$1
  case $1 in
    ordinary) MODE=off REMOTE=0 && site ;;
    remote) MODE=only REMOTE=4 && site ;;
    "mixed, remote on top") MODE=auto REMOTE=3 && site_lacking small/deletions:1 1 ;;
    "mixed, local on top") MODE=auto REMOTE=1 && site_lacking small/deletions:1 1 2 3 ;;
  esac || return 1
  IMAGE=$REGISTRY/small/deletions:1 SHARING=$REGISTRY/small/flips:1 OTHER=$REGISTRY/small/other:1
  FILES=$T/user/files
  mkdir "$FILES"
  printf 'FROM %s\nRUN cat /data/again >/made\n' "$IMAGE" >"$FILES/image"
  printf 'FROM %s\nRUN cat /top >/made\n' "$OTHER" >"$FILES/other"
  chmod -R a+rwX "$FILES"
  # podman alone is told by the environment where its registries.conf is
  ln -s "$T/user/conf/registries.conf" "$T/user/home/.config/containers/"
  moved_image && ours_pulls
}

# moved_image: in the registry, one that has a layer of the image where it had another beneath it.
moved_image() {
  local n digest
  for n in 0 1; do
    digest=$(layer_digest small/deletions:1 $((1 - n)))
    gzip -dc "$RUN/small/blobs/sha256/${digest#sha256:}" >"$T/moved.$n"
  done
  "$TOOLS/images" assemble "$T/moved" moved:1 "$T/moved.0" "$T/moved.1" &&
    stock skopeo copy --quiet "oci:$T/moved" "docker://$REGISTRY/moved:1"
}

ours_pulls() { run_podman pull --quiet --cvmfs="$MODE" "$IMAGE" && OURS=$output && ours_runs; }

# named: the ID of the image that has the name.
named() { jq -r --arg name "$IMAGE" '.[] | select(.names // [] | index($name)).id' "$T/user/store/overlay-images/images.json"; }

# stock_pulled: stock has pulled the image anew, or has begun to: it takes a remote layer for one that a pull has left unfinished,
# and what it pulls is an image of its own.
stock_pulled() { [ "$(named)" != "$OURS" ] || [ "$(jq length "$T/user/store/overlay-layers/layers.json")" != 4 ]; }

# ours_anew: the image that ours pulled is whole beside stock's; then the store is as it was in the beginning.
ours_anew() {
  run_podman run --rm "$OURS" cat /data/again || return 1
  equal "$output" second "content of the image" || return 1
  run_podman rmi --all --force && ours check --repair --max 0s && store_empty user && ours_pulls
}

# ours [STATUS] ARG…: our containers-storage.
ours() { checked rootless_storage "$@"; }
rootless_storage() { PODMAN=$(dirname "$(podman_path)")/containers-storage rootless_podman "$@"; }

# ours_runs: the image's containers hold what they should, from the layers that were recorded, and no other layer is left.
ours_runs() {
  run_podman run --rm "$IMAGE" cat /data/again || return 1
  equal "$output" second "content of the image" || return 1
  layers_are user "$REMOTE" $((4 - REMOTE))
}

# column KIND: do every command, first without one of ours in between, unless stock pulls the image anew, then with one after each
# that wrote records. What depends on ours, or ends with the image, is done the second time only. What came out must be what
# matrix says.
column() {
  local command pass
  declare -A before anew
  store_of "$1" || return 1
  for pass in before after; do
    while IFS= read -r command; do
      [[ $pass = after || ! $command =~ ours|rmi$|prune\ --all|delete|repair|remove$ ]] || continue
      if [[ $pass = after && -n ${anew[$command]:-} ]]; then # one of ours has been in between already
        echo "$command|${before[$command]}" >>"$RUN/others/$1"
        continue
      fi
      records >"$T/records"
      cell "$command" || return 1
      stock_clears || return 1
      if [ $pass = before ]; then
        before[$command]=$CELL
      else
        equal "$CELL" "${before[$command]-$CELL}" "$command after ours and before" || return 1
        echo "$command|$CELL" >>"$RUN/others/$1"
      fi
      if [[ $CELL = *", image gone" ]]; then
        store_empty user && ours_pulls || return 1
      elif stock_pulled; then
        anew[$command]=yes
        ours_anew || return 1
      elif [ $pass = after ] && ! records | cmp -s - "$T/records"; then
        ours_runs || return 1
      fi
    done < <(commands)
    if [ $pass = before ]; then
      equal "$(layer_count user remote)" 0 "remote layers by what stock left in the records" || return 1
      ours_runs || return 1
    fi
  done
  diff <(matrix | cut_column "$1" | known_to_tools) "$RUN/others/$1" || fail "not what the matrix says (<)"
}

KINDS=(ordinary remote "mixed, local on top")

# cut_column KIND: of the matrix, whose first line names the kinds.
cut_column() { awk -F ' *[|] *' -v kind="$1" 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == kind) at = i; next } { print $1 "|" $at }'; }

# known_to_tools: what the matrix says of these tools, which are of podman 4's time, in a store of podman 5. It has a directory
# of its own there, tempdirs: they take it for one more layer, whose link they cannot open.
known_to_tools() {
  podman_5 || { cat && return; }
  sed -E 's/no: symlink/no: open/; s/^(containers-storage check[|])works/\1no: 1 layer errors/; s/no: 4 layer/no: 5 layer/'
}

# measured: the matrix as it came out, of the kinds that were tried.
measured() {
  local kind files=()
  for kind in "${KINDS[@]}"; do
    files+=("$RUN/others/.$kind")
    { echo "$kind" && cut -d '|' -f 2 "$RUN/others/$kind"; } >"$RUN/others/.$kind" 2>/dev/null || true
  done
  paste -d '|' <(echo command && commands) "${files[@]}" |
    awk -F '|' '{ printf "%-50s | %-22s | %-27s | %s\n", $1, $2, $3, $4 }'
}

commands() { sed -n '/^perform()/,/^}/s/^    "\([^"]*\)").*/\1/p' "$LIB/others.bash"; }

# records: what the store's records hold.
records() { (cd "$T/user/store" && cat overlay-layers/*layers.json overlay-images/images.json overlay-containers/*containers.json 2>/dev/null); }

# cell COMMAND: sets CELL: stock's command works, which includes that what it gives is right, or refuses, with words of its error;
# and is the image gone, or another one in its place?
cell() {
  local status=0 words
  rm -rf "${FILES:?}"/{dir,diff,exported,saved}
  perform "$1" >"$T/out" 2>"$T/err" </dev/null || status=$?
  echo "\$ $1: $status"
  cat "$T/out" "$T/err"
  CELL=works
  if [ $status != 0 ]; then # an error ends with its cause, which begins with what failed
    words=$(grep -Ehv '^\s*$|^\{' "$T/out" "$T/err" | tail -n 1 | sed -E \
      's/^time=.* msg="//; s/^\s*(\* |Error: )//; s/ \(got.*//; s/: no such file or directory.*//; s/.*: //; s#[^ ]*/.*##')
    CELL="no: $(awk '{ NF = NF < 3 ? NF : 3; print }' <<<"${words//,/}")"
  fi
  case $(named) in
    "") CELL+=", image gone" ;;
    "$OURS") ;;
    *) CELL+=", pulled anew" ;;
  esac
}

# stock_clears: what a command left goes.
stock_clears() {
  local image
  [ "$(jq -s 'add | length' "$T/user/store/overlay-containers/"*containers.json)" = 0 ] ||
    { stock buildah rm --all && stock podman rm --all --force --time 0; } || return 1
  [ "$(jq length "$T/user/store/overlay-images/images.json")" -gt 1 ] || return 0
  for image in built "$SHARING" "$OTHER" "$REGISTRY/moved:1"; do
    ! stock podman image exists "$image" || stock podman rmi "$image" || return 1
  done
}

# The commands; one that makes something removes it.
perform() {
  local id
  case $1 in
    "podman images") stock podman images | grep small/deletions ;;
    "podman ps") stock podman ps --all ;;
    "podman image inspect") equal "$(stock podman image inspect --format '{{len .RootFS.Layers}}' "$IMAGE")" 4 ;;
    "podman history") stock podman history "$IMAGE" ;;
    "podman image tree") stock podman image tree "$IMAGE" ;;
    "podman system df") stock podman system df --verbose | grep small/deletions ;;
    "podman tag, untag") stock podman tag "$IMAGE" tagged && stock podman untag "$IMAGE" tagged ;;
    "podman image prune") stock podman image prune --force ;;
    "podman run") equal "$(stock podman run --rm "$IMAGE" cat /data/again)" second ;;
    "podman create, start, rm")
      stock podman create --name one "$IMAGE" cat /data/again && equal "$(stock podman start --attach one)" second && stock podman rm one
      ;;
    "podman image mount")
      # shellcheck disable=SC2016 # expanded in the namespace
      equal "$(in_namespace podman 'root=$("$tool" image mount "$image"); cat "$root/data/again"; "$tool" image unmount "$image" >/dev/null')" second
      ;;
    "podman diff") stock podman diff "$IMAGE" ;;
    "podman save") stock podman save --quiet --output "$FILES/saved" "$IMAGE" && saved "docker-archive:$FILES/saved" ;;
    "podman push") stock podman push --quiet "$IMAGE" "$REGISTRY/pushed:1" && saved "docker://$REGISTRY/pushed:1" ;;
    "podman pull, again") stock podman pull --quiet "$IMAGE" ;;
    "podman pull, layers shared") stock podman pull --quiet "$SHARING" && stock podman run --rm "$SHARING" true && stock podman rmi "$SHARING" ;;
    "podman pull, layers shared on another layer")
      stock podman pull --quiet "$REGISTRY/moved:1" && equal "$(stock podman run --rm "$REGISTRY/moved:1" /bin/sh -c 'cat /data/kept')" kept &&
        stock podman rmi "$REGISTRY/moved:1"
      ;;
    "podman pull, run, rmi, other image")
      stock podman pull --quiet "$OTHER" && equal "$(stock podman run --rm "$OTHER" cat /top)" "another top" && stock podman rmi "$OTHER"
      ;;
    "podman build") stock podman build --quiet --tag built --file "$FILES/image" "$FILES" && built second && stock podman rmi built ;;
    "podman start, ours' container") made_by_ours && equal "$(stock podman start --attach ours)" second ;;
    "podman commit, ours' container") made_by_ours && stock podman commit --quiet ours built && built second ;;
    "podman export, ours' container") made_by_ours && stock podman export --output "$FILES/exported" ours ;;
    "podman rm, ours' container") made_by_ours && stock podman rm ours ;;
    "podman create; start by ours")
      stock podman create --name one "$IMAGE" cat /data/again && equal "$(rootless_podman start --attach one)" second
      ;;
    "podman rmi") stock podman rmi "$IMAGE" ;;
    "podman system prune --all") stock podman system prune --all --force ;;

    "buildah images") stock buildah images | grep small/deletions ;;
    "buildah inspect") stock buildah inspect --type image "$IMAGE" ;;
    "buildah from, rm") stock buildah from --name one "$IMAGE" && stock buildah rm one ;;
    "buildah run") buildah_from && equal "$(stock buildah run one cat /data/again)" second ;;
    "buildah mount")
      # shellcheck disable=SC2016 # expanded in the namespace
      buildah_from && equal "$(in_namespace buildah 'root=$("$tool" mount one); cat "$root/data/again"; "$tool" umount one >/dev/null')" second
      ;;
    "buildah commit") buildah_from && stock buildah run one sh -c 'cat /data/again >/made' && stock buildah commit --quiet one built && built second ;;
    "buildah build") stock buildah build --quiet --tag built --file "$FILES/image" "$FILES" && built second ;;
    "buildah build, other image") stock buildah build --quiet --tag built --file "$FILES/other" "$FILES" && built "another top" ;;
    "buildah push") stock buildah push --quiet "$IMAGE" "docker://$REGISTRY/pushed:1" && saved "docker://$REGISTRY/pushed:1" ;;
    "buildah rmi") stock buildah rmi "$IMAGE" ;;
    "buildah prune --all") stock buildah prune --all --force ;;

    "skopeo inspect") stock skopeo inspect "containers-storage:$IMAGE" ;;
    "skopeo copy to dir:") stock skopeo copy --quiet "containers-storage:$IMAGE" "dir:$FILES/dir" && saved "dir:$FILES/dir" ;;
    "skopeo copy to docker://") stock skopeo copy --quiet "containers-storage:$IMAGE" "docker://$REGISTRY/pushed:1" && saved "docker://$REGISTRY/pushed:1" ;;
    "skopeo copy from docker://, other image") stock skopeo copy --quiet "docker://$OTHER" "containers-storage:$OTHER" && stock skopeo delete "containers-storage:$OTHER" ;;
    "skopeo delete") stock skopeo delete "containers-storage:$IMAGE" ;;

    "containers-storage layers") equal "$(stock containers-storage layers --json | jq length)" 4 ;;
    "containers-storage images") stock containers-storage images | grep small/deletions ;;
    "containers-storage diff")
      id=$(stock containers-storage image --json "$IMAGE" | jq -r '.[0].layer')
      stock containers-storage diff --uncompressed --file "$FILES/diff" "$id"
      ;;
    "containers-storage check") stock containers-storage check ;;
    "containers-storage check --repair, ours' container")
      made_by_ours && stock containers-storage check --repair
      local status=$?
      equal "$(rootless_podman start --attach ours)" second >&2 && return $status
      ;;
    "containers-storage check --repair") stock containers-storage check --repair ;;

    "cri images") stock cri images | grep small/deletions ;;
    "cri layers") equal "$(stock cri layers | wc -l)" 4 ;;
    "cri status") stock cri status "$IMAGE" ;;
    "cri container") equal "$(stock cri container "$IMAGE" data/again)" second ;;
    "cri pull, again") stock cri pull "docker://$IMAGE" ;;
    "cri pull, container, remove, other image")
      stock cri pull "docker://$OTHER" && equal "$(stock cri container "$OTHER" top)" "another top" && stock cri remove "$OTHER"
      ;;
    "cri remove") stock cri remove "$IMAGE" ;;
    *) fail "no command $1" ;;
  esac
}

# in_namespace TOOL SCRIPT: where TOOL mounts; $tool is its path.
in_namespace() { stock "$1" unshare env tool="$BIN/stock/$1" image="$IMAGE" sh -euc "$2"; }

made_by_ours() { rootless_podman create --name ours "$IMAGE" sh -c 'cat /data/again | tee /made' && rootless_podman start ours && rootless_podman wait ours; }
buildah_from() { stock buildah from --name one "$IMAGE"; }
# built CONTENT: what was built holds it.
built() { equal "$(stock podman run --rm built cat /made)" "$1"; }

# saved SOURCE: the image's layers are there, as many as it has.
saved() { equal "$(stock skopeo inspect --format '{{len .Layers}}' "$1")" 4; }
