package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
)

// doctorReport is everything there is to say.
type doctorReport struct {
	examined doctorCounts
	findings []doctor.Finding
	// missing is what could not be told, and why.
	missing []string
	// pod is set if one Pod was asked for.
	pod *doctor.Diagnosis
}

// print writes the report. All texts in it are printable, see doctor.Printable.
func (r *doctorReport) print(out io.Writer, format string, noHeaders bool) error {
	if format == "table" {
		return r.printTable(out, noHeaders)
	}
	return printEncoded(out, format, r.document())
}

func (r *doctorReport) printTable(out io.Writer, noHeaders bool) error {
	if r.pod != nil && !noHeaders {
		printDiagnosis(out, r.pod)
	}
	t := newTable(out, noHeaders || len(r.findings) == 0, "NAMESPACE", "OBJECT", "CODE", "SEVERITY", "FINDING")
	for _, f := range r.findings {
		t.row(f.Object.Namespace, f.Object.String(), string(f.Code), string(f.Code.About().Severity), f.Message)
	}
	if err := t.Flush(); err != nil || noHeaders {
		return err
	}
	return r.printRemedies(out)
}

// printRemedies says what to do, once for each code, and the sum.
func (r *doctorReport) printRemedies(out io.Writer) error {
	var codes []doctor.Code
	failures := 0
	for _, f := range r.findings {
		codes = append(codes, f.Code)
		if f.Code.About().Severity == doctor.Error {
			failures++
		}
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		about := code.About()
		fmt.Fprintf(out, "\n%s  %s\n       %s\n", code, about.Title, about.Remedy)
	}
	examined := fmt.Sprintf("pull Secrets %d, certificates %d, ServiceAccounts %d, Pods %d", r.examined.PullSecrets,
		r.examined.Certificates, r.examined.ServiceAccounts, r.examined.Pods)
	if len(r.findings) == 0 {
		where := ""
		if len(r.missing) > 0 {
			where = " in what could be read"
		}
		_, err := fmt.Fprintf(out, "No findings%s. Examined: %s.\n", where, examined)
		return err
	}
	_, err := fmt.Fprintf(out, "\nErrors: %d, warnings: %d. Examined: %s.\n", failures, len(r.findings)-failures, examined)
	return err
}

func printDiagnosis(out io.Writer, d *doctor.Diagnosis) {
	secrets := "none"
	if len(d.Secrets) > 0 {
		secrets = strings.Join(d.Secrets, ", ")
	}
	fmt.Fprintf(out, "Pod %s/%s, ServiceAccount %s, imagePullSecrets: %s\n",
		d.Pod.Namespace, d.Pod.Name, d.Account, secrets)
	for _, image := range d.Images {
		state := ""
		if image.Reason != "" {
			state = ": " + image.Reason
		}
		fmt.Fprintf(out, "\nContainer %s, image %s%s\n", image.Container, image.Image, state)
		if image.Registry == "" {
			fmt.Fprintln(out, "  This is not the name of an image.")
			continue
		}
		fmt.Fprintf(out, "  Registry: %s\n", image.Registry)
		for i, attempt := range image.Tried {
			fmt.Fprintf(out, "  %d. Secret %s, entry %s%s\n", i+1, attempt.Secret, attempt.Address, note(attempt))
		}
		if len(image.Tried) == 0 {
			fmt.Fprintln(out, "  No Secret of the Pod fits: the node tries without credentials, or with its own.")
		}
		for _, attempt := range image.NotTried {
			entry := ""
			if attempt.Address != "" {
				entry = ", entry " + attempt.Address
			}
			fmt.Fprintf(out, "  Not tried: Secret %s%s%s\n", attempt.Secret, entry, note(attempt))
		}
	}
	fmt.Fprintln(out)
}

func note(a doctor.Attempt) string {
	if a.Note == "" {
		return ""
	}
	return ": " + a.Note
}
