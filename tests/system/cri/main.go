//go:build ignore

// Command cri does to a store what CRI-O does, through the libraries as
// upstream has them. Its jobs:
//
//	cri images                 ID and names of every image
//	cri layers                 ID and parent of every layer
//	cri status IMAGE           what the kubelet asks of an image: its size
//	cri pull SOURCE            copy an image of a registry, docker://…, into the store
//	cri container IMAGE FILE   create a container, mount it, print FILE, unmount, delete
//	cri remove IMAGE
//
// `make stock` builds it with the modules of a stock skopeo, which are those
// libraries. The root module has other builds to serve: the tag keeps the
// libraries' own needs out of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containers/image/v5/copy"
	"github.com/containers/image/v5/signature"
	istorage "github.com/containers/image/v5/storage"
	"github.com/containers/image/v5/transports/alltransports"
	"github.com/containers/image/v5/types"
	"github.com/containers/storage"
	"github.com/containers/storage/pkg/reexec"
	"github.com/containers/storage/pkg/unshare"
)

func main() {
	if reexec.Init() { // the libraries run parts of themselves in other processes
		return
	}
	unshare.MaybeReexecUsingUserNamespace(false)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) == 0 {
		return errors.New("no job")
	}
	options, err := storage.DefaultStoreOptionsAutoDetectUID()
	if err != nil {
		return err
	}
	store, err := storage.GetStore(options)
	if err != nil {
		return err
	}
	defer func() {
		if _, err2 := store.Shutdown(false); err == nil {
			err = err2
		}
	}()
	ctx := context.Background()
	switch job, args := args[0], args[1:]; {
	case job == "images" && len(args) == 0:
		return images(store)
	case job == "layers" && len(args) == 0:
		return layers(store)
	case job == "status" && len(args) == 1:
		return status(ctx, store, args[0])
	case job == "pull" && len(args) == 1:
		return pull(ctx, store, args[0])
	case job == "container" && len(args) == 2:
		return container(store, args[0], args[1])
	case job == "remove" && len(args) == 1:
		id, err := store.Lookup(args[0])
		if err == nil {
			_, err = store.DeleteImage(id, true)
		}
		return err
	default:
		return fmt.Errorf("unknown job %q, or not its arguments", job)
	}
}

func images(store storage.Store) error {
	images, err := store.Images()
	for _, image := range images {
		fmt.Println(image.ID, image.Names)
	}
	return err
}

func layers(store storage.Store) error {
	layers, err := store.Layers()
	for _, layer := range layers {
		fmt.Println(layer.ID, layer.Parent)
	}
	return err
}

func status(ctx context.Context, store storage.Store, name string) error {
	ref, err := istorage.Transport.ParseStoreReference(store, name)
	if err != nil {
		return err
	}
	image, err := ref.NewImage(ctx, &types.SystemContext{})
	if err != nil {
		return err
	}
	defer image.Close()
	size, err := image.Size()
	if err == nil {
		fmt.Println(image.ConfigInfo().Digest, size)
	}
	return err
}

func pull(ctx context.Context, store storage.Store, source string) error {
	from, err := alltransports.ParseImageName(source)
	if err != nil {
		return err
	}
	to, err := istorage.Transport.ParseStoreReference(store, from.DockerReference().String())
	if err != nil {
		return err
	}
	policy, err := signature.DefaultPolicy(nil)
	if err != nil {
		return err
	}
	policyContext, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer policyContext.Destroy()
	_, err = copy.Image(ctx, policyContext, to, from, &copy.Options{SourceCtx: &types.SystemContext{}})
	return err
}

func container(store storage.Store, image, file string) (err error) {
	id, err := store.Lookup(image)
	if err != nil {
		return err
	}
	c, err := store.CreateContainer("", nil, id, "", "{}", &storage.ContainerOptions{})
	if err != nil {
		return fmt.Errorf("creating a container: %w", err)
	}
	defer func() {
		if err2 := store.DeleteContainer(c.ID); err == nil {
			err = err2
		}
	}()
	root, err := store.Mount(c.ID, c.MountLabel())
	if err != nil {
		return fmt.Errorf("mounting the container: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(root, file))
	if _, err2 := store.Unmount(c.ID, true); err == nil {
		err = err2
	}
	if err == nil {
		os.Stdout.Write(content)
	}
	return err
}
