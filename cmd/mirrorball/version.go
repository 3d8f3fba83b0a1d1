package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

// build describes the build of this binary.
type build struct {
	Version, Commit, Go, ClientGo string
}

// readBuild returns the version that the linker set and the build information that Go recorded in the binary.
func readBuild() build {
	b := build{Version: version, Commit: "unknown", Go: "unknown", ClientGo: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: b.Go}
	}
	b.Go = info.GoVersion
	modified := ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			b.Commit = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			modified = " (modified)"
		}
	}
	b.Commit += modified
	for _, dependency := range info.Deps {
		if dependency.Path == "k8s.io/client-go" {
			b.ClientGo = dependency.Version
		}
	}
	// `go install …@v1.2.3` records the version in the binary.
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, and the versions of Go and client-go",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := readBuild()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "version    %s\ncommit     %s\ngo         %s\nclient-go  %s\n",
				b.Version, b.Commit, b.Go, b.ClientGo)
			return err
		},
	}
}
