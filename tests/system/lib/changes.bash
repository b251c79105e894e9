# What 120-oracle-changes.bats does to images: one image, ordinary, remote or mixed, and the same changes in a container of it.
# shellcheck disable=SC2034,SC2154 # output is bats', what is set is lib/oracle's

# changes_site: a registry with the crafted images. The image is of layers that hold every case.
changes_site() {
  IMAGE=hard/everything:1
  oracle_images
  registry_start "$RUN/hard"
  ORACLE_BEGIN=$(date +%s)
  ORACLE_CONF=()
}

# pulled WHO KIND: the image, ordinary, remote, or with every other layer local; nothing else is in the store.
pulled() {
  local local_layers=()
  case $2 in
    ordinary)
      run_podman_as "$1" pull --quiet "$REGISTRY/$IMAGE"
      equal "$(layer_count "$1" remote)" 0 "remote layers after an ordinary pull"
      ;;
    remote)
      oracle_lacking "$IMAGE"
      run_podman_as "$1" pull --quiet --cvmfs=only "$REGISTRY/$IMAGE"
      equal "$(layer_count "$1" local)" 0 "local layers with --cvmfs=only"
      ;;
    mixed)
      mapfile -t local_layers < <(seq 1 2 $(($(hard_layers "$IMAGE") - 1)))
      oracle_lacking "$IMAGE" "${local_layers[@]}"
      run_podman_as "$1" pull --quiet --cvmfs=auto "$REGISTRY/$IMAGE"
      equal "$(layer_count "$1" local)" "${#local_layers[@]}" "local layers"
      ;;
  esac
}

# readable_site N…: the repository is a plain directory and the user's own, so nothing in it is kept from him. It lacks these
# layers of the image.
readable_site() {
  local number digest
  repository_unmount
  REPOSITORY=$T/readable
  rm -rf "$REPOSITORY"
  cp -a "$RUN/hard-tree" "$REPOSITORY"
  while read -r number digest; do
    [[ " $* " != *" $number "* ]] || rm -r "${REPOSITORY:?}/$(layer_dir "$digest")"
  done < <("$TOOLS/images" list "$RUN/hard" | awk -v i="$IMAGE" '$1 == i { print $2, $3 }')
  chown -R "$TEST_UID:$TEST_GID" "$REPOSITORY"
  cvmfs_conf
}

# plain_changes: a script for a container's shell. What it changes belongs to root, has no other link and no attributes: what
# becomes of it is the same whether a repository holds that or not.
plain_changes() {
  cat <<'SH'
set -e
touch /tmp/began; sleep 1
# fuse-overlayfs (1.10) copies no FIFO up and crashes over names of 255 bytes; of ordinary layers it brings back what an opaque
# directory of one in the middle hid, and takes one hard link for another. It copies what it deletes up, so that files stay which
# the repository keeps from the user.
kernel() { [ -z "${FUSE_OVERLAYFS:-}" ]; }
# Files: more, other, less, no content; moved; moved over one another; deleted; made again. The metadata alone; the time alone.
cd /whiteouts
echo more >>kept; echo again >link; chmod 4711 dirlink/new
cd again-dir; mv both/newest new; echo again >newest; rm -r both; mkdir both
cd /opaques
truncate -s 2 /whiteouts/tree
cp -a plain/newest plain/copy; rm plain/newest; echo newest >plain/newest; chmod 600 plain/copy
touch -d @1400000000 nothing/newer
echo -n >was-file/new; mv was-link/new was-file/newer
# Directories: made again, which hides what they held; emptied; moved, which is a copy; the metadata alone; the time alone.
rm -r nested/in; mkdir nested/in; mkdir nested/in/deep; echo again >nested/in/deep/newer; echo again >nested/in/old
rm -r emptied; mkdir emptied
rm -r late/*
mv inner /moved-inner; mkdir inner
! kernel || mv plain/sub sub-too
chmod 2770 was-link; touch -d @1400000000 /replaced/dir-mode
mkdir -p deep/er/est; mv was-file deep/er/est
# One kind for another, and back.
cd /replaced
rm shorter; mkdir shorter
rm -r target; echo a file >target
rm -r dir-file-dir; ln -s target dir-file-dir
rm link-dir; mkdir link-dir
rm -r fifo-dir; mkfifo fifo-dir
rm file-fifo; echo a file >file-fifo
rm -r dir-link; echo a file >dir-link; rm dir-link; mkdir dir-link; echo back >dir-link/back
! kernel || { rm mode; mkdir mode; rmdir mode; echo back >mode; }
rm link-file; ln -s target link-file; rm link-file
# Every odd name: of files, and of directories.
n=0
short() { kernel || [ "${#1}" -lt 80 ]; }
for name in /names/files/* /names/files/.[!.]* /names/files/..?*; do
  [ -f "$name" ] && short "$name" || continue
  n=$((n + 1))
  case $((n % 6)) in
    0) echo more >>"$name" ;; 1) rm -- "$name" ;; 2) mv -- "$name" "/names/files/moved $n" ;; 3) chmod 600 "$name" ;;
    4) rm -- "$name"; mkdir -- "$name" ;;
  esac
done
for name in /names/dirs/* /names/dirs/.[!.]* /names/dirs/..?*; do
  [ -d "$name" ] && short "$name" || continue
  n=$((n + 1))
  case $((n % 6)) in
    0) echo added >"$name/added" ;; 1) rm -r -- "$name" ;; 2) mv -- "$name" "/names/dirs/moved $n" ;; 3) chmod 700 "$name" ;;
    4) rm -r -- "$name"; mkdir -- "$name"; echo in >"$name/in" ;; 5) rm -r "$name"/* ;;
  esac
done
mkdir -- /names/new $'/names/new/line\nbreak' '/names/new/.wh' '/names/new/a:b,c=d\'
for name in ' ' $'\377\376' '$(HOME)' '%s' '*' '\040' '-rf' $'tab\t' '"'; do echo "$n" >"/names/new/$name"; echo "$n" >"/names/$name"; done
SH
}

# kept_changes: another, of what only an ordinary pull keeps the owners, links and attributes of, and of what is kept from a user.
kept_changes() {
  cat <<'SH'
set -e
# Without subordinate ids there is but one owner.
chown() { [ -n "${ONE_ID:-}" ] || command chown "$@"; }
cd /kinds
echo more >>owned; ! kernel || rm grouped; chown 33:33 page; chown 1000:1000 nobody; chown 33:33 setuid-user
chmod 2775 owned-dir; chown -h 33:33 owned-link; chown 33:1000 attribute-dir
: >nothing; echo more >>page; truncate -s 5000 page-and-one
dd if=/dev/zero of=zeros bs=1 count=1 seek=500000 conv=notrunc 2>/dev/null
mv holes moved-holes; cp hole copied-hole
touch epoch; touch empty; rm century fraction
mkfifo new-fifo; ! kernel || chmod 600 fifo
echo more >>user-attribute; chmod 700 capability
cd /links
! kernel || { echo more >>dir/hard; echo more >>many-3; chmod 600 many-4; }
rm other/hard; ln dir/file dir/third; ln written-a written-c
echo a >new-a; ln new-a new-b; mv dangling moved-dangling; rm self; mkdir self
rm fifo; mv dir moved-dir; ln -s moved-dir dir
rm many-1 many-2
# What is kept from a user goes like anything else.
! kernel || { rm -r /kinds/modes /etc/shadow /root; mkdir /root; echo new >/root/new; }
SH
}

# entered_changes: another, after which podman diff fails, of an ordinary image, too: it looks for a name of a directory in each
# layer that has something else there.
entered_changes() {
  cat <<'SH'
echo in >/replaced/shorter/in
echo in >/replaced/link-dir/inside
for name in /names/files/*; do [ ! -d "$name" ] || echo in >"$name/in"; done
SH
}

# changes_end: the last of a script: all that changed gets the same time.
changes_end() {
  cat <<'SH'
find /kinds /links /names /opaques /replaced /root /whiteouts /moved-inner -newer /tmp/began -exec touch -h -d @1500000000 {} +
rm /tmp/began
touch -d @1500000000 /root /etc /tmp /
SH
}

# attributes_set WHO CONTAINER: extended attributes, of files and directories of remote layers and of local ones, by the host's
# tool: the image has none.
attributes_set() {
  # shellcheck disable=SC2016 # expanded inside
  in_podman "$1" sh -euc '
    root=$(podman mount "$1")
    for name in kinds/run kinds/user-attribute opaques/plain opaques/nothing/newer names/files replaced/emptied; do
      setfattr -n user.changed -v "$name" "$root/$name"
    done
    podman umount "$1" >/dev/null' attributes "$2"
}

# in_podman WHO CMD…: where WHO's podman has the store's files.
in_podman() {
  case $1 in
    user) rootless "$(podman_path)" unshare "${@:2}" ;;
    single) single "$(podman_path)" unshare "${@:2}" ;;
    root) as_root "${@:2}" ;;
  esac
}

# changed WHO CONTAINER SCRIPT [OPTION…]: a container of the image in which all was changed, and SCRIPT too.
changed() {
  local who=$1 name=$2 script=$3
  shift 3
  run_podman_as "$who" create --quiet --name "$name" --user 0 "$@" "$REGISTRY/$IMAGE" \
    sh -c "$(plain_changes; kept_changes; echo "$script"; changes_end)" >"$T/log" || { cat "$T/log"; return 1; }
  attributes_set "$who" "$name" || return 1
  run_podman_as "$who" start --attach "$name"
}

# diff_of WHO FILE ARG…: the lines of podman diff, in order.
diff_of() {
  run_podman_as "$1" diff "${@:3}" >"$T/log" || { cat "$T/log"; return 1; }
  LC_ALL=C sort "$T/stdout" >"$2"
}

# exported WHO CONTAINER FILE: a record of what podman export writes.
exported() {
  run_podman_as "$1" export --output "$T/$1/tmp/export.tar" "$2" || return 1
  tar_record "$T/$1/tmp/export.tar" "$3" && rm "$T/$1/tmp/export.tar"
}

# layer_tar WHO IMAGE FILE: a record of the tar of an image's topmost layer, as a push reads it.
layer_tar() {
  local id
  run_podman_as "$1" image inspect --format '{{.Id}}' "$2" || return 1
  id=$(jq -r --arg id "$output" '.[] | select(.id == $id).layer' "$T/$1/store/overlay-images/images.json")
  in_podman "$1" "$BIN/containers-storage" diff --uncompressed "$id" >"$3.tar" || return 1
  tar_record "$3.tar" "$3" && tar_settled "$3"
}

# tar_record TAR FILE: without what podman itself puts into a container.
tar_record() {
  local prune=() path
  for path in "${ORACLE_PRUNE[@]}"; do prune+=(--prune "$path"); done
  "$TOOLS/oracle" tar "${prune[@]}" "$1" >"$2"
}

# tar_settled FILE: a record of a layer's tar, without what no two pulls have in common. A marker has the time of the deletion.
# What overlayfs notes of a copy, that it is one, is in the tar if the user's overlayfs noted it, which it does not of files with
# more than one link (fs/overlayfs/copy_up.c), and such a file may be one of its own here.
tar_settled() {
  jq -c 'if (.path // "") | test("/[.]wh[.][^/]*$") then .mtime = 0 | .nsec = 0 else . end | del(.xattrs."user.overlay.origin"?) |
    if .xattrs == {} then del(.xattrs) else . end' "$1" >"$1.settled" && mv "$1.settled" "$1"
}

# diffids WHO IMAGE FILE: of the layers of an image, but for the topmost.
diffids() {
  run_podman_as "$1" image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$2" || return 1
  grep -v '^$' "$T/stdout" | sed '$d' >"$3"
}

# same_lines CASE LEAST ORDINARY OTHER: two files of at least so many lines are the same; the case goes into the table.
same_lines() {
  local result=same lines
  lines=$(wc -l <"$3")
  [ "$lines" -ge "$2" ] || fail "$1: $lines lines are too few to be true" || return 1
  cmp -s "$3" "$4" || result=DIFFERS
  printf '%-10s %-70s %s\n' "$result" "$1" "compared=$lines lines" >>"$RUN/oracle.table"
  [ "$result" = same ] || fail "$1 (<: ordinary, >: other): $(diff "$3" "$4" | head -n 50)"
}
