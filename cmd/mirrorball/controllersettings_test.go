package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func runningController(namespace string, args ...string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "mirrorball", Labels: map[string]string{"app.kubernetes.io/name": "mirrorball"},
	}}
	d.Spec.Template.Spec.Containers = []corev1.Container{
		{Name: "sidecar", Args: []string{"--kinds=none"}},
		{Name: "mirrorball", Args: append([]string{"run", "--leader-elect=true"}, args...)},
	}
	return d
}

func TestControllerSettings(t *testing.T) {
	forbidden := apierrors.NewForbidden(appsv1.Resource("deployments"), "", errors.New("no"))
	for name, tc := range map[string]struct {
		deployments []runtime.Object
		forbidden   bool
		given       []string

		wantFrom, wantNamespace, wantProtected string
		wantDiffering                          int
		wantErr                                string
	}{
		"those of the Deployment": {
			deployments: []runtime.Object{runningController("ops", "--protected-namespaces=kube-*", "--newer-flag=x")},
			wantFrom:    "Deployment ops/mirrorball", wantNamespace: "ops", wantProtected: "kube-*",
		},
		"the flags of the command win, and differ": {
			deployments: []runtime.Object{runningController("ops", "--protected-namespaces=kube-*", "--namespace=own")},
			given:       []string{"--protected-namespaces=none", "--kinds=secrets,configmaps"},
			wantFrom:    "Deployment ops/mirrorball", wantNamespace: "own", wantProtected: "none", wantDiffering: 1,
		},
		"defaults without a Deployment": {
			wantFrom: "defaults, because there is no Deployment", wantNamespace: "mirrorball-system",
			wantProtected: "kube-system,kube-public,kube-node-lease",
		},
		"defaults without permission": {
			deployments: []runtime.Object{runningController("ops")}, forbidden: true,
			wantFrom:      "defaults, because this user may not list deployments.apps",
			wantNamespace: "mirrorball-system", wantProtected: "kube-system,kube-public,kube-node-lease",
		},
		"several": {
			deployments: []runtime.Object{runningController("ops"), runningController("test")},
			wantFrom:    "defaults, because there are several", wantNamespace: "mirrorball-system",
			wantProtected: "kube-system,kube-public,kube-node-lease",
		},
		"one of several": {
			deployments: []runtime.Object{runningController("ops"), runningController("test", "--protected-namespaces=x")},
			given:       []string{"--mirrorball-namespace=test"},
			wantFrom:    "Deployment test/mirrorball", wantNamespace: "test", wantProtected: "x",
		},
		"a wrong flag": {given: []string{"--kinds=pods"}, wantErr: `"pods" cannot be mirrored`},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(tc.deployments...)
			if tc.forbidden {
				client.PrependReactor("list", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, forbidden
				})
			}
			var flags controllerFlags
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			flags.register(set)
			if err := set.Parse(tc.given); err != nil {
				t.Fatal(err)
			}
			s, described, err := flags.complete(t.Context(), client)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("got the error %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(described.From, tc.wantFrom) || s.namespace != tc.wantNamespace ||
				described.ProtectedNamespaces != tc.wantProtected || len(described.Differing) != tc.wantDiffering {
				t.Errorf("got %+v, want %q, %s, %s, and %d that differ", described, tc.wantFrom, tc.wantNamespace,
					tc.wantProtected, tc.wantDiffering)
			}
		})
	}
}

// TestDecisiveFlags: a flag of run either decides what the controller does, or is known not to.
func TestDecisiveFlags(t *testing.T) {
	indifferent := []string{
		"kubeconfig", "namespace", "workers", "write-concurrency", "leader-elect", "leader-election-namespace",
		"leader-election-name", "leader-election-lease-duration", "leader-election-renew-deadline",
		"leader-election-retry-period", "http-address", "profiling", "log-format", "log-level", "born-attached",
	}
	runCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(decisiveFlags, f.Name) == slices.Contains(indifferent, f.Name) {
			t.Errorf("does --%s decide what the controller does? Add it to decisiveFlags, or to this test", f.Name)
		}
	})
}
