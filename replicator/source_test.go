package replicator

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/simulation/apiserver"
)

func TestSourceThatCouldNotBeReadIsReadAgainWhateverVersionIsSeen(t *testing.T) {
	server := apiserver.New(apiserver.Options{}) // it has nothing: every read is answered by 404
	defer server.Close()
	c, err := New(Options{
		Config: &rest.Config{Host: "http://sim", Transport: server.RoundTripper("test")},
		Kinds:  []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system", SourceDeleteGrace: time.Minute,
		Workers: 1, WriteConcurrency: 1, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.queue.ShutDown()
	key := informers.Key{Kind: annotations.Secret, Name: annotations.Name{Namespace: "from", Name: "s"}}
	policy := &annotations.Policy{}
	s := &state{uid: "u", version: 1, policy: policy, source: &plan.Source{Policy: policy}}
	for _, version := range []informers.Version{2, 1} { // the second from a list that is behind
		seen := &informers.Candidate{
			Identity: informers.Identity{Name: key.Name, UID: "u", Version: version},
			Claims:   &annotations.Claims{Policy: policy},
		}
		f, err := c.read(t.Context(), key, s, seen)
		if err != nil {
			t.Fatal(err)
		}
		if f.life != plan.Held || f.after != again {
			t.Errorf("version %d: life %d, want it held and looked at again", version, f.life)
		}
	}
}
