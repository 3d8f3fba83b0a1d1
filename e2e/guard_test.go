package e2e

import (
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// change is an edit of an object in the tenant's namespace, which the guard refuses with these words.
type change struct {
	edit func(o *object)
	want string
}

// replicaChanges are refused on a pushed replica.
var replicaChanges = map[string]change{
	"its data":  {func(o *object) { o.data["token"] = "by hand" }, "Change the source instead"},
	"a new key": {func(o *object) { o.data["more"] = "by hand" }, "Change the source instead"},
	"immutable": {func(o *object) { o.immutable = true }, "Change the source instead"},
	"the label that says who manages it": {
		func(o *object) { delete(o.labels, "app.kubernetes.io/managed-by") }, "Change the source instead",
	},
	"its label":       {func(o *object) { delete(o.labels, native+"replica") }, "make the object your own"},
	"its annotation":  {func(o *object) { delete(o.annotations, native+"replica-of") }, "make the object your own"},
	"how it was made": {func(o *object) { o.labels[native+"replica"] = "pull" }, "written by Mirrorball alone"},
	"its source": {
		func(o *object) { o.annotations[native+"replica-of"] = "another/source" }, "written by Mirrorball alone",
	},
	"what is kept": {
		func(o *object) { o.annotations[native+"source-on-delete"] = "keep" }, "written by Mirrorball alone",
	},
}

// TestGuard: a tenant can neither forge nor change a replica, and is told of its source; all else goes on.
func TestGuard(t *testing.T) {
	s := sceneWith(t, harness.Cage, harness.Guard)
	if err := s.system.WriteRules(t.Context(), harness.OpenRules); err != nil {
		t.Fatal(err)
	}
	s.system.Controller(s, "--source-delete-grace=1h")
	s.typeChecked()
	from, to := s.namespace("from"), s.namespace("to")
	mine := s.tenant(to).asScene()
	for _, k := range []kind{secret, configMap} {
		t.Run(string(k)+", a replica is not changed", func(t *testing.T) {
			s := s.within(t)
			replica := s.replicated(s.create(pushed(k, from, "token", to)), to)
			for title, change := range replicaChanges {
				t.Run(title, func(t *testing.T) {
					edited := clone(replica)
					change.edit(&edited)
					_, err := mine.update(edited)
					expectRefusal(t, err, from+"/token", change.want)
				})
			}
			s.untouched(replica)
		})
		t.Run(string(k)+", what is not refused", func(t *testing.T) { notRefused(s.within(t), mine, k, from, to) })
	}
	t.Run("a replica is not forged", func(t *testing.T) {
		source := s.create(pushed(secret, from, "other", "none"))
		for name, forgery := range forgeries(source, to) {
			if !isMarked(forgery) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				forgery.name = "forged"
				_, err := mine.tryCreate(forgery)
				expectRefusal(t, err, "written by Mirrorball alone")
				own := mine.create(object{kind: forgery.kind, namespace: to, name: "unmarked"})
				own.labels, own.annotations = forgery.labels, forgery.annotations
				_, err = mine.update(own)
				expectRefusal(t, err, "written by Mirrorball alone")
				mine.delete(own)
			})
		}
	})
	t.Run("data that is pulled", func(t *testing.T) { pulledData(s.within(t), mine, from, to) })
	t.Run("a namespace is deleted with its replicas", func(t *testing.T) {
		s := s.within(t)
		gone := s.namespace("gone")
		s.replicated(s.create(pushed(secret, from, "soon", gone)), gone)
		if err := s.system.Client.CoreV1().Namespaces().Delete(s.Context(), gone, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		s.gone(secret, gone, "soon")
	})
	if err := checkCage(t.Context(), s.system); err != nil {
		t.Error(err)
	}
}

// notRefused is what people do with sources and replicas.
func notRefused(s, mine *scene, k kind, from, to string) {
	source := s.create(pushed(k, from, "free", to))
	first := s.replicated(source, to)
	mine.edit(first, func(o *object) { o.labels["mine"], o.annotations["example.com/note"] = "yes", "text" })
	mine.delete(first)
	second := s.replicated(source, to)
	if second.uid == first.uid {
		s.Error("the replica was not deleted")
	}
	released := mine.edit(second, func(o *object) {
		delete(o.labels, native+"replica")
		delete(o.annotations, native+"replica-of")
	})
	s.expectEvent(source, "Occupied", to+"/free")
	released = mine.edit(released, func(o *object) { o.data["token"] = "mine" })
	s.untouched(released)
	mine.delete(released)
	s.replicated(source, to)
	own := mine.create(pushed(k, to, "own", "none"))
	mine.annotate(own, native+"push-to", from)
	s.replicated(own, from)
	mine.unannotate(own, native+"push-to")
	s.gone(k, from, "own")
}

// pulledData is refused to be changed, unless it is the owner's.
func pulledData(s, mine *scene, from, to string) {
	for dialect, d := range pullDialects {
		source := object{
			namespace: from, name: strings.ToLower(dialect), data: map[string]string{"token": "one"}, annotations: d.permit(to),
		}
		source = s.create(source)
		filled := s.pulled(source, mine.create(d.puller(source, to, "pulls-"+source.name)))
		edited := clone(filled)
		edited.data["mine"] = "yes"
		_, err := mine.update(edited)
		if d.pull == replicator+"replicate-from" {
			if err != nil {
				s.Errorf("%s: a key of the owner's: %v", dialect, err)
			}
			continue
		}
		expectRefusal(s, err, from+"/"+source.name, "Change the source instead")
		mine.edit(filled, func(o *object) {
			delete(o.annotations, d.pull)
			o.data["token"] = "mine"
		})
	}
}

// TestGuardWarns: in its milder setting, the guard lets everything through and says what it would refuse.
func TestGuardWarns(t *testing.T) {
	s := sceneWith(t, harness.GuardWarn)
	var warnings harness.Warnings
	config := rest.CopyConfig(s.system.Config)
	config.WarningHandler = &warnings
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	warned := &scene{TB: t, system: &harness.System{Client: client}}
	to := s.namespace("to")
	forged := warned.create(claiming(object{namespace: to, name: "forged"}, "push", "a", "b"))
	if got := warnings.Take(); !strings.Contains(got, "written by Mirrorball alone") {
		t.Errorf("the warning of a forgery is %q", got)
	}
	warned.edit(forged, func(o *object) { o.data["token"] = "by hand" })
	if got := warnings.Take(); !strings.Contains(got, "a replica of a/b") {
		t.Errorf("the warning of an edit is %q", got)
	}
	warned.edit(forged, func(o *object) { o.labels["mine"] = "yes" })
	warned.delete(forged)
	if got := warnings.Take(); got != "" {
		t.Errorf("the warning of what is free to do is %q", got)
	}
}

// clone is an object whose maps can be changed.
func clone(o object) object {
	o.data, o.labels, o.annotations = maps.Clone(o.data), maps.Clone(o.labels), maps.Clone(o.annotations)
	return o
}

// isMarked says whether an object has marks of Mirrorball's.
func isMarked(o object) bool {
	_, labelled := o.labels[native+"replica"]
	return labelled || o.annotations[native+"replica-of"] != ""
}

func expectRefusal(t testing.TB, err error, parts ...string) {
	t.Helper()
	if !apierrors.IsForbidden(err) {
		t.Fatalf("the answer is %v, want a refusal", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the refusal is %q, want %q", err, part)
		}
	}
}
