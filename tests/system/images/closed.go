package main

import "fmt"

// closedTopLayer is what COPY makes where umask is 027 or 077, as on many clusters:
// directories at the top that only their owner may read, /etc among them. A
// repository keeps a user out, who would lose what lower layers have there.
func closedTopLayer() []item {
	return []item{
		dir("etc", 0o750), dir("etc/services.d", 0o750), file("etc/services.d/run", 0o750, "#!/bin/sh\n"),
		dir("app", 0o700), file("app/main.sh", 0o700, "echo main\n"), dir("root", 0o700), file("root/own", 0o600, "own\n"),
	}
}

// closedBelowLayer has what a look at the top does not see: programs that may be
// executed and not read (sudo of EL is 4111, chsh 4711), and an installer's leftovers
// in /tmp, as in centos:7.
func closedBelowLayer(shell []byte) []item {
	items := []item{dir("opt", 0o755), dir("tmp", 0o1777), file("tmp/ks-script-hE5IPf", 0o700, "#!/bin/bash\n"), file("opt/script", 0o700, "#!/bin/sh\n")}
	for _, mode := range []int64{0o111, 0o711, 0o4111, 0o4711} {
		name := fmt.Sprintf("opt/%o", mode)
		items = append(items, dir(name, 0o755), file(name+"/id", mode, string(shell)))
	}
	return items
}

// closedPasswdLayer closes the file that podman finds users in.
func closedPasswdLayer() []item {
	return []item{dir("etc", 0o755), file("etc/passwd", 0o600, "root:x:0:0:root:/root:/bin/sh\n")}
}

// buildkitEmpty is the layer that BuildKit gives to instructions that change no file:
// 1024 zeros, an empty tar, in gzip, byte for byte. Its digest is
// sha256:4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1.
const buildkitEmpty = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x62\x18\x05\xa3\x60\x14\x8c\x58\x00" +
	"\x08\x00\x00\xff\xff\x2e\xaf\xb5\xef\x00\x04\x00\x00"

// buildkitBlobs are BuildKit's empty layers in small/buildkit:1.
var buildkitBlobs = map[int]string{1: buildkitEmpty, 3: buildkitEmpty}
