// Command packager makes Mirrorball's image and releases from a checkout. `make image`, `make push` and `make release`
// call it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "packager:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var version, dist string
	root := &cobra.Command{
		Use:           "packager",
		Short:         "Make Mirrorball's image and releases",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&version, "version", "dev", "`version` to build")
	root.PersistentFlags().StringVar(&dist, "dist", "", "`folder` to write to (default: dist/ of the checkout)")
	maker := func(cmd *cobra.Command) (release.Maker, error) {
		dir, err := repo.Root()
		if err != nil {
			return release.Maker{}, err
		}
		if dist == "" {
			dist = filepath.Join(dir, "dist")
		}
		source, err := product.Open(cmd.Context(), dir, version)
		return release.Maker{
			Source: source, Dist: dist, Programs: release.ProgramPlatforms, Log: cmd.OutOrStdout(),
		}, err
	}
	root.AddCommand(imageCommand(maker), pushCommand(maker), releaseCommand(maker))
	return root
}

type newMaker func(*cobra.Command) (release.Maker, error)

func imageCommand(maker newMaker) *cobra.Command {
	return &cobra.Command{
		Use:   "image",
		Short: "Make the image, as an OCI layout",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := maker(cmd)
			if err != nil {
				return err
			}
			_, err = m.Image(cmd.Context())
			return err
		},
	}
}

func pushCommand(maker newMaker) *cobra.Command {
	return &cobra.Command{
		Use:   "push IMAGE",
		Short: "Push the image to a registry",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := maker(cmd)
			if err != nil {
				return err
			}
			_, err = m.Push(cmd.Context(), args[0])
			return err
		},
	}
}

func releaseCommand(maker newMaker) *cobra.Command {
	var downloads string
	command := &cobra.Command{
		Use:   "release IMAGE",
		Short: "Make a release, whose manifests and chart name this image",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := maker(cmd)
			if err != nil {
				return err
			}
			m.Downloads = downloads
			return m.Release(cmd.Context(), args[0])
		},
	}
	command.Flags().StringVar(&downloads, "downloads", "",
		"`address` of the folder that dist/ will be published in, for krew (default: that of GitHub's release)")
	return command
}
