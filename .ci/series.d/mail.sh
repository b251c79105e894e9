# shellcheck shell=bash
# The series as a person sends them upstream: our packages carried into storage
# as its first commits, what the patches say of them rewritten to match, and a
# cover letter for each module. Sourced by .ci/series, which declares what is
# used here.
# shellcheck disable=SC2154,SC2034
: "${root:?} ${build:?} ${pins:?}"

# Tests that hold a package against other files of this repository, and what
# only a build from a series has.
not_carried() {
	case $1 in
	series.go | config/manual_test.go) ;;
	*) return 1 ;;
	esac
}

# ---- names ----

# Our packages here, and where storage has packages that others import.
places() {
	ours=$(sed -n 's/^module //p' "$root/go.mod")/layers/cvmfs
	theirs=${path[storage]}/pkg/cvmfs their_commands=${path[storage]}/cmd
}

# rename PACKAGES COMMANDS TO-PACKAGES TO-COMMANDS TREE reads the names of files in TREE, each
# ended by NUL. Names of packages are sorted where they are imported, so gofmt follows.
rename() {
	local file
	while IFS= read -r -d '' file; do
		if [ -L "$5/$file" ] || ! grep -qF -e "$1" -e "$2" "$5/$file" 2>/dev/null; then continue; fi
		sed -i -e "s,$2,$4,g" -e "s,$1,$3,g" "$5/$file"
		case $file in *.go) gofmt -w "$5/$file" ;; esac
	done
}
to_theirs() { rename "$ours" "$ours/cmd/" "$theirs" "$their_commands/" "$1"; }
to_ours() { rename "$theirs" "$their_commands/cvmfs-" "$ours" "$ours/cmd/cvmfs-" "$1"; }

# in_storage PACKAGE: its directory there; PACKAGE is one below layers/cvmfs, or empty.
in_storage() {
	case $1 in
	cmd/*) printf '%s' "$1" ;;
	*) printf 'pkg/cvmfs%s' "${1:+/$1}" ;;
	esac
}

# ---- commits ----

# commit TREE NAME EMAIL DATE, with the message from standard input.
commit() {
	GIT_AUTHOR_NAME=$2 GIT_AUTHOR_EMAIL=$3 GIT_AUTHOR_DATE=$4 GIT_COMMITTER_DATE=$4 \
		git -C "$1" commit -q -F -
}

# author TREE ARGUMENT...: name, e-mail and date of a commit, one a line.
author() { git -C "$1" log -1 --format='%an%n%ae%n%aI' "${@:2}"; }

# sent NAME: the patches that upstream would take.
sent() {
	local file
	while IFS= read -r file; do
		if ! trailer "$file" Upstream-Status | grep -q '^\(Inappropriate\|Backport\)'; then printf '%s\n' "$file"; fi
	done < <(patches "$1")
}

# carried: our packages that the series use, their tests' among them, each after
# those that it needs. A package is given as its path below layers/cvmfs.
carried() {
	local before='' all
	all=$(for name in "${names[@]}"; do sent "$name"; done | xargs cat | grep '^+' |
		grep -oE "${ours}[a-z/]*" | grep -v '/$' | sort -u)
	all+=" $ours/cmd/cvmfs-view" # podman starts it
	while [ "$all" != "$before" ]; do
		before=$all
		# shellcheck disable=SC2086
		all=$(cd "$root" && GOWORK=off go list -deps -test -f '{{.ImportPath}}' $all |
			grep "^${ours}[a-z/-]*$" | sort -u)
	done
	{
		# shellcheck disable=SC2086,SC2016 # Go's
		(cd "$root" && GOWORK=off go list -f '{{$p := .ImportPath}}
			{{- range .Imports}}{{.}} {{$p}}{{"\n"}}{{end}}
			{{- range .TestImports}}{{.}} {{$p}}{{"\n"}}{{end}}
			{{- range .XTestImports}}{{.}} {{$p}}{{"\n"}}{{end}}' $all) | awk -v ours="$ours" 'index($1, ours) == 1'
		tr -s ' ' '\n' <<<"$all" | sed 's/.*/& &/'
		printf '%s %s\n' "$ours/cmd/cvmfs-view" "$ours/view" # whose tests build it
	} | sort -u | tsort | sed "s,^$ours/*,,"
}

# documentation DIRECTORY: the package comment, as text.
documentation() {
	awk '/^\/\/ (Package|Command) / { found = 1 }
		found && /^package / { exit }
		found { sub(/^\/\/ ?/, ""); print }' "$1"/*.go
}

# need TREE PACKAGE: what go.mod of storage lacks for it, or has in an older version than we use.
# Prints a line for each change that a reader should know of.
need() {
	local tree=$1 p module v has
	{
		go -C "$tree" mod edit -go="$(printf '%s\n' "$(sed -n 's/^go //p' "$root/go.mod")" \
			"$(sed -n 's/^go //p' "$tree/go.mod")" | sort -V | tail -n 1)"
		(cd "$root" && GOWORK=off go list -f '{{join .Imports "\n"}}
{{join .TestImports "\n"}}
{{join .XTestImports "\n"}}' "$ours${2:+/$2}") | grep '^[a-z0-9]*\.[a-z]*/' | grep -v "^$ours" | sort -u |
			while IFS= read -r p; do
				read -r module v < <(cd "$root" && GOWORK=off go list -f '{{.Module.Path}} {{.Module.Version}}' "$p")
				has=$(cd "$tree" && GOWORK=off go list -mod=mod -m -f '{{.Version}}' "$module" 2>/dev/null) || has=
				if [ "$(printf '%s\n' "$has" "$v" | sort -V | tail -n 1)" != "$has" ]; then
					(cd "$tree" && GOWORK=off GOFLAGS=-mod=mod go get "$module@$v")
				fi
			done
		(cd "$tree" && GOWORK=off GOFLAGS=-mod=mod go mod tidy && go mod edit -toolchain=none)
	} >&2
	git -C "$tree" diff -U0 -- go.mod | sed -n 's/^+\s*\(require \)\?\(go [0-9.]*\|[^ +]* v[^ ]*\)$/\2/p'
}

# carry TREE PACKAGE: one commit in storage.
carry() {
	local tree=$1 package=$2 from=layers/cvmfs${2:+/$2} to file who changed
	to=$(in_storage "$package")
	mkdir -p "$tree/$to"
	git -C "$root" ls-files -- "$from/*" | while IFS= read -r file; do
		file=${file#"$from"/}
		case $file in
		testdata/*) ;;
		*/*) continue ;; # another package
		esac
		if not_carried "${package:+$package/}$file"; then continue; fi
		mkdir -p "$(dirname "$tree/$to/$file")"
		cp "$root/$from/$file" "$tree/$to/$file"
		printf '%s\0' "$to/$file"
	done | to_theirs "$tree"
	git -C "$tree" add -A -f "$to"
	changed=$(need "$tree" "$package" 2>"$scratch/need.log") || fail "$to: $(tail -n 5 "$scratch/need.log")"
	git -C "$tree" add go.mod go.sum
	mapfile -t who < <(author "$root" -- "$from")
	{
		printf '%s: add %s\n\n' "$to" "$(documentation "$root/$from" | sed -n '1s/^\([PC]\)\([a-z]*\) \([a-z-]*\).*/\L\1\2\E \3/p')"
		documentation "$root/$from"
		[ -z "$changed" ] || printf '\nIn go.mod, as this needs it:\n\n%s\n' "    ${changed//$'\n'/$'\n'    }"
	} | commit "$tree" "${who[@]}"
}

# for_upstream reads a message: without the lines that speak to this repository's check.
for_upstream() {
	sed -E -e '/^(Reason|Size-Reason|Tests|Upstream-Status):/d' -e 's,layers/cvmfs,pkg/cvmfs,g' | git stripspace
}

# keep NAME TREE: what is sent, as commits on its base.
keep() {
	local file
	lay_base "$1" "$2"
	while IFS= read -r file; do
		apply "$2" "$file" || fail "$1: ${file##*/} needs a patch that upstream would not take"
	done < <(sent "$1")
}

# move_in TREE KEPT: the commits of KEPT on top of TREE's, with the names that hold there.
move_in() {
	local tree=$1 each who
	git -C "$tree" fetch -q "$2" HEAD
	for each in $(git -C "$2" rev-list --reverse HEAD | sed 1d); do
		git -C "$tree" diff --name-only --no-renames -z --diff-filter=D "$each^" "$each" >"$scratch/gone"
		git -C "$tree" diff --name-only --no-renames -z --diff-filter=d "$each^" "$each" >"$scratch/files"
		if [ -s "$scratch/gone" ]; then
			git -C "$tree" rm -q --pathspec-from-file="$scratch/gone" --pathspec-file-nul
		fi
		git -C "$tree" checkout -q --pathspec-from-file="$scratch/files" --pathspec-file-nul "$each"
		to_theirs "$tree" <"$scratch/files"
		git -C "$tree" add -A -f .
		mapfile -t who < <(author "$tree" "$each")
		git -C "$tree" log -1 --format=%B "$each" | for_upstream | commit "$tree" "${who[@]}"
	done
}

# ---- mails ----

# cover NAME: subject and text of the letter. What holds for all modules is added,
# and what was left out. A series for a newer upstream has its own where that differs.
cover() {
	local file own=${dir[$1]}/cover.md
	if [ ! -f "$own" ]; then
		own=$root/podman-patches/$1/cover.md
		if [ "$1" = storage ]; then own=$root/storage/cover.md; fi
	fi
	cat "$own" "$root/podman-patches/cover.md"
	printf '\nThe series stands on %s %s.\n' "${path[$1]}" "${version[$1]}"
	while IFS= read -r file; do
		if trailer "$file" Upstream-Status | grep -q '^\(Inappropriate\|Backport\)'; then
			printf 'Left out: "%s", %s.\n' "$(subject "$file")" \
				"$(trailer "$file" Upstream-Status | sed 's/^[A-Z][a-z]* \[\(.*\)\]$/\1/')"
		fi
	done < <(patches "$1")
}

# write_mails NAME TREE: the commits of TREE, in place of what the last run wrote.
write_mails() {
	local name=$1 tree=$2 out=$root/_build/series/$upstream/$1 who n
	mapfile -t who < <(author "$root")
	git -C "$tree" config branch.series.description "$(cover "$name")"
	mkdir "$scratch/$name.mails"
	GIT_COMMITTER_NAME=${who[0]} GIT_COMMITTER_EMAIL=${who[1]} GIT_COMMITTER_DATE=${who[2]} \
		git -C "$tree" format-patch -q --zero-commit --no-signature --numbered --full-index \
		--cover-letter --cover-from-description=subject -o "$scratch/$name.mails" base..series
	rm -rf "$out"
	mkdir -p "$(dirname "$out")"
	mv "$scratch/$name.mails" "$out"
	n=$(git -C "$tree" rev-list --count base..series)
	say "$name: ${out#"$root"/}: a cover letter and $n mails"
}

# ---- the check ----

# check_mails NAME: applied to fresh sources, mail after mail, each builds; what comes
# out is the series, but for names.
check_mails() {
	local name=$1 tree=$scratch/$1 kept=$scratch/$1.kept mail label good=() package
	# storage has all that it needs in its own go.mod; the others take what the
	# storage before them is from a workspace, as they would from a release of it.
	gowork=$scratch/go.work
	if [ "$name" = storage ]; then gowork=off; fi
	mapfile -t good < <(buildable "$name")
	[ ${#good[@]} -gt 0 ] || fail "$name: nothing in the pristine tree builds"
	for mail in "$root/_build/series/$upstream/$name"/*.patch; do
		label=$name/${mail##*/}
		if [[ $label == */0000-* ]]; then continue; fi
		if ! apply "$tree" "$mail" 2>&1; then
			problem "$label: does not apply after the mails before it"
			return
		fi
		if message "$mail" | grep -E '^(Reason|Size-Reason|Tests|Upstream-Status):' >/dev/null; then
			problem "$label: speaks to this repository's check"
		fi
		check_build "$label" "$name"
		vet "$label" "$tree"
		say "$label: applied, built"
	done
	if [ "$name" = storage ]; then test_carried "$tree"; fi
	git -C "$tree" checkout -q --detach
	for package in "${carry_order[@]}"; do
		if [ "$name" = storage ]; then git -C "$tree" rm -q -r --ignore-unmatch "$(in_storage "$package")"; fi
	done
	if [ "$name" = storage ]; then git -C "$tree" checkout -q "$(git -C "$tree" rev-list --max-parents=0 HEAD)" -- go.mod go.sum; fi
	git -C "$tree" ls-files -z | to_ours "$tree"
	git -C "$tree" add -A -f .
	[ "$(git -C "$tree" write-tree)" = "$(git -C "$kept" rev-parse 'HEAD^{tree}')" ] ||
		problem "$name: what the mails make of it is not what the series does"
	git -C "$tree" checkout -q -f series
}

# vet LABEL TREE: what the last commit carried in.
vet() {
	local out pkgs
	mapfile -t pkgs < <(touched "$2" | grep -E '^\./(pkg/cvmfs|cmd/cvmfs-)')
	[ ${#pkgs[@]} -gt 0 ] || return 0
	out=$(goin "$2" vet -tags "$tags" "${pkgs[@]}" 2>&1) || problem "$1: go vet"$'\n'"$(head -n 20 <<<"$out")"
}

# test_carried TREE: our packages' own tests, where upstream has them.
test_carried() {
	local out pkgs
	mapfile -t pkgs < <(for package in "${carry_order[@]}"; do printf './%s\n' "$(in_storage "$package")"; done)
	if out=$(goin "$1" test -timeout 15m -tags "$tags" "${pkgs[@]}" 2>&1); then
		say "storage: tests of the ${#pkgs[@]} packages that are carried in: passed"
	else
		problem "storage: tests of the packages that are carried in"$'\n'"$(grep -v '^ok\|no test files' <<<"$out" | tail -n 40)"
	fi
}

# cmd_mail [--check] [NAME...]. The first module's mails are always made: the others' names follow from it.
cmd_mail() {
	local check='' name package
	if [ "${1:-}" = --check ]; then check=yes && shift; fi
	select_modules "$@"
	lock
	load_versions
	places
	with_tests='' tags=${TAGS:-$("$here/tags")}
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	mapfile -t carry_order < <(carried)
	for name in "${selected[@]}"; do
		keep "$name" "$scratch/$name.kept"
		lay_base "$name" "$scratch/$name.mail"
		git -C "$scratch/$name.mail" tag base
		if [ "$name" = storage ]; then
			for package in "${carry_order[@]}"; do carry "$scratch/$name.mail" "$package"; done
		fi
		move_in "$scratch/$name.mail" "$scratch/$name.kept"
		write_mails "$name" "$scratch/$name.mail"
	done
	exec 9>&- # nothing below is in the way of another run
	[ -n "$check" ] || return 0
	for name in "${names[@]}"; do
		[ -d "$root/_build/series/$upstream/$name" ] || fail "$name: no mails to check: \`make series\` writes them"
	done
	for name in "${names[@]}"; do lay_base "$name" "$scratch/$name"; done
	workspace '' "$scratch" >"$scratch/go.work"
	for name in "${names[@]}"; do
		if [ -d "$scratch/$name.kept" ]; then
			check_mails "$name"
		else # what the selected ones stand on
			# shellcheck disable=SC2046
			apply "$scratch/$name" $(find "$root/_build/series/$upstream/$name" -name '0*.patch' ! -name '0000-*' | sort)
		fi
	done
	[ "$problems" = 0 ] || fail "$problems problems"
	for name in "${selected[@]}"; do say "series: $name: the mails apply, build one by one, and are the series"; done
}
