package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// installed are the kinds of deploy/ that a controller outside the cluster needs, in the order to apply them.
var installed = []string{
	"Namespace",
	"ServiceAccount",
	"ClusterRole",
	"Role",
	"ClusterRoleBinding",
	"RoleBinding",
	"PriorityLevelConfiguration",
	"FlowSchema",
	"ValidatingAdmissionPolicy",
	"ValidatingAdmissionPolicyBinding",
	"MutatingAdmissionPolicy",
	"MutatingAdmissionPolicyBinding",
}

// install applies the objects of the kustomize folder that are of the installed kinds.
func (s *System) install(ctx context.Context) error {
	objects, err := s.render(ctx)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(s.Client.Discovery()))
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return slices.Index(installed, a.GetKind()) - slices.Index(installed, b.GetKind())
	})
	var policies []string
	for _, object := range objects {
		if err := s.apply(ctx, mapper, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if object.GetKind() == "ValidatingAdmissionPolicy" {
			policies = append(policies, object.GetName())
		}
	}
	return s.awaitPolicies(ctx, policies)
}

// render has kubectl build the folder, as a person would, and keeps the installed kinds.
func (s *System) render(ctx context.Context) ([]*unstructured.Unstructured, error) {
	folder, err := s.kustomization()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, s.kubectl, "kustomize", folder)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl kustomize %s: %w: %s", folder, err, bytes.TrimSpace(stderr.Bytes()))
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4<<10)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what kubectl kustomize %s wrote: %w", folder, err)
		}
		if slices.Contains(installed, object.GetKind()) {
			objects = append(objects, object)
		}
	}
}

func (s *System) apply(ctx context.Context, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = s.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		client = s.Dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	_, err = client.Apply(ctx, object.GetName(), object, applyOptions)
	return err
}
