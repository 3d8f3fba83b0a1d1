package main

import (
	"io"

	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

func printHTML(io.Writer, *inspect.Report) error { return nil }
