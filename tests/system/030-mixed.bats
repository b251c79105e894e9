# One image, some of its layers remote and some downloaded, in any order: the same container.

load lib/bats

# mixed IMAGE N…: the repository lacks these layers, counted from 0 at the bottom.
mixed() {
  local image=$1 all
  site_lacking "$@"
  shift
  registry_mark
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/$image"
  all=$(layers_of "$image")
  layers_are user $((all - $#)) $#
  equal "$(registry_layer_requests)" $# "requests for layers"
  same_tree "$REGISTRY/$image"
}

@test "the lowest layer is local" { mixed small/deletions:1 0; }
@test "the layer that is deleted from is local" { mixed small/deletions:1 1; }
@test "the layer that deletes is local" { mixed small/deletions:1 2; }
@test "the top layer is local" { mixed small/deletions:1 3; }
@test "remote and local by turns" { mixed small/deletions:1 0 2; }
@test "local and remote by turns" { mixed small/deletions:1 1 3; }
@test "names that change kind, from remote to local" { mixed small/flips:1 2; }
@test "names that change kind, from local to remote" { mixed small/flips:1 0 1; }
@test "many layers, every third of them local" { mixed small/deep:1 0 3 6 9 12 15 18 21 24 27 30 33 36 39; }

@test "a container on mixed layers can be written to" {
  site_lacking small/deletions:1 1
  run_podman pull --quiet --cvmfs=auto "$REGISTRY/small/deletions:1"
  run_podman run --rm "$REGISTRY/small/deletions:1" sh -euc '
    echo x >>/data/kept; rm -r /data/revived /data/opaque; mkdir /data/opaque; ls -A /data/opaque
    mv /data /data2; cat /data2/again /data2/kept; ls /data2'
  equal "$output" $'second\nkept\nx\nagain\nkept\nlink\nnoise\nopaque\nreplaced'
}

@test "mode only: an empty layer of BuildKit's or Docker's needs no repository" {
  site_lacking small/buildkit:1 1 # and 3, which is the same
  run_podman pull --quiet --cvmfs=only "$REGISTRY/small/buildkit:1"
  layers_are user 2 2
  run_podman run --rm "$REGISTRY/small/buildkit:1" cat /data/again
  equal "$output" first
}

@test "a layer that is closed at its top is downloaded, and a line says why; mode only fails" {
  site
  allow_warning 'closed to this user: /app \(mode 0700\), /etc \(mode 0750\); downloading it'
  run_podman 125 pull --cvmfs=only "$REGISTRY/small/closed-top:1"
  contains "$(grep ^Error <<<"$stderr")" "$(layer_digest small/closed-top:1 1)"
  contains "$(grep ^Error <<<"$stderr")" "closed to this user: /app (mode 0700), /etc (mode 0750)"
  store_empty user
  run_podman pull --cvmfs=auto "$REGISTRY/small/closed-top:1"
  equal "$(grep -c level=warning <<<"$stderr")" 1 warnings
  layers_are user 2 1
  same_tree "$REGISTRY/small/closed-top:1"
  run_podman run --rm --user user "$REGISTRY/small/closed-top:1" id -u
  equal "$output" 1000
  run_podman run --rm "$REGISTRY/small/closed-top:1" sh -c 'ls /etc /app; cat /etc/os-release; sh /app/main.sh'
  contains "$output" main.sh
  contains "$output" ID=crafted
}

# says_closed STATUS FILE ARG…: a run of $IMAGE fails so, and the error names the file and the way out.
says_closed() {
  local want=$1 file=$2
  shift 2
  run_podman "$want" run --rm "$@"
  contains "$stderr" "\"$file\" in image $IMAGE is closed to this user: \`podman pull --cvmfs=off $IMAGE\`"
}

@test "a start that needs a closed file fails, and names it and the way out" {
  site
  local option mode IMAGE=$REGISTRY/small/closed-below:1
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  for option in --read-only --tmpfs=/tmp --mount=type=tmpfs,destination=/tmp --systemd=always; do
    says_closed 126 /tmp/ks-script-hE5IPf "$option" "$IMAGE" true
  done
  run_podman run --rm --tmpfs /tmp:notmpcopyup "$IMAGE" true
  for mode in 111 711 4111 4711; do # which the runtime finds out as the container's process
    run_podman 1 run --rm "$IMAGE" "/opt/$mode/id"
    contains "$stderr" "/opt/$mode/id\`: Permission denied"
  done
  # A program that is not closed, and whose start is denied for another reason
  run_podman 126 run --rm "$IMAGE" /etc
  lacks "$stderr" "closed to this user"

  IMAGE=$REGISTRY/small/closed-passwd:1
  run_podman pull --quiet --cvmfs=only "$IMAGE"
  run_podman run --rm "$IMAGE" true
  says_closed 126 /etc/passwd --user user "$IMAGE" true
}

@test "mode only fails and names the layer that no repository has" {
  site_lacking small/deletions:1 2
  run_podman 125 pull --cvmfs=only "$REGISTRY/small/deletions:1"
  contains "$stderr" "$(layer_digest small/deletions:1 2)"
  store_empty user
}
