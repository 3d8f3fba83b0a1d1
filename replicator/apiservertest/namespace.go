package apiservertest

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// collector is who empties namespaces that terminate, as kube-controller-manager does.
const collector = "system:namespace-controller"

// contentOrder is what is collected, in this order.
var contentOrder = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("secrets"),
	corev1.SchemeGroupVersion.WithResource("configmaps"),
	corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
	coordinationv1.SchemeGroupVersion.WithResource("leases"),
	eventsv1.SchemeGroupVersion.WithResource("events"),
}

func prepareNamespace(obj, old Object) {
	ns, ok := obj.(*corev1.Namespace)
	if !ok {
		return
	}
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[corev1.LabelMetadataName] = ns.Name
	if was, ok := old.(*corev1.Namespace); ok {
		ns.Spec.Finalizers, ns.Status = was.Spec.Finalizers, was.Status
		return
	}
	ns.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
	ns.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
}

// terminate begins the end of a namespace.
func (s *Server) terminate(by string, old Object) Object {
	if old.GetDeletionTimestamp() != nil {
		return old
	}
	ns, ok := deepCopy(old).(*corev1.Namespace)
	if !ok {
		return old
	}
	ns.DeletionTimestamp = ptr.To(metav1.Now().Rfc3339Copy())
	ns.Status.Phase = corev1.NamespaceTerminating
	s.commit(by, s.namespaces(), old, ns)
	s.collectLater(ns.Name, ns.UID)
	return ns
}

func (s *Server) collectLater(name string, uid types.UID) {
	time.AfterFunc(s.options.Termination, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed && !s.collect(name, uid) {
			s.collectLater(name, uid)
		}
	})
}

// collect deletes the content of a namespace, and the namespace once it is empty. It is false while finalizers hold
// some of it.
func (s *Server) collect(name string, uid types.UID) bool {
	ns := s.namespaces().objects[types.NamespacedName{Name: name}]
	if ns == nil || ns.GetUID() != uid {
		return true
	}
	empty := true
	for _, gvr := range contentOrder {
		t := s.tables[gvr]
		for _, o := range t.asOf(s.version) {
			if o.GetNamespace() == name && s.discard(collector, t, o) != nil {
				empty = false
			}
		}
	}
	if empty {
		s.commit(collector, s.namespaces(), ns, nil)
	}
	return empty
}
