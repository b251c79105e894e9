// Package inventory says what a repository holds: all of it (List), the layers
// of one image (Check), and what of a layer the calling user may not see
// (Hidden).
package inventory
