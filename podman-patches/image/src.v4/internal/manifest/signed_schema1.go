package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// checkSigned returns an error unless a signed schema 1 manifest is its payload,
// which the digest is of, with the member "signatures" at the end, as libtrust
// writes it. A signature says itself which part of the manifest is the payload:
// whatever else is there does not count for the digest, and is read.
func checkSigned(manifest, payload []byte) error {
	const space = " \t\r\n"
	end := bytes.TrimRight(payload, space)
	if !bytes.HasSuffix(end, []byte("}")) {
		return errors.New("the payload of a signed manifest is no object")
	}
	members := bytes.TrimRight(end[:len(end)-1], space)
	rest, found := bytes.CutPrefix(manifest, members)
	rest = bytes.TrimLeft(rest, space)
	if !found || !bytes.HasPrefix(rest, []byte(",")) {
		return errors.New("a signed manifest does not begin with its payload")
	}
	// What follows must be one member, and the object's end.
	object := append([]byte("{"), rest[1:]...)
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	name, err := decoder.Token()
	if err != nil {
		return err
	}
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	if name != "signatures" || decoder.More() {
		return errors.New("a signed manifest has more than its payload and signatures")
	}
	if _, err := decoder.Token(); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("a signed manifest has data after its end")
	}
	return nil
}
