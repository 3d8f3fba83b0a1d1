package main

import "github.com/spf13/cobra"

// registerCompletions lets the shell complete the kinds of arguments and the formats of -o.
func registerCompletions(command *cobra.Command, formats []string) {
	command.ValidArgsFunction = cobra.FixedCompletions(
		[]cobra.Completion{"secret/", "configmap/"}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp)
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}
