# docs/same.md lists what differs between a container from a repository and an ordinary one. It differs as that page says.

load lib/bats

setup() { oracle_begin; }

teardown() { ! is_root || test_end; }

# there WHO IMAGE ordinary|remote: the image, alone in the store, of one kind.
there() {
  run_podman_as "$1" rmi --all --force
  if [ "$3" = ordinary ]; then
    run_podman_as "$1" pull --quiet --cvmfs=off "$REGISTRY/$2"
  else
    oracle_lacking "$2"
    run_podman_as "$1" pull --quiet --cvmfs=only "$REGISTRY/$2"
  fi
}

# says WHO EXPECTED [OPTION…] IMAGE SCRIPT: a container's answers, an exit status of 0 included.
says() {
  local who=$1 expected=$2 image=${*: -2:1}
  run_podman_as "$who" run --rm "${@:3:$#-4}" "$REGISTRY/$image" sh -euc "${*: -1}"
  # shellcheck disable=SC2053 # a pattern
  [[ $output == $expected ]] || fail "${*: -1}: '$output', not '$expected'"
}

@test "owners: a home directory of the image's user is not his" {
  there user hard/user:1 ordinary
  says user $'1000\n1000\nwritten' hard/user:1 'id -u; stat -c %u ~; echo written >~/new; cat ~/new'
  there user hard/user:1 remote
  says user $'1000\n0\nrefused' hard/user:1 'id -u; stat -c %u ~; echo written >~/new || echo refused'
}

@test "hard links, attributes, fractions of a second" {
  local script="stat -c %h /links/dir/file; test /links/dir/file -ef /links/other/hard && echo one file || echo two
    stat -c %y /kinds/fraction"
  there user hard/everything:1 ordinary
  says user $'3\none file\n2020-09-13 12:26:40.987654321 +0000' --user 0 hard/everything:1 "$script"
  record user "$T/ordinary" --user 0 "$REGISTRY/hard/everything:1"
  equal "$(jq -c 'select(.path == "/kinds/user-attribute" or .path == "/kinds/capability") | .xattrs | keys' "$T/ordinary")" \
    $'["security.capability"]\n["user.binary","user.note"]' "attributes of an ordinary image"
  there user hard/everything:1 remote
  says user $'1\ntwo\n2020-09-13 12:26:40.000000000 +0000' --user 0 hard/everything:1 "$script"
  record user "$T/remote" --user 0 "$REGISTRY/hard/everything:1"
  equal "$(jq -c 'select(.xattrs) | .path' "$T/remote")" "" "what has attributes"
}

# Our publisher gives them the time 0.
@test "times of directories that no layer names" {
  there user hard/implied:1 ordinary
  says user "20[2-9][0-9]*" --user 0 hard/implied:1 'stat -c %y /implied/new'
  there user hard/implied:1 remote
  says user "1970-01-01 *" --user 0 hard/implied:1 'stat -c %y /implied/new'
}

@test "sizes of directories" {
  there user hard/everything:1 remote
  says user "4096" --user 0 hard/everything:1 'stat -c %s /names/files'
}

# A closed file: metadata, and no more; it is replaced, and never changed.
@test "a closed file" {
  local closed=$'640 65534\nread: no\nappend: no\nchmod: no\ncopy: no\nscript: no\noverwrite: no\nreplace: new\ndelete: gone' script
  open_to_all() { sed 's/: no$/: yes/; s/^640 65534$/640 0/' <<<"$closed"; }
  script='try() { if sh -c "$2" 2>/dev/null; then echo "$1: yes"; else echo "$1: no"; fi; }
    stat -c "%a %u" /etc/shadow; try read "cat /etc/shadow >/dev/null"; try append "echo x >>/etc/shadow"
    try chmod "chmod 600 /etc/shadow"; try copy "cp /etc/shadow /tmp"
    try script "sh /etc/shadow; test \$? != 2"; try overwrite "echo x >/etc/shadow"
    echo new >/etc/shadow.new; mv /etc/shadow.new /etc/shadow && echo "replace: $(cat /etc/shadow)"
    rm /etc/shadow; test -e /etc/shadow || echo "delete: gone"'
  there user hard/everything:1 ordinary
  says user "$(open_to_all)" hard/everything:1 "$script"
  there user hard/everything:1 remote
  says user "$closed" hard/everything:1 "$script"
  there root hard/everything:1 remote
  says root "$(open_to_all)" hard/everything:1 "$script"
}

# fuse-overlayfs copies up what it deletes.
@test "a closed file, with fuse-overlayfs" {
  mount_program user
  there user hard/everything:1 remote
  stacked_by user fuse-overlayfs "$REGISTRY/hard/everything:1"
  says user $'640 65534\nread: no\ndelete: no' --user 0 hard/everything:1 'stat -c "%a %u" /etc/shadow
    cat /etc/shadow >/dev/null 2>&1 || echo read: no; rm /etc/shadow 2>/dev/null || echo delete: no'
}

@test "a closed directory: what leads into it finds nothing" {
  local kind
  for kind in ordinary remote; do
    there user hard/closed:1 "$kind"
    run_podman create --quiet --name one "$REGISTRY/hard/closed:1"
    run_podman cp one:/closed/always "$T/user/always.$kind"
    run_podman cp one:/closed/always/secret "$T/user/secret.$kind" || true
    run_podman rm one
    printf 'FROM %s\nCOPY --from=%s /closed/always /copied\n' "$REGISTRY/hard/closed:1" "$REGISTRY/hard/closed:1" >"$T/user/Containerfile"
    run_podman build --pull=never --quiet --tag copied --file "$T/user/Containerfile" "$T/user/tmp"
    run_podman run --rm --user 0 copied ls -A /copied
    equal "$output" "$([ $kind = remote ] || echo secret)" "what COPY --from copied"
  done
  equal "$(stat -c '%a %n' "$T"/user/always.*/* | sed 's|.*/||')" secret "what podman cp copied"
  [ -e "$T/user/secret.ordinary" ] && [ ! -e "$T/user/secret.remote" ] || fail "a file in a closed directory was there"
}

@test "a closed layer hides what lower ones hold, and a later one shows what is above" {
  local script='ls -A /closed/narrowed /closed/widened /closed/search; cat /closed/widened-file'
  there user hard/closed:1 ordinary
  says user $'/closed/narrowed:\nkept\nreplaced\nsub\n\n/closed/search:\nfile\n\n/closed/widened:\nnew\nold\nopen now' --user 0 hard/closed:1 "$script"
  there user hard/closed:1 remote
  says user $'/closed/narrowed:\n\n/closed/search:\n\n/closed/widened:\nnew\nopen now' --user 0 hard/closed:1 "$script"
}

# Each names the file, and --cvmfs=off mends it.
@test "what needs a closed file fails: export, cp, a squashed build" {
  local image=$REGISTRY/hard/everything:1 status=125 expected
  printf 'FROM %s\nRUN echo x >/x\n' "$image" >"$T/user/Containerfile"
  there user hard/everything:1 remote
  run_podman create --quiet --name one "$image" true
  for status in 125 0; do
    allow_warning "/etc/shadow"
    allow_warning "Can't close tar writer"
    for expected in export cp build; do
      case $expected in
        export) run_podman $status export --output "$T/user/tar" one ;;
        cp) run_podman $status cp one:/etc/shadow "$T/user/shadow" ;;
        build) run_podman $status build --pull=never --quiet --squash-all --file "$T/user/Containerfile" "$T/user/tmp" ;;
      esac
      [ $status = 0 ] || contains "$stderr" shadow
      [ $status = 0 ] || contains "$stderr" "permission denied"
    done
    run_podman pull --quiet --cvmfs=off "$image"
  done
}

@test "a site with CVMFS_WORLD_READABLE=yes: nothing is closed, and modes say so" {
  there user hard/closed:1 ordinary
  record user "$T/ordinary" --user 0 "$REGISTRY/hard/closed:1"
  run_podman rmi --all
  REPOSITORY_FLAGS=(--world-readable)
  there user hard/closed:1 remote
  record user "$T/remote" --user 0 "$REGISTRY/hard/closed:1"
  allowed root remote # as a user who may read all
  same "hard/closed:1, user, world-readable" "$T/ordinary" "$T/remote" "${ALLOWED_DIFFERENCES[@]}" \
    --expect '"/(etc/shadow|closed/(private|narrowed-file|users/file))" mode: ordinary (0600|0640), other 0644' \
    --expect '"/(root|closed/(always|narrowed|parent|search|list|users))" mode: ordinary (0700|0711|0744), other 0755'
}

@test "cvmfs-layers check --hidden lists what is closed" {
  oracle_lacking hard/closed:1
  run rootless "$BIN/cvmfs-layers" check --hidden --plain-http --repository "$REPOSITORY" "$REGISTRY/hard/closed:1"
  equal "$status" 0
  for name in etc/shadow root closed/always closed/private closed/search closed/list; do contains "$output" "$name"; done
  lacks "$output" closed/widened-file$'\n'
  lacks "$output" os-release
}

# Where the kernel asks for attributes of each name, the answer is that there is none.
@test "extended attributes: none at all, or none of this name" {
  record_errors() { jq -r 'select(.path == "/bin/busybox") | .errors[]? | .call + " " + .errno' "$1"; }
  there user hard/everything:1 remote
  record user "$T/remote" --user 0 "$REGISTRY/hard/everything:1"
  equal "$(record_errors "$T/remote")" "getxattr security.capability ENOTSUP" "a view alone"
  run_podman rmi --all
  oracle_lacking hard/everything:1 0
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/hard/everything:1"
  record user "$T/mixed" --user 0 "$REGISTRY/hard/everything:1"
  equal "$(jq -r 'select(.path == "/kinds/run") | .errors[]? | .call + " " + .errno' "$T/mixed")" "" "a view above a local layer"
  mount_program user
  run_podman rmi --all
  there user hard/everything:1 remote
  record user "$T/program" --user 0 "$REGISTRY/hard/everything:1"
  equal "$(record_errors "$T/program")" "" "fuse-overlayfs"
}

@test "renaming a directory of the image: EXDEV, and mv copies, with any layers" {
  local kind
  for kind in ordinary remote; do
    there user hard/everything:1 "$kind"
    says user $'other\nfile' --user 0 hard/everything:1 'mv /links /moved && ls /moved/dir /moved/other | grep -xe file -e other -m 2; test ! -e /links || echo there' ||
      says user '*file*' --user 0 hard/everything:1 'mv /links /moved; ls /moved/dir; test ! -e /links'
  done
}

@test "ghosts: a name that an ordinary container lists and cannot look up" {
  there user hard/ghosts:1 ordinary
  run_podman 1 run --rm --user 0 "$REGISTRY/hard/ghosts:1" sh -c "find / -xdev >/dev/null"
  contains "$stderr" "No such file or directory"
  there user hard/ghosts:1 remote
  run_podman run --rm --user 0 "$REGISTRY/hard/ghosts:1" sh -c "find / -xdev >/dev/null"
  equal "$stderr" "" "what find complains of"
}

@test "keep-id on a store that cannot shift ids: an ordinary image is copied whole, without links that do not show" {
  local script='stat -c %h /links/dir/file' before
  there user hard/everything:1 ordinary
  before=$(find "$T/user/store/overlay" -path '*/diff*/*' -type f | wc -l)
  says user 2 --userns=keep-id --user 0 hard/everything:1 "$script"
  run_podman create --quiet --userns=keep-id --name held "$REGISTRY/hard/everything:1" # the copy goes with the last one
  [ "$(find "$T/user/store/overlay" -path '*/diff*/*' -type f | wc -l)" -gt $((before + 100)) ] || fail "no copy was made"
  run_podman rm held
  run_podman rmi --all
  REPOSITORY=$RUN/hard-tree
  repository_unmount
  cvmfs_conf # a plain directory keeps links, also one to a name that a later layer hides
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/everything:1"
  says user 3 --userns=keep-id --user 0 hard/everything:1 "$script"
  run_podman create --quiet --userns=keep-id --name held "$REGISTRY/hard/everything:1"
  equal "$(find "$T/user/store/overlay" -path '*/diff*/*' -type f | wc -l)" 0 "files in the store"
}

# What no layer says of a directory, podman diff tells as added where it is new; of an ordinary image, as changed, where a layer
# beneath an opaque one has the name.
@test "podman diff: a name that an opaque directory hid" {
  there user hard/everything:1 ordinary
  run_podman diff "$REGISTRY/hard/everything:1"
  contains "$output" "C /opaques/plain/sub"
  there user hard/everything:1 remote
  run_podman diff "$REGISTRY/hard/everything:1"
  contains "$output" "A /opaques/plain/sub"
}
