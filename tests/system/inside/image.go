package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What the image holds, below /probe.
const (
	probeDir  = "/probe"
	fileCount = 300 // files/000…: one for each check that changes something
	dirCount  = 150 // dirs/000…: the same, directories
	manyCount = 1500
	fileSize  = 70_001 // no multiple of anything
	bigSize   = 200<<20 + 12_345
	deepLevel = 14 // deep/<200 bytes>/…: a path of some 2,800 bytes
)

var (
	big   = content{seed: 1001, size: bigSize, shift: 12}
	zeros = int64(1 << 20)
	built = time.Date(2020, 2, 20, 20, 20, 20, 0, time.UTC)
)

func fileContent(n int) content { return content{seed: uint64(n), size: fileSize, shift: 3} }
func filePath(n int) string     { return fmt.Sprintf("%s/files/%03d", probeDir, n) }
func dirPath(n int) string      { return fmt.Sprintf("%s/dirs/%03d", probeDir, n) }
func manyName(n int) string     { return fmt.Sprintf("%d-%s", n, strings.Repeat("n", n%200)) }
func deepName(level int) string { return fmt.Sprintf("%02d%s", level, strings.Repeat("d", 198)) }

// dirFiles are the names in each of dirs/….
var dirFiles = []string{"a", "b", "c", "sub/x", "sub/y"}

// layerWriter writes one layer. Every layer but the first adds to directories
// of an earlier one, so that the merged tree is a merged one.
type layerWriter struct {
	*tar.Writer
	err error
}

func (w *layerWriter) entry(h tar.Header, body io.Reader) {
	h.ModTime, h.Format = built, tar.FormatPAX
	h.Name = strings.TrimPrefix(h.Name, "/")
	if w.err == nil {
		w.err = w.WriteHeader(&h)
	}
	if w.err == nil && body != nil {
		_, w.err = io.Copy(w.Writer, body)
	}
}

func (w *layerWriter) dir(name string, mode int64) {
	w.entry(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (w *layerWriter) text(name string, mode int64, body string) {
	w.entry(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(body))}, strings.NewReader(body))
}

func (w *layerWriter) link(name, target string) {
	w.entry(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Mode: 0o777, Linkname: target}, nil)
}

func (w *layerWriter) file(name string, c content) {
	w.entry(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: c.size}, c.reader())
}

// writeImage writes the layers' tars to dir. The programs in it are copies of
// this one.
func writeImage(dir, busybox string) error {
	shell, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	for n, fill := range []func(*layerWriter){
		func(w *layerWriter) { system(w, string(shell)) },
		func(w *layerWriter) { programs(w, string(self)) },
		files,
		changes,
	} {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.tar", n)))
		if err != nil {
			return err
		}
		w := &layerWriter{Writer: tar.NewWriter(f)}
		fill(w)
		for _, err := range []error{w.err, w.Close(), f.Close()} {
			if err != nil {
				return fmt.Errorf("writing layer %d: %w", n, err)
			}
		}
	}
	return nil
}

// system is a root file system with a shell.
func system(w *layerWriter, shell string) {
	for _, name := range []string{"bin", "etc", "usr", "usr/bin", "var"} {
		w.dir(name, 0o755)
	}
	w.dir("tmp", 0o1777)
	w.text("etc/passwd", 0o644, "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n")
	w.text("etc/group", 0o644, "root:x:0:\nuser:x:1000:\n")
	w.text("bin/busybox", 0o755, shell)
	for _, name := range strings.Fields("sh cat cp find grep ls md5sum mkdir mv rm sha256sum sort stat tar test tr wc xargs du sleep") {
		w.link("bin/"+name, "busybox")
	}
}

func programs(w *layerWriter, self string) {
	w.dir("probe", 0o755)
	w.dir("probe/bin", 0o755)
	for name, mode := range map[string]int64{"program": 0o755, "setuid": 0o4755, "setgid": 0o2755, "run": 0o755, "run2": 0o755} {
		w.text("probe/bin/"+name, mode, self)
	}
	w.entry(tar.Header{
		Typeflag: tar.TypeReg, Name: "probe/bin/capable", Mode: 0o755, Size: int64(len(self)),
		PAXRecords: map[string]string{"SCHILY.xattr.security.capability": fileCapability},
	}, strings.NewReader(self))
	w.text("probe/bin/script", 0o755, "#!/bin/sh\necho script ran with $#\n")
	w.text("probe/bin/noexec", 0o644, "#!/bin/sh\necho must not run\n")
	w.text("probe/bin/noformat", 0o755, "\x01\x02 no format that a kernel knows\n")
	w.text("probe/bin/nointerpreter", 0o755, "#!/no/such/interpreter\n")
	w.link("probe/bin/linked", "program")
}

// fileCapability is a security.capability of revision 2: cap_dac_override
// and cap_net_bind_service, permitted and effective. podman gives both.
const fileCapability = "\x01\x00\x00\x02" + "\x02\x04\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

func files(w *layerWriter) {
	w.dir("probe", 0o755)
	w.dir("probe/files", 0o755)
	for n := range fileCount {
		// those of 3, 13, … are old here, and changed by the layer above
		c := fileContent(n)
		if n%10 == 3 {
			c.seed += 5000
		}
		w.file(filePath(n), c)
	}
	w.dir("probe/dirs", 0o755)
	for n := range dirCount {
		w.dir(dirPath(n), 0o755)
		w.dir(dirPath(n)+"/sub", 0o755)
		for i, name := range dirFiles {
			w.text(dirPath(n)+"/"+name, 0o644, fmt.Sprintf("%d %d\n", n, i))
		}
		w.text(dirPath(n)+"/gone", 0o644, "gone\n")
	}
	w.dir("probe/many", 0o755)
	for n := range manyCount {
		w.text("probe/many/"+manyName(n), 0o644, fmt.Sprintln(n))
	}
	w.file("probe/big", big)
	w.entry(tar.Header{Typeflag: tar.TypeReg, Name: "probe/zeros", Mode: 0o644, Size: zeros}, strings.NewReader(strings.Repeat("\x00", int(zeros))))
	w.text("probe/empty", 0o644, "")
	w.dir("probe/modes", 0o755)
	for _, mode := range accessModes {
		w.text(fmt.Sprintf("probe/modes/%04o", mode), mode, "mode\n")
		w.dir(fmt.Sprintf("probe/modes/d%04o", mode), mode|0o111)
	}
	deep := "probe/deep"
	w.dir(deep, 0o755)
	for level := range deepLevel {
		deep += "/" + deepName(level)
		w.dir(deep, 0o755)
		w.text(deep+"/f", 0o644, fmt.Sprintln(level))
	}
}

// changes deletes and replaces.
func changes(w *layerWriter) {
	w.dir("probe", 0o755)
	for n := 3; n < fileCount; n += 10 {
		w.file(filePath(n), fileContent(n))
	}
	for n := range dirCount {
		w.text(dirPath(n)+"/.wh.gone", 0o644, "")
	}
	w.dir("probe/special", 0o755)
	w.entry(tar.Header{Typeflag: tar.TypeFifo, Name: "probe/special/fifo", Mode: 0o666}, nil)
	w.dir("probe/special/sticky", 0o1777)
	w.text("probe/special/sticky/root", 0o644, "root's\n")
	w.dir("probe/special/open", 0o777)
	w.dir("probe/special/setgid", 0o2777)
	w.link("probe/special/file", "../files/000")
	w.link("probe/special/dir", "../dirs/000")
	w.link("probe/special/dangling", "nowhere")
	w.link("probe/special/loop", "loop")
	w.text("probe/special/one", 0o644, "linked\n")
	w.entry(tar.Header{Typeflag: tar.TypeLink, Name: "probe/special/two", Linkname: "probe/special/one", Mode: 0o644}, nil)
}
