//go:build !remote
// +build !remote

package libimage

// Copier is the name that later versions of containers/common give the copier.
type Copier = copier
