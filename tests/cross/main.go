// Command cross says whether packages build for other systems and machines.
//
// usage: go run ./tests/cross TAGS TARGETS PACKAGE..., with TARGETS as "linux/386 darwin/amd64"
//
// It checks types as the compiler does, of the packages and of all that they
// import, and generates no code: seconds for a target, where a compiler takes
// minutes and a cache. It does not link.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// load is a package as go list prints it.
type load struct {
	ImportPath, Dir  string
	GoFiles, Imports []string
	ImportMap        map[string]string
	Standard         bool
	Module           *struct{ GoVersion string }
	Error            *struct{ Err string }

	done    chan struct{} // closed once types is set
	types   *types.Package
	imports map[string]*load
}

// Import is types.Importer's; a package's imports are checked before it is.
func (p *load) Import(path string) (*types.Package, error) {
	if mapped, ok := p.ImportMap[path]; ok {
		path = mapped
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if q := p.imports[path]; q != nil && q.types != nil {
		return q.types, nil
	}
	return nil, errors.New("not found")
}

// check sets the package's types, and returns what the compiler would refuse.
func (p *load) check(arch string) (found []error) {
	if p.Error != nil {
		return []error{fmt.Errorf("%s: %s", p.ImportPath, p.Error.Err)}
	}
	note := func(err error) { found = append(found, err) }
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			note(err)
		}
		files = append(files, file)
	}
	config := types.Config{Importer: p, Sizes: types.SizesFor("gc", arch), IgnoreFuncBodies: p.Standard, Error: note}
	if p.Module != nil && p.Module.GoVersion != "" {
		config.GoVersion = "go" + p.Module.GoVersion
	}
	p.types, _ = config.Check(p.ImportPath, fset, files, nil) // its error is the first that note got
	return found
}

// list returns the packages for a target, each after those that it imports.
func list(system, arch, tags string, packages []string) (all []*load, err error) {
	list := exec.Command("go", append([]string{
		"list", "-e", "-deps", "-tags", tags,
		"-json=ImportPath,Dir,GoFiles,Imports,ImportMap,Standard,Module,Error", "--",
	}, packages...)...)
	list.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := list.Start(); err != nil {
		return nil, err
	}
	byPath := map[string]*load{}
	for d := json.NewDecoder(out); ; {
		p := &load{done: make(chan struct{}), imports: byPath}
		if err := d.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading go list: %w", err)
		}
		all, byPath[p.ImportPath] = append(all, p), p
	}
	return all, list.Wait()
}

func target(system, arch, tags string, packages []string) (found []error) {
	all, err := list(system, arch, tags, packages)
	if err != nil {
		return []error{err}
	}
	var wait sync.WaitGroup
	var lock sync.Mutex
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, p := range all {
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer close(p.done)
			for _, path := range p.Imports {
				if q := p.imports[path]; q != nil {
					<-q.done
				}
			}
			slots <- struct{}{}
			errs := p.check(arch)
			<-slots
			lock.Lock()
			found = append(found, errs...)
			lock.Unlock()
		}()
	}
	wait.Wait()
	return found
}

func main() {
	failed := 0
	for _, each := range strings.Fields(os.Args[2]) {
		start := time.Now()
		system, arch, _ := strings.Cut(each, "/")
		found := target(system, arch, os.Args[1], os.Args[3:])
		result := "ok"
		if len(found) > 0 {
			result, failed = "FAILED", 1
		}
		fmt.Printf("%-16s %s %.1fs\n", each, result, time.Since(start).Seconds())
		for _, err := range found {
			fmt.Println("\t", err)
		}
	}
	os.Exit(failed)
}
