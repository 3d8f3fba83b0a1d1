package apiservertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const frozen = "field is immutable when `immutable` is set"

func prepareSecret(obj, old Object) {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
		if was, ok := old.(*corev1.Secret); ok {
			s.Type = was.Type
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.StringData)) {
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		s.Data[k] = []byte(s.StringData[k])
	}
	s.StringData = nil
}

func validateSecret(obj, old Object) field.ErrorList {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return nil
	}
	var errs field.ErrorList
	if was, ok := old.(*corev1.Secret); ok {
		errs = append(errs, apivalidation.ValidateImmutableField(s.Type, was.Type, field.NewPath("type"))...)
		if isSet(was.Immutable) {
			errs = append(errs, keepsFrozen(s.Immutable, "data", s.Data, was.Data)...)
		}
	}
	path, size := field.NewPath("data"), 0
	for _, k := range slices.Sorted(maps.Keys(s.Data)) {
		errs = append(errs, validateKey(path, k)...)
		size += len(s.Data[k])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(path, "", corev1.MaxSecretSize))
	}
	return append(errs, validateSecretType(s, path)...)
}

func validateSecretType(s *corev1.Secret, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	need := func(key string) []byte {
		v, ok := s.Data[key]
		if !ok {
			errs = append(errs, field.Required(path.Key(key), ""))
		}
		return v
	}
	needJSON := func(key string) {
		var object map[string]any
		if v := need(key); v != nil && json.Unmarshal(v, &object) != nil {
			errs = append(errs, field.Invalid(path.Key(key), "<secret contents redacted>", "invalid JSON"))
		}
	}
	switch s.Type {
	case corev1.SecretTypeDockerConfigJson:
		needJSON(corev1.DockerConfigJsonKey)
	case corev1.SecretTypeDockercfg:
		needJSON(corev1.DockerConfigKey)
	case corev1.SecretTypeTLS:
		need(corev1.TLSCertKey)
		need(corev1.TLSPrivateKeyKey)
	}
	return errs
}

func validateConfigMap(obj, old Object) field.ErrorList {
	c, ok := obj.(*corev1.ConfigMap)
	if !ok {
		return nil
	}
	var errs field.ErrorList
	if was, ok := old.(*corev1.ConfigMap); ok && isSet(was.Immutable) {
		errs = append(errs, keepsFrozen(c.Immutable, "data", c.Data, was.Data)...)
		if !equality.Semantic.DeepEqual(c.BinaryData, was.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), frozen))
		}
	}
	size := 0
	for _, k := range slices.Sorted(maps.Keys(c.Data)) {
		errs = append(errs, validateKey(field.NewPath("data"), k)...)
		if _, both := c.BinaryData[k]; both {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k,
				fmt.Sprintf("duplicate of key %q present in binaryData", k)))
		}
		size += len(c.Data[k])
	}
	for _, k := range slices.Sorted(maps.Keys(c.BinaryData)) {
		errs = append(errs, validateKey(field.NewPath("binaryData"), k)...)
		size += len(c.BinaryData[k])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return errs
}

func isSet(b *bool) bool { return b != nil && *b }

// keepsFrozen finds what an update would change in an object that is immutable.
func keepsFrozen[M any](immutable *bool, name string, data, was M) field.ErrorList {
	var errs field.ErrorList
	if !isSet(immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), frozen))
	}
	if !equality.Semantic.DeepEqual(data, was) {
		errs = append(errs, field.Forbidden(field.NewPath(name), frozen))
	}
	return errs
}

func validateKey(path *field.Path, key string) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.IsConfigMapKey(key) {
		errs = append(errs, field.Invalid(path.Key(key), key, msg))
	}
	return errs
}
