package informers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TestSyncedWithoutNamespace: what is in a namespace is waited for while it is there.
func TestSyncedWithoutNamespace(t *testing.T) {
	c := NewTestClusterOf(&rest.Config{Host: "http://unused.invalid"}, nil, "a")
	c.namespaces.listed.Store(true)
	c.records.listed.Store(true)
	c.rules.listed.Store(true)
	if err := c.Synced(); err != nil {
		t.Errorf("before the namespace is found: %v", err)
	}
	a := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1"}}
	if c.namespaceFound("a") {
		t.Error("all in the namespace is known before any list")
	}
	if err := c.namespaces.Add(a); err != nil {
		t.Fatal(err)
	}
	if err := c.Synced(); err == nil {
		t.Error("the lists of a namespace that is there are not waited for")
	}
	if err := c.namespaces.Delete(a); err != nil {
		t.Fatal(err)
	}
	if err := c.Synced(); err != nil {
		t.Errorf("after the namespace has gone: %v", err)
	}
}
