package env

import (
	"fmt"
	"strings"
)

// ParseImage makes a map of the Env of an image. The specification of images
// knows NAME=VALUE only. A user's --env has more forms, NAME and NAME*, which
// stand for variables of the host: an image has no business with those.
func ParseImage(entries []string) (map[string]string, error) {
	variables := make(map[string]string, len(entries))
	for _, entry := range entries {
		name, value, found := strings.Cut(entry, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("invalid variable %q: not NAME=VALUE", entry)
		}
		variables[name] = value
	}
	return variables, nil
}
