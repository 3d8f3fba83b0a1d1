// Command mirrorball mirrors annotated Secrets and ConfigMaps into other namespaces and keeps them in sync.
//
// This package contains the process: commands, flags, logging, signals, the HTTP server, the lease and the exit codes.
// Package replicator decides what to mirror; package annotations parses the annotations.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	name, args := invocation(os.Args)
	os.Exit(execute(name, args, os.Stdout, os.Stderr))
}

// execute runs one command line of the command of a name, and returns the exit code. An error is printed as one line on
// stderr.
func execute(name string, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = usageError(err)
	}
	if !exit.logged {
		fmt.Fprintln(stderr, "mirrorball:", strings.Join(strings.Fields(exit.Error()), " "))
	}
	return exit.code
}
