package main

import (
	"fmt"
	"math/rand"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// crowds do at once what the other checks do in turn. Content is the answer.
var crowds = []named{
	{"1,000 readers", func(p *probe) {
		p.crowd(1000, func(n int, r *rand.Rand) error {
			for range 12 {
				i := crowdFile + r.Intn(40)
				if err := fileContent(i).sameFile(filePath(i)); err != nil {
					return err
				}
				var st unix.Stat_t
				if err := unix.Stat(filePath(i), &st); err != nil || st.Size != fileSize {
					return fmt.Errorf("stat of %d: size %d, %w", i, st.Size, err)
				}
				at := r.Int63n(bigSize - 5000)
				if err := sameAt(probeDir+"/big", big, at); err != nil {
					return err
				}
				if n%10 == 0 {
					if entries, err := os.ReadDir(probeDir + "/modes"); err != nil || len(entries) != 2*len(accessModes) {
						return fmt.Errorf("listing: %d names, %w", len(entries), err)
					}
				}
			}
			return nil
		})
	}},
	{"readers beside writers", func(p *probe) {
		base := crowdFile + 40
		p.crowd(200, func(n int, r *rand.Rand) error {
			i := base + n%10
			if n < 10 { // each copies its file up
				return overwrite(filePath(i), "70001", "appended")
			}
			for range 20 {
				if err := sameAt(filePath(i), fileContent(i), r.Int63n(fileSize-5000)); err != nil {
					return err
				}
			}
			return nil
		})
		for n := range 10 {
			got, err := os.ReadFile(filePath(base + n))
			p.must("read", err)
			p.bytes("appended file", got, append(fileContent(base+n).bytes(), "appended"...))
		}
	}},
	{"many make and delete in one directory", func(p *probe) {
		dir := p.dir()
		p.crowd(100, func(n int, _ *rand.Rand) error {
			path := fmt.Sprintf("%s/%d", dir, n)
			for range 5 {
				if err := os.WriteFile(path, []byte(path), 0o644); err != nil {
					return err
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != path {
					return fmt.Errorf("%q read back as %q: %w", path, got, err)
				}
				if err := os.Rename(path, path+"-new"); err != nil {
					return err
				}
				if err := os.Remove(path + "-new"); err != nil {
					return err
				}
			}
			return nil
		})
		p.say("left %d", p.count(dir))
	}},
}

// crowdFile is the first of the files that no other check takes.
const crowdFile = fileCount - 60

// crowd runs a part many times at once, and says in how many it failed.
func (p *probe) crowd(size int, part func(n int, r *rand.Rand) error) {
	errs := make([]error, size)
	var wg sync.WaitGroup
	for n := range size {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[n] = part(n, rand.New(rand.NewSource(int64(n))))
		}()
	}
	wg.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			if failed == 0 {
				p.fail("%v", err)
			}
			failed++
		}
	}
	p.say("%d of %d failed", failed, size)
}

// sameAt compares 5,000 bytes of a file.
func sameAt(path string, c content, at int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	got, want := make([]byte, 5000), make([]byte, 5000)
	if _, err := f.ReadAt(got, at); err != nil {
		return err
	}
	_, _ = c.ReadAt(want, at)
	if string(got) != string(want) {
		return fmt.Errorf("wrong content of %s at %d", path, at)
	}
	return nil
}
