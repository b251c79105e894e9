# podman's API service, as the test account's.
# shellcheck disable=SC2154 # output is bats'

# service_start: sets SERVICE, the socket. $T/podman-remote is a client of it. SERVER is another podman than ours.
service_start() {
  SERVICE=$T/user/xdg/podman.sock
  rootless "${SERVER:-$BIN/podman}" system service --time 0 "unix://$SERVICE" 2>"$T/service.log" &
  local deadline=$((SECONDS + 20))
  until [ -S "$SERVICE" ]; do
    [ $SECONDS -lt $deadline ] || fail "the service does not start: $(cat "$T/service.log")" || return 1
    sleep 0.1
  done
  cat >"$T/podman-remote" <<SH
#!/bin/sh
exec "$BIN/podman-remote" --url "unix://$SERVICE" "\$@"
SH
  chmod 755 "$T/podman-remote"
}

# service_stop: it ends by itself when it is told to, and takes with it what it started.
service_stop() {
  [ -n "${SERVICE:-}" ] || return 0
  pkill -TERM -f "system service --time 0 unix://$SERVICE" || true
  local deadline=$((SECONDS + 10))
  while pgrep -f "system service --time 0 unix://$SERVICE" >/dev/null; do
    [ $SECONDS -lt $deadline ] || fail "the service does not end" || return 1
    sleep 0.1
  done
  unset SERVICE
}

# api METHOD PATH [CURL-OPTION…]: ask the service; the body is in $output, the status in $code.
api() {
  local method=$1 path=$2
  shift 2
  echo "\$ curl --request $method $path"
  code=$(curl --silent --show-error --max-time 120 --unix-socket "$SERVICE" --request "$method" --output "$T/body" \
    --write-out '%{http_code}' "$@" "http://podman$path")
  output=$(<"$T/body")
  printf '%s\n' "$code: ${output:0:2000}"
}
