package config

import (
	"context"
	"fmt"
)

// Mode says what a pull does with layers that a repository has.
type Mode string

const (
	// Auto takes a layer from the first repository that has it, and downloads the others.
	Auto Mode = "auto"
	// Only takes every layer from a repository, or fails.
	Only Mode = "only"
	// Off downloads every layer and asks no repository.
	Off Mode = "off"
)

// Modes lists all modes, in the order in which help texts name them.
func Modes() []Mode { return []Mode{Auto, Only, Off} }

// ParseMode accepts the name of a mode; the error lists them.
func ParseMode(name string) (Mode, error) {
	return parse(name, "mode", Modes())
}

// View says what overlayfs stacks for remote layers.
type View string

const (
	// Served is a FUSE view in which layers are merged and owners mapped.
	Served View = "served"
	// Direct is the layer directory itself, for trees published in overlayfs's own form.
	Direct View = "direct"
)

// Views lists all views.
func Views() []View { return []View{Served, Direct} }

// ParseView accepts the name of a view; the error lists them.
func ParseView(name string) (View, error) {
	return parse(name, "view", Views())
}

func parse[T ~string](name, kind string, valid []T) (T, error) {
	list := ""
	for i, v := range valid {
		if name == string(v) {
			return v, nil
		}
		switch {
		case i == 0:
		case i == len(valid)-1:
			list += " or "
		default:
			list += ", "
		}
		list += string(v)
	}
	return "", fmt.Errorf("unknown %s %q: valid are %s", kind, name, list)
}

type pullNothing struct{}

// PullNothing returns a context for a command whose user said, as with --pull=never, that no registry is to be asked, whatever
// is configured.
func PullNothing(ctx context.Context) context.Context {
	return context.WithValue(ctx, pullNothing{}, true)
}

// PullsNothing says whether the context is one of PullNothing.
func PullsNothing(ctx context.Context) bool { return ctx.Value(pullNothing{}) != nil }
