package standin

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Newer kernels make ENOTTY of ENOSYS; the older ones that need it don't.
func TestIoctlIsENOTTY(t *testing.T) {
	if got := new(Server).Ioctl(nil, nil, nil, nil, nil); got != fuse.Status(unix.ENOTTY) {
		t.Errorf("got %v", got)
	}
}
