# What a container changes is the same on remote layers: podman diff and commit, export, build on top, cp.

load lib/bats
load lib/changes

setup_file() { rm -f "$RUN/oracle.table"; }
teardown_file() { oracle_table; }

setup() {
  needs_root
  test_begin
  changes_site
  # As elsewhere, but that nothing is hidden here: the changes leave no such file.
  KEPT=(--owner 0:0 --links --xattrs --seconds --now "$ORACLE_BEGIN")
}

teardown() { ! is_root || test_end; }

# added FILE NAME…: of an ordinary image, podman diff tells of each NAME that it changed, although it is new: an opaque directory
# of a layer in the middle hides the one that is beneath. It asks layer by layer; a view of all has no such name.
added() {
  local name
  for name in "${@:2}"; do
    grep -qx "C $name" "$1" || fail "no change of $name: the exception is not needed" || return 1
    sed "s|^C $name\$|A $name|" "$1" | LC_ALL=C sort >"$1.added"
    mv "$1.added" "$1"
  done
}

# diff_and_commit WHO OVERLAY OPTION…: options of the container.
diff_and_commit() {
  local who=$1 overlay=$2 kind case differs=0 what except=()
  shift 2
  # podman adds the user that it runs a container as.
  [[ $* != *keep-id* ]] || KEPT+=(--let '"/etc/(passwd|group)" mtime: .*' --chowned)
  for kind in ordinary remote mixed; do
    pulled "$who" "$kind"
    stacked_by "$who" "$overlay" "$REGISTRY/$IMAGE"
    diff_of "$who" "$T/$kind.image" "$REGISTRY/$IMAGE"
    changed "$who" one "" "$@"
    diff_of "$who" "$T/$kind.container" one
    run_podman_as "$who" commit --quiet one committed
    diff_of "$who" "$T/$kind.committed" committed
    diff_of "$who" "$T/$kind.two" committed "$REGISTRY/$IMAGE"
    diffids "$who" committed "$T/$kind.diffids"
    layer_tar "$who" committed "$T/$kind.layer"
    record "$who" "$T/$kind.tree" --user 0 "$@" committed
    run_podman_as "$who" rm one
    run_podman_as "$who" rmi --all --force
    [ "$kind" != ordinary ] || continue
    case="$who, $overlay, $kind${*:+, $*}:" except=()
    for what in image container committed two; do cp "$T/ordinary.$what" "$T/expected.$what"; done
    # With a mount program, podman compares whole trees instead.
    [ "$kind $overlay" != "remote kernel" ] || {
      added "$T/expected.image" /opaques/plain/sub
      for what in container committed two; do added "$T/expected.$what" /opaques/nested/in/old; done
    }
    [ "$overlay" = kernel ] || { # fuse-overlayfs shows names that an opaque directory of a layer in the middle hid
      sed -i '/^D .opaques.plain.sub./d' "$T/expected.image"
      added "$T/expected.image" /opaques/plain/sub
      except=("${FUSE_OVERLAYFS_LACKS[@]}" --let '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent')
    }
    same_lines "$case diff of the image" 10 "$T"/{expected,$kind}.image || differs=1
    same_lines "$case diff of the container" 300 "$T"/{expected,$kind}.container || differs=1
    same_lines "$case diff of the committed image" 300 "$T"/{expected,$kind}.committed || differs=1
    same_lines "$case diff of both images" 300 "$T"/{expected,$kind}.two || differs=1
    same_lines "$case layers beneath the committed one" 6 "$T"/{ordinary,$kind}.diffids || differs=1
    same "$case tar of the committed layer" "$T"/{ordinary,$kind}.layer "${KEPT[@]}" --min-entries 300 || differs=1
    # /kinds/empty is closed to the user, and is touched.
    same "$case container of the committed image" "$T"/{ordinary,$kind}.tree "${KEPT[@]}" --hidden "${except[@]}" --min-entries 500 || differs=1
  done
  return $differs
}

@test "diff and commit, rootless" { diff_and_commit user kernel; }
@test "diff and commit, rootless, keep-id" { diff_and_commit user kernel --userns=keep-id; }
# The topmost layer of this image has a file that is kept from the user, and mapping it must not read it.
@test "commit, keep-id, of an image whose topmost layer hides a file" {
  local kind
  registry_stop
  site
  for kind in off only; do
    run_podman pull --quiet --cvmfs=$kind "$REGISTRY/small/base:1"
    run_podman run --name one --user 0 --userns=keep-id "$REGISTRY/small/base:1" sh -c 'echo a >/a; rm /bin/wc'
    run_podman commit --quiet one committed
    diffids user committed "$T/$kind.diffids"
    diff_of user "$T/$kind.diff" committed
    run_podman rm one
    run_podman rmi --all --force
  done
  same_lines "small/base:1, user, remote, --userns=keep-id: layers beneath the committed one" 1 "$T"/{off,only}.diffids
  same_lines "small/base:1, user, remote, --userns=keep-id: diff of the committed image" 3 "$T"/{off,only}.diff
}

# Without what fuse-overlayfs cannot do, from any layer or from what is kept from the user.
@test "diff and commit, rootless, fuse-overlayfs" {
  mount_program user
  diff_and_commit user fuse-overlayfs --env FUSE_OVERLAYFS=yes
}
@test "diff and commit, without subordinate ids" { diff_and_commit single kernel --env ONE_ID=yes; }
@test "diff and commit, root" { diff_and_commit root kernel; }
@test "diff and commit, root, fuse-overlayfs" {
  mount_program root
  diff_and_commit root fuse-overlayfs --env FUSE_OVERLAYFS=yes
}

# Each start has a view of its own. Root's overlayfs notes of which file a copy is one, by a handle that must not fit another
# file of the next view: so the second start looks names up in another order.
@test "changed files of a container that is started again" {
  local who kind
  for who in user root; do
    for kind in ordinary remote mixed; do
      pulled "$who" "$kind"
      run_podman_as "$who" run --name one --user 0 "$REGISTRY/$IMAGE" sh -euc '
        cd /
        if mkdir /began 2>/dev/null; then chmod 700 /names/dirs/*/plain; exit; fi
        ls -lR /whiteouts /opaques /links >/dev/null
        for name in /names/dirs/*/plain; do ls -l "$name"; cat "$name"; echo more >>"$name"; cat "$name"; done'
      diff_of "$who" "$T/$kind.diff" one
      run_podman_as "$who" start --attach one >"$T/log" || fail "the second start: $(tail -n 20 "$T/log")"
      cp "$T/stdout" "$T/$kind.out"
      run_podman_as "$who" rm one
      run_podman_as "$who" rmi --all --force
      [ "$kind" != ordinary ] || continue
      same_lines "$who, $kind: diff before the second start" 20 "$T"/{ordinary,$kind}.diff
      sed -i 's/[A-Z][a-z][a-z]  *[0-9]* [0-9:]* /- /' "$T/ordinary.out" "$T/$kind.out"
      same_lines "$who, $kind: what the second start shows" 100 "$T"/{ordinary,$kind}.out
    done
  done
}

@test "export, root" {
  local kind
  for kind in ordinary remote mixed; do
    pulled root "$kind"
    changed root one ""
    exported root one "$T/$kind"
    run_podman_as root rm one
    run_podman_as root rmi --all --force
    [ "$kind" = ordinary ] || same "root, $kind: export" "$T"/{ordinary,$kind} "${KEPT[@]}" --min-entries 500
  done
}

@test "export, rootless, of a tree that the user may read" {
  local kind lacking
  pulled user ordinary
  changed user one ""
  exported user one "$T/ordinary"
  run_podman rm one
  run_podman rmi --all --force
  for kind in remote mixed; do
    [ $kind = remote ] && lacking=() || lacking=(1 3 5)
    readable_site "${lacking[@]}"
    run_podman pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
    equal "$(layer_count user local)" ${#lacking[@]} "local layers"
    changed user one ""
    exported user one "$T/$kind"
    run_podman rm one
    run_podman rmi --all --force
    # Publishing keeps neither owners nor extended attributes.
    same "user, $kind, readable: export" "$T"/{ordinary,$kind} --owner 0:0 --xattrs --now "$ORACLE_BEGIN" --min-entries 500
  done
}

@test "export, rootless, of a file that the repository keeps from the user, fails" {
  local tar=$T/user/tmp/export.tar
  pulled user remote
  run_podman create --quiet --name one "$REGISTRY/$IMAGE" true
  allow_warning "/etc/shadow"
  allow_warning "Can't close tar writer"
  run_podman 125 export --output "$tar" one
  contains "$stderr" "permission denied"
  contains "$stderr" "/etc/shadow"
  if [ -e "$tar" ]; then
    run "$TOOLS/oracle" tar "$tar"
    equal "$status" 2 "status of reading what was written"
  fi
}

# What is copied out of a container, and what a container shows into which was copied, running or not.
@test "cp, rootless" {
  local kind state
  mkdir -p "$T/user/in/sub/deep" "$T/user/in/plain"
  echo in >"$T/user/in/sub/deep/file"
  echo in >"$T/user/in/plain/newest"
  ln -s sub "$T/user/in/link"
  find "$T/user/in" -exec touch -h -d @1500000000 {} +
  chown -hR "$TEST_UID:$TEST_GID" "$T/user/in"
  for kind in ordinary remote mixed; do
    pulled user "$kind"
    for state in created running; do
      run_podman create --quiet --name one "$REGISTRY/$IMAGE" sleep 1000
      [ $state = created ] || run_podman start one
      rootless_podman cp one:/opaques - >"$T/opaques.tar"
      tar_record "$T/opaques.tar" "$T/$kind.$state.out"
      rootless_podman cp one:/names - >"$T/names.tar"
      tar_record "$T/names.tar" "$T/$kind.$state.names"
      run_podman cp "$T/user/in/." one:/opaques
      run_podman cp "$T/user/in/plain/newest" one:/replaced/emptied
      run_podman cp "$T/user/in/sub" one:/whiteouts/kept-as
      run_podman 125 cp "$T/user/in/sub" one:/whiteouts/kept
      run_podman cp one:/bin/busybox "$T/user/busybox"
      cmp "$T/user/busybox" "$(busybox_path)"
      diff_of user "$T/$kind.$state.diff" one
      run_podman commit --quiet one committed
      record user "$T/$kind.$state.tree" --user 0 committed
      run_podman rm --force --time 0 one
    done
    run_podman rmi --all --force
    [ "$kind" != ordinary ] || continue
    for state in created running; do
      same "user, $kind, $state: cp of /opaques" "$T"/{ordinary,$kind}.$state.out --min-entries 20
      same "user, $kind, $state: cp of /names" "$T"/{ordinary,$kind}.$state.names --min-entries 200
      same_lines "user, $kind, $state: diff after cp" 5 "$T"/{ordinary,$kind}.$state.diff
      same "user, $kind, $state: container after cp" "$T"/{ordinary,$kind}.$state.tree "${KEPT[@]}" --hidden --hidden-partly \
        --let '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent' --min-entries 500
    done
  done
}

# build_context WHO: sets CONTEXT, with scripts and Containerfiles.
build_context() {
  CONTEXT=$T/$1/build
  mkdir "$CONTEXT"
  plain_changes >"$CONTEXT/plain"
  { plain_changes; kept_changes; changes_end; } >"$CONTEXT/all"
  echo added >"$CONTEXT/added"
  cat >"$CONTEXT/plain.file" <<FILE
FROM $REGISTRY/$IMAGE
COPY plain /plain
RUN sh /plain && rm /plain
COPY added /opaques/plain/added
COPY added /whiteouts/kept
RUN rm -r /opaques/plain /moved-inner && mkdir /opaques/plain && echo again >/opaques/plain/newest
ENV COLOUR=blue
FILE
  cat >"$CONTEXT/all.file" <<FILE
FROM $REGISTRY/$IMAGE
COPY all /all
RUN sh /all && rm /all
RUN chmod 640 /kinds/page && echo more >>/kinds/run && touch -d @1500000000 /kinds/run
FILE
  cat >"$CONTEXT/stages.file" <<FILE
FROM $REGISTRY/$IMAGE AS source
RUN echo more >>/opaques/nothing/newer && rm /whiteouts/kept
FROM $REGISTRY/$IMAGE
COPY --from=source /opaques /copied/opaques
COPY --from=source /names /copied/names
COPY --from=$REGISTRY/$IMAGE /whiteouts/kept /bin/busybox /copied/
COPY --from=$REGISTRY/$IMAGE /names/files /opaques
FILE
  case $1 in
    user) chown -R "$TEST_UID:$TEST_GID" "$CONTEXT" ;;
    single) chown -R "$SINGLE_UID:$SINGLE_UID" "$CONTEXT" ;;
  esac
}

# built WHO NAME ARG…: an image; what podman build says of its steps is in $T/steps.
built() {
  local env=()
  [ "$1" != single ] || env=(--env ONE_ID=yes)
  run_podman_as "$1" build --pull=never "${env[@]}" --tag "$2" "${@:3}" "$CONTEXT" >"$T/log" || { cat "$T/log"; return 1; }
  cat "$T/stdout" "$T/stderr" >"$T/steps"
}

# id_and_history WHO IMAGE: the ID is the digest of the config, since an image with remote layers has another of its own. podman 4
# names images of single steps by their IDs in comments, which are left out.
id_and_history() {
  local dir config
  run_podman_as "$1" image inspect --format '{{.Id}} {{len .RootFS.Layers}}' "$2" || return 1
  ID=$output
  dir=$T/$1/store/overlay-images/${ID% *}
  config=$dir/=$(jq -ej .config.digest "$dir/manifest" | base64 --wrap 0) || return 1
  ID="$(jq -ec '.rootfs.diff_ids, (.history | length)' "$config" >/dev/null && sed -E "s/$STEP//g" "$config" | sha256sum) ${ID#* }" || return 1
  run_podman_as "$1" history --no-trunc --format '{{.CreatedBy}} {{.Comment}}' "$2" && ID+=$'\n'$(sed -E "s/$STEP//" <<<"$output")
}
STEP='FROM [0-9a-f]{12}\b'

# builds WHO OPTION…: each of the OPTIONs in turn. With all times the same, an image's ID says that all its layers are the same,
# byte for byte.
builds() {
  local who=$1 kind file options n again squash=()
  shift
  [[ " $* " != *" --squash "* ]] || squash=(--squash)
  build_context "$who"
  for kind in ordinary remote mixed; do
    pulled "$who" "$kind"
    : >"$T/$kind.ids"
    for file in plain stages; do
      n=0
      for options in "$@"; do
        n=$((n + 1))
        built "$who" "$file$n" --file "$CONTEXT/$file.file" --timestamp 1500000000 "$options"
        id_and_history "$who" "$file$n"
        printf '%s %s: %s\n' "$file" "$options" "$ID" >>"$T/$kind.ids"
        again=$ID
        [ "$options" = --layers ] || continue
        built "$who" again --file "$CONTEXT/$file.file" --timestamp 1500000000 --layers
        lacks "$(cat "$T/steps")" "--> Pushing" || return 1
        [ "$(grep -c 'Using cache' "$T/steps")" -ge 5 ] || fail "built again without the cache: $(cat "$T/steps")" || return 1
        id_and_history "$who" again
        equal "$ID" "$again" "what is built again" || return 1
      done
    done
    for options in --layers "${squash[@]}"; do
      built "$who" all --file "$CONTEXT/all.file" "$options"
      record "$who" "$T/$kind.all$options" --user 0 all
    done
    run_podman_as "$who" rmi --all --force >"$T/log"
    [ "$kind" != ordinary ] || continue
    same_lines "$who, $kind: IDs and histories of built images" 10 "$T"/{ordinary,$kind}.ids
    for options in --layers "${squash[@]}"; do
      same "$who, $kind: container of an image built with $options" "$T"/{ordinary,$kind}.all$options "${KEPT[@]}" --hidden --min-entries 500
    done
  done
}

@test "build, rootless" { builds user --layers --layers=false --squash; }
@test "build, root" { builds root --layers; }
@test "build, without subordinate ids" { builds single --layers; }

@test "commit of what podman diff cannot tell" {
  local who kind
  for who in user root; do
    for kind in ordinary remote mixed; do
      pulled "$who" "$kind"
      changed "$who" one "$(entered_changes)"
      run_podman_as "$who" 125 diff one
      sed -E 's#/[^ ]*/(diff|views/[^/]*/lower)/#/#' "$T/stderr" >"$T/$kind.error"
      run_podman_as "$who" commit --quiet one committed
      layer_tar "$who" committed "$T/$kind.layer"
      record "$who" "$T/$kind.tree" --user 0 committed
      run_podman_as "$who" rm one
      run_podman_as "$who" rmi --all --force
      [ "$kind" != ordinary ] || continue
      same_lines "$who, $kind: diff's error" 1 "$T"/{ordinary,$kind}.error
      same "$who, $kind: tar of the committed layer" "$T"/{ordinary,$kind}.layer "${KEPT[@]}" --min-entries 300
      same "$who, $kind: container of the committed image" "$T"/{ordinary,$kind}.tree "${KEPT[@]}" --hidden --min-entries 500
    done
  done
}

# The comparison's own proof: one byte that a repository has wrong shows in what is committed, exported, built.
@test "damage shows" {
  local kind file tree=$T/damaged
  build_context user
  for kind in ordinary damaged; do
    if [ $kind = ordinary ]; then
      pulled user ordinary
    else
      repository_unmount
      cp -a "$RUN/hard-tree" "$tree"
      for file in "$tree"/.layers/*/*/layerfs/opaques/nothing/newer; do
        printf X | dd of="$file" bs=1 seek=1 conv=notrunc status=none
      done
      repository_mount "$tree" && cvmfs_conf
      run_podman pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
    fi
    run_podman run --name one --user 0 "$REGISTRY/$IMAGE" sh -c 'echo more >>/opaques/nothing/newer; rm /etc/shadow'
    diff_of user "$T/$kind.diff" one
    run_podman commit --quiet one committed
    layer_tar user committed "$T/$kind.layer"
    built user stages --file "$CONTEXT/stages.file" --timestamp 1500000000
    id_and_history user stages
    echo "$ID" >"$T/$kind.id"
    run_podman rm one
    run_podman rmi --all --force
  done
  same_lines "damage: diff" 1 "$T"/{ordinary,damaged}.diff
  run cmp "$T"/{ordinary,damaged}.id
  equal "$status" 1 "status of comparing IDs"
  run "$TOOLS/oracle" compare "${KEPT[@]}" --min-entries 3 "$T"/{ordinary,damaged}.layer
  equal "$status" 1 "status of comparing tars"
  contains "$output" '"/opaques/nothing/newer" hash'
}
