// Command pages reads the pages for users, so that what they say can be run
// and held against what happens. Its jobs, each on a page from standard input:
//
//	pages script SHELL DIR   the commands for a shell, as a script for bash that leaves what each block prints in DIR
//	pages prints SHELL DIR   hold that against what the page says that they print
//	pages file NAME          the block that is the file NAME
//
// A block is what Markdown takes for code: indented by four spaces, or fenced.
// It is a command unless an HTML comment right above it, which readers do not
// see, says otherwise:
//
//	<!-- not run: WHY -->      nobody runs it
//	<!-- file: NAME -->        a file, which is put in place as the commands before it are run
//	<!-- prints -->            what the block before it prints: each line, in this order; … stands for anything
//	<!-- fails -->             a command whose last line fails
//	<!-- shell: NAME -->        this block, and all that follow, are for another shell
//
// A script is one shell: what a block sets, later blocks of the account have.
// The names on a page are the reader's; who runs it replaces them first.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	page, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	blocks, err := parse(string(page))
	if err != nil {
		return err
	}
	switch {
	case len(args) == 3 && args[0] == "script":
		return script(out, blocks, args[1], args[2])
	case len(args) == 3 && args[0] == "prints":
		return prints(blocks, args[1], args[2])
	case len(args) == 2 && args[0] == "file":
		for _, b := range blocks {
			if b.kind == file && b.name == args[1] {
				_, err := fmt.Fprintln(out, b.text)
				return err
			}
		}
		return fmt.Errorf("the page has no block that is the file %q", args[1])
	default:
		return fmt.Errorf("usage: script SHELL DIR | prints SHELL DIR | file NAME")
	}
}
