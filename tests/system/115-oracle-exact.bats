# What a repository does hold, a container shows exactly: on a plain directory, which keeps links, attributes and times to
# the nanosecond, next to nothing is allowed; on one in overlayfs's form, stacked as it is, nothing at all.

load lib/bats

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  oracle_begin
  # Directories that are made with the container have the time of that.
  EXACT=(--now "$ORACLE_BEGIN") LOCAL=()
}

teardown() { ! is_root || test_end; }

# extracted WHO IMAGE TREE: the layers of an image that is in the store, as the ordinary pull extracted them: in overlayfs's
# form, with all that a file system keeps.
extracted() {
  local digest id to
  while read -r digest; do
    to=$3/$(layer_dir "$digest")/layerfs
    [ ! -e "$to" ] || continue
    id=$(layers_json "$1" | jq -r --arg digest "$digest" '[.[] | select(."compressed-diff-digest" == $digest)][0].id')
    mkdir -p "$(dirname "$to")"
    cp -a "$T/$1/store/overlay/$id/diff" "$to" || return 1
  done < <("$TOOLS/images" list "$RUN/hard" | awk -v i="$2" '$1 == i { print $3 }')
}

# aufs_form TREE: turn the deletions of a tree that root extracted into the names that a repository has. What that does to
# directories' times is undone.
aufs_form() {
  local path dir LC_ALL=C # in others, half a character at the end of a name swallows the zero after it
  while IFS= read -r -d '' path; do
    [ "$(stat -c %t:%T -- "$path")" = 0:0 ] || continue
    dir=${path%/*}
    touch -r "$dir" "$T/time"
    rm -- "$path" && : >"$dir/.wh.${path##*/}" && touch -r "$T/time" -- "$dir" || return 1
  done < <(find "$1" -type c -print0)
  while IFS= read -r -d '' dir; do
    getfattr --only-values -n trusted.overlay.opaque -- "$dir" >"$T/opaque" 2>/dev/null || continue
    [ "$(cat "$T/opaque")" = y ] || continue
    touch -r "$dir" "$T/time"
    setfattr -x trusted.overlay.opaque -- "$dir" && : >"$dir/.wh..wh..opq" && touch -r "$T/time" -- "$dir" || return 1
  done < <(find "$1" -type d -print0)
}

# exact WHO FORM IMAGE OPTIONS…: ordinary, and on a plain directory in overlayfs's form (direct) or with AUFS names (served);
# OPTIONS are a mapping each, words in one string. EXACT has what may differ, LOCAL the numbers of layers that the directory
# lacks, SERVERS how many views a container has if it is not one for served and none for direct.
exact() {
  local who=$1 form=$2 image=$3 from=$1 mapping options n=0 number digest servers=${SERVERS:-}
  shift 3
  [ -n "$servers" ] || { [ "$form" = served ] && servers=1 || servers=0; }
  REPOSITORY=$T/exact.$n
  while [ -e "$REPOSITORY" ]; do
    n=$((n + 1))
    REPOSITORY=$T/exact.$n
  done
  mkdir "$REPOSITORY"
  chmod 755 "$REPOSITORY"
  : >"$T/$who/conf/cvmfs.conf"
  run_podman_as "$who" pull --quiet "$REGISTRY/$image"
  if [ "$form" = direct ]; then
    cvmfs_conf 'view = "direct"'
  else
    from=root # owners and marks are those of root's pull
    [ "$who" = root ] || root_run_podman pull --quiet "$REGISTRY/$image"
    cvmfs_conf
  fi
  extracted "$from" "$image" "$REPOSITORY"
  [ "$from" = "$who" ] || root_run_podman rmi --all --force
  [ "$form" = direct ] || aufs_form "$REPOSITORY"
  # What is really nobody's cannot be told from what is not mapped, and is refused.
  [ "$who $form" != "user direct" ] || chown -h "$TEST_UID:$TEST_GID" "$REPOSITORY"/.layers/*/*/layerfs/kinds/nobody 2>/dev/null || true
  while read -r number digest; do
    [[ " ${LOCAL[*]} " != *" $number "* ]] || rm -r "${REPOSITORY:?}/$(layer_dir "$digest")"
  done < <("$TOOLS/images" list "$RUN/hard" | awk -v i="$image" '$1 == i { print $2, $3 }')
  n=0
  for mapping in "$@"; do
    n=$((n + 1))
    read -ra options <<<"$mapping"
    record "$who" "$T/ordinary.$n" "${options[@]}" "$REGISTRY/$image"
  done
  run_podman_as "$who" rmi --all --force
  run_podman_as "$who" pull --quiet --cvmfs=auto "$REGISTRY/$image"
  equal "$(layer_count "$who" local)" "${#LOCAL[@]}" "local layers"
  n=0
  for mapping in "$@"; do
    n=$((n + 1))
    read -ra options <<<"$mapping"
    record "$who" "$T/exact" "${options[@]}" "$REGISTRY/$image"
    same "$image, $who, $form, $mapping${LOCAL:+, local ${LOCAL[*]}}" "$T/ordinary.$n" "$T/exact" "${EXACT[@]}"
    run_podman_as "$who" run --detach --name held "${options[@]}" "$REGISTRY/$image" sleep 1000
    equal "$(view_servers)" "$servers" "servers of views of a container"
    run_podman_as "$who" rm --force --time 0 held
  done
  run_podman_as "$who" rmi --all --force
}

# podman adds the user that it runs a container as to these two, and their times change.
USERS=(--let '"/etc/(passwd|group)" mtime: .*')

# A layer on top opens dir-0000: what the closed one beneath holds stays hidden.
WIDENED=(--expect '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent')

# A view shows one owner for all.
@test "root, a plain directory" {
  EXACT+=(--owner 0:0)
  exact root served hard/everything:1 "--user 0" "--uidmap 0:200000:65536 --gidmap 0:300000:65536"
}

@test "root, plain directories: implied directories, devices, times long ago, closed directories, a layer twice" {
  local image
  EXACT+=(--owner 0:0)
  for image in implied devices past closed twice; do exact root served "hard/$image:1" "--user 0"; done
}

@test "root, a plain directory that lacks layers" {
  EXACT+=(--owner 0:0 --ghosts)
  LOCAL=(1 3 5) SERVERS=3
  exact root served hard/everything:1 "--user 0"
}

@test "root, a plain directory, fuse-overlayfs" {
  mount_program root
  EXACT+=(--owner 0:0 --let '.* entry: ordinary absent, other .*' --let '"/(opaques|replaced|whiteouts)" nlink: .*')
  exact root served hard/everything:1 "--user 0"
}

# Its permissions keep contents from the user.
@test "rootless, a plain directory" {
  EXACT+=(--owner 0:0 --hidden "${WIDENED[@]}")
  exact user served hard/everything:1 "--user 0" "--user 1000"
}

@test "rootless, a plain directory, mapped ids" {
  EXACT+=(--owner 0:0 --hidden "${WIDENED[@]}" "${USERS[@]}" --chowned)
  exact user served hard/everything:1 "--userns=keep-id" "--uidmap 0:100:60000 --gidmap 0:200:60000"
}

# In what follows overlayfs stacks the directories themselves, with ghosts and all.
@test "root, layer directories as they are" {
  EXACT+=(--ghosts)
  exact root direct hard/everything:1 "--user 0" "--user 1000"
}

@test "root, layer directories as they are: every hard case" {
  local image
  EXACT+=(--ghosts)
  for image in implied inside ghosts devices closed ids past; do exact root direct "hard/$image:1" "--user 0"; done
}

# One directory cannot be two lowers, so a view shows it.
@test "root, layer directories as they are, a layer twice" { SERVERS=1 exact root direct hard/twice:1 "--user 0"; }

@test "root, layer directories as they are, mapped ids" {
  EXACT+=(--ghosts)
  exact root direct hard/everything:1 "--uidmap 0:200000:65536 --gidmap 0:300000:65536" "--userns=auto:size=65536"
}

@test "root, layer directories as they are, mapped ids, a store that cannot shift ids" {
  export _CONTAINERS_OVERLAY_DISABLE_IDMAP=yes
  EXACT+=(--chowned)
  SERVERS=1 exact root direct hard/everything:1 "--uidmap 0:200000:65536 --gidmap 0:300000:65536"
}

# What is nobody's was made the user's own above.
NOBODY=(--expect '"/kinds/nobody" owner: ordinary .*, other .*')

@test "rootless, layer directories as they are" {
  EXACT+=("${NOBODY[@]}" --ghosts)
  exact user direct hard/everything:1 "--user 0" "--user 1000"
}

@test "rootless, layer directories as they are: every hard case" {
  local image
  EXACT+=(--ghosts)
  for image in implied inside ghosts devices closed ids past; do exact user direct "hard/$image:1" "--user 0"; done
}

@test "rootless, layer directories as they are, mapped ids" {
  EXACT+=("${USERS[@]}" "${NOBODY[@]}" --chowned)
  SERVERS=1 exact user direct hard/everything:1 "--userns=keep-id" "--uidmap 0:100:60000 --gidmap 0:200:60000"
}

@test "without subordinate ids, layer directories as they are" {
  EXACT+=(--ghosts)
  exact single direct hard/everything:1 "--user 0"
}

# own_tree IMAGE: its published layers, with AUFS names, as the test account's own.
own_tree() {
  local digest
  REPOSITORY=$T/user/tree
  while read -r digest; do
    mkdir -p "$REPOSITORY/$(dirname "$(layer_dir "$digest")")"
    cp -a "$RUN/hard-tree/$(layer_dir "$digest")" "$REPOSITORY/$(layer_dir "$digest")"
  done < <("$TOOLS/images" list "$RUN/hard" | awk -v i="$1" '$1 == i { print $3 }')
  chown -hR "$TEST_UID:$TEST_GID" "$REPOSITORY"
}

# A view shows them then, for the sake of the owners: they are no fitter for that.
@test "layer directories as they are, mapped ids: an AUFS marker is refused" {
  own_tree hard/shared:2
  cvmfs_conf 'view = "direct"'
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/shared:2"
  run_podman 126 run --rm --userns=keep-id "$REGISTRY/hard/shared:2" ls -A / /shared
  contains "$stderr" 'view = "direct"'
  contains "$stderr" ".wh.deleted-in-2"
}

@test "layer directories as they are, mapped ids: an owner that is not mapped is refused" {
  REPOSITORY=$RUN/hard-tree
  cvmfs_conf 'view = "direct"'
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/shared:1"
  run_podman 126 run --rm --userns=keep-id "$REGISTRY/hard/shared:1" ls -l /
  contains "$stderr" 'view = "direct"'
  contains "$stderr" "is not mapped"
}

@test "layer directories as they are, mapped ids: of a repository with a catalogue" {
  own_tree hard/shared:1
  REPOSITORY_UID=$TEST_UID
  repository_mount "$REPOSITORY"
  cvmfs_conf 'view = "direct"'
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/shared:1"
  run_podman run --rm "$REGISTRY/hard/shared:1" cat /shared/both
  equal "$output" both
  run_podman run --rm --userns=keep-id "$REGISTRY/hard/shared:1" cat /shared/both
  equal "$output" both
}
