package tunnel

import (
	"context"
	"errors"

	"github.com/containers/podman/v5/pkg/bindings/images"
	"github.com/containers/podman/v5/pkg/bindings/system"
	"github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
)

// useCVMFS sets the mode of a pull that may use layers of repositories.  A
// server that knows nothing of them would ignore it, so it is asked first.
func useCVMFS(ctx context.Context, options *images.PullOptions, mode string) error {
	if mode == "" {
		return nil
	}
	info, err := system.Info(ctx, nil)
	if err != nil {
		return err
	}
	if info.Store == nil || info.Store.CVMFS == nil {
		if mode == string(config.Off) { // all that such a server does
			return nil
		}
		return errors.New("the server can not use layers of CVMFS repositories")
	}
	options.WithCVMFS(mode)
	return nil
}
