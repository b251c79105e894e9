# shellcheck shell=bash
# The check: everything that a reader of a series may rely on. It collects what
# is wrong rather than stop at the first, and works in a scratch directory.
# Sourced by .ci/series, which declares what is used here.
# shellcheck disable=SC2154
: "${root:?} ${here:?}"

readonly size_limit=150

problems=0
problem() {
	printf 'series: %s\n' "$*" >&2
	problems=$((problems + 1))
}

# ---- the directory ----

# check_directory NAME: only patches and prose, numbered 0001, 0002, ...
check_directory() {
	local name=$1 n=0 file base
	[ -d "${dir[$name]}" ] || return 0
	while IFS= read -r file; do
		base=${file##*/}
		case $base in
		*.md) ;;
		*.patch)
			n=$((n + 1))
			[[ $base =~ ^$(printf %04d $n)-[A-Za-z0-9._-]+\.patch$ ]] ||
				problem "$(shown "$name")/$base: expected number $(printf %04d $n), as git format-patch numbers them"
			;;
		*) problem "$(shown "$name")/$base: only *.patch and *.md belong here" ;;
		esac
	done < <(find "${dir[$name]}" -mindepth 1 -maxdepth 1 | sort)
}

# check_parents: nothing strays between the directories of the series either.
check_parents() {
	local name parent file known
	for parent in $(for name in "${names[@]}"; do dirname "${dir[$name]}"; done | sort -u); do
		if [ "$parent" = "$root" ] || [ ! -d "$parent" ]; then continue; fi
		while IFS= read -r file; do
			known=
			for name in "${names[@]}"; do
				if [ "$file" = "${dir[$name]}" ]; then known=yes; fi
			done
			case $known/${file##*/} in
			yes* | *.md) ;;
			/go.mod | /go.sum | /upstream.go) [ "$parent" = "$pins" ] || problem "${file#"$root"/}: not here" ;;
			*) problem "${file#"$root"/}: no series of any module, and not *.md" ;;
			esac
		done < <(find "$parent" -mindepth 1 -maxdepth 1 | sort)
	done
}

# ---- the header ----

# message PATCH: the commit message, without mail headers and diff. Without a
# stat, format-patch writes no --- line, so the diff itself is the end.
message() { sed -e '1,/^$/d' -e '/^---$/,$d' -e '/^diff --git /,$d' "$1"; }

# trailer PATCH KEY: the values of a header line of ours.
trailer() { message "$1" | sed -n "s/^$2:[[:space:]]*//p"; }

# check_header LABEL PATCH
check_header() {
	local label=$1 patch=$2 key value file n
	for key in Reason Tests Upstream-Status; do
		n=$(trailer "$patch" "$key" | grep -c .) || true
		if [ "$n" = 0 ]; then problem "$label: no $key: line in the header"; fi
		if [ "$n" -gt 1 ] && [ "$key" != Tests ]; then problem "$label: $key: given $n times"; fi
	done
	if grep -E -m 1 '^Subject: ' "$patch" | grep -E '\] (fixup|squash|amend)! ' >/dev/null; then
		problem "$label: still to be folded into another: git rebase -i --autosquash base"
	fi
	message "$patch" | grep -Ev '^($|[A-Z][A-Za-z-]+:)' >/dev/null ||
		problem "$label: the header does not say what changes and why"
	while IFS= read -r value; do
		case $value in
		feature | build | temporary) ;;
		*) problem "$label: Reason: $value is none of feature, build, temporary" ;;
		esac
	done < <(trailer "$patch" Reason)
	while IFS= read -r value; do
		[[ $value =~ ^Pending$ || $value =~ ^(Submitted|Backport)\ \[https?://[^]\ ]+\]$ ||
			$value =~ ^Inappropriate\ \[[^]]+\]$ ]] ||
			problem "$label: Upstream-Status: $value is none of Pending, Submitted [url], Backport [url], Inappropriate [why]"
	done < <(trailer "$patch" Upstream-Status)
	while IFS= read -r file; do
		case /$file/ in
		//* | */../*) problem "$label: Tests: $file is not a path in the repository" && continue ;;
		esac
		# A test is ours, or a Go test that the series touches.
		if [ -f "$root/$file" ]; then continue; fi
		if [[ $file == *_test.go ]] && cat "${patch%/*}"/*.patch | grep -xF "+++ b/$file" >/dev/null; then continue; fi
		problem "$label: Tests: $file does not exist"
	done < <(trailer "$patch" Tests | tr -s ', \t' '\n' | sed '/^$/d')
}

# check_size LABEL PATCH TREE: added lines of the last commit; tests that it
# brings along are free, and a Size-Reason line argues for more.
check_size() {
	local label=$1 patch=$2 tree=$3 added
	added=$(git -C "$tree" show --format= --numstat --no-renames HEAD | awk '{ n += $1 } END { print n + 0 }')
	added=$((added - $(git -C "$tree" show --format= --numstat --no-renames --diff-filter=A HEAD -- '*_test.go' |
		awk '{ n += $1 } END { print n + 0 }')))
	if [ "$added" -gt $size_limit ] && [ -z "$(trailer "$patch" Size-Reason)" ]; then
		problem "$label: adds $added lines, more than $size_limit: put the logic into layers/cvmfs, split it, or argue in a Size-Reason: line"
	fi
}

# ---- building ----

# goin TREE GO-ARGUMENT...: in the workspace that $gowork names. -trimpath makes results
# independent of the directory, so that they come from the build cache.
goin() {
	local tree=$1
	shift
	(cd "$tree" && GOWORK=$gowork GOFLAGS='-trimpath -buildvcs=false' go "$@")
}

# touched TREE: the packages, as ./directories, whose Go files the last commit touches.
touched() {
	local d
	git -C "$1" show --format= --name-only --no-renames HEAD -- '*.go' | while IFS= read -r d; do
		printf './%s\n' "$(dirname "$d")"
	done | sort -u | while IFS= read -r d; do
		if ls "$1/$d"/*.go >/dev/null 2>&1; then printf '%s\n' "$d"; fi
	done
}

# buildable NAME: what compiles in the pristine tree on this system; some
# packages are for others.
buildable() {
	local name=$1
	if [[ ${packages[$name]} != *...* ]]; then
		tr ' ' '\n' <<<"${packages[$name]}"
		return
	fi
	# shellcheck disable=SC2086
	goin "$scratch/$name" list -e -export -tags "$tags" \
		-f '{{if not (or .Error .DepsErrors)}}{{.ImportPath}}{{end}}' ${packages[$name]} 2>/dev/null | sed '/^$/d'
}

# check_build LABEL NAME: the tree builds, and so do the tests of what changed.
check_build() {
	local label=$1 name=$2 tree=$scratch/$2 out pkgs
	mapfile -t pkgs < <(
		printf '%s\n' "${good[@]}"
		touched "$tree"
	)
	if ! out=$(goin "$tree" build -o /dev/null -tags "$tags" "${pkgs[@]}" 2>&1); then
		problem "$label: does not build"$'\n'"$(head -n 20 <<<"$out")"
		return
	fi
	mapfile -t pkgs < <(touched "$tree")
	[ ${#pkgs[@]} -gt 0 ] || return 0
	if ! out=$(goin "$tree" list -test -export -tags "$tags" "${pkgs[@]}" 2>&1); then
		problem "$label: its packages' tests do not build"$'\n'"$(head -n 20 <<<"$out")"
		return
	fi
	[ -n "$with_tests" ] || return 0
	# storage's types package wants a USER.
	if ! out=$(USER=${USER:-$(id -un)} goin "$tree" test -timeout 15m -tags "$tags" "${pkgs[@]}" 2>&1); then
		problem "$label: its packages' tests fail"$'\n'"$(grep -v '^ok\|no test files' <<<"$out" | tail -n 40)"
	fi
}

# ---- the series ----

# check_series NAME: patch after patch. Returns non-zero where the rest of the
# check would have nothing to stand on.
check_series() {
	local name=$1 tree=$scratch/$1 base patch label files good=()
	base=$(git -C "$tree" rev-parse HEAD)
	mapfile -t files < <(patches "$name")
	if [ -z "${wanted[$name]:-}" ]; then
		apply "$tree" "${files[@]}"
		return
	fi
	check_directory "$name"
	[ ${#files[@]} -gt 0 ] || return 0
	mapfile -t good < <(buildable "$name")
	if [ ${#good[@]} = 0 ]; then
		problem "$name: nothing in the pristine tree builds"
		return 1
	fi
	for patch in "${files[@]}"; do
		label=$(shown "$name")/${patch##*/}
		check_header "$label" "$patch"
		if ! apply "$tree" "$patch" 2>&1; then
			problem "$label: does not apply to ${path[$name]} ${version[$name]} after the patches before it"
			return 1
		fi
		check_size "$label" "$patch" "$tree"
		check_build "$label" "$name"
		say "$label: read, applied, built${with_tests:+, tested}"
	done
	write_patches "$tree" "$base" "$scratch/$name.out"
	for patch in "${files[@]}"; do
		cmp -s "$patch" "$scratch/$name.out/${patch##*/}" ||
			problem "$(shown "$name")/${patch##*/}: applied and exported again it comes out different;" \
				"patches are written by \`make patch-export\`, never by hand"
	done
}

# check_foreign: the repository holds no upstream file. Compared by content, so
# a copy under another name shows too; a licence's text is the same everywhere.
check_foreign() {
	local name file hash
	: >"$scratch/upstream"
	for name in "${names[@]}"; do
		git -C "$scratch/$name" ls-tree -r "$(git -C "$scratch/$name" rev-list --max-parents=0 HEAD)" |
			awk '{ print $3 }' >>"$scratch/upstream"
	done
	local empty=e69de29bb2d1d6434b8b29ae775ad8c2e48c5391
	grep -vx $empty "$scratch/upstream" | sort -u >"$scratch/upstream.sorted"
	{
		git -C "$root" ls-files -co --exclude-standard 2>/dev/null ||
			(cd "$root" && find . \( -path ./_build -o -path ./bin \) -prune -o -type f -printf '%P\n')
	} | while IFS= read -r file; do
		if [ -f "$root/$file" ] && [ "$file" != LICENSE ]; then printf '%s\n' "$file"; fi
	done >"$scratch/ours"
	(cd "$root" && git hash-object --no-filters --stdin-paths <"$scratch/ours") |
		paste -d ' ' - "$scratch/ours" | sort >"$scratch/ours.sorted"
	while read -r hash file; do
		problem "$file: the same as a file of an upstream module (blob $hash); the repository holds none"
	done < <(join "$scratch/ours.sorted" "$scratch/upstream.sorted")
}

cmd_check() {
	with_tests=''
	if [ "${1:-}" = --test ]; then
		with_tests=yes
		shift
	fi
	select_modules "$@"
	declare -A wanted=()
	local name out
	for name in "${selected[@]}"; do wanted[$name]=yes; done
	load_versions
	tags=${TAGS:-$("$here/tags")}
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/series.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	for name in "${names[@]}"; do lay_base "$name" "$scratch/$name"; done
	gowork=$scratch/go.work
	workspace "$root" "$scratch" >"$gowork"
	check_parents
	check_foreign
	if [ "$upstream" = v4 ] && ! (cmd_spec --check); then problems=$((problems + 1)); fi
	for name in "${names[@]}"; do
		if ! check_series "$name"; then
			say "series: $problems problems; the check ended at $name" >&2
			exit 1
		fi
	done
	# All series together, in what is shipped: a patch of storage can break podman.
	name=${names[-1]}
	# shellcheck disable=SC2086
	out=$(goin "$scratch/$name" build -o /dev/null -tags "$tags" ${packages[$name]} 2>&1) ||
		problem "$name: does not build on all series together"$'\n'"$(head -n 20 <<<"$out")"
	if [ $problems -gt 0 ]; then
		say "series: $problems problems" >&2
		exit 1
	fi
	for name in "${selected[@]}"; do say "series: $(counted "$name")): in order"; done
}
