package main

import "github.com/spf13/cobra"

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "mirrorball",
		Short: "Mirror annotated Secrets and ConfigMaps into other namespaces",
		Long: `Mirrorball mirrors annotated Secrets and ConfigMaps into other namespaces and keeps them in sync.

` + exitCodesHelp,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		// Without a command, print the help.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(runCommand(), auditCommand(), planCommand(), explainCommand(), doctorCommand(), versionCommand())
	return root
}
