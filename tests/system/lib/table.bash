# A table in docs/ whose cells are measured. The page is the test's expectation: a cell that comes out otherwise fails the test.
# UPDATE=1 writes the page anew. note writes a cell; row and measure those of a podman command, whose column is what its image
# is made of: whether it worked, what it asked of the repository, and how many layers it downloaded.
# shellcheck disable=SC2034,SC2154 # status, output and stderr are bats'

# table_begin PAGE [NAME]: for setup_file. Where a page has several tables, each stands after a line `<!-- measured NAME -->`.
table_begin() {
  export TABLE=$RUN/table.$1.${2:-} TABLE_PAGE=$CHECKOUT/docs/$1 TABLE_NAME=${2:-}
  rm -rf "$TABLE"
  mkdir "$TABLE"
}

# row LABEL ARG…: run podman and note the cell of $COLUMN. What it gives must be what it gives with an ordinary image, the
# column that is measured first and is not shown; FILTER, if not empty, keeps of the output what can be the same.
row() {
  measure "$@" || return 1
  [ "$COLUMN" != ordinary ] || equal "$cell" "works, no request" "podman ${*:2} with an ordinary image" || return 1
  [ "$status" = 0 ] || return 0
  local file
  file=$TABLE/$(tr -c 'a-zA-Z0-9\n' _ <<<"$1")
  (eval "${FILTER:-cat}") <"$T/stdout" | sed "s|$REGISTRY|REGISTRY|g; s|$T|T|g" >"$T/given"
  sed -Ei 's/\b([0-9a-f]{64}|[0-9a-f]{12})\b/ID/g' "$T/given"
  if [ "$COLUMN" = ordinary ]; then
    cp "$T/given" "$file"
  else
    diff "$file" "$T/given" || fail "podman ${*:2}: not as with an ordinary image (<)"
  fi
}

# measure LABEL ARG…: the same for output that differs by its nature.
measure() {
  local label=$1
  shift
  [ -n "${HANGS:-}" ] || repository_ctl drop
  repository_ctl reset
  registry_mark
  attempt "$@"
  cell="$(outcome), $(asked)$(downloaded)"
  [ "$COLUMN" = ordinary ] || note "$label" "$COLUMN" "$cell"
}

# note LABEL COLUMN CELL
note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$TABLE/cells"; }

# as_on_page LABEL COLUMN…: a row that this machine cannot measure. Not for one that refers to the list below the table.
as_on_page() {
  local label=$1 row cells n=0
  shift
  row=$(grep -F "| $label |" "$TABLE_PAGE") || fail "docs/$(basename "$TABLE_PAGE") has no row '$label'" || return 1
  mapfile -d '|' -t cells <<<"${row#"| $label |"}"
  while [ $# -gt 0 ]; do
    note "$label" "$1" "$(sed 's/^ //; s/ $//' <<<"${cells[n]}")"
    n=$((n + 1))
    shift
  done
}

# attempt ARG…: run podman, which may fail.
attempt() {
  local runner=${RUNNER:-rootless_podman}
  echo "\$ podman $*"
  status=0
  PODMAN_TIMEOUT=${TABLE_TIMEOUT:-60} "$runner" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
  attempted
}

# attempted: what it gave, from the files.
attempted() {
  output=$(tr -d '\0' <"$T/stdout") stderr=$(tr -d '\0' <"$T/stderr")
  printf 'status %s\n%s\n%s\n' "$status" "$output" "$stderr" | head -12
}

outcome() {
  if [ "$status" = 0 ]; then
    echo works
    return
  fi
  # without what differs from run to run, or fills a page
  { grep -m1 ^Error "$T/stderr" || echo "exit status $status"; } | sed -E "s|$T/cvmfs/[a-z.]*|REPOSITORY|g; s|$T|T|g; s|$REGISTRY|REGISTRY|g
    s/sha256:[0-9a-f]{64}/DIGEST/g; s/[0-9a-f]{64}/ID/g; s/\b[0-9a-f]{40}\b/HASH/g; s|\.layers/[0-9a-f]{2}/|.layers/XX/|g; s|^Error: ||
    s|T/user/store/|STORE/|g; s|/l/[A-Z0-9]{26}|/l/LINK|g; s/\b[0-9a-f]{12}\b/ID/g; s|/overlay/[0-9]+/|/overlay/N/|g
    s/ for step \{.*\}:/ for step:/; s/copier\.request\{.*\}: copier/copier/; s/time=\"[^\"]*\" //" >"$T/reason"
  if ! grep -qxFf "$T/reason" "$TABLE/reasons" 2>/dev/null; then cat "$T/reason" >>"$TABLE/reasons"; fi
  echo "refused [$(grep -nxFf "$T/reason" "$TABLE/reasons" | head -1 | cut -d: -f1)]"
}

# asked: what the repository was asked for.
asked() {
  repository_ctl counters | jq -r '.total |
    if ."bytes-read" + .reads > 0 then "reads"
    elif .readdirs > 0 then "lists"
    elif add > 0 then "looks"
    else "no request" end'
}

downloaded() {
  local n
  n=$(registry_layer_requests)
  [ "$n" = 0 ] || echo ", $n downloaded"
}

# table_end COLUMN…: for teardown_file: hold the page's table against the cells, or write it. TABLE_ROWS says what a row is, if
# not a command.
table_end() {
  [ -s "$TABLE/cells" ] || return 0
  local quote=
  [ -n "${TABLE_ROWS:-}" ] || quote=\`
  {
    printf '| %s |' "${TABLE_ROWS:-command}"
    printf ' %s |' "$@"
    printf '\n| --- |'
    printf ' --- |%.0s' "$@"
    printf '\n'
    awk -F '\t' -v columns="$(IFS='|'; echo "$*")" -v quote="$quote" '
      !($1 in seen) { seen[$1]; order[++rows] = $1 }
      { cell[$1, $2] = $3 }
      END {
        n = split(columns, column, "|")
        for (r = 1; r <= rows; r++) {
          line = "| " quote order[r] quote " |"
          for (c = 1; c <= n; c++) {
            text = cell[order[r], column[c]]
            line = line " " (text == "" ? "-" : text) " |"
          }
          print line
        }
      }' "$TABLE/cells"
    [ ! -s "$TABLE/reasons" ] || {
      printf '\n'
      awk '{ print NR ". `" $0 "`" }' "$TABLE/reasons"
    }
  } >"$TABLE/text"
  local begin="<!-- measured${TABLE_NAME:+ $TABLE_NAME}" end='<!-- end'
  if [ -n "${UPDATE:-}" ]; then
    awk -v text="$TABLE/text" -v begin="$begin" -v end="$end" '
      inside && index($0, end) == 1 { inside = 0; while ((getline line <text) > 0) print line }
      !inside { print }
      index($0, begin) == 1 { inside = 1 }' "$TABLE_PAGE" >"$TABLE/page" && cp "$TABLE/page" "$TABLE_PAGE"
  else
    # A run of some tests has some cells only.
    awk -v begin="$begin" -v end="$end" '
      index($0, end) == 1 { inside = 0 }
      inside { print }
      index($0, begin) == 1 { inside = 1 }' "$TABLE_PAGE" >"$TABLE/expected"
    # The pages have the words of podman 4's errors.
    ! podman_5 || sed -Ei '/^([0-9]+\. .*)?$/d; s/ \[[0-9]+\]//g' "$TABLE/expected" "$TABLE/text"
    diff "$TABLE/expected" "$TABLE/text" || fail "docs/$(basename "$TABLE_PAGE") does not say what was measured (>); UPDATE=1 make system writes it"
  fi
}
