# The pages for users, run: their commands in the order in which a reader meets them. tests/system/pages says how a block is marked.
# shellcheck disable=SC2154 # what is used is the other files'

# page_text PAGE: with the names of this test in place of the reader's. All that is replaced is here.
page_text() {
  sed -e "s#docker\.io/#$REGISTRY/#g" -e "s#registry\.example\.org/#$REGISTRY/#g" \
    -e "s#\(^\|[^a-z]\)/\(cvmfs\|etc\|local\|srv\)/#\1$T/\2/#g" -e "s#/run/images#$T/run-images#g" "$CHECKOUT/$1"
}

# page_run PAGE ACCOUNT COMMAND…: the page's commands of an account ("" is the page's own), by a shell that COMMAND starts; and what they
# print is what the page says.
page_run() {
  local page=$1 account=$2 dir status=0
  shift 2
  dir=$(mktemp -d "$T/page.XXXX")
  chmod 777 "$dir"
  page_text "$page" >"$dir/page"
  "$TOOLS/pages" script "$account" "$dir" <"$dir/page" >"$dir/script" || return 1
  "$@" bash "$dir/script" </dev/null || status=$?
  output=$(cat "$dir/$(cat "$dir/last")")
  if [ "$status" != 0 ]; then
    echo "$output"
    fail "$page, line $(cat "$dir/last"): exit status $status"
    return
  fi
  "$TOOLS/pages" prints "$account" "$dir" <"$dir/page" || fail "$page does not say what its commands print"
}

# page_root CMD…: as root; podman has a store of its own below the directory of the test.
page_root() { as_root timeout --kill-after=5 "$PODMAN_TIMEOUT" "$@"; }

# page_user CMD…: as the test account, in an empty directory, as who has just logged in. What the page calls his cvmfs.conf is his.
page_user() {
  local conf=$T/user/home/.config/containers/cvmfs.conf
  rootless mkdir -p "$T/user/home/work"
  [ -e "$conf" ] || rootless touch "$conf"
  rootless env -C "$T/user/home/work" CONTAINERS_CVMFS_CONF_OVERRIDE="$conf" PATH="$T/bin:$BIN:/usr/bin:/usr/sbin:/bin:/sbin" \
    timeout --kill-after=5 "$PODMAN_TIMEOUT" "$@"
}

# pages_site: the registry, the repository and the images that the pages speak of. What they call python3 is a shell that prints.
pages_site() {
  pages_images || return 1
  registry_start "$RUN/pages/analysis" "$RUN/pages/library"
  if [ ! -d "$RUN/pages/tree" ]; then
    publish cms/analysis:3 "$RUN/pages/tree" || return 1
  fi
  repository_mount "$RUN/pages/tree" unpacked.cern.ch
  cvmfs_conf
}

pages_images() {
  [ ! -d "$RUN/pages" ] || return 0
  local new=$RUN/pages.new name
  mkdir -p "$new"/base/{bin,etc,opt/old,root,tmp} "$new"/python/{opt,usr/bin} "$new/debian/etc"
  cp "$(busybox_path)" "$new/base/bin/busybox"
  for name in cat echo env id ls sed sh sleep touch true; do ln -s busybox "$new/base/bin/$name"; done
  echo 'root:x:0:0::/root:/bin/sh' >"$new/base/etc/passwd"
  echo 'root:*:::::::' >"$new/base/etc/shadow"
  chmod 640 "$new/base/etc/shadow"
  chmod 700 "$new/base/root"
  chmod 1777 "$new/base/tmp"
  touch "$new/python/opt/.wh.old"
  cat >"$new/python/usr/bin/python3" <<'SH'
#!/bin/sh
[ -r "$1" ] || exec echo "python3 $*"
sed 's/^print("\(.*\)")$/echo \1/' "$1" | sh
SH
  chmod 755 "$new/python/usr/bin/python3"
  echo 12 >"$new/debian/etc/debian_version"
  for name in base python debian; do tar --owner=0 --group=0 -C "$new/$name" -cf "$new/$name.tar" . || return 1; done
  "$TOOLS/images" assemble "$new/analysis" cms/analysis:3 "$new/base.tar" "$new/python.tar" &&
    "$TOOLS/images" assemble "$new/library" library/debian:12 "$new/base.tar" "$new/debian.tar" && mv "$new" "$RUN/pages"
}
