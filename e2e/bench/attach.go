package bench

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// attach compares when the default ServiceAccount of a new namespace has its pull secret with when it is there at all.
func attach(ctx context.Context, b *bench) (Result, error) {
	if b.options.Command != "" {
		return Result{}, fmt.Errorf("only Mirrorball's own way to attach can be observed: leave this case out")
	}
	if err := b.system.WriteRules(ctx, harness.OpenRules); err != nil {
		return Result{}, err
	}
	annotations := map[string]string{"mirrorball.dev/attach-to-service-accounts": "default"}
	if err := b.sourceWith(ctx, b.unique("source"), annotations); err != nil {
		return Result{}, err
	}
	only := metav1.ListOptions{FieldSelector: "metadata.name=default"}
	// The watch brings metadata only. The same write that adds the pull secret adds this annotation.
	attached := expected{serviceAccounts, only, 1, func(s sighting) bool {
		return s.annotations["mirrorball.dev/attached"] != ""
	}}
	there := expected{serviceAccounts, only, 1, created}
	defer b.profile(ctx)()
	var ours, theirs quantiles
	for round := range b.options.Rounds {
		arriving := arrivals{names: b.newNames(newTargets, b.sized(200)), every: interval}
		a, t, err := b.stream(ctx, arriving, attached, there)
		if err != nil {
			return Result{}, err
		}
		ours.add(a)
		theirs.add(t)
		b.say("round %d: attached after %.0f ms, there after %.0f ms", round+1, Quantile(a, 0.5), Quantile(t, 0.5))
	}
	return Result{
		Figures: withGoals(compare("of the ServiceAccount's own", &ours, "ServiceAccount", &theirs), 2, 0),
		Samples: []Series{{"attached", "ms", ours.all}, {"ServiceAccount", "ms", theirs.all}},
	}, nil
}
