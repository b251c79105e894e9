# The oracle: one image, pulled the ordinary way and from a repository by the same podman. What containers show of both is
# recorded from inside and compared, entry by entry (tests/system/oracle). docs/same.md has what may differ, and why.
# shellcheck disable=SC2034,SC2154 # REPOSITORY is lib/repository's; output and stderr are lib/bats's

# oracle_images: the crafted images of all hard cases, and the tree of a site that published them. Made once for a run.
oracle_images() {
  small_images || return 1
  [ ! -d "$RUN/hard-tree" ] || return 0
  "$TOOLS/images" hard "$RUN/hard" "$(busybox_path)" && mkdir "$RUN/hard-tree.new" || return 1
  registry_start "$RUN/hard" || return 1
  local image
  for image in $("$TOOLS/images" list "$RUN/hard" | cut -d' ' -f1 | sort -u); do
    # A marker for a name of more than 251 bytes is a name too long for any file system.
    [ "$image" = hard/longest:1 ] || publish "$image" "$RUN/hard-tree.new" || return 1
  done
  registry_stop
  mv "$RUN/hard-tree.new" "$RUN/hard-tree"
}

# oracle_begin: what a test on the hard images starts with: they are on a registry, and oracle_lacking mounts a repository.
oracle_begin() {
  needs_root
  test_begin
  oracle_images
  registry_start "$RUN/hard"
  ORACLE_BEGIN=$(date +%s)
  ORACLE_CONF=()
}

# oracle_lacking IMAGE N…: a repository, instead of the mounted one, that has the image's layers but these.
oracle_lacking() {
  repository_lacking "$RUN/hard" "$RUN/hard-tree" "$@" && cvmfs_conf "${ORACLE_CONF[@]}"
}

# hard_layers IMAGE: how many it has.
hard_layers() { "$TOOLS/images" list "$RUN/hard" | grep -c "^$1 "; }

# podman_as WHO ARG…: user, single or root. run_podman_as checks like run_podman.
podman_as() {
  case $1 in
    user) rootless_podman "${@:2}" ;;
    *) "$1_podman" "${@:2}" ;;
  esac
}

run_podman_as() {
  case $1 in
    user) run_podman "${@:2}" ;;
    *) "$1_run_podman" "${@:2}" ;;
  esac
}

# What podman itself puts into a container.
ORACLE_PRUNE=(/proc /sys /dev /run/.containerenv /run/secrets /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab /.oracle)

# record WHO FILE [OPTION…] IMAGE: what a container of IMAGE sees.
record() {
  local who=$1 file=$2 prune=() path
  shift 2
  for path in "${ORACLE_PRUNE[@]}"; do prune+=(--prune "$path"); done
  podman_as "$who" run --rm --volume "$TOOLS/oracle:/.oracle:ro" --entrypoint '["/.oracle"]' "$@" \
    capture "${prune[@]}" / >"$file" 2>"$file.errors" || {
    cat "$file.errors"
    fail "recording what a container of $* sees" || return 1
  }
  [ "$who" != single ] || single_warnings
  no_warnings "$(<"$file.errors")"
}

# same CASE ORDINARY OTHER [FLAG…]: compare two records; the case goes into the table.
same() {
  local case=$1 ordinary=$2 other=$3 result=same status=0 out
  shift 3
  out=$("$TOOLS/oracle" compare "$@" "$ordinary" "$other" 2>&1) || status=$?
  [ "$status" = 0 ] || result=DIFFERS
  printf '%-10s %-70s %s\n' "$result" "$case" "$(tail -n 1 <<<"$out" | sed 's/ fields=.*//')" >>"$RUN/oracle.table"
  [ "$status" = 0 ] || fail "$case: $out"
}

# allowed WHO KIND: sets ALLOWED_DIFFERENCES to what may differ because a repository behind a CVMFS client does not hold it; docs/same.md.
# KIND is remote (all layers are), mixed, or lowest (only the lowest layer is remote, and nothing in it has another owner, links
# or attributes: then all the rest is as it is in ordinary layers). Directories that no tar names have the time of their making.
allowed() {
  case $2 in
    lowest) ALLOWED_DIFFERENCES=(--xattrs-enotsup --now "$ORACLE_BEGIN") ;;
    *) ALLOWED_DIFFERENCES=(--owner 0:0 --links --xattrs --seconds --now "$ORACLE_BEGIN") ;;
  esac
  # Root's client lets him read everything.
  [ "$1" = root ] || ALLOWED_DIFFERENCES+=(--hidden)
  # A closed directory shows what layers above it hold; in local layers, ghosts are ordinary.
  [ "$2" = remote ] || ALLOWED_DIFFERENCES+=(--ghosts)
  [ "$2" = remote ] || [ "$1" = root ] || ALLOWED_DIFFERENCES+=(--hidden-partly)
  # podman 5 gives the root directory the mode that a tar has for it.
  ! podman_5 || ALLOWED_DIFFERENCES+=(--let '"/" mode: ordinary 0[0-7]+, other 0555')
}

# What fuse-overlayfs makes of AUFS names in ordinary layers of hard/everything:1: a whiteout hides its own layer's entry, too.
FUSE_OVERLAYFS_LACKS=(--expect '"/(opaques/recreated|replaced/marked-(dir-link|link-dir)|whiteouts/(again|again-file|dir-again|merged))(/.*)?" entry: ordinary absent, other .*'
  --expect '"/(opaques|replaced|whiteouts)" nlink: ordinary [0-9]+, other [0-9]+')

# optional FLAG VALUE…: sets OPTIONAL to these flags of a comparison, what is expected or needed being let pass only.
optional() {
  OPTIONAL=()
  while [ $# -gt 0 ]; do
    case $1 in
      --needs) ;;
      --expect) OPTIONAL+=(--let "$2") ;;
      *) OPTIONAL+=("$1" "$2") ;;
    esac
    shift 2
  done
}

# oracle_table: print the table of the cases so far, and begin another.
oracle_table() {
  [ -e "$RUN/oracle.table" ] || return 0
  sed 's/^/# /' "$RUN/oracle.table" >&3
  rm "$RUN/oracle.table"
}
