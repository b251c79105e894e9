# shellcheck shell=bash
# The trees: laid from the module proxy and the series, kept when they hold
# work, written back. Sourced by .ci/series, which declares what is used here.
# shellcheck disable=SC2154,SC2004
: "${root:?} ${build:?} ${tool:?} ${pins:?}"

# ---- sources ----

# load_versions reads go.mod, the only place that names versions.
load_versions() {
	local out p v replaced
	out=$(cd "$pins" && GOWORK=off go list -mod=readonly -m -f '{{.Path}} {{.Version}} {{if .Replace}}replaced{{end}}' \
		"${path[@]}") || fail "reading versions from go.mod failed"
	local -A found=()
	while read -r p v replaced; do
		[ -z "$replaced" ] || fail "go.mod replaces $p: its sources would not be the ones that go.sum names"
		found[$p]=$v
	done <<<"$out"
	for name in "${names[@]}"; do version[$name]=${found[${path[$name]}]}; done
}

# h1 DIRECTORY PREFIX: the hash of a module's files as go.sum has it
# (golang.org/x/mod/sumdb/dirhash).
h1() {
	printf 'h1:'
	(cd "$1" && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum --) |
		awk -v prefix="$2" '{ print $1 "  " prefix "/" substr($0, 67) }' |
		sha256sum | cut -c 1-64 | sed 's/../\\x&/g' | { read -r bytes && printf '%b' "$bytes"; } | base64
}

# pristine NAME TARGET: the module's files, verified, in a new directory. The
# hash is taken over the copy, so that a module cache changed by hand shows too.
pristine() {
	local name=$1 target=$2 p=${path[$1]} v=${version[$1]} source want
	(cd "$pins" && GOWORK=off go mod download "$p@$v") || fail "$name: downloading $p@$v failed"
	source=$(cd "$pins" && GOWORK=off go list -mod=readonly -m -f '{{.Dir}}' "$p")
	want=$(awk -v p="$p" -v v="$v" '$1 == p && $2 == v { print $3 }' "$pins/go.sum")
	[ -n "$want" ] || fail "$name: go.sum has no hash of $p $v"
	mkdir -p "$target"
	cp -R "$source/." "$target"
	# Modules are read-only in the cache.
	chmod -R u+rwX,go+rX "$target"
	[ "$(h1 "$target" "$p@$v")" = "$want" ] ||
		fail "$name: $source is not what go.sum names: \`go clean -modcache\`, then try again"
	# A module's vendor/ holds only modules.txt, yet makes go choose -mod=vendor.
	rm -rf "$target/vendor"
}

# lay_base NAME TARGET: a git repository with one commit, the same on every machine.
lay_base() {
	pristine "$1" "$2"
	git init -q --template= -b series "$2"
	git -C "$2" config core.autocrlf false
	git -C "$2" config gc.auto 0
	git -C "$2" add -A -f .
	GIT_AUTHOR_NAME=upstream GIT_AUTHOR_EMAIL=upstream@localhost \
		GIT_AUTHOR_DATE='1704067200 +0000' GIT_COMMITTER_DATE='1704067200 +0000' \
		git -C "$2" commit -q -m "${path[$1]} ${version[$1]}"
}

# ---- series ----

# patches NAME: the series' files in order, one a line.
patches() {
	if [ -d "${dir[$1]}" ]; then find "${dir[$1]}" -maxdepth 1 -name '*.patch' | sort; fi
}

# hash_patches DIRECTORY: one hash over the names and contents of its patches.
hash_patches() {
	if [ -d "$1" ]; then
		(cd "$1" && find . -maxdepth 1 -name '*.patch' -print0 | sort -z | xargs -0r sha256sum --)
	fi | sha256sum | cut -c 1-64
}

series_hash() { hash_patches "${dir[$1]}"; }

# apply TREE PATCH...
apply() {
	local tree=$1
	shift
	[ $# = 0 ] || git -C "$tree" am -q --committer-date-is-author-date "$@"
}

# write_patches TREE BASE DIRECTORY: the commits after BASE as patch files.
write_patches() {
	local tree=$1 base=$2 out=$3
	mkdir -p "$out"
	[ -z "$(git -C "$tree" rev-list --merges "$base..HEAD")" ] ||
		fail "${tree#"$root"/} holds a merge commit; a series is a line: rebase it onto its base"
	git -C "$tree" format-patch -q --zero-commit --no-signature --no-numbered --full-index --no-stat \
		-o "$out" "$base..HEAD"
}

# ---- stamps ----

# A stamp says what a tree was made from, so that work in it can be told from
# what the series already holds. It lies in the tree's .git: they live and die together.
declare -A stamp=()
read_stamp() {
	local key value
	stamp=()
	[ -f "$build/$1/.git/series-stamp" ] || return 1
	while read -r key value; do stamp[$key]=$value; done <"$build/$1/.git/series-stamp"
}

# write_stamp NAME TREE BASE HEAD SERIES. The tag is for people: git log base..
write_stamp() {
	local file=$2/.git/series-stamp
	git -C "$2" update-ref refs/tags/base "$3"
	printf '%s\n' "version ${version[$1]}" "tool $tool" "base $3" "head $4" "series $5" >"$file.new"
	mv "$file.new" "$file"
}

# look NAME: head, dirty and busy of the tree as it stands.
head='' dirty='' busy=''
look() {
	local tree=$build/$1
	head=$(git -C "$tree" rev-parse -q --verify HEAD) || fail "$1: $at/$1 has no commit: \`make recover\` lays a new one"
	dirty=$(git -C "$tree" status --porcelain | sed -n 1,5p)
	busy=''
	if [ -d "$tree/.git/rebase-apply" ] || [ -d "$tree/.git/rebase-merge" ]; then busy=yes; fi
}

# has_work: does the tree, looked at, hold what its stamp does not know?
has_work() { [ -n "$dirty$busy" ] || [ "$head" != "${stamp[head]}" ]; }

# tmp_tree makes a scratch directory on the trees' own file system.
tmp_tree() { mktemp -d "$build/.tmp.XXXXXX"; }

# same_patches A B
same_patches() { [ "$(hash_patches "$1")" = "$(hash_patches "$2")" ]; }

# adopt NAME gives a tree without a stamp the one that it should have: what is
# on disk counts as known, what the tree holds beyond it as work.
adopt() {
	local name=$1 tree=$build/$1 tmp base commits n=0 file
	tmp=$(tmp_tree)
	lay_base "$name" "$tmp/base"
	look "$name"
	base=$(git -C "$tree" rev-list --max-parents=0 HEAD)
	[ "$(git -C "$tree" rev-parse "$base^{tree}")" = "$(git -C "$tmp/base" rev-parse 'HEAD^{tree}')" ] ||
		fail "$name: $at/$name does not begin with ${path[$name]} ${version[$name]}:" \
			"\`make recover\` sets it aside and lays a new one"
	write_patches "$tree" "$base" "$tmp/tree"
	mapfile -t commits < <(git -C "$tree" rev-list --reverse "$base..HEAD")
	mkdir "$tmp/known"
	while IFS= read -r file; do
		cmp -s "$file" "$tmp/tree/${file##*/}" || break
		cp "$file" "$tmp/known"
		n=$((n + 1))
	done < <(patches "$name")
	# n patches are the same on both sides. Disk has no more: the rest of the
	# tree is work. Otherwise the stamp's series differs from the disk's, and
	# the tree is laid again unless it has more too.
	local known=$base
	if [ "$n" -gt 0 ]; then known=${commits[n - 1]}; fi
	write_stamp "$name" "$tree" "$base" "$known" "$(hash_patches "$tmp/known")"
	rm -rf "$tmp"
	read_stamp "$name"
}

# ---- materialise ----

# aside NAME: moves a tree out of the way, with its commits as patches beside it.
aside() {
	local name=$1 tree=$build/$1 to base
	to=$build/recovered/$name.$(date +%Y%m%dT%H%M%S)
	while [ -e "$to" ]; do to+=+; done
	mkdir -p "$to"
	if base=$(git -C "$tree" rev-list --max-parents=0 HEAD 2>/dev/null); then
		if read_stamp "$name"; then base=${stamp[base]}; fi
		(write_patches "$tree" "$base" "$to") || true
		git -C "$tree" diff --binary HEAD >"$to/uncommitted.diff" || true
		[ -s "$to/uncommitted.diff" ] || rm -f "$to/uncommitted.diff"
	fi
	mv "$tree" "$to/tree"
	say "$name: what $at/$name held is kept in ${to#"$root"/}"
}

# lay NAME: a new tree from base and series, put in place of the old one at once.
lay() {
	local name=$1 tree=$build/$1 tmp new base files
	tmp=$(tmp_tree)
	new=$tmp/$name
	lay_base "$name" "$new"
	base=$(git -C "$new" rev-parse HEAD)
	mapfile -t files < <(patches "$name")
	if ! apply "$new" "${files[@]}"; then
		fail "$name: the series in $(shown "$name")/ does not apply to ${path[$name]} ${version[$name]};" \
			"\`.ci/series bump $name\` leaves a tree to settle it in"
	fi
	write_stamp "$name" "$new" "$base" "$(git -C "$new" rev-parse HEAD)" "$(series_hash "$name")"
	if [ -d "$tree" ]; then
		# A stash or a branch of the user's own is work as well.
		if git -C "$tree" for-each-ref --format='%(refname)' |
			grep -vx -e refs/heads/series -e refs/tags/base >/dev/null; then
			aside "$name"
		else
			mv "$tree" "$tmp/old"
		fi
	fi
	mv "$new" "$tree"
	rm -rf "$tmp"
	say "$name: ${path[$name]} ${version[$name]}, patches: ${#files[@]}"
}

# describe_work: N unexported commits and the like.
describe_work() {
	local tree=$build/$1 n what=''
	if [ "$head" != "${stamp[head]}" ]; then
		if git -C "$tree" merge-base --is-ancestor "${stamp[head]}" HEAD; then
			n=$(git -C "$tree" rev-list --count "${stamp[head]}..HEAD")
			what="$n unexported commit"
		else
			n=$(git -C "$tree" rev-list --count "${stamp[base]}..HEAD")
			what="rewritten series of $n commit"
		fi
		[ "$n" = 1 ] || what+=s
	fi
	if [ -n "$dirty" ]; then what+=${what:+ and }"uncommitted changes"; fi
	if [ -n "$busy" ]; then what+=${what:+ and }"unfinished rebase or am"; fi
	printf '%s' "$what"
}

# exported NAME: does the tree, whatever its stamp says, hold just what is on disk?
exported() {
	local tree=$build/$1 tmp same=1
	[ -z "$dirty$busy" ] || return 1
	git -C "$tree" merge-base --is-ancestor "${stamp[base]}" HEAD || return 1
	[ -z "$(git -C "$tree" rev-list --merges "${stamp[base]}..HEAD")" ] || return 1
	tmp=$(tmp_tree)
	write_patches "$tree" "${stamp[base]}" "$tmp/out"
	mkdir -p "$tmp/disk"
	patches "$1" | xargs -r cp -t "$tmp/disk"
	if same_patches "$tmp/out" "$tmp/disk"; then same=0; fi
	rm -rf "$tmp"
	return $same
}

materialise_one() {
	local name=$1 tree=$build/$1 series
	if [ ! -e "$tree" ]; then
		lay "$name"
		return
	fi
	[ -d "$tree/.git" ] || fail "$name: $at/$name is not a git repository; move it away"
	read_stamp "$name" || adopt "$name"
	look "$name"
	series=$(series_hash "$name")
	if ! has_work; then
		if [ "$series ${version[$name]} $tool" != "${stamp[series]} ${stamp[version]} ${stamp[tool]}" ]; then lay "$name"; fi
	elif [ "${version[$name]}" = "${stamp[version]}" ] && exported "$name"; then
		write_stamp "$name" "$tree" "${stamp[base]}" "$head" "$series"
	elif [ "$series ${version[$name]}" = "${stamp[series]} ${stamp[version]}" ]; then
		say "$name: using your $(describe_work "$name"); \`make patch-export\` writes them"
	else
		local what
		what="the series in $(shown "$name")/"
		if [ "${version[$name]}" != "${stamp[version]}" ]; then what="its version in go.mod"; fi
		fail "$name: both sides changed: $at/$name holds your $(describe_work "$name"), and $what changed since." \
			"Keep yours: \`make patch-export\`. Keep the series: \`make recover\` (yours go to $at/recovered)" \
			"or \`make clean-$name\` (yours are lost)."
	fi
}

# workspace OURS TREES: a go.work over our module and the trees in a directory.
# It is the last module's binary that is shipped, as its own go.mod has it built;
# a workspace however obeys the replace directives of all its modules, and common
# has one that takes runc years back. So each of these is undone.
workspace() {
	local name replaced
	local -A kept=()
	printf 'go %s\n\nuse (\n' "$(sed -n 's/^go //p' "$pins/go.mod")"
	if [ -n "$1" ]; then printf '\t%s\n' "$1"; fi
	printf '\t./%s\n' "${names[@]}" | sort
	printf ')\n'
	while read -r replaced; do kept[$replaced]=yes; done < <(replaces "$2/${names[-1]}")
	for name in "${names[@]}"; do replaces "$2/$name"; done | sort -u | while read -r replaced; do
		[ -z "${kept[$replaced]:-}" ] || continue
		printf '\nreplace %s => %s %s\n' "$replaced" "$replaced" \
			"$(cd "$pins" && GOWORK=off go list -mod=readonly -m -f '{{.Version}}' "$replaced")"
	done
}

# replaces TREE: the modules that a go.mod replaces.
replaces() {
	[ -d "$1" ] || return 0 # not laid yet
	(cd "$1" && go mod edit -json) | awk '/^\t*"Old": \{/ { getline; split($0, part, "\""); print part[4] }'
}

cmd_materialise() {
	local name work
	select_modules "$@"
	lock
	load_versions
	for name in "${selected[@]}"; do materialise_one "$name"; done
	work=$(workspace "$(realpath --relative-to="$build" "$root")" "$build") || fail "cannot make a workspace"
	if [ "$work" != "$(cat "$build/go.work" 2>/dev/null)" ]; then
		printf '%s\n' "$work" >"$build/go.work.new"
		mv "$build/go.work.new" "$build/go.work"
	fi
}

# ---- export ----

export_one() {
	local name=$1 tree=$build/$1 tmp series saved count file
	if [ ! -d "$tree/.git" ]; then
		say "$name: no tree, nothing to export"
		return
	fi
	read_stamp "$name" || adopt "$name"
	look "$name"
	[ -z "$busy" ] || fail "$name: a rebase or am is under way in $at/$name: finish or abort it first"
	[ -z "$dirty" ] || fail "$name: uncommitted changes in $at/$name: commit or remove them first"$'\n'"$dirty"
	series=$(series_hash "$name")
	if ! has_work && [ "$series" != "${stamp[series]}" ]; then
		say "$name: nothing to export; the series on disk is newer: \`make build\` takes it up"
		return
	fi
	if exported "$name"; then
		write_stamp "$name" "$tree" "${stamp[base]}" "$head" "$series"
		say "$name: nothing to export"
		return
	fi
	[ "${version[$name]}" = "${stamp[version]}" ] ||
		fail "$name: $at/$name is ${stamp[version]}, go.mod says ${version[$name]}: \`.ci/series bump $name\` moves it first"
	git -C "$tree" merge-base --is-ancestor "${stamp[base]}" HEAD ||
		fail "$name: $at/$name no longer stands on its base commit ${stamp[base]}: rebase it there"
	tmp=$(tmp_tree)
	write_patches "$tree" "${stamp[base]}" "$tmp/out"
	if [ "$series" != "${stamp[series]}" ] && [ -d "${dir[$name]}" ]; then
		saved=$build/recovered/$name.series.$(date +%Y%m%dT%H%M%S)
		mkdir -p "$saved"
		patches "$name" | xargs -r cp -t "$saved"
		say "$name: the series on disk had changed too; what yours replaces is kept in ${saved#"$root"/}"
	fi
	mkdir -p "${dir[$name]}"
	while IFS= read -r file; do
		[ -e "$tmp/out/${file##*/}" ] || rm "$file"
	done < <(patches "$name")
	count=0
	for file in "$tmp/out"/*.patch; do
		[ -e "$file" ] || continue
		count=$((count + 1))
		cmp -s "$file" "${dir[$name]}/${file##*/}" || cp "$file" "${dir[$name]}/"
	done
	rmdir --ignore-fail-on-non-empty "${dir[$name]}"
	rm -rf "$tmp"
	write_stamp "$name" "$tree" "${stamp[base]}" "$head" "$(series_hash "$name")"
	say "$name: wrote $(shown "$name")/, patches: $count"
}

cmd_export() {
	local name
	select_modules "$@"
	lock
	load_versions
	for name in "${selected[@]}"; do export_one "$name"; done
	if [ "$upstream" = v4 ]; then cmd_spec; fi
}

# ---- the rest ----

# counted NAME: its number of patches and a short hash over them.
counted() { printf '%s %s (%.8s' "$1" "$(patches "$1" | wc -l)" "$(series_hash "$1")"; }

# describe is what a binary says of itself, so a tree with work in it says "modified".
cmd_describe() {
	local name out=''
	for name in "${names[@]}"; do
		out+="${out:+, }$(counted "$name")"
		if [ -d "$build/$name/.git" ]; then
			if read_stamp "$name"; then
				look "$name"
				if has_work || [ "${stamp[series]}" != "$(series_hash "$name")" ]; then out+=" modified"; fi
			else
				out+=" modified"
			fi
		fi
		out+=")"
	done
	say "$out"
}

# bump moves a series onto another version of its module: with the old tree
# there, a rebase, which merges; without, am, which stops at the first patch
# that does not apply. Either way conflicts are settled in the tree.
cmd_bump() {
	[ $# = 1 ] || fail "usage: .ci/series bump NAME"
	select_modules "$1"
	lock
	load_versions
	local name=$1 tree=$build/$1 tmp base old files
	tmp=$(tmp_tree)
	if [ -d "$tree/.git" ] && read_stamp "$name"; then
		look "$name"
		[ -z "$busy" ] || fail "$name: a rebase or am is already under way in $at/$name"
		[ -z "$dirty" ] || fail "$name: uncommitted changes in $at/$name: commit them first"
		if [ "${stamp[version]}" = "${version[$name]}" ]; then
			say "$name: $at/$name is ${version[$name]} already"
			return
		fi
		if [ "${stamp[series]}" = "$(series_hash "$name")" ]; then
			old=${stamp[base]}
			lay_base "$name" "$tmp/base"
			git -C "$tree" fetch -q "$tmp/base" series
			base=$(git -C "$tree" rev-parse FETCH_HEAD)
			write_stamp "$name" "$tree" "$base" "$base" "${stamp[series]}"
			rm -rf "$tmp"
			git -C "$tree" checkout -q -B series
			git -C "$tree" rebase -q --onto "$base" "$old" series ||
				fail "$name: settle this in $at/$name (git add, git rebase --continue), then \`make patch-export\`"
			say "$name: rebased onto ${version[$name]}; \`make build\`, test, \`make patch-export\`"
			return
		fi
		aside "$name"
	elif [ -e "$tree" ]; then
		aside "$name"
	fi
	lay_base "$name" "$tmp/$name"
	base=$(git -C "$tmp/$name" rev-parse HEAD)
	write_stamp "$name" "$tmp/$name" "$base" "$base" "$(series_hash "$name")"
	mv "$tmp/$name" "$tree"
	rm -rf "$tmp"
	mapfile -t files < <(patches "$name")
	apply "$tree" "${files[@]}" ||
		fail "$name: settle this in $at/$name (git am --show-current-patch=diff, edit, git add, git am --continue)," \
			"then \`make patch-export\`"
	say "$name: applied to ${version[$name]}; \`make build\`, test, \`make patch-export\`"
}

cmd_recover() {
	local name
	select_modules "$@"
	lock
	load_versions
	for name in "${selected[@]}"; do
		[ -e "$build/$name" ] || continue
		if [ -d "$build/$name/.git" ] && read_stamp "$name"; then
			look "$name"
			has_work || continue
		fi
		aside "$name"
	done
	exec 9>&-
	cmd_materialise "${selected[@]}"
}

cmd_clean() {
	local force='' name
	if [ "${1:-}" = --force ]; then
		force=yes
		shift
	fi
	select_modules "$@"
	[ -d "$build" ] || return 0
	lock
	for name in "${selected[@]}"; do
		[ -e "$build/$name" ] || continue
		if [ -z "$force" ]; then
			if [ ! -d "$build/$name/.git" ] || ! read_stamp "$name"; then
				say "$name: $at/$name stays, nobody knows what it holds; \`make clean-$name\` removes it"
				continue
			fi
			look "$name"
			if has_work; then
				say "$name: $at/$name stays, it holds your $(describe_work "$name"); \`make clean-$name\` removes it"
				continue
			fi
		fi
		rm -rf "${build:?}/$name"
	done
}
