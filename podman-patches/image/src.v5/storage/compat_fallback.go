//go:build !containers_image_storage_stub
// +build !containers_image_storage_stub

package storage

import "go.podman.io/image/v5/internal/private"

// downloadWhole returns the error of a download in parts after which the caller
// downloads the whole blob. In 5.39 it does so after an error of one type.
func downloadWhole(reason error) error {
	return private.NewErrFallbackToOrdinaryLayerDownload(reason)
}
