package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
	"github.com/mirrorball-dev/mirrorball/replicator/doctor/probe"
)

// probesAtOnce is how many registries are asked at the same time.
const probesAtOnce = 8

// probeAll logs in with each credential. Rejections become findings, and what is not clear is returned.
func (f *doctorFlags) probeAll(ctx context.Context, e *doctor.Examination, logins []*doctor.Login) (unclear []string) {
	client := &probe.Client{Transport: http.DefaultTransport, Timeout: f.probeTimeout, TokenServers: f.tokenServers}
	answers := make([]probe.Answer, len(logins))
	slots := make(chan struct{}, probesAtOnce)
	var group sync.WaitGroup
	for i, login := range logins {
		if reason := notProbed(login); reason != "" {
			answers[i] = probe.Answer{Text: reason}
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			username, password := login.BasicAuth()
			answers[i] = client.Ask(ctx, login.Registry, username, password)
			<-slots
		})
	}
	group.Wait()
	for i, login := range logins {
		switch answer := answers[i]; answer.Outcome {
		case probe.Accepted:
		case probe.Rejected:
			e.AddFinding(login.Finding(doctor.ProbeRejected, answer.Text))
		case probe.NoHost:
			e.AddFinding(login.Finding(doctor.ProbeNoHost, answer.Text))
		default:
			secret := login.Secrets[0]
			unclear = append(unclear,
				fmt.Sprintf("probe of %s in %s/%s: %s", login.Address, secret.Namespace, secret, answer.Text))
		}
	}
	return unclear
}

// notProbed says why a credential is not sent, or "".
func notProbed(login *doctor.Login) string {
	switch {
	case login.IsPattern():
		return "it is a pattern; ask for one image of it with 'mirrorball doctor pod/NAME --probe'"
	case login.Meant != "":
		return "it looks like a misspelt " + login.Meant + ", and the credentials are not sent there"
	}
	return ""
}
