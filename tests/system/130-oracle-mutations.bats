# The oracle sees: a view with one mistake in it is told from an ordinary pull. Each mutation below is a replacement in the
# source of cvmfs-view; the container that the mutated view gives must differ, in the way that the mistake makes it.
#
# Not seen by it, and left to the unit tests of layers/cvmfs/view: a name length of 0 in statfs (the container's own layer is
# stacked on top, and overlayfs tells the largest), and how listings of more than one read go on, for which the directories of
# these images are too small (105-oracle-real.bats has a larger one).
# shellcheck disable=SC2016 # what looks like an expression is Go

load lib/bats

setup_file() {
  rm -f "$RUN/oracle.table"
  mkdir "$RUN/mutant"
  # podman takes the server that lies beside it (layers/cvmfs/helper): beside a file of its own, not a link.
  cp "$BIN/podman" "$RUN/mutant/"
}

teardown_file() {
  oracle_table
  rm -rf "$RUN/mutant"
}

setup() {
  oracle_begin
  SURVIVORS=()
  # A layer on top opens what one beneath closes: it stays hidden.
  WIDENED=(--let '"/kinds/modes/dir-0000/inside" entry: ordinary file, other absent')
}

teardown() { ! is_root || test_end; }

# build_view [FLAG…]: the server that the next container gets.
build_view() {
  (cd "$CHECKOUT" && PATH=$(.ci/find-go):$PATH GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -ldflags='-s -w' "$@" \
    -o "$RUN/mutant/cvmfs-view.new" ./layers/cvmfs/cmd/cvmfs-view) &&
    mv "$RUN/mutant/cvmfs-view.new" "$RUN/mutant/cvmfs-view"
}

# mutate FILE OLD NEW: build with a replacement. A text that is there no longer, or twice, mutates nothing that we know of.
mutate() {
  local file=$CHECKOUT/layers/cvmfs/$1 source before after
  source=$(<"$file")
  before=${source%%"$2"*} after=${source#*"$2"}
  [ "$before" != "$source" ] || fail "$1 has no such text: $2" || return 1
  [[ $after != *"$2"* ]] || fail "$1 has this text more than once: $2" || return 1
  printf '%s%s%s\n' "$before" "$3" "$after" >"$T/mutated.go"
  printf '{"Replace": {"%s": "%s"}}\n' "$file" "$T/mutated.go" >"$T/overlay.json"
  build_view -overlay "$T/overlay.json"
}

# against WHO KIND IMAGE [FLAG…] [-- OPTION…]: what the mutations that follow are held against: a container of IMAGE, remote,
# mixed (every other layer local), lowest (the others local), or from a plain directory, with podman's OPTIONs and the
# oracle's further FLAGs. The unmutated server is no different.
against() {
  local kind=$2 local_layers=()
  WHO=$1 IMAGE=$3 CASE="$1, $2, $3"
  allowed "$1" "${kind/plain/remote}"
  shift 3
  while [ $# -gt 0 ]; do
    [ "$1" != -- ] || break
    ALLOWED_DIFFERENCES+=("$1")
    shift
  done
  OPTIONS=("${@:2}")
  CASE="$CASE ${OPTIONS[*]}"
  run_podman_as "$WHO" pull --quiet "$REGISTRY/$IMAGE"
  record "$WHO" "$T/ordinary" "${OPTIONS[@]}" "$REGISTRY/$IMAGE"
  run_podman_as "$WHO" rmi --all --force
  case $kind in
    remote) oracle_lacking "$IMAGE" ;;
    mixed)
      mapfile -t local_layers < <(seq 1 2 $(($(hard_layers "$IMAGE") - 1)))
      oracle_lacking "$IMAGE" "${local_layers[@]}"
      ;;
    lowest)
      mapfile -t local_layers < <(seq 1 $(($(hard_layers "$IMAGE") - 1)))
      oracle_lacking "$IMAGE" "${local_layers[@]}"
      ;;
    plain)
      REPOSITORY=$RUN/hard-tree
      cvmfs_conf
      ;;
  esac
  run_podman_as "$WHO" pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
  equal "$(layer_count "$WHO" local)" "${#local_layers[@]}" "local layers"
  build_view
  PODMAN=$RUN/mutant/podman record "$WHO" "$T/unmutated" "${OPTIONS[@]}" "$REGISTRY/$IMAGE"
  same "$CASE, as it is" "$T/ordinary" "$T/unmutated" "${ALLOWED_DIFFERENCES[@]}"
}

# mutation NAME FILE OLD NEW DIFFERENCE: the oracle tells a difference that matches the extended regular expression. A
# server that does not start, or a container that does not run, is not what the oracle sees.
mutation() {
  local out status=0 line result=red
  if ! mutate "${@:2:3}" || ! PODMAN=$RUN/mutant/podman record "$WHO" "$T/mutated" "${OPTIONS[@]}" "$REGISTRY/$IMAGE"; then
    SURVIVORS+=("$1: no record")
    return 0
  fi
  out=$("$TOOLS/oracle" compare "${ALLOWED_DIFFERENCES[@]}" "$T/ordinary" "$T/mutated" 2>&1) || status=$?
  line=$(grep -E -m 1 -e "$5" <<<"$out") || line=
  if [ "$status" != 1 ] || [ -z "$line" ]; then
    echo "$1: exit status $status, and not $5 in: $out"
    SURVIVORS+=("$1: exit status $status")
    result="NOT SEEN" line="not $5"
  fi
  printf '%-10s %-70s %s\n' "$result" "$CASE, $1" "$line" >>"$RUN/oracle.table"
}

# caught: all mutations since the test's begin were.
caught() {
  local IFS=$'\n'
  [ ${#SURVIVORS[@]} = 0 ] || fail "the oracle does not see:"$'\n'"${SURVIVORS[*]}"
}

@test "the server beside podman is the one that runs" {
  build_view
  oracle_lacking hard/user:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/hard/user:1"
  PODMAN=$RUN/mutant/podman run_podman run --detach --name probe --user 0 "$REGISTRY/hard/user:1" sleep 100
  find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$RUN/mutant/cvmfs-view" >"$T/servers" 2>/dev/null || true # some end meanwhile
  equal "$(wc -l <"$T/servers")" 1 "servers of the build under test"
  run_podman rm --force --time 0 probe
}

@test "rootless, all layers remote" {
  against user remote hard/everything:1 "${WIDENED[@]}" -- --user 0
  # Deletions
  mutation "opaque markers are ignored" merge/merge.go \
    'case kind == whiteout.Opaque:' 'case kind == whiteout.Opaque: case false:' \
    '^"/opaques/.*/old" entry: ordinary absent, other file'
  mutation "opaque markers are ignored in the middle of a stack" merge/merge.go \
    'if opaque = m.layer(l); opaque {' \
    'if opaque = m.layer(l) && (l.Layer == listings[0].Layer || l.Layer == listings[len(listings)-1].Layer); opaque {' \
    '^"/opaques/.*/old" entry: ordinary absent, other file'
  mutation "opaque markers hide their own layer's entries" merge/merge.go \
    'case kind == whiteout.Opaque:' 'case kind == whiteout.Opaque: return true' \
    '^"/opaques/.*" entry: ordinary .*, other absent'
  mutation "a directory that hides all beneath counts as merged" view/server/source.go \
    'return err == nil, err' 'return false, err' \
    '^"/opaques/.*" nlink: ordinary 2, other 1'
  mutation "whiteouts are ignored" merge/merge.go \
    'deleted = append(deleted, target)' '_ = target' \
    '^"/gone-from-root" entry: ordinary absent, other file'
  mutation "one whiteout is ignored" merge/merge.go \
    'deleted = append(deleted, target)' 'if target != "fifo" { deleted = append(deleted, target) }' \
    '^"/whiteouts/fifo" entry: ordinary absent, other fifo'
  mutation "a whiteout deletes in its own layer" merge/merge.go \
    'if !m.children[i].in(layer) {' 'if m.children[i].in(layer) { m.children[i].Type = Deleted } else {' \
    '^"/whiteouts/again" entry: ordinary file, other absent'
  mutation "a whiteout does not end a merge" merge/merge.go \
    'delete(m.open, name)' '_ = m' \
    '^"/.*" entry: ordinary absent, other file'
  mutation "whiteouts come out where nothing is beneath" view/server/tree.go \
    '!opaque && deletes(c.Name)' 'deletes != nil' \
    '^"/.*" ghost: ordinary -'
  # Markers
  mutation "a whiteout shows" merge/merge.go \
    'deleted = append(deleted, target)' 'deleted = append(deleted, target); if target == "never" { m.add(l.Layer, e) }' \
    '^"/etc/.wh.never" entry: ordinary absent, other file'
  mutation "an opaque marker shows" merge/merge.go \
    'case kind == whiteout.Opaque:' 'case kind == whiteout.Opaque: m.add(l.Layer, e)' \
    '^"/opaques/emptied/.wh..wh..opq" entry: |^"/.*/.wh..wh..opq" entry: ordinary absent, other file'
  mutation "a catalogue marker shows" merge/merge.go \
    '!cvmfs.IsMarker(e.Name)' 'cvmfs.CatalogFile != ""' \
    '^"/.cvmfscatalog" entry: ordinary absent, other file'
  # Merging
  mutation "a merged directory loses its lowest layer" view/server/tree.go \
    'lower: c.Lower' 'lower: c.Lower[:max(len(c.Lower), 1)-1]' \
    '^"/.*" entry: ordinary .*, other absent'
  mutation "a file does not end a merge" merge/merge.go \
    'delete(m.open, e.Name)' '_ = e' \
    '^"/replaced/.*" entry: ordinary absent, other file'
  mutation "the lower file wins" merge/merge.go \
    'case !m.open[e.Name], m.children[i].in(layer):' 'case !m.open[e.Name], m.children[i].in(layer): if e.Type == Other && m.children[i].Type == Other { m.children[i].Layer = layer }' \
    '^"/.*" (mode|hash|target): '
  mutation "a merged directory has its lowest layer's metadata" view/server/view.go \
    'v.stat(parent, c.Name, c.Layer, st)' 'v.stat(parent, c.Name, append([]int{c.Layer}, c.Lower...)[len(c.Lower)], st)' \
    '^"/kinds/empty" mode: ordinary 2700, other 0755'
  # Owners
  mutation "the owner's uid is wrong" view/server/view.go \
    'fuse.Owner{Uid: v.UID, Gid: v.GID}' 'fuse.Owner{Uid: v.UID + 1, Gid: v.GID}' \
    ' owner: ordinary 0:0, other 1:0'
  mutation "the owner's gid is wrong" view/server/view.go \
    'fuse.Owner{Uid: v.UID, Gid: v.GID}' 'fuse.Owner{Uid: v.UID, Gid: v.GID + 1}' \
    ' owner: ordinary 0:0, other 0:1'
  mutation "one owner is wrong: of directories" view/server/view.go \
    'out.Owner = fuse.Owner{Uid: v.UID, Gid: v.GID}' 'out.Owner = fuse.Owner{Uid: v.UID, Gid: v.GID}; if n.isDir() { out.Owner.Gid = 33 }' \
    '^"/bin" owner: ordinary 0:0, other 0:33'
  mutation "one owner is wrong: of one FIFO" view/server/view.go \
    'out.Owner = fuse.Owner{Uid: v.UID, Gid: v.GID}' 'out.Owner = fuse.Owner{Uid: v.UID, Gid: v.GID}; if n.name == "fifo" { out.Owner.Uid = 33 }' \
    '^"/kinds/fifo" owner: ordinary 0:0, other 33:0'
  # Metadata
  mutation "setuid bits are kept where owners are not" view/server/view.go \
    'out.Mode &^= unix.S_ISUID | unix.S_ISGID' 'out.Mode &^= unix.S_ISGID' \
    '^"/kinds/setuid-user" mode: ordinary 4755, other 4755 of another owner'
  mutation "setgid bits of directories are lost" view/server/view.go \
    '= st.Mode, uint32(st.Nlink)' '= st.Mode&^0o2000, uint32(st.Nlink)' \
    '^"/kinds/modes/dir-2755" mode: ordinary 2755, other 0755'
  mutation "the sticky bit is lost" view/server/view.go \
    '= st.Mode, uint32(st.Nlink)' '= st.Mode&^0o1000, uint32(st.Nlink)' \
    '^"/tmp" mode: ordinary 1777, other 0777|^"/kinds/modes/file-1777" mode: '
  mutation "times are a second late" view/server/view.go \
    'uint64(st.Mtim.Sec), ' 'uint64(st.Mtim.Sec+1), ' \
    '^"/bin/busybox" mtime: ordinary 1582230020\+0ns, other 1582230021\+0ns'
  mutation "sizes are one too large" view/server/view.go \
    'uint64(st.Size)' 'uint64(st.Size+1)' \
    '^"/bin/ash" size: ordinary 7, other 8'
  mutation "inode numbers are not told apart" view/server/ino.go \
    'return x>>(65-inoBits)' 'return x>>61' \
    ' linked to: '
  mutation "names are listed with another type" view/server/readdir.go \
    'uint32(c.DType)<<12' 'unix.S_IFREG' \
    ' errors: ordinary none, other readdir '
  # Links
  mutation "a link's target is expanded" beneath/readlink.go \
    'if client {' 'if client && false {' \
    '^"/links/fallback" target: ordinary "\$\(NOSUCH:-dir/file\)", other "dir/file"'
  mutation "a link's size is that of its expanded target" view/server/view.go \
    'st.Size = int64(len(target))' '_ = target' \
    '^"/links/fallback" size: '
  # Listings
  mutation "a listing lacks its last name" view/server/readdir.go \
    'uint64(len(l.children)+2)' 'uint64(len(l.children)+1)' \
    '^"/kinds/zeros" entry: ordinary file, other absent|^"/bin/xargs" entry: ordinary symlink, other absent'
  # Contents
  mutation "the lowest layer's content of a file" view/server/source.go \
    'path, err := v.openAt(n, n.layer, ' \
    'from := n.layer
		for _, l := range n.parent.lower {
			if fd, err := v.openAt(n, l, unix.O_PATH); l > from && err == nil { unix.Close(fd); from = l }
		}
		path, err := v.openAt(n, from, ' \
    '^"/replaced/(shorter|mode|linked-a)" hash: '
  mutation "the last byte of a file is lost" view/server/ops.go \
    'max(f.size-int64(in.Offset), 0)' 'max(f.size-1-int64(in.Offset), 0)' \
    '^"/etc/os-release" hash: '
  mutation "every read begins at the start" view/server/ops.go \
    'int64(in.Offset)+int64(done)' 'int64(done)' \
    '^"/bin/busybox" hash: '
  caught
}

@test "rootless, what the repository hides" {
  against user remote hard/closed:1 --expect '"/closed/widened/.*" entry: ordinary .*, other absent' -- --user 0
  mutation "a closed directory shows what lies beneath" view/server/listing.go \
    'listing.Opaque = true' 'listing.Opaque = false' \
    '^"/closed/narrowed/gone" entry: ordinary absent, other file'
  mutation "a closed file opens, and cannot be read" view/server/closed.go \
    'return n.access.Load() != isOpen' 'return n.access.Load() == notAsked' \
    '^"/etc/shadow" errors: ordinary none, other read EACCES'
  caught
}

@test "rootless, devices" {
  against user remote hard/devices:1 --expect '"/devices/(deleted|replaced)(/.*)?" entry: ordinary .*, other absent' -- --user 0
  mutation "devices show that a rootless pull leaves out" view/server/listing.go \
    'if v.noDevices && device(e) && (' 'if false && device(e) && (' \
    '^"/devices/null" entry: ordinary absent, other char'
  caught
}

@test "rootless, deletions within deleted directories" {
  against user remote hard/inside:1 -- --user 0
  mutation "a directory of markers only takes its whiteout's place" view/server/listing.go \
    'listing.Entries[i].Type = merge.Hollow' 'listing.Entries[i].Type = merge.Dir' \
    '^"/inside/gone" entry: ordinary absent, other dir'
  caught
}

@test "rootless, an opaque root" {
  against user remote hard/root:1 -- --user 0
  mutation "an opaque marker in the root counts" view/server/listing.go \
    'return e.Name == whiteout.OpaqueName' 'return false && e.Name == whiteout.OpaqueName' \
    '^"/before" entry: ordinary file, other absent'
  caught
}

@test "rootless, times long ago" {
  against user remote hard/past:1 -- --user 0
  mutation "a time before 1970 is kept" view/server/view.go \
    'st.Mtim.Sec < 0' 'false' \
    '^"/past/file" mtime: ordinary 0\+0ns'
  caught
}

# Every other layer is local: what the remote ones delete reaches these.
@test "rootless, mixed" {
  against user mixed hard/everything:1 "${WIDENED[@]}" -- --user 0
  mutation "whiteouts do not reach local layers" view/server/tree.go \
    '!opaque && deletes(c.Name)' 'false && deletes(c.Name)' \
    '^"/.*" entry: ordinary absent, other '
  mutation "opaque directories do not reach local layers" view/server/xattr.go \
    'if !opaque {' 'if opaque || !opaque {' \
    '^"/.*" entry: ordinary absent, other '
  mutation "opaque is said in root's words" view/server/xattr.go \
    '"user.overlay.opaque": ' '"user.overlay.opaque.not": ' \
    '^"/.*" entry: ordinary absent, other '
  mutation "every directory is opaque" view/server/xattr.go \
    'return l.opaque, nil' 'return l != nil, nil' \
    '^"/.*" entry: ordinary .*, other absent'
  caught
}

@test "rootless, keep-id" {
  against user remote hard/everything:1 "${WIDENED[@]}" --chowned --let '"/etc/(passwd|group)" mtime: .*' -- --userns=keep-id
  mutation "the owner is not mapped" view/server/view.go \
    'fuse.Owner{Uid: v.UID, Gid: v.GID}' 'fuse.Owner{}' \
    ' owner: ordinary 0:0, other '
  caught
}

# The view shows local layers, too, and these keep owners: compared without the allowance for those of a repository, but for
# what the base layer has.
@test "rootless, local layers on a remote one, keep-id" {
  against user lowest hard/everything:1 "${WIDENED[@]}" --chowned --let '"/etc/(passwd|group)" mtime: .*' \
    --let '"/home/user" owner: .*' -- --userns=keep-id
  mutation "the ranges of owners are off by one" view/spec/ids.go \
    'r.To + (id - r.From)' 'r.To + (id - r.From) + 1' \
    ' owner: ordinary 0:0, other 1:1'
  mutation "a group is mapped like its neighbour" view/server/view.go \
    'v.shown(v.GIDs, st.Gid)' 'v.shown(v.GIDs, st.Gid^1)' \
    ' owner: ordinary 0:0, other 0:1'
  mutation "a local layer's owners are the repository's" view/server/view.go \
    'if v.layers[n.layer].Owned() {' 'if false {' \
    '^"/kinds/owned" owner: ordinary 1000:1000, other 0:0'
  mutation "whiteouts of local layers are ignored" merge/merge.go \
    'deleted = append(deleted, e.Name)' '_ = e' \
    '^"/.*" entry: ordinary absent, other '
  mutation "opaque directories of local layers are ignored" view/server/listing.go \
    'listing.Opaque, err = v.layers[l].overlayOpaque(fd, n.path())' '_, err = v.layers[l].overlayOpaque(fd, n.path())' \
    '^"/opaques/.*" entry: ordinary absent, other '
  caught
}

# The same marks for another overlay.
@test "rootless, mixed, fuse-overlayfs" {
  mount_program user
  against user mixed hard/everything:1 "${WIDENED[@]}" "${FUSE_OVERLAYFS_LACKS[@]}" -- --user 0
  mutation "whiteouts do not reach local layers" view/server/tree.go \
    '!opaque && deletes(c.Name)' 'false && deletes(c.Name)' \
    '^"/.*" entry: ordinary absent, other '
  mutation "opaque directories do not reach local layers" view/server/xattr.go \
    'return l.opaque, nil' 'return l == nil, nil' \
    '^"/.*" entry: ordinary absent, other '
  caught
}

# Hard links are links only where no CVMFS client lies between.
@test "rootless, a plain directory" {
  against user plain hard/everything:1 "${WIDENED[@]}" -- --user 0
  mutation "hard links of one layer are one file" view/server/tree.go \
    'linkKey{c.Layer, st.Ino}' 'linkKey{c.Layer, 0}' \
    '^"/.*" (hash|linked to): '
  mutation "link counts are lost" view/server/view.go \
    'uint32(st.Nlink), uint32(st.Rdev)' 'uint32(min(st.Nlink, 2)), uint32(st.Rdev)' \
    '^"/links/dir/file" nlink: ordinary 3, other 2'
  caught
}

@test "root, devices" {
  against root remote hard/devices:1 -- --user 0
  mutation "device numbers are lost" view/server/view.go \
    'uint32(st.Rdev)' '0' \
    '^"/devices/null" rdev: ordinary 1:3, other 0:0|^"/devices/loop" rdev: '
  mutation "devices are left out" view/server/listing.go \
    'if v.noDevices && device(e) && (' 'if device(e) && (' \
    '^"/devices/null" entry: ordinary char, other absent'
  caught
}

@test "root, mixed" {
  against root mixed hard/everything:1 "${WIDENED[@]}" -- --user 0
  mutation "whiteouts do not reach local layers" view/server/tree.go \
    '!opaque && deletes(c.Name)' 'false && deletes(c.Name)' \
    '^"/.*" entry: ordinary absent, other '
  mutation "opaque is said in a user's words" view/server/xattr.go \
    '"trusted.overlay.opaque": ' '"trusted.overlay.opaque.not": ' \
    '^"/.*" entry: ordinary absent, other '
  caught
}
