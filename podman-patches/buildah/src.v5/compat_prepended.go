package buildah

// prependsLayers says whether layers that the caller brings come below the base's.
// In buildah 1.33 a caller cannot bring any; in 1.43 it can.
func (i *containerImageRef) prependsLayers() bool { return len(i.preLayers) > 0 }
