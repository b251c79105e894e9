# From inside, a container from a repository is the one that an ordinary pull gives: programs get the same answers.

load lib/bats
load lib/inside

setup_file() {
  . "$BATS_TEST_DIRNAME/lib/bats.bash"
  . "$BATS_TEST_DIRNAME/lib/inside.bash"
  inside_tool
  inside_image
}

# may_differ: the answers that a container from a repository may give where another gives others, each with its reason.
# What it may answer is fixed; the ordinary answer is the store's file system's.
may_differ() {
  sed '/^#/d' <<'ANSWERS'
# FUSE takes reads past the page cache at any place; ext4 wants blocks. More is possible, nothing less.
*O_DIRECT: 100+4096 at memory 0: 4096 ok
*O_DIRECT: 0+100 at memory 0: 100 ok
*O_DIRECT: 0+4096 at memory 3: 4096 ok
# The kernel copies within a file system only, and says so; programs then read and write. So it is with any layer that is
# not on the file system of the container's own.
*copy_file_range: copied 0, then -1 EXDEV
*FICLONE: lower EXDEV
# A CVMFS client shows no extended attributes, so there are no file capabilities either.
*capability of a program: ok uid 1000 gid 1000 capabilities 0000000000000000
# The view has no attributes for files that nobody wrote to, and says so once for all: the kernel would ask for each name.
*extended attributes: get user.colour ENOTSUP
*extended attributes: get system.posix_acl_access ENOTSUP
*extended attributes: get security.capability ENOTSUP
*extended attributes: get user.overlay.opaque ENOTSUP
*extended attributes: get user.overlay.x ENOTSUP
*extended attributes: get user.fqrn ENOTSUP
*extended attributes: get user.catalog_counters ENOTSUP
*extended attributes: get security.selinux ENOTSUP
*extended attributes: remove of an untouched file ENOTSUP
# All of a repository's files show as root's, whoever owned them, so that none is setuid or setgid (cvmfs.conf: setuid).
*setuid and setgid: setuid ok uid 1000 gid 1000 capabilities 0000000000000000
*setuid and setgid: setgid ok uid 1000 gid 1000 capabilities 0000000000000000
# Flags such as "immutable" (chattr) are an ext4's; FUSE has none here.
*file flags: lower ENOTTY
# A CVMFS client shows hard links as separate files.
*hard link of the image: links 1 size 7
*hard link of the image: same file false
# A FUSE tree gives overlayfs no lasting file handles, so a link's two names have two inode numbers until they are looked up
# again. With local layers it is so for a rootless user, and not for root.
*hard link to a file of the image: same file false
# The client counts blocks from the size, and knows no time of birth.
*statx: blocks 137
*time of birth: known false
ANSWERS
}

setup() {
  test_begin
  INSIDE_OPTIONS=() INSIDE_LOCAL=()
}

# inside_check WHO OVERLAY [MUST]: all checks, but those that have a test of their own. With MUST, each answer that a container
# from a repository may give is given.
inside_check() {
  both_ways "$1" inside:1 /.inside check
  [ "$(grep -c ': done$' "$T/ordinary")" -gt 90 ] || fail "too few checks to be true"
  stacked_by "$1" "$2" "$REGISTRY/inside:1"
  sed -i '/^one file system: /d' "$T/ordinary" "$T/remote"
  [ -z "${INSIDE_CHOWNED:-}" ] || sed -i "/^$INSIDE_CHOWNED: /d" "$T/ordinary" "$T/remote"
  may_differ >"$T/may-differ"
  [ $# = 3 ] || sed -i 's/^[*]//' "$T/may-differ"
  same_answers "$T/may-differ"
}

@test "system calls, rootless" {
  inside_site "$RUN/inside" inside:1
  inside_check user kernel must
  good_run
}

@test "system calls, rootless, keep-id" {
  inside_site "$RUN/inside" inside:1
  INSIDE_OPTIONS=(--userns=keep-id)
  # A chown of the ordinary image has made copies of its directories, which overlayfs merges: it counts their links as one.
  INSIDE_CHOWNED="links of directories"
  inside_check user kernel
  good_run
}

@test "system calls, rootless, some layers local" {
  inside_site "$RUN/inside" inside:1
  inside_lacks "$RUN/inside" inside:1 1 3
  inside_check user kernel
  good_run
}

# Some checks need a second id, whatever the layers.
@test "system calls, without subordinate ids" {
  needs_root
  inside_site "$RUN/inside" inside:1
  inside_check single kernel
}

# fuse-overlayfs has faults of its own, with any layers, so the run is not good: it is the same.
@test "system calls, rootless, with fuse-overlayfs" {
  mount_program user
  inside_site "$RUN/inside" inside:1
  inside_check user fuse-overlayfs
}

@test "system calls, as root" {
  needs_root
  inside_site "$RUN/inside" inside:1
  inside_check root kernel
  good_run
}

@test "files are of one file system, and listings give their inodes" {
  inside_site "$RUN/inside" inside:1
  both_ways user inside:1 /.inside check "one file system"
  [ "$(grep -c ': done$' "$T/ordinary")" -gt 5 ] || fail "too few checks to be true"
  good_run
  same_answers
  # What was listed is looked up after the client has given out other numbers.
  run_podman run --detach --name one --user 0 --volume "$TOOLS/inside:/.inside:ro" "$REGISTRY/inside:1" sleep 1000
  run_podman exec one find /probe -maxdepth 2 -name nothing
  repository_ctl revision
  run_podman exec one /.inside check "one file system"
  equal "$output" "$(sed '/^exit status/d; /^$/d' "$T/ordinary")"
  run_podman rm --force --time 0 one
}

# The comparison's own proof: what is wrong shows.
@test "damage shows" {
  local layer tree=$T/tree
  registry_start "$RUN/inside"
  publish inside:1 "$tree"
  registry_stop
  layer=$(echo "$tree"/.layers/*/*/layerfs/probe/files/245)
  layer=${layer%/probe/files/245}
  printf X | dd of="$layer/probe/files/245" bs=1 seek=50000 conv=notrunc status=none
  chmod 606 "$layer/probe/modes/0604"
  touch "$layer/probe/many/stray"
  inside_site "$RUN/inside" inside:1 "$tree"
  both_ways user inside:1 /.inside check 1,000 access getdents
  good_run
  may_differ | sed 's/^[*]//' >"$T/may-differ"
  run same_answers "$T/may-differ"
  equal "$status" 1 "status after damage"
  contains "$output" "> 1,000 readers: WRONG: wrong content"
  contains "$output" "> access as a user: 0444"
  contains "$output" "> getdents with small buffers: WRONG"
  contains "$output" "> exit status 1"
}

# programs: what a user of a distribution does, each answer a line or a few.
programs() {
  cat <<'SH'
set -u
export LC_ALL=C.UTF-8 HOME=/tmp PYTHONDONTWRITEBYTECODE=1
cd /tmp
sum() { sha256sum | cut -c 1-16; }
# What all may read: a repository keeps the rest from a user. Without directories: the time of one that no layer's tar
# names is that of the pull.
readable() {
  find "$@" -type d ! -perm -005 -prune -o -type f ! -perm -004 -o ! -type d -print0 |
    sort -z | grep -zv -x -e '/etc/\(hosts\|hostname\|resolv.conf\|mtab\)'
}
echo "dpkg: $(dpkg --verify 2>&1 | sort | sum), $(dpkg --verify 2>/dev/null | wc -l) lines"
echo "packages: $(dpkg-query -W | wc -l)"
dpkg --audit
for dir in /bin /etc /lib/x86_64-linux-gnu /opt /sbin /srv /var/lib /usr/*; do
  [ -d "$dir" ] && echo "tree $dir: $(/.inside tree "$dir" | grep -v -e '^"\(hosts\|hostname\|resolv.conf\|mtab\)"' | sum)"
done
echo "find: $(find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \) -prune -o \
  -printf '%p %y %m %l %f %d\n' -type d ! -perm -005 -prune | sort | sum)"
echo "find -size: $(find /usr -type f -size +1000k | sort | sum), -perm: $(find /usr -perm /6000 | sort | tr '\n' ' ')"
echo "grep -r: $(grep -rl GPL /usr/share /usr/lib/python3 2>/dev/null | sort | sum)"
readable /etc /usr/bin /usr/share /usr/lib/python3.11 | tar --create --numeric-owner --no-recursion --null --files-from=- --hard-dereference --owner=0 \
  --group=0 --file=/tmp/tar
echo "tar: status $?, $(sum </tmp/tar), $(tar -tf /tmp/tar | wc -l) names"
tar --compare --directory=/ --file=/tmp/tar >/tmp/compared 2>&1
echo "tar --compare: $(grep -v -e 'Uid differs' -e 'Gid differs' /tmp/compared | head -n 3)"
cp -a /usr/lib/python3.11 /tmp/python
echo "cp -a: status $?, $(diff <(/.inside tree /tmp/python) <(/.inside tree /usr/lib/python3.11) | wc -l) differences"
diff -r /usr/lib/python3.11 /tmp/python && echo "diff -r: same"
rm -rf /tmp/python
ls -d /tmp/python 2>&1
SH
  user_programs
  cat <<'SH'

dpkg --purge --force-all make 2>&1
ls /usr/bin/make 2>&1
echo "dpkg: $(dpkg --verify 2>&1 | sort | sum)"
rm -rf /usr/lib/R /usr/share/perl
echo "rm -rf: $(ls -d /usr/lib/R /usr/share/perl 2>&1)"
ldconfig && echo "ldconfig: $(ldconfig -p | wc -l)"
mv /usr/share /usr/share2 && mv /usr/share2 /usr/share && echo "mv: $(readable /usr/share | sum)"
setpriv --reuid=daemon --regid=daemon --clear-groups sh -c 'id -un; touch /tmp/x && ls /tmp/x; touch /usr/x' 2>&1
exit 0
SH
}

# user_programs: what anybody does in a home of his own: compile, run Python and R, many processes at once.
user_programs() {
  cat <<'SH'
export LC_ALL=C.UTF-8 HOME=/tmp PYTHONDONTWRITEBYTECODE=1
cd /tmp
mkdir job
for n in 1 2 3 4 5 6 7 8; do
  printf '#include <stdio.h>\nint part%d(void) { return printf("part %d\\n"); }\n' $n $n >job/part$n.c
done
printf '#include <math.h>\n#include <stdio.h>\nint part1(void);\nint main(void) { return part1() + printf("%%.6f\\n", sin(2)) == 0; }\n' >job/main.c
printf 'job: main.o %s\n\tgcc -o $@ $^ -lm\n' "$(echo part{1..8}.o)" >job/Makefile
make -s -C job -j 4 && echo "make: $(job/job | tr '\n' ' ')"

python3 - <<'PY'
import glob, hashlib, multiprocessing, shutil, sqlite3, ssl, decimal, ctypes, json, os
def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()
files = sorted(glob.glob("/usr/lib/python3.11/**/*.py", recursive=True))
with multiprocessing.Pool(4) as pool:
    print("python:", len(files), hashlib.sha256("".join(pool.map(digest, files)).encode()).hexdigest()[:16])
shutil.copy2("/usr/bin/dpkg", "/tmp/dpkg")
print("shutil.copy2:", digest("/usr/bin/dpkg") == digest("/tmp/dpkg"), os.stat("/tmp/dpkg").st_mode)
where = "/usr/share/doc" if os.access("/usr/share/doc", os.W_OK) else "/tmp"
db = sqlite3.connect(where + "/database")  # a directory of the image, if it may be written to
db.execute("create table t (x)"); db.executemany("insert into t values (?)", [(i,) for i in range(1000)]); db.commit()
print("sqlite:", db.execute("select sum(x) from t").fetchone())
PY
Rscript -e 'x <- 1:50; y <- 3*x + sin(x); print(round(coef(lm(y ~ x)), 6)); parallel::mclapply(1:4, function(i) i^2, mc.cores = 4)[[4]]' 2>&1
SH
}

@test "programs of Debian: dpkg, find, tar, cp, gcc, Python, R" {
  debian_image
  inside_site "$DEBIAN" inside/debian:1
  cvmfs_conf 'setuid = true' # the programs list modes; 177 holds what they are without it
  both_ways user inside/debian:1 bash -c "$(programs)"
  programs_ran
  for line in "diff -r: same" "tar: status 0, " "cp -a: status 0, 0 differences" "rm -rf: ls: cannot access" "touch: cannot touch '/usr/x'"; do
    contains "$(cat "$T/ordinary")" "$line"
  done
  [ "$(sed -n 's/^packages: //p' "$T/ordinary")" -gt 100 ] || fail "too few packages to be true"
  good_run
  same_answers
}

# programs_ran: and gave what they must, whatever the layers.
programs_ran() {
  local line
  for line in "make: part 1 0.909297" "shutil.copy2: True" "sqlite: (499500,)" "[1] 16"; do
    contains "$(cat "$T/ordinary")" "$line"
  done
  [ "$(sed -n 's/^python: \([0-9]*\) .*/\1/p' "$T/ordinary")" -gt 500 ] || fail "too few files of Python to be true"
}

@test "programs of a user with an id of his own, keep-id: gcc, Python, R" {
  debian_image
  inside_site "$DEBIAN" inside/debian:1
  INSIDE_OPTIONS=(--userns=keep-id --user "$TEST_UID")
  both_ways user inside/debian:1 bash -c "$(user_programs)"
  programs_ran
  good_run
  same_answers
}

# With a device number that differs from its directory's, a file is of another file system to them, and left out.
@test "tar, cp and du stay on one file system and miss nothing" {
  debian_image
  inside_site "$DEBIAN" inside/debian:1
  both_ways user inside/debian:1 bash -c '
    tar --create --one-file-system --directory=/usr/lib --file=/tmp/tar python3.11; tar -tf /tmp/tar | wc -l
    cp -ax /usr/lib/python3.11 /tmp/copy && find /tmp/copy | wc -l
    find /usr/lib/python3.11 -xdev | wc -l; find /usr/lib/python3.11 -mount -type f | wc -l
    du -xa /usr/lib/python3.11 | wc -l'
  good_run
  same_answers
}

@test "200 containers of one image at once" {
  inside_site "$RUN/inside" inside:1
  run_podman pull --quiet --cvmfs=only "$REGISTRY/inside:1"
  local n pids=() sum deadline
  sum=$(sha256sum <"$TOOLS/inside" | cut -d' ' -f1) # of which the image's programs are copies
  rootless mkdir "$T/user/out"
  for n in {1..200}; do
    rootless_podman run --detach --network none --volume "$T/user/out:/out" "$REGISTRY/inside:1" sh -c "
      echo $n >/probe/special/mine; echo $n >>/probe/empty; rm /probe/files/000
      { sha256sum /probe/bin/program; cat /probe/special/mine /probe/empty; ls /probe/files | wc -l; } >/tmp/out 2>&1
      cp /tmp/out /out/$n.part; mv /out/$n.part /out/$n; sleep 1000" >"$T/id" 2>"$T/error.$n" &
    pids+=($!)
    [ $((n % 4)) != 0 ] || { wait "${pids[@]}" || true; pids=(); }
  done
  for n in {1..200}; do
    [ ! -s "$T/error.$n" ] || fail "container $n: $(cat "$T/error.$n")"
    deadline=$((SECONDS + 20))
    until [ -e "$T/user/out/$n" ] || [ $SECONDS -ge $deadline ]; do sleep 0.1; done
    equal "$(cat "$T/user/out/$n")" "$sum  /probe/bin/program"$'\n'"$n"$'\n'"$n"$'\n'299 "container $n"
  done
  run_podman ps --quiet
  equal "$(wc -l <<<"$output")" 200 "containers that run"
  equal "$(view_servers)" 200 servers
  run_podman rm --all --force --time 0
  view_servers_end
}
