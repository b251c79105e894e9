package publisher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Name is what the program is called.
const Name = "cvmfs_server"

// RootEnv names the directory that stands for /cvmfs.
const RootEnv = "CVMFS_STANDIN_ROOT"

// Main is cvmfs_server; args are those after the program's name. It gives the exit status.
func Main(args []string, in io.Reader, out io.Writer) int {
	if err := command(args, in); err != nil {
		fmt.Fprintf(out, "%s: %v\n", Name, err)
		return 1
	}
	return 0
}

func command(args []string, in io.Reader) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: %s transaction|publish|abort [-f]|ingest NAME", Name)
	}
	verb, name := args[0], args[len(args)-1]
	r := repository{tree: filepath.Join(os.Getenv(RootEnv), name)}
	r.noted = filepath.Join(filepath.Dir(r.tree), "."+name+".transaction")
	if os.Getenv(RootEnv) == "" || filepath.Base(name) != name {
		return fmt.Errorf("no repository %q below %s=%q", name, RootEnv, os.Getenv(RootEnv))
	}
	if _, err := os.Stat(r.tree); err != nil {
		return err
	}
	flags := args[1 : len(args)-1]
	switch verb {
	case "transaction":
		return r.transaction()
	case "publish":
		return r.publish()
	case "abort":
		if len(flags) != 1 || flags[0] != "-f" {
			return errors.New("abort asks for confirmation without -f")
		}
		return r.abort()
	case "ingest":
		return r.ingest(flags, in)
	default:
		return fmt.Errorf("unknown command %q", verb)
	}
}

type repository struct {
	tree  string
	noted string // the file that holds the paths of the tree before the open transaction
}

// paths lists all that is in the tree.
func (r repository) paths() ([]string, error) {
	var out []string
	err := filepath.WalkDir(r.tree, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) { // of a closed directory in a layer, which was listed itself
			return fs.SkipDir
		}
		if path != r.tree {
			out = append(out, strings.TrimPrefix(path, r.tree+"/"))
		}
		return err
	})
	return out, err
}

func (r repository) isOpen() bool {
	_, err := os.Stat(r.noted)
	return err == nil
}

// writable sets whether the tree's account may write into its root. The real
// union is read-only outside of transactions.
func (r repository) writable(yes bool) error {
	mode := fs.FileMode(0o555)
	if yes {
		mode = 0o755
	}
	return os.Chmod(r.tree, mode)
}

func (r repository) transaction() error {
	if r.isOpen() {
		return errors.New("another transaction is already open")
	}
	paths, err := r.paths()
	if err != nil {
		return err
	}
	data, err := json.Marshal(paths)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.noted, data, 0o600); err != nil {
		return err
	}
	return r.writable(true)
}

// added lists what was added in the open transaction, parents first.
func (r repository) added() ([]string, error) {
	if !r.isOpen() {
		return nil, errors.New("no transaction is open")
	}
	data, err := os.ReadFile(r.noted)
	if err != nil {
		return nil, err
	}
	var before []string
	if err := json.Unmarshal(data, &before); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, path := range before {
		known[path] = true
	}
	now, err := r.paths()
	var out []string
	for _, path := range now {
		if !known[path] {
			out = append(out, path)
		}
	}
	return out, err
}

// end closes the transaction.
func (r repository) end() error {
	return errors.Join(os.Remove(r.noted), r.writable(false))
}

func (r repository) publish() error {
	added, err := r.added()
	if err != nil {
		return err
	}
	for _, path := range added {
		if err := steer(r.tree, path); err != nil {
			return err
		}
		dir, name := filepath.Split(filepath.Join(r.tree, path))
		deleted, whiteout := strings.CutPrefix(name, ".wh.")
		if !whiteout {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
		if filepath.IsLocal(deleted) && deleted != "." && !strings.HasPrefix(deleted, ".wh.") {
			if err := os.RemoveAll(filepath.Join(dir, deleted)); err != nil {
				return err
			}
		}
	}
	return r.end()
}

func (r repository) abort() error {
	added, err := r.added()
	if err != nil {
		return err
	}
	for _, path := range added {
		if err := os.RemoveAll(filepath.Join(r.tree, path)); err != nil {
			return err
		}
	}
	return r.end()
}

// steer does what the server does with a name that CVMFS acts on.
func steer(tree, path string) error {
	dir, name := filepath.Split(path)
	full := filepath.Join(tree, path)
	grafted, graft := strings.CutPrefix(name, ".cvmfsgraft-")
	switch {
	case graft:
		data, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		if !strings.Contains(string(data), "checksum=") {
			return fmt.Errorf("encountered a grafted file (%s) with invalid grafting information", path)
		}
		return errors.Join(os.Remove(full), os.WriteFile(filepath.Join(tree, dir, grafted), append([]byte("object with "), data...), 0o644))
	case name == ".cvmfscatalog":
		info, err := os.Lstat(full)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("found entity called as a catalog marker %q that however is not a regular file, abort", path)
		}
		return err
	case name == ".cvmfsbundles", strings.HasPrefix(name, ".cvmfsbundle-"):
		return fmt.Errorf("invalid bundle specification %q", path)
	}
	return nil
}
