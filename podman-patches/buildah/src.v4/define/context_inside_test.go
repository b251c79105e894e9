package define

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Links in a repository do not make a directory of the host the build context.
func TestContextOfGit(t *testing.T) {
	top := t.TempDir()
	repository, outside := filepath.Join(top, "hostile.git"), filepath.Join(top, "outside")
	for _, dir := range []string{outside, filepath.Join(repository, "dir")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, content := range map[string]string{filepath.Join(outside, "file"): "host", filepath.Join(repository, "dir", "file"): "repository"} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"inside": "dir", "absolute": outside, "relative": "../../../../../../../../" + outside, "root": "/"} {
		if err := os.Symlink(target, filepath.Join(repository, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{
		{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "first"},
	} {
		git := exec.Command("git", arguments...)
		git.Dir = repository
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", arguments, err, out)
		}
	}
	// The server of the repository is this directory.
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", fmt.Sprintf("url.file://%s/.insteadOf", top))
	t.Setenv("GIT_CONFIG_VALUE_0", "https://repository.invalid/")

	for _, tc := range []struct{ subdir, want string }{
		{"dir", "repository"},
		{"inside", "repository"},
		{"absolute", ""},
		{"relative", ""},
		{"root" + outside, ""},
		{"../../../../../../../.." + outside, ""},
	} {
		t.Run(tc.subdir, func(t *testing.T) {
			name, subdir, err := TempDirForURL(t.TempDir(), "context", "https://repository.invalid/hostile.git#:"+tc.subdir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(name, subdir, "file"))
			if string(got) != tc.want {
				t.Errorf("the file in the context is %q, want %q: %v", got, tc.want, err)
			}
		})
	}
}
