//go:build linux

package overlay

// useComposeFs says whether layers are composefs images: in storage 1.62 if the
// option use_composefs of storage.conf is set. Storage 1.51 has this method, since
// it uses composefs wherever that works.
func (d *Driver) useComposeFs() bool { return d.usingComposefs }
