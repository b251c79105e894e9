// Package source finds out what an image is: which layers it has, by digest
// and diffID, under which name it goes, and how each layer's bytes are had. It
// fetches the manifest and the config, and a layer only when that is opened.
//
// An image is named in one of three ways:
//
//	[docker://][REGISTRY/]REPOSITORY[:TAG|@DIGEST]   a registry
//	oci:DIR[:TAG]                         an OCI image layout
//	docker-archive:FILE[:TAG]             what docker save and podman save write
//
// Everything that the manifest names by digest is checked against it: the
// manifest itself where the reference or an index states its digest, and the
// config here; the layers by whoever reads them.
package source
