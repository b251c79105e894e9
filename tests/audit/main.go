// Command audit looks at what the project links beyond what stock podman does:
//
//	audit licences DOCUMENT [update]   are all licences known, and is the list in DOCUMENT right?
//	audit vulnerabilities TOOL DB      can one of our programs reach a known vulnerability?
//
// It runs in the checkout, with the patched trees laid. TAGS are podman's build
// tags; TOOL is govulncheck's package with its version, DB the URL of a database.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "licences":
		return auditLicences(args[1], false)
	case len(args) == 3 && args[0] == "licences" && args[2] == "update":
		return auditLicences(args[1], true)
	case len(args) == 3 && args[0] == "vulnerabilities":
		return auditVulnerabilities(args[1], args[2])
	default:
		return fmt.Errorf("usage: licences DOCUMENT [update] | vulnerabilities TOOL DB")
	}
}

// everything lists programs, and what each of them links.
func everything() (ours, patched []build, lists map[string]map[string]module, stock map[string]module, err error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	ours, patched, stockBuild, err := programs(root, os.Getenv("TAGS"))
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if stock, err = linked(stockBuild); err != nil {
		return nil, nil, nil, nil, err
	}
	lists = map[string]map[string]module{}
	for _, b := range append(ours[:len(ours):len(ours)], patched...) {
		if lists[b.name], err = linked(b); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	return ours, patched, lists, stock, nil
}

func auditLicences(document string, update bool) error {
	ours, patched, lists, stock, err := everything()
	if err != nil {
		return err
	}
	of := func(builds []build) map[string]map[string]module {
		out := map[string]map[string]module{}
		for _, b := range builds {
			out[b.name] = lists[b.name]
		}
		return out
	}
	modules, err := findAdded(of(ours), of(patched), stock)
	if err != nil {
		return err
	}
	text, err := table(modules)
	if err != nil {
		return err
	}
	if err := checkDocument(document, text, update); err != nil {
		return err
	}
	fmt.Printf("licences: %d modules, all of known licences, as %s lists them\n", len(modules), document)
	return nil
}

func auditVulnerabilities(tool, db string) error {
	ours, patched, _, stock, err := everything()
	if err != nil {
		return err
	}
	bad := 0
	for _, b := range append(ours, patched[0]) { // podman-remote is the same code, less of it
		found, err := scan(tool, db, b)
		if err != nil {
			return err
		}
		bad += printFindings(os.Stdout, b.name, found, stock)
	}
	if bad > 0 {
		return fmt.Errorf("%d vulnerabilities are ours to mend", bad)
	}
	return nil
}
