package helper

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a helper answers is an error that names it or tells its text, of no
// more than one class.
func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"class":"unknown","error":"no such layer"}`))
	f.Add([]byte(`{"class":"root","error":""}`))
	f.Add([]byte("panic: \xff"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		err := ParseError(View, doc)
		if e, ok := err.(*Error); ok { //nolint:errorlint // not wrapped
			again, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if got := ParseError(View, again); got.Error() != e.Error() {
				t.Errorf("%q became %q", e, got)
			}
			return
		}
		if !strings.Contains(err.Error(), View) {
			t.Errorf("%q does not name the helper", err)
		}
	})
}
