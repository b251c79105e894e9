package storage

import (
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzRemoteLayerRecord: whatever layers.json holds of a layer, it is refused or
// read, kept by copies and by writing it again, and marks of other types than
// those that are written mean nothing.
func FuzzRemoteLayerRecord(f *testing.F) {
	f.Add([]byte(`{"id":"a","kind":"remote-readonly","remote-path":"/cvmfs/r/.layers/aa/aa/layerfs","remote-identity":{"revision":3},"flags":{"remote-readonly":true}}`))
	f.Add([]byte(`{"kind":"","remote-path":"","remote-identity":{},"flags":{"remote-mapped":"yes","remote-readonly":1}}`))
	f.Add([]byte(`{"kind":"remote-readonly","diff-digest":"sha256:a","compressed-diff-digest":"sha256:b"}`))
	f.Add([]byte(`{"kind":1}`))
	f.Add([]byte(`{"Kind":"remote-readonly","RemoteLayerRecord":{"kind":"x"},"flags":null}`))
	f.Add([]byte("{\"kind\":\"remote-readonly\",\"remote-path\":\"/\xff\",\"remote-identity\":{\"repository\":\"\xff\"}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		written := utf8.Valid(data) // no path or identity is put that is not
		var layer Layer
		if json.Unmarshal(data, &layer) != nil {
			return
		}
		layer.ID = "id"
		if flag, ok := layer.Flags[mappedFlag].(bool); layer.MapsRemote() != (ok && flag) {
			t.Errorf("%s: a mapped copy: %v", data, layer.MapsRemote())
		}
		// Without a driver that has remote layers nothing is made of a record.
		before, claims := layer.RemoteLayerRecord, layer.Kind != "" && (layer.UncompressedDigest != "" || layer.CompressedDigest != "")
		if (&layerStore{}).recoverRemote(&layer) != claims || !claims && layer.RemoteLayerRecord != before {
			t.Errorf("%s: recovered as %+v", data, layer.RemoteLayerRecord)
		}
		if before = layer.RemoteLayerRecord; layer.Kind != "" && (layer.UncompressedDigest != "" || layer.CompressedDigest != "") {
			t.Errorf("%s: a claim counts as computed: %+v", data, layer)
		}
		if got := copyLayer(&layer).RemoteLayerRecord; !reflect.DeepEqual(got, before) {
			t.Errorf("%s: copied as %+v", data, got)
		}
		again, err := json.Marshal(&layer)
		if err != nil {
			t.Fatal(err)
		}
		var got Layer
		if err := json.Unmarshal(again, &got); err != nil || written && !reflect.DeepEqual(got.RemoteLayerRecord, before) {
			t.Errorf("%s became %s, %v", data, again, err)
		}
	})
}
