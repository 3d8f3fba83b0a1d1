package main

import "github.com/spf13/cobra"

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "mirrorball",
		Short: "Mirror annotated Secrets and ConfigMaps into other namespaces",
		Long: `Mirrorball mirrors annotated Secrets and ConfigMaps into other namespaces and keeps them in sync.

Exit codes:
  0  done: the controller stopped on a signal, or a command that only reads found nothing
  1  the controller ended while running, or a command that only reads found something
  2  could not start, or could not tell everything

The help of each command says more.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		// Without a command, print the help.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(runCommand(), auditCommand(), planCommand(), explainCommand(), doctorCommand(), rbacCommand(),
		versionCommand())
	return root
}
