# shellcheck shell=bash
# The part of the RPM's spec that follows from go.mod and the series: upstream's
# versions, a Patch line with its reason for each patch, and the order in which
# they are applied. Sourced by .ci/series, which declares what is used here.
# shellcheck disable=SC2154
: "${root:?}"

spec=$root/rpm/podman-cvmfs.spec

# subject PATCH: its line, without what git adds to it.
subject() {
	sed -n '/^Subject: /,/^[^ ]*$/p' "$1" | sed -n '1p; 2,$ { /^ /p; }' | tr -d '\n' | sed 's/^Subject: \[PATCH\] //'
}

# reason PATCH: subject, kind, and the first paragraph, as comments of a spec,
# where % would be expanded.
reason() {
	printf '%s (%s)\n' "$(subject "$1")" "$(trailer "$1" Reason)"
	message "$1" | sed -e '0,/./ { /^$/d; }' -e '/^$/,$d' | fold -s -w 110 | sed 's/ *$//'
}

# spec_versions, spec_patches, spec_prep: the three blocks.
spec_versions() {
	local name
	printf '%%global go_version %s\n' "$(sed -n 's/^go //p' "$root/go.mod")"
	for name in "${names[@]}"; do
		printf '%%global %s_module %s\n' "$name" "${path[$name]}"
		printf '%%global %s_version %s\n' "$name" "${version[$name]#v}"
	done
}

spec_patches() {
	local name patch number=0
	for name in "${names[@]}"; do
		number=$(((number / 1000 + 1) * 1000))
		while IFS= read -r patch; do
			number=$((number + 1))
			reason "$patch" | sed 's/%/%%/g; s/^/# /'
			printf 'Patch%d: %s-%s\n' $number "$name" "${patch##*/}"
		done < <(patches "$name")
	done
}

spec_prep() { spec_patches | sed -n 's/^Patch\([0-9]*\): \([a-z]*\)-.*/%patch -P \1 -p1 -d _build\/\2/p'; }

# spec_renewed: the spec with its blocks as they should be.
spec_renewed() {
	local line block
	while IFS= read -r line; do
		case $line in
		'# ---- written by .ci/series spec: '*)
			block=${line#'# ---- written by .ci/series spec: '}
			printf '%s\n' "$line"
			"spec_${block%% *}"
			while IFS= read -r line && [ "$line" != '# ---- end' ]; do :; done
			[ "$line" = '# ---- end' ] || fail "${spec#"$root"/}: no end of block $block"
			;;
		esac
		printf '%s\n' "$line"
	done <"$spec"
}

# cmd_spec [--check]
cmd_spec() {
	local renewed
	if [ ! -e "$spec" ]; then return; fi
	load_versions
	renewed=$(spec_renewed)
	if [ "$renewed" = "$(cat "$spec")" ]; then return; fi
	if [ "${1:-}" = --check ]; then
		diff -u --label "${spec#"$root"/}" --label "the series and go.mod" "$spec" - <<<"$renewed" >&2 || true
		fail "${spec#"$root"/} is not in step with the series and go.mod: \`.ci/series spec\` writes it"
	fi
	printf '%s\n' "$renewed" >"$spec.new"
	mv "$spec.new" "$spec"
	say "${spec#"$root"/}: in step with the series"
}
