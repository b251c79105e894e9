# shellcheck shell=bash
# shellcheck disable=SC2154 # what ../series sets
# The Go tests that the series add to the modules' own. All of a module's tests are conformance's business.

# added_tests NAME: "<package> <test>" for each.
added_tests() {
	git -C "$build/$1" diff base HEAD -- '*_test.go' | sed -En '
		s,^\+\+\+ b/(.*/)?[^/]*$,./\1,; T test; h; d
		:test
		s/^\+func ((Test|Fuzz)[A-Z0-9][A-Za-z0-9_]*)\(.*/\1/; T; G; s/(.*)\n(.*)/\2 \1/p' | sort -u
}

cmd_test() {
	select_modules "$@"
	local name package tags added added_to run ran=0 failed=()
	cmd_materialise "${selected[@]}"
	tags=${TAGS:-$("$here/tags")}
	for name in "${selected[@]}"; do
		added=$(added_tests "$name")
		mapfile -t added_to < <(cut -d' ' -f1 <<<"$added" | sort -u)
		for package in "${added_to[@]}"; do
			run=$(awk -v p="$package" '$1 == p { print $2 }' <<<"$added" | paste -sd'|')
			ran=$((ran + 1))
			# storage's types package wants a USER.
			(cd "$build/$name" && USER=${USER:-$(id -un)} GOWORK=$build/go.work unshare --mount --propagation private -- \
				go test -trimpath -buildvcs=false -count=1 -tags "$tags" ${GOTESTFLAGS:+$GOTESTFLAGS} \
				-run "^($run)\$" "$package") ||
				failed+=("$name/${package#./}")
		done
	done
	[ $ran -gt 0 ] || fail "no series adds a test"
	[ ${#failed[@]} = 0 ] || fail "tests fail in ${failed[*]}"
}
