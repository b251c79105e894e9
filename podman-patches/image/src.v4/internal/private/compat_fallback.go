package private

// ErrFallbackToOrdinaryLayerDownload is what PutBlobPartial returns in later versions if its caller can go on
// with PutBlob. In 5.29 its caller does so after any error.
type ErrFallbackToOrdinaryLayerDownload struct {
	err error
}

func (c ErrFallbackToOrdinaryLayerDownload) Error() string {
	return c.err.Error()
}

func (c ErrFallbackToOrdinaryLayerDownload) Unwrap() error {
	return c.err
}

func NewErrFallbackToOrdinaryLayerDownload(err error) error {
	return ErrFallbackToOrdinaryLayerDownload{err: err}
}
