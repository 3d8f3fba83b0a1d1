package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// complete lets the shell complete the kinds of arguments and the formats of -o.
func complete(command *cobra.Command, formats string) {
	command.ValidArgsFunction = cobra.FixedCompletions(
		[]cobra.Completion{"secret/", "configmap/"}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp)
	list := strings.FieldsFunc(strings.ReplaceAll(formats, " or ", ","), func(r rune) bool { return r == ',' || r == ' ' })
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp))
}
