package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// eventCount is how often an event was recorded.
func eventCount(event eventsv1.Event) int {
	if event.Series != nil {
		return int(event.Series.Count)
	}
	return 1
}

// eventCounts are the reasons of Mirrorball's events on these objects, and how often each was recorded.
func (s *scene) eventCounts(objects ...object) map[string]int {
	s.Helper()
	tally := map[string]int{}
	for _, o := range objects {
		events, err := s.events(o, "")
		if err != nil {
			s.Fatal(err)
		}
		for _, event := range events {
			tally[o.String()+" "+event.Reason+" "+event.Note] += eventCount(event)
		}
	}
	return tally
}

// prohibition is what an admission policy refuses: the resource, in one namespace, where the expression is not true.
type prohibition struct {
	namespace             string
	resource              kind
	expression, inMessage string
}

// prohibit makes an admission policy that refuses what the probe is, and waits until it is in force. The function that
// it returns takes it back.
func (s *scene) prohibit(p prohibition, probe object) (permit func()) {
	s.Helper()
	client, name, all := s.system.Client.AdmissionregistrationV1(), strings.ToLower(s.prefix), admissionv1.AllScopes
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: metav1.SetAsLabelSelector(map[string]string{corev1.LabelMetadataName: p.namespace}),
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{p.resource.resource()}, Scope: &all,
					},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: p.expression, MessageExpression: p.inMessage}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	if _, err := client.ValidatingAdmissionPolicies().Create(s.Context(), policy, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	bindings := client.ValidatingAdmissionPolicyBindings()
	if _, err := bindings.Create(s.Context(), binding, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.eventually(func() error {
		_, err := s.tryCreate(probe)
		if apierrors.IsInvalid(err) {
			return nil
		}
		if err == nil {
			s.delete(probe)
		}
		return fmt.Errorf("the admission policy is not in force (%w)", err)
	})
	return func() {
		if err := bindings.Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
	}
}

// TestReplicatedEvent: the event Replicated comes once, when a source first reaches all its targets.
func TestReplicatedEvent(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, taken := s.namespace("from"), s.namespace("to-taken")
		s.namespace("to-free")
		stranger := s.create(object{kind: k, namespace: taken, name: "token"})
		source := s.create(pushed(k, from, "token", s.ns("to-*")))
		s.expectEvent(source, "Occupied")
		s.system.CatchUp(s)
		if events, err := s.events(source, "Replicated"); err != nil || len(events) > 0 {
			s.Fatalf("before all targets are reached there are the events %v, and the error %v", events, err)
		}
		s.delete(stranger)
		event := s.expectEvent(source, "Replicated", "all", "2")
		if event.Type != corev1.EventTypeNormal {
			s.Errorf("the event is of type %s", event.Type)
		}
		source = s.rotate(source, "two")
		s.replicated(source, taken)
		s.replicated(source, s.namespace("to-later"))
		s.delete(s.get(k, taken, "token"))
		s.replicated(source, taken)
		s.system.CatchUp(s)
		events, err := s.events(source, "Replicated")
		if err != nil || len(events) != 1 || eventCount(events[0]) != 1 {
			s.Errorf("there are the events %v, and the error %v", events, err)
		}
	})
}

// TestBlockedEvent: a write that the API server refuses gets an event, and is tried again.
func TestBlockedEvent(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, refusing, other := s.namespace("from"), s.namespace("to-refusing"), s.namespace("to-other")
		permit := s.prohibit(prohibition{namespace: refusing, resource: k, expression: "false"},
			object{kind: k, namespace: refusing, name: "probe"})
		source := s.create(pushed(k, from, "token", s.ns("to-*")))
		event := s.expectEvent(source, "Blocked", refusing+"/token", "Invalid")
		if event.Type != corev1.EventTypeWarning {
			s.Errorf("the event is of type %s", event.Type)
		}
		s.replicated(source, other)
		permit()
		s.replicated(source, refusing)
		s.expectEvent(source, "Replicated")
	})
}

// TestContendedEvent: a replica that something keeps changing gets an event, and does not hold up the others.
func TestContendedEvent(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, fought, other := s.namespace("from"), s.namespace("to-fought"), s.namespace("to-other")
		source := s.create(pushed(k, from, "token", s.ns("to-*")))
		s.replicated(source, fought)
		untouched := s.replicated(source, other)
		// It takes several repairs in a row.
		s.eventually(func() error {
			s.edit(s.get(k, fought, "token"), func(o *object) { o.data["token"] += "x" })
			events, err := s.events(source, "Contended")
			if err == nil && len(events) == 0 {
				err = fmt.Errorf("%s has no event yet", source)
			}
			return err
		})
		event := s.expectEvent(source, "Contended", fought+"/token")
		if event.Type != corev1.EventTypeWarning {
			s.Errorf("the event is of type %s", event.Type)
		}
		s.untouched(untouched)
		s.replicated(source, fought)
	})
}

// TestNotRememberedEvent: a policy that cannot be recorded gets an event, and is carried out all the same.
func TestNotRememberedEvent(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		s.prohibit(
			prohibition{
				namespace: harness.Namespace, resource: configMap,
				expression: fmt.Sprintf("!has(object.data) || object.data[?'namespace'].orValue('') != '%s'", from),
			},
			object{
				kind: configMap, namespace: harness.Namespace, name: s.ns("probe"), data: map[string]string{"namespace": from},
			})
		source := pushed(k, from, "token", to)
		source.annotations[native+"survives-recreation"] = "true"
		source = s.create(source)
		event := s.expectEvent(source, "NotRemembered", harness.Namespace, "Invalid")
		if event.Type != corev1.EventTypeWarning {
			s.Errorf("the event is of type %s", event.Type)
		}
		s.replicated(source, to)
	})
}

// TestNewsUnderOldReason: news gets an event of its own though the reason is the same. Events of one reason on one
// object are distinguished by their note.
func TestNewsUnderOldReason(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from := s.namespace("from")
		frozen := pushed(k, from, "frozen", "(")
		frozen.annotations[native+"exclude"] = ")"
		frozen = s.create(frozen)
		s.expectEvent(frozen, "Frozen", native+"push-to")
		s.expectEvent(frozen, "Frozen", native+"exclude")
		frozen = s.annotate(frozen, native+"push-to", "]")
		s.expectEvent(frozen, "Frozen", native+"push-to", "]")

		var taken []string
		source := s.create(pushed(k, from, "token", from))
		for i := range 3 {
			taken = append(taken, s.namespace(fmt.Sprintf("to-%d", i)))
			s.create(object{kind: k, namespace: taken[i], name: "token"})
			source = s.annotate(source, native+"push-to", strings.Join(taken, ","))
			s.expectEvent(source, "Occupied", fmt.Sprintf("%d targets are in use", i+1), taken[i])
		}
	})
}

// An event's note has 1024 bytes, whatever there is to tell.
func TestEventLength(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, name := s.namespace("from"), strings.Repeat("n", 253)
		const targets = 8
		var last string
		for i := range targets {
			suffix := fmt.Sprintf("to-%d-%s", i, strings.Repeat("x", 60))
			last = s.namespace(suffix[:63-len(s.ns(""))])
			s.create(object{kind: k, namespace: last, name: name})
		}
		source := s.create(pushed(k, from, name, s.ns("to-*")))
		event := s.expectEvent(source, "Occupied", fmt.Sprintf("%d targets are in use", targets))
		if len(event.Note) > 1024 || !utf8.ValidString(event.Note) {
			s.Errorf("the note has %d bytes: %q", len(event.Note), event.Note)
		}
		for i, value := range []string{strings.Repeat("(ä", 50_000), strings.Repeat("\a", 50_000)} {
			frozen := s.create(pushed(k, from, fmt.Sprintf("frozen-%d", i), value))
			event := s.expectEvent(frozen, "Frozen", native+"push-to")
			if len(event.Note) > 1024 || !utf8.ValidString(event.Note) {
				s.Errorf("the note has %d bytes: %q", len(event.Note), event.Note)
			}
		}
	})
}

// TestEventsAtRest: no event is repeated while nothing changes. Each state is recorded once, and
// once again by each controller that finds it so.
func TestEventsAtRest(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s)
	from, to, other := s.namespace("from"), s.namespace("to"), s.namespace("other")
	var objects []object
	for _, k := range []kind{secret, configMap} {
		expect := func(o object, reason string) {
			s.Helper()
			o = s.create(o)
			s.expectEvent(o, reason)
			objects = append(objects, o)
		}
		for _, name := range []string{"occupied", "occupied-too"} {
			s.create(object{kind: k, namespace: to, name: name})
			expect(pushed(k, from, name, s.ns("to*")), "Occupied")
		}
		expect(pushed(k, from, "frozen", "("), "Frozen")
		ignored := pushed(k, from, "ignored", to)
		ignored.annotations[reflector+"reflection-allowed"] = "true"
		expect(ignored, "Ignored")
		expect(pushed(k, from, "contested", to), "Replicated")
		expect(pushed(k, other, "contested", to), "Conflict")
		expect(object{kind: k, namespace: to, name: "nowhere", annotations: annotated(native+"pull-from", from+"/none")},
			"NoSource")
		pullable := object{kind: k, namespace: from, name: "pullable", annotations: annotated(native+"pull-by", other)}
		objects = append(objects, s.create(pullable))
		expect(object{kind: k, namespace: to, name: "asks", annotations: annotated(native+"pull-from", from+"/pullable")},
			"NotPermitted")
	}
	counts := s.eventCounts(objects...)
	for key, n := range counts {
		if n != 1 {
			s.Errorf("recorded %d times: %s", n, key)
		}
	}
	// Nothing of this changes an outcome.
	for _, o := range objects {
		s.edit(o, func(o *object) { o.labels["seen"] = "yes" })
	}
	s.namespace("unrelated")
	s.editNamespace(to, func(n *corev1.Namespace) { n.Labels["seen"] = "yes" })
	s.system.CatchUp(s)
	if diff := cmp.Diff(counts, s.eventCounts(objects...)); diff != "" {
		s.Errorf("how often each was recorded, before and after what changes nothing (-want +got):\n%s", diff)
	}

	s.stop(c)
	s.start(c)
	s.system.CatchUp(s)
	later := s.eventCounts(objects...)
	for _, key := range slices.Sorted(maps.Keys(later)) {
		if most := counts[key] + 1; later[key] > most || counts[key] == 0 {
			s.Errorf("after a restart, recorded %d times: %s", later[key], key)
		}
	}
	s.system.CatchUp(s)
	if diff := cmp.Diff(later, s.eventCounts(objects...)); diff != "" {
		s.Errorf("how often each was recorded, after a restart and later (-want +got):\n%s", diff)
	}
}
