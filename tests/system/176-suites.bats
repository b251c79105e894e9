# Suites that others wrote for file systems find the same on remote layers as on local ones.

load lib/bats

setup_file() {
  (cd "$CHECKOUT" && PATH=$(.ci/find-go):$PATH GOWORK=off CGO_ENABLED=0 go test -c -tags suites -o "$TOOLS/posix" ./tests/system/posix)
}

# same_on_both PATTERN COMMAND…: run in /data of a container on remote layers, and of one on local layers, which say the same in
# lines with PATTERN, and say something. The suites are this machine's programs.
same_on_both() {
  local pattern=$1 kind IMAGE=$REGISTRY/small/deletions:1
  shift
  for kind in only off; do
    run_podman pull --quiet --cvmfs=$kind "$IMAGE"
    if [ $kind = only ]; then layers_are user 4 0; else layers_are user 0 4; fi
    rootless_podman run --quiet --rm --network none --workdir /data --volume /usr:/usr:ro --volume /lib:/lib:ro --volume /lib64:/lib64:ro \
      --volume "$TOOLS:/tools:ro" "$IMAGE" "$@" >"$T/$kind.all" 2>&1 || echo "exit status $?" >>"$T/$kind.all"
    grep -oE -- "$pattern" "$T/$kind.all" | LC_ALL=C sort >"$T/$kind.found"
    [ -s "$T/$kind.found" ] || fail "$kind: no line with $pattern: $(cat "$T/$kind.all")"
  done
  run_podman rmi "$IMAGE"
  diff -u "$T"/{off,only}.found || fail "local layers (-) and remote ones (+): $(tail -n 30 "$T"/{off,only}.all)"
}

@test "stress-ng, class filesystem" {
  site
  same_on_both 'metrc: \[[0-9]+\] [a-z-]+|\([a-z-]+\) terminated with.*|exit status [0-9]+' \
    stress-ng --class filesystem --sequential 1 --timeout 1 --minimize --temp-path /data --verify --metrics-brief
  [ "$(grep -c metrc "$T/only.found")" -ge 30 ]
}

@test "fio, with verification" {
  local engine
  site
  for engine in psync mmap sync; do
    same_on_both 'err= *[0-9]+|exit status' \
      fio --name=all --directory=/data --ioengine=$engine --rw=randrw --bs=4k --size=8M --verify=crc32c --verify_fatal=1 --do_verify=1 --numjobs=2
    equal "$(sort -u "$T/only.found")" "err= 0"
  done
}

@test "go-fuse's tests of POSIX file systems" {
  site
  # OpenSymlinkRace holds a race against any file system that renames, and fails by chance on ext4 alone, too.
  same_on_both '--- (PASS|FAIL|SKIP): [^ ]*' env POSIX_DIRECTORY=/data /tools/posix -test.v -test.skip TestPosix/OpenSymlinkRace
}
