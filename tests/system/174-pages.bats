# What the pages for users, admins and publishers tell a reader to type works as it stands there, and prints what they say.
# docs/admin.md's configuration is 172's.

load lib/bats
load lib/pages

@test "docs/user.md" {
  pages_site
  page_run docs/user.md "" page_user
}

# cvmfs_server: as far as a publisher's commands go. Nothing is written to a repository outside of a transaction.
cvmfs_server_played() {
  mkdir -p "$T/bin" "$T/cvmfs/unpacked.example.org"
  chmod 555 "$T/cvmfs/unpacked.example.org"
  cat >"$T/bin/cvmfs_server" <<SH
#!/bin/sh
[ "\$2" != -f ] || { command=\$1; shift 2; set -- "\$command" "\$1"; }
tree=$T/cvmfs/\$2
open=no
[ ! -w "\$tree" ] || open=yes
case "\$1 \$open" in
'transaction no') chmod u+w "\$tree" ;;
'publish yes') chmod u-w "\$tree" ;;
'abort yes') echo "it was aborted" >&2 && exit 1 ;;
*) echo "cvmfs_server \$1: transaction \$open" >&2 && exit 1 ;;
esac
SH
  chmod 755 "$T/bin/cvmfs_server"
  is_root && chown "$TEST_UID:$TEST_GID" "$T/cvmfs/unpacked.example.org"
  return 0
}

@test "docs/publish.md" {
  pages_site
  cvmfs_server_played
  page_run docs/publish.md "" page_user
  equal "$(cd "$T/cvmfs/unpacked.example.org" && find .metadata -mindepth 3 -type d | wc -l)" 1 "images of the repository"
  equal "$(cd "$T/cvmfs/unpacked.example.org" && find .layers -mindepth 2 -maxdepth 2 -type d | wc -l)" 2 "layers of the repository"
  page_run docs/publish.md verify page_user
  # a user who is not root has mounted the repository where podman alone sees it
  ! is_root || page_run docs/publish.md node page_user
}
