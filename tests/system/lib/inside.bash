# The images that 080-inside.bats runs programs in, and the two runs that must give the same.
# shellcheck disable=SC2154 # output and status are bats'

# inside_tool: build tests/system/inside into $TOOLS.
inside_tool() {
  (cd "$CHECKOUT" && PATH=$(.ci/find-go):$PATH GOWORK=off CGO_ENABLED=0 \
    go build -trimpath -ldflags='-s -w' -o "$TOOLS/" ./tests/system/inside)
}

# inside_image: inside:1 as OCI layout $RUN/inside, made once for a run.
inside_image() {
  local busybox
  for busybox in /bin/busybox /usr/bin/busybox; do
    [ ! -x "$busybox" ] || break
  done
  mkdir "$RUN/inside.tars"
  "$TOOLS/inside" image "$RUN/inside.tars" "$busybox" || return 1
  "$TOOLS/images" assemble "$RUN/inside" inside:1 "$RUN"/inside.tars/{0,1,2,3}.tar || return 1
  rm -r "$RUN/inside.tars"
}

# debian_image: inside/debian:1 as OCI layout $DEBIAN, made once for each version of its recipe.
debian_image() {
  local recipe=$CHECKOUT/tests/system images=$CHECKOUT/_build/images old
  DEBIAN=$images/debian-$(cat "$recipe/inside/debian" "$recipe"/images/{state,diff,assemble}.go | sha256sum | cut -c 1-12)
  [ ! -e "$DEBIAN/index.json" ] || return 0
  command -v mmdebstrap >/dev/null || skip "needs mmdebstrap"
  [ -w "$CHECKOUT/_build" ] || DEBIAN=$RUN/debian
  mkdir -p "$(dirname "$DEBIAN")"
  for old in "$images"/debian-*; do rm -rf "$old"; done
  TMPDIR=$RUN "$recipe/inside/debian" "$DEBIAN" "$TOOLS/images"
}

# inside_site LAYOUT IMAGE: a registry with one image, a repository that has it.
inside_site() {
  local tree
  tree=$RUN/$(basename "$1").tree
  registry_start "$1" || return 1
  if [ ! -d "$tree" ]; then
    publish "$2" "$tree.new" || return 1
    mv "$tree.new" "$tree"
  fi
  repository_mount "${3:-$tree}" && cvmfs_conf
}

# both_ways WHO IMAGE ARG…: run a container of IMAGE as WHO (user, single or root), once of an ordinary pull, once from the
# repository. What it prints is in $T/ordinary and $T/remote, with its errors and status. The layers are remote afterwards, but
# INSIDE_LOCAL, the numbers of those that the repository lacks (inside_lacks). INSIDE_OPTIONS are podman run's.
both_ways() {
  local who=$1 image=$2 mode
  shift 2
  for mode in off auto; do
    run_podman_as "$who" pull --quiet "--cvmfs=$mode" "$REGISTRY/$image" || return 1
    if [ $mode = off ]; then
      equal "$(layer_count "$who" remote)" 0 "remote layers after an ordinary pull" || return 1
    else
      equal "$(layer_count "$who" local)" ${#INSIDE_LOCAL[@]} "local layers" || return 1
    fi
    run_podman_as "$who" '0|1' run --rm --user 0 --volume "$TOOLS/inside:/.inside:ro" "${INSIDE_OPTIONS[@]}" "$REGISTRY/$image" "$@" \
      >"$T/log" || return 1
    printf '%s\n' "$output" "$(grep -v 'uid mapping\|subuid ranges\|single mapping' <<<"$stderr")" "exit status $status" >"$T/$mode"
    [ $mode = auto ] || run_podman_as "$who" rmi --all --force >"$T/log" || return 1
  done
  mv "$T/off" "$T/ordinary"
  mv "$T/auto" "$T/remote"
}

# inside_lacks LAYOUT IMAGE N…: the repository lacks these layers.
inside_lacks() {
  INSIDE_LOCAL=("${@:3}")
  repository_lacking "$1" "$RUN/$(basename "$1").tree" "${@:2}" && cvmfs_conf
}

# good_run: the ordinary container's programs did what they should.
good_run() { [ "$(tail -n 1 "$T/ordinary")" = "exit status 0" ] || fail "the ordinary run: $(cat "$T/ordinary")"; }

# same_answers [ALLOWED]: the two runs gave the same, but for lines that the file ALLOWED has word for word: what a
# container from a repository may answer where another one answers something else. Those that are marked by an asterisk it does
# answer.
same_answers() {
  local differences unexpected line
  if [ $# -gt 0 ]; then
    while IFS= read -r line; do
      grep -qxF -e "$line" "$T/remote" || fail "no such answer of a container from the repository: $line" || return 1
    done < <(sed -n 's/^[*]//p' "$1")
    sed -i 's/^[*]//' "$1"
  fi
  differences=$(diff "$T/ordinary" "$T/remote" | grep '^[<>]') || return 0
  unexpected=$(sed -n 's/^> //p' <<<"$differences" | grep -vxFf "${1:-/dev/null}" || true)
  if [ -n "$unexpected" ] || [ "$(grep -c '^<' <<<"$differences")" != "$(grep -c '^>' <<<"$differences")" ]; then
    fail "the answers differ (<: ordinary, >: from the repository):"$'\n'"$(diff "$T/ordinary" "$T/remote")"$'\n'"not allowed:"$'\n'"$unexpected"
  fi
}
