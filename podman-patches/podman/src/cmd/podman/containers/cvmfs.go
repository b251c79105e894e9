package containers

import (
	"context"

	cvmfs "github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs/config"
	"go.podman.io/common/pkg/config"
)

// withPullPolicy returns a context in which a start does not pull anew what a
// repository lost, if the policy is never to pull.
func withPullPolicy(ctx context.Context, policy string) context.Context {
	if parsed, err := config.ParsePullPolicy(policy); err == nil && parsed == config.PullPolicyNever {
		return cvmfs.PullNothing(ctx)
	}
	return ctx
}
