package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
)

// maxManifests is how many bytes of manifests are read at most.
const maxManifests = 64 << 20

// readManifests reads the objects of files; "-" is stdin. Kinds that Mirrorball does not look at are passed over, and
// returned by name.
func readManifests(
	paths []string, stdin io.Reader, namespace string,
) (objects []metav1.Object, other []string, err error) {
	for _, path := range paths {
		in := io.NopCloser(stdin)
		if path != "-" {
			if in, err = os.Open(path); err != nil {
				return nil, nil, unable("-f: %w", err)
			}
		}
		some, passed, err := decodeManifests(io.LimitReader(in, maxManifests), namespace)
		in.Close()
		if err != nil {
			return nil, nil, unable("-f %s: %w", path, err)
		}
		objects, other = append(objects, some...), append(other, passed...)
	}
	return objects, other, nil
}

func decodeManifests(in io.Reader, namespace string) (objects []metav1.Object, other []string, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		var raw runtime.RawExtension
		switch err := decoder.Decode(&raw); {
		case errors.Is(err, io.EOF):
			return objects, other, nil
		case err != nil:
			// The parser's message may repeat the text, which may be a Secret's.
			return nil, nil, errors.New("is neither YAML nor JSON; 'kubectl apply --dry-run=client -f' says where")
		case len(raw.Raw) == 0 || string(raw.Raw) == "null":
			continue
		}
		some, passed, err := decodeObject(raw.Raw, namespace)
		if err != nil {
			return nil, nil, err
		}
		objects, other = append(objects, some...), append(other, passed...)
	}
}

func decodeObject(raw []byte, namespace string) (objects []metav1.Object, other []string, err error) {
	var list struct {
		metav1.TypeMeta `json:",inline"`
		Items           []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, nil, errors.New("a document is not an object")
	}
	if len(list.Items) > 0 {
		for _, item := range list.Items {
			some, passed, err := decodeObject(item, namespace)
			if err != nil {
				return nil, nil, err
			}
			objects, other = append(objects, some...), append(other, passed...)
		}
		return objects, other, nil
	}
	obj, _, err := serializer.NewCodecFactory(scheme.Scheme).UniversalDeserializer().Decode(raw, nil, nil)
	switch obj.(type) {
	case *corev1.Secret, *corev1.ConfigMap, *corev1.ServiceAccount, *corev1.Namespace:
		m, err := meta.Accessor(obj)
		if err != nil {
			return nil, nil, err
		}
		if _, isNamespace := obj.(*corev1.Namespace); !isNamespace && m.GetNamespace() == "" {
			m.SetNamespace(namespace)
		}
		return []metav1.Object{m}, nil, checkName(m, list.Kind)
	}
	if err != nil && (list.APIVersion == "v1" || list.Kind == "") {
		return nil, nil, fmt.Errorf("a document of kind %q cannot be decoded; "+
			"'kubectl apply --dry-run=client -f' says why", list.Kind)
	}
	return nil, []string{list.Kind}, nil
}

func checkName(m metav1.Object, kind string) error {
	if m.GetName() == "" {
		return fmt.Errorf("a %s has no metadata.name", kind)
	}
	return nil
}

// applied returns an object as `kubectl apply` would leave it.
func applied(ctx context.Context, client kubernetes.Interface, modified metav1.Object) (metav1.Object, error) {
	if s, ok := modified.(*corev1.Secret); ok {
		for k, v := range s.StringData {
			if s.Data == nil {
				s.Data = map[string][]byte{}
			}
			s.Data[k] = []byte(v)
		}
		s.StringData = nil
	}
	current, err := live(ctx, client, modified)
	switch {
	case apierrors.IsNotFound(err):
		return modified, nil
	case err != nil:
		return nil, unable("cannot read %s/%s: %w", modified.GetNamespace(), modified.GetName(), err)
	}
	return merge(current, modified)
}

func live(ctx context.Context, client kubernetes.Interface, o metav1.Object) (metav1.Object, error) {
	get := metav1.GetOptions{}
	switch o.(type) {
	case *corev1.Secret:
		return client.CoreV1().Secrets(o.GetNamespace()).Get(ctx, o.GetName(), get)
	case *corev1.ConfigMap:
		return client.CoreV1().ConfigMaps(o.GetNamespace()).Get(ctx, o.GetName(), get)
	case *corev1.ServiceAccount:
		return client.CoreV1().ServiceAccounts(o.GetNamespace()).Get(ctx, o.GetName(), get)
	}
	return client.CoreV1().Namespaces().Get(ctx, o.GetName(), get)
}

// merge is kubectl's three-way merge: what was applied last and is not in the manifest any more goes.
func merge(current, modified metav1.Object) (metav1.Object, error) {
	last := current.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	have, err := json.Marshal(current)
	if err != nil {
		return nil, errors.New("cannot encode the object in the cluster")
	}
	want, err := withoutNulls(modified)
	if err != nil {
		return nil, errors.New("cannot encode the manifest")
	}
	patchMeta, err := strategicpatch.NewPatchMetaFromStruct(current)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch([]byte(last), want, have, patchMeta, true)
	if err != nil {
		return nil, errors.New("the manifest cannot be merged with the object in the cluster")
	}
	merged, err := strategicpatch.StrategicMergePatch(have, patch, current)
	if err != nil {
		return nil, errors.New("the manifest cannot be merged with the object in the cluster")
	}
	obj, _, err := serializer.NewCodecFactory(scheme.Scheme).UniversalDeserializer().Decode(merged, kindOf(current), nil)
	if err != nil {
		return nil, errors.New("the merged object cannot be decoded")
	}
	return meta.Accessor(obj)
}

// withoutNulls encodes an object without what it does not say.
func withoutNulls(o metav1.Object) ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	if own, ok := fields["metadata"].(map[string]any); ok {
		for _, key := range []string{"creationTimestamp", "resourceVersion", "uid", "generation", "managedFields"} {
			delete(own, key)
		}
	}
	return json.Marshal(fields)
}

func kindOf(o metav1.Object) *schema.GroupVersionKind {
	kind := "Namespace"
	switch o.(type) {
	case *corev1.Secret:
		kind = "Secret"
	case *corev1.ConfigMap:
		kind = "ConfigMap"
	case *corev1.ServiceAccount:
		kind = "ServiceAccount"
	}
	return &schema.GroupVersionKind{Version: "v1", Kind: kind}
}
