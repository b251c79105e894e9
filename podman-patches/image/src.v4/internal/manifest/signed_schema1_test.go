package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containers/libtrust"
	"github.com/opencontainers/go-digest"
)

// The digest of a signed manifest is that of all that is read from it.
func TestDigestOfSigned(t *testing.T) {
	const payload = "{\n   \"schemaVersion\": 1,\n   \"name\": \"image\",\n   \"fsLayers\": [\n      {\n         \"blobSum\": \"good\"\n      }\n   ]\n}"
	sign := func(t *testing.T, content string) string {
		t.Helper()
		key, err := libtrust.GenerateECP256PrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		signature, err := libtrust.NewJSONSignature([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := signature.Sign(key); err != nil {
			t.Fatal(err)
		}
		signed, err := signature.PrettySignature("signatures")
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	before := func(s, mark, what string) string { return strings.Replace(s, mark, what+mark, 1) }
	after := func(s, what string) string { i := strings.LastIndex(s, "}"); return s[:i] + what + s[i:] }
	const evil = `"fsLayers": [{"blobSum": "evil"}]`
	for _, tc := range []struct {
		name   string
		change func(signed string) string
		same   bool
	}{
		{"as it is", func(s string) string { return s }, true},
		{"a line at the end", func(s string) string { return s + "\n" }, true},
		{"member before the signatures", func(s string) string {
			return before(s, `,
   "signatures"`, ", "+evil)
		}, false},
		{"member after the signatures", func(s string) string { return after(s, ", "+evil) }, false},
		{"member of another case", func(s string) string { return after(s, `, "FSLAYERS": [{"blobSum": "evil"}]`) }, false},
		{"signatures twice", func(s string) string { return after(s, `, "signatures": []`) }, false},
		{"another object", func(s string) string { return s + "{" + evil + "}" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			manifest := []byte(tc.change(sign(t, payload)))
			matches, err := MatchesDigest(manifest, digest.FromString(payload))
			if matches != tc.same {
				t.Errorf("matches: %v, %v\n%s", matches, err, manifest)
			}
		})
	}

	// As registries have them, and with a member before the payload.
	signed := sign(t, payload)
	registrys, err := os.ReadFile(filepath.Join("testdata", "v2s1.manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, manifest := range [][]byte{registrys, []byte(signed)} {
		if _, err := Digest(manifest); err != nil {
			t.Errorf("a manifest as registries have it: %v", err)
		}
		if _, err := Digest(bytes.Replace(manifest, []byte("{"), []byte(`{"name": "evil",`), 1)); err == nil {
			t.Error("a member before the payload has a digest")
		}
	}
}
