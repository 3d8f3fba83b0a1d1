package main

import (
	"testing"

	"github.com/spf13/pflag"
)

// TestDoctorFlagsAreDocumented compares the flags with docs/doctor.md, except for those of every connection.
func TestDoctorFlagsAreDocumented(t *testing.T) {
	documented := groups("(?m)^\\|.*`--([a-z][a-z-]*)` \\|", readFile(t, "docs", "doctor.md"))
	connected := pflag.NewFlagSet("connection", pflag.ContinueOnError)
	new(connection).register(connected)
	flags := doctorCommand().Flags()
	flags.VisitAll(func(flag *pflag.Flag) {
		if connected.Lookup(flag.Name) == nil && !documented[flag.Name] {
			t.Errorf("docs/doctor.md does not have --%s", flag.Name)
		}
	})
	for name := range documented {
		if flags.Lookup(name) == nil {
			t.Errorf("docs/doctor.md has --%s, which is no flag of `mirrorball doctor`", name)
		}
	}
}
