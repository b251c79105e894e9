# A site in small: the crafted images on a registry, published in a repository, mounted on this node. Images and
# published tree are made once for a run.

small_images() {
  local busybox
  [ -e "$RUN/small/index.json" ] && return
  busybox=$(busybox_path)
  if readelf -l "$busybox" 2>/dev/null | grep -q INTERP; then
    echo "$busybox is not statically linked: install busybox-static"
    return 1
  fi
  "$TOOLS/images" small "$RUN/small.new" "$busybox" && mv "$RUN/small.new" "$RUN/small"
}

busybox_path() { if [ -x /bin/busybox ]; then echo /bin/busybox; else echo /usr/bin/busybox; fi; }

# registry_with_images: the registry alone; images are $REGISTRY/small/….
registry_with_images() {
  small_images && registry_start "$RUN/small"
}

# published_tree: all crafted images, as a site has them. Read-only to tests.
published_tree() {
  [ -d "$RUN/tree" ] && return
  local image
  mkdir "$RUN/tree.new"
  for image in $("$TOOLS/images" list "$RUN/small" | cut -d' ' -f1 | sort -u); do
    publish "$image" "$RUN/tree.new" || return 1
  done
  mv "$RUN/tree.new" "$RUN/tree"
}

# site: a registry with the images, a repository with all of them, and a cvmfs.conf that names it.
site() {
  registry_with_images && published_tree && repository_mount "$RUN/tree" && cvmfs_conf
}

# site_lacking IMAGE N…: the same, but the repository has none of these layers of the image, 0 being the lowest.
site_lacking() {
  local image=$1 digest n
  shift
  registry_with_images && published_tree || return 1
  cp -a "$RUN/tree" "$T/tree"
  for n in "$@"; do
    digest=$(layer_digest "$image" "$n")
    rm -r "$T/tree/$(layer_dir "$digest")"
  done
  repository_mount "$T/tree" && cvmfs_conf
}

# layer_digest IMAGE N, layer_diffid IMAGE N: of layer N of a crafted image, 0 being the lowest.
layer_digest() { "$TOOLS/images" list "$RUN/small" | awk -v i="$1" -v n="$2" '$1 == i && $2 == n { print $3 }'; }
layer_diffid() { "$TOOLS/images" list "$RUN/small" | awk -v i="$1" -v n="$2" '$1 == i && $2 == n { print $4 }'; }
layers_of() { "$TOOLS/images" list "$RUN/small" | grep -c "^$1 "; }

# list_tree IMAGE FILE: the tree of a container of IMAGE. A name that is listed and cannot be looked up is an error.
list_tree() {
  rootless_podman run --quiet --rm --user 0 "$1" sh -c "$(tree_listing)" >"$2" 2>"$2.errors" || {
    cat "$2.errors"
    return 1
  }
  [ ! -s "$2.errors" ] || fail "listing the tree of $1: $(cat "$2.errors")"
}

# remote_layers_of ID: how many layers of the test account's image with this ID are remote.
remote_layers_of() {
  layers_json user | jq --arg top "$(jq -r --arg id "$1" '.[] | select(.id == $id).layer' "$T/user/store/overlay-images/images.json")" '
    INDEX(.id) as $layers | [$top | while(.; $layers[.].parent) | $layers[.] | select(.kind == "remote-readonly")] | length'
}

# same_tree IMAGE: the tree of a container is the one that an ordinary pull gives. The image's layers are local afterwards.
# shellcheck disable=SC2154 # output is bats'
same_tree() {
  list_tree "$1" "$T/tree.remote" || return 1
  run_podman pull --quiet --cvmfs=off "$1" || return 1
  equal "$(remote_layers_of "$output")" 0 "remote layers after --cvmfs=off" || return 1
  list_tree "$1" "$T/tree.ordinary" || return 1
  [ "$(wc -l <"$T/tree.ordinary")" -gt 50 ] || fail "the ordinary tree is too small to be true" || return 1
  ! podman_5 || sed -i '/^[/]|directory|/d' "$T"/tree.{ordinary,remote} # it gives the root the mode that a tar has for it
  diff "$T/tree.ordinary" "$T/tree.remote" || fail "the trees differ (<: ordinary, >: with remote layers)"
}

# tree_listing: what runs in a container to write down its whole tree: type, mode, size, time, link target and content hash
# of every name. Left out is what differs by right: what podman puts there, sizes of directories, owners (a repository
# keeps none), and what a repository's permissions hide from a user: contents of files and directories not open to all.
tree_listing() {
  cat <<'SH'
set -e
ours="-path /proc -o -path /sys -o -path /dev -o -path /run -o -path /etc/hosts -o -path /etc/hostname
  -o -path /etc/resolv.conf -o -path /etc/mtab"
closed="-type d ! -perm -005"
find / -xdev \( $ours \) -prune -o -type d -print0 $closed -prune | sort -z | uniq -z | xargs -0 stat -c '%n|%F|%a'
find / -xdev \( $ours \) -prune -o $closed -prune -o ! -type d -print0 | sort -z | xargs -0 stat -c '%N|%F|%a|%s|%Y'
find / -xdev \( $ours \) -prune -o $closed -prune -o -type f -perm -004 -print0 | sort -z | xargs -0 sha256sum
SH
}
