package server

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const mounts = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /var/spool/cvmfs/a.example.org/rdonly ro,nosuid,nodev - fuse cvmfs2 ro,user_id=0
31 22 0:41 / /cvmfs/a.example.org ro,nodev - overlay overlay_a.example.org rw,lowerdir=/var/spool/cvmfs/a.example.org/rdonly,upperdir=/u,workdir=/w
32 22 0:42 / /cvmfs/b.example.org rw,nodev - overlay overlay_b.example.org rw,lowerdir=/l,upperdir=/u,workdir=/w
33 22 0:43 / /cvmfs/c.example.org rw,nodev - aufs aufs_c.example.org rw,si=1
34 22 0:44 / /cvmfs/d.example.org ro,nosuid,nodev - fuse cvmfs2 ro,user_id=0
35 22 0:45 / /var/lib/containers/merged rw - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
36 22 0:46 / /cvmfs/e.example.org rw - overlay overlay_e.example.org ro,lowerdir=/l
37 31 0:47 / /cvmfs/a.example.org/inner rw shared:1 - tmpfs tmpfs rw
38 22 0:48 / /cvmfs/f.example.org ro - overlay overlay_f.example.org rw,lowerdir=/l
39 22 0:49 / /cvmfs/f.example.org rw - overlay overlay_f.example.org rw,lowerdir=/l
40 22 0:50 / /mnt/other rw - overlay overlay_g.example.org rw,lowerdir=/l
short
`
	for _, tc := range []struct {
		dir, name, below string // name is "" where there is no server's repository
		open             bool
	}{
		{dir: "/cvmfs/a.example.org", name: "a.example.org"},
		{dir: "/cvmfs/a.example.org/some/images", name: "a.example.org", below: "some/images"},
		{dir: "/cvmfs/b.example.org", name: "b.example.org", open: true},
		{dir: "/cvmfs/c.example.org", name: "c.example.org", open: true},
		{dir: "/cvmfs/e.example.org", name: "e.example.org"},
		{dir: "/cvmfs/f.example.org/x", name: "f.example.org", below: "x", open: true},
		{dir: "/cvmfs/a.example.org/inner/x"},
		{dir: "/cvmfs/a.example.organisation"},
		{dir: "/cvmfs/d.example.org"},
		{dir: "/var/lib/containers/merged"},
		{dir: "/mnt/other"},
		{dir: "/srv/tree"},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			u, err := find(strings.NewReader(mounts), tc.dir)
			if err != nil {
				t.Fatal(err)
			}
			if tc.name == "" && u == nil {
				return
			}
			want := Union{Repository{tc.name, tc.below}, tc.open}
			if u == nil || *u != want {
				t.Errorf("found %+v, want %+v", u, want)
			}
		})
	}
}
