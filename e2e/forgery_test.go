package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What Mirrorball writes on objects is, to whoever reads it, a claim that anyone can write. The tests of this file are
// tenants who have every right in a namespace of their own, and none elsewhere.

// claiming is an object with the marks of a replica of namespace/name, and more annotations in pairs of key and value.
func claiming(o object, how, namespace, name string, pairs ...string) object {
	o.labels = map[string]string{
		"app.kubernetes.io/managed-by": "mirrorball",
		native + "replica":             how, native + "source-namespace": namespace, native + "source-name": name,
	}
	o.annotations = annotated(pairs...)
	o.annotations[native+"replica-of"] = namespace + "/" + name
	o.annotations[native+"replicated-at"] = "2026-01-01T00:00:00Z"
	return o
}

// forgeries are objects, by name, that claim to be the source's replicas or ask for its content in every way there is.
// One has the source's own name, since replicas are called like that.
func forgeries(source object, namespace string) map[string]object {
	of := source.namespace + "/" + source.name
	mine := object{kind: source.kind, namespace: namespace, data: map[string]string{"mine": "yes"}}
	asks := func(pairs ...string) object {
		o := mine
		o.annotations = annotated(pairs...)
		return o
	}
	claims := func(how string, pairs ...string) object {
		return claiming(mine, how, source.namespace, source.name, pairs...)
	}
	mismatch, unlabelled, unannotated := claims("push"), claims("push"), claims("push")
	mismatch.labels[native+"source-name"] = "another"
	delete(unlabelled.labels, native+"source-name")
	unannotated.annotations = nil
	return map[string]object{
		source.name:         claims("push"),
		"pushed":            claims("push"),
		"pulled":            claims("pull"),
		"neither":           claims("both"),
		"mismatch":          mismatch,
		"unlabelled":        unlabelled,
		"unannotated":       unannotated,
		"asks":              asks(native+"pull-from", of),
		"reflects":          asks(reflector+"reflects", of),
		"replicates":        asks(replicator+"replicate-from", of),
		"pulled-asks":       claims("pull", native+"pull-from", of),
		"pushed-asks":       claims("push", native+"pull-from", of),
		"pulled-reflects":   claims("pull", reflector+"reflects", of),
		"pulled-replicates": claims("pull", replicator+"replicate-from", of, native+"replicated-keys", "token,mine"),
		"made-by-reflector": asks(reflector+"reflects", of, reflector+"auto-reflects", "True",
			reflector+"reflected-version", source.version),
		"made-by-replicator": asks(replicator+"replicated-at", "2026-01-01T00:00:00Z",
			replicator+"replicated-from-version", source.version, replicator+"replicated-keys", "token,mine"),
		"pushed-pushes": claims("push", native+"push-to", namespace+"-beyond", native+"pull-by", "*"),
	}
}

// forge puts the forgeries of a source into a namespace.
func (s *scene) forge(source object, namespace string) {
	s.Helper()
	for name, forgery := range forgeries(source, namespace) {
		forgery.name = name
		s.create(forgery)
	}
}

// holdNothingOf asserts that, after all that was done before has had its effect, no object in these namespaces has any
// of the content of a source under any key.
func (s *scene) holdNothingOf(source object, namespaces ...string) {
	s.Helper()
	s.system.CatchUp(s)
	for _, namespace := range namespaces {
		for _, o := range s.list(source.kind, namespace) {
			for key, got := range o.data {
				for _, content := range source.data {
					if strings.Contains(got, content) {
						s.Errorf("%s has content of %s under the key %s", o, source, key)
					}
				}
			}
		}
	}
}

// list reads all objects of a kind in a namespace.
func (s *scene) list(k kind, namespace string) (all []object) {
	s.Helper()
	if k == configMap {
		list, err := s.system.Client.CoreV1().ConfigMaps(namespace).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for i := range list.Items {
			all = append(all, fromConfigMap(&list.Items[i]))
		}
		return all
	}
	list, err := s.system.Client.CoreV1().Secrets(namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for i := range list.Items {
		all = append(all, fromSecret(&list.Items[i]))
	}
	return all
}

// TestForgeryInBarredNamespace: no forgery brings content into a namespace that the policy bars.
func TestForgeryInBarredNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to-permitted")
		elsewhere, excluded, closed := s.namespace("elsewhere"), s.namespace("to-excluded"), s.namespace("to-closed")
		barred := []string{elsewhere, excluded, closed}
		s.accept(closed, "")
		// The tenant of a namespace may be free to annotate it: to accept is not to be given.
		s.accept(elsewhere, "*")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "the content of " + s.prefix},
			annotations: annotated(native+"push-to", s.ns("to-*"), native+"exclude", excluded),
		})
		replica := s.replicated(source, to)
		for _, namespace := range barred {
			s.forge(source, namespace)
		}
		s.holdNothingOf(source, barred...)
		s.untouched(replica)
		source = s.rotate(source, "the later content of "+s.prefix)
		s.replicated(source, to)
		s.holdNothingOf(source, barred...)
		s.reaches(source, to)
	})
}

// TestForgeryInReach: a forgery where the policy reaches becomes a real replica or goes.
func TestForgeryInReach(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := object{kind: k, namespace: from, name: "token"}
		s.forge(source, to)
		source = s.create(pushed(k, from, "token", to))
		s.replicated(source, to)
		s.gone(k, to, "pushed")
		s.gone(k, to, "pushed-pushes")
		s.reaches(source, to)
		// What only asks gets nothing: the policy is to push.
		for _, o := range s.list(k, to) {
			if o.name != "token" && o.data["token"] == source.data["token"] {
				s.Errorf("%s has the source's content", o)
			}
		}
	})
}

// victims are objects of all sorts that belong to others.
func (s *scene) victims(k kind) (all []object, namespaces []string) {
	s.Helper()
	from, to := s.namespace("victim-from"), s.namespace("victim-to")
	source := s.create(pushed(k, from, "token", s.ns("victim-to*")))
	replica := s.replicated(source, to)
	plain := object{kind: k, namespace: from, name: "plain", data: map[string]string{"token": "plain"}}
	stranger := object{kind: k, namespace: to, name: "stranger", data: map[string]string{"token": "plain"}}
	pullable := object{
		kind: k, namespace: from, name: "pullable", data: map[string]string{"token": "pullable"},
		annotations: annotated(native+"pull-by", to),
	}
	pullable = s.create(pullable)
	puller := s.pulled(pullable, s.create(pullDialects["native"].puller(pullable, to, "puller")))
	return []object{source, replica, s.create(plain), s.create(stranger), pullable, puller}, []string{from, to}
}

// TestForgeryOntoOthers: no forgery changes what belongs to others.
func TestForgeryOntoOthers(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		victims, namespaces := s.victims(k)
		mine := s.namespace("mine")
		s.unmoved(func() {
			// Whatever there is may be named as the source, or as something that is none.
			nobody := object{kind: k, namespace: s.ns("nowhere"), name: "nothing", version: "1"}
			itself := object{kind: k, namespace: mine, name: "itself", version: "1"}
			for i, victim := range append(victims, nobody, itself) {
				for name, forgery := range forgeries(victim, mine) {
					forgery.name = fmt.Sprintf("%s-%d", name, i)
					s.create(forgery)
				}
			}
			s.create(claiming(object{kind: k, namespace: mine, name: "itself"}, "push", mine, "itself"))
		}, namespaces...)
		for _, victim := range victims {
			s.holdNothingOf(victim, mine)
			events, err := s.events(victim, "")
			if err != nil {
				s.Fatal(err)
			}
			for _, event := range events {
				if event.Type == corev1.EventTypeWarning {
					s.Errorf("%s has the event %s: %s", victim, event.Reason, event.Note)
				}
			}
		}
	})
}

// A replica is never a source, and what says that it is both is held: it gets a Warning, and nothing is lost.
func TestSourceWithReplicaMarks(t *testing.T) {
	t.Parallel()
	for title, claim := range map[string]struct{ how, of string }{
		"of itself":                {"push", "from/token"},
		"of another source":        {"push", "from/other"},
		"of what is no source":     {"push", "from/plain"},
		"of nothing that there is": {"push", "from/nothing"},
		"that pulls":               {"pull", "from/other"},
		"of no kind":               {"", ""},
	} {
		t.Run(title, func(t *testing.T) {
			forEachKind(t, func(s *scene, k kind) {
				from, to := s.namespace("from"), s.namespace("to")
				source := s.create(pushed(k, from, "token", to))
				other := s.create(pushed(k, from, "other", to))
				s.create(object{kind: k, namespace: from, name: "plain"})
				replica := s.replicated(source, to)
				s.replicated(other, to)
				forged := s.edit(source, func(o *object) {
					o.data["token"] = "two"
					o.labels[native+"replica"] = claim.how
					if claim.of != "" {
						o.annotations[native+"replica-of"] = s.prefix + "-" + claim.of
					}
				})
				s.expectEvent(forged, "Refused", "replica")
				if claim.of == "from/nothing" {
					s.awaitGrace(from, to)
				}
				s.untouched(forged)
				s.untouched(replica)

				source = s.edit(forged, func(o *object) { delete(o.labels, native+"replica") })
				s.replicated(source, to)
			})
		})
	}
}

// awaitGrace waits until a grace that has begun before has ended: that of a source deleted now ends later.
func (s *scene) awaitGrace(from, to string) {
	s.Helper()
	source := s.create(pushed(secret, from, s.ns("grace"), to))
	s.replicated(source, to)
	s.delete(source)
	s.gone(secret, to, source.name)
}

// TestPushedReplicaThatPulls: a pushed replica that asks to be filled remains a pushed replica. One object has one
// writer.
func TestPushedReplicaThatPulls(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(pushed(k, from, "token", to))
		other := s.create(object{
			kind: k, namespace: from, name: "other", data: map[string]string{"token": "another"},
			annotations: annotated(native+"pull-by", to),
		})
		replica := s.annotate(s.replicated(source, to), native+"pull-from", from+"/other")
		s.untouched(replica)
		s.rotate(other, "another, later")
		s.untouched(replica)
		source = s.rotate(source, "two")
		s.replicated(source, to)
		s.unannotate(source, native+"push-to")
		s.gone(k, to, "token")
	})
}

// TestForgedLists: forged lists of what was copied do not keep a replica from following its source. The lists of what
// was copied are read from the replica, where anyone can write them.
func TestForgedLists(t *testing.T) {
	t.Parallel()
	for title, list := range map[string]string{
		"twice the same":          "mine,mine",
		"keys that are not there": "none,example.com/none,/,~1",
		"marks of Mirrorball": strings.Join([]string{
			native + "replica", native + "source-name", native + "replica-of", native + "replicated-at",
		}, ","),
		"the lists themselves":     native + "copied-labels," + native + "copied-annotations",
		"nothing, many times":      strings.Repeat(",", 10_000),
		"not a list":               "{\"op\":\"remove\"}\n",
		"all that is on a replica": "app.kubernetes.io/managed-by,mine," + native + "source-namespace",
	} {
		t.Run(title, func(t *testing.T) {
			forEachKind(t, func(s *scene, k kind) {
				from, to := s.namespace("from"), s.namespace("to")
				source := s.create(pushed(k, from, "token", to))
				s.edit(s.replicated(source, to), func(o *object) {
					o.labels["mine"], o.annotations["mine"] = "yes", "yes"
					o.annotations[native+"copied-labels"], o.annotations[native+"copied-annotations"] = list, list
					o.annotations[native+"replicated-keys"] = list
					o.data["token"] = "mine"
				})
				s.eventually(func() error {
					now := s.get(k, to, "token")
					for _, key := range []string{"copied-labels", "copied-annotations", "replicated-keys"} {
						if value, there := now.annotations[native+key]; there {
							return fmt.Errorf("%s still has %s: %.40q", now, key, value)
						}
					}
					return nil
				})
				s.replicated(source, to)
				source = s.rotate(source, "two")
				s.replicated(source, to)
				s.unmoved(nil, from, to)
				s.expectNoWarning(source)
			})
		})
	}
}

// A claim can be of any length and form: it is a name, or names nothing.
func TestMalformedClaim(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for title, of := range map[string]string{
		"empty": "", "no slash": "token", "slashes only": "////", "no namespace": "/token", "no name": "from/",
		"a path": "../../token", "a path in the name": "from/../token", "percent": "%2e%2e/token",
		"a query": "from/token?watch=true", "a line": "from/token\n", "white space": " / ",
		"very long": long + "/" + long, "long name": "from/" + long,
	} {
		t.Run(title, func(t *testing.T) {
			s := newScene(t)
			mine := s.namespace("mine")
			claim := object{
				namespace: mine, name: s.token(), data: map[string]string{"mine": "yes"},
				labels:      map[string]string{native + "replica": "push"},
				annotations: annotated(native+"replica-of", of),
			}
			claim = s.create(claim)
			s.account(mine, "robot", "theirs")
			s.editAccount(mine, "robot", func(account *corev1.ServiceAccount) {
				account.Annotations = annotated(native+"attached", "theirs="+of)
			})
			s.unmoved(nil, mine)
			s.untouched(claim)
			s.pullSecrets(mine, "robot", "theirs")
			// It takes a name nevertheless.
			source := s.create(pushed(secret, s.namespace("from"), s.token(), mine))
			s.expectEvent(source, "Occupied", mine+"/"+s.token())
			s.untouched(claim)
			s.expectNotLogged(mine, long[:100])
		})
	}
}

// expectNotLogged asserts that the controller did not fail on account of these words, and logged nothing of their
// length.
func (s *scene) expectNotLogged(words ...string) {
	s.Helper()
	text, err := os.ReadFile(controller.LogFile())
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"level":"info"`) || len(line) > 10_000 {
			for _, word := range words {
				if strings.Contains(line, word) {
					s.Errorf("the controller logged %.300s", line)
				}
			}
		}
	}
}

// TestForgedAttachedList: a forged list of what was attached changes nothing in another namespace. Who may edit the
// ServiceAccounts of a namespace may have taken away there whatever they list, and nothing elsewhere.
func TestForgedAttachedList(t *testing.T) {
	s := newScene(t)
	from, to, mine := s.namespace("from"), s.namespace("to"), s.namespace("mine")
	s.account(to, "robot", "theirs")
	s.create(object{namespace: from, name: "plain", data: map[string]string{"token": "plain"}})
	plain := s.get(secret, from, "plain")
	source := s.create(credentials(from, "regcred", to, "robot"))
	s.pullSecrets(to, "robot", "theirs", "regcred")
	s.account(mine, "robot", "mine", "regcred")
	s.unmoved(func() {
		for _, list := range []string{
			"regcred=" + from + "/regcred",
			"regcred=" + from + "/plain,mine=" + from + "/plain",
			"regcred=" + to + "/regcred,theirs=" + to + "/regcred",
			"regcred=" + mine + "/nothing",
			"regcred=" + from + "/regcred,regcred=" + from + "/plain,=,a=,=/,,",
		} {
			s.editAccount(mine, "robot", func(account *corev1.ServiceAccount) {
				account.Annotations = annotated(native+"attached", list)
			})
			s.system.CatchUp(s)
		}
		s.awaitGrace(s.ns("from"), s.namespace("grace"))
	}, from, to)
	s.pullSecrets(to, "robot", "theirs", "regcred")
	s.expectNoWarning(source, plain)
	s.absent(secret, mine, "regcred")
}
