package replicator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// desired is what the replicas of one version of a source hold, by how they come to be: pushed, pushed without keys
// that have a prefix, filled, and filled in the dialect of kubernetes-replicator.
type desired struct{ push, plain, pull, pullKeys informers.Content }

// desiredOf fails where the policy names a data key that the content does not have.
func desiredOf(key informers.Key, p *annotations.Policy, c informers.Content) (d desired, err error) {
	if d.push, err = pushed(key, p, c); err != nil {
		return d, err
	}
	d.plain = plain(d.push)
	// These fail where pushed does, and nowhere else.
	d.pull, _ = pulled(key, p, c, false)
	d.pullKeys, _ = pulled(key, p, c, true)
	return d, nil
}

// pushed is what a pushed replica of the source holds.
func pushed(key informers.Key, p *annotations.Policy, c informers.Content) (informers.Content, error) {
	out, err := selected(p, c)
	if err != nil {
		return out, err
	}
	out.Type, out.Immutable = c.Type, c.Immutable
	out.Labels, out.Annotations = marks(key, annotations.ReplicaPush), map[string]string{}
	out.Labels[annotations.LabelManagedBy] = annotations.ManagedBy
	setList(out.Annotations, annotations.CopiedLabels, copied(p.CopyLabels, c.Labels, out.Labels))
	setList(out.Annotations, annotations.CopiedAnnotations, copied(p.CopyAnnotations, c.Annotations, out.Annotations))
	out.Annotations[annotations.ReplicaOf] = key.NamespacedName.String()
	if p.OnDelete == annotations.Keep {
		out.Annotations[annotations.KeptOnDelete] = string(annotations.Keep)
	}
	return out, nil
}

// plain is what a pushed replica holds where other systems' keys are not carried over.
func plain(push informers.Content) informers.Content {
	out := push
	out.Labels = withoutPrefixed(push.Labels, push.Annotations, annotations.CopiedLabels)
	out.Annotations = withoutPrefixed(push.Annotations, push.Annotations, annotations.CopiedAnnotations)
	for _, list := range []string{annotations.CopiedLabels, annotations.CopiedAnnotations} {
		delete(out.Annotations, list)
		setList(out.Annotations, list, slices.DeleteFunc(informers.SplitList(push.Annotations[list]), annotations.IsPrefixed))
	}
	return out
}

// withoutPrefixed is a map less those keys with a prefix that an annotation lists as copied.
func withoutPrefixed(from, notes map[string]string, list string) map[string]string {
	out := maps.Clone(from)
	for _, key := range informers.SplitList(notes[list]) {
		if annotations.IsPrefixed(key) {
			delete(out, key)
		}
	}
	return out
}

// prefixed are the keys of other systems that a pushed replica carries, labels first.
func prefixed(push informers.Content) (keys []string) {
	for _, list := range []string{annotations.CopiedLabels, annotations.CopiedAnnotations} {
		for _, key := range informers.SplitList(push.Annotations[list]) {
			if annotations.IsPrefixed(key) && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// pulled is what an object that pulls is filled with; replicator says that it speaks kubernetes-replicator's dialect,
// in which the object's other keys are its own.
func pulled(key informers.Key, p *annotations.Policy, c informers.Content, replicator bool) (informers.Content, error) {
	out, err := selected(p, c)
	if err != nil {
		return out, err
	}
	out.Type = c.Type
	out.Labels = marks(key, annotations.ReplicaPull)
	out.Annotations = map[string]string{annotations.ReplicaOf: key.NamespacedName.String()}
	if replicator {
		keys := slices.Concat(slices.Collect(maps.Keys(out.Data)), slices.Collect(maps.Keys(out.Binary)))
		slices.Sort(keys)
		out.Annotations[annotations.ReplicatedKeys] = strings.Join(keys, ",")
	}
	return out, nil
}

func marks(key informers.Key, mode string) map[string]string {
	return map[string]string{
		annotations.LabelReplica:         mode,
		annotations.LabelSourceNamespace: key.Namespace,
		annotations.LabelSourceName:      annotations.LabelValue(key.Name),
	}
}

// selected is the source's data, less what the policy's keys say.
func selected(p *annotations.Policy, c informers.Content) (informers.Content, error) {
	out := informers.Content{Data: map[string][]byte{}, Binary: map[string][]byte{}}
	if len(p.Keys) == 0 {
		maps.Copy(out.Data, c.Data)
		maps.Copy(out.Binary, c.Binary)
		return out, nil
	}
	var missing []string
	for _, k := range p.Keys {
		if v, ok := c.Data[k.From]; ok {
			out.Data[k.To] = v
		} else if v, ok := c.Binary[k.From]; ok {
			out.Binary[k.To] = v
		} else {
			missing = append(missing, k.From)
		}
	}
	if len(missing) > 0 {
		return out, fmt.Errorf("the source has no key %s; add it, or take it out of the annotation",
			strings.Join(missing, ", "))
	}
	return out, nil
}

// copied carries over the metadata that the patterns name, never over what is there, and returns the keys.
func copied(p annotations.Patterns, from, to map[string]string) []string {
	var keys []string
	for k, v := range from {
		if _, taken := to[k]; !taken && p.MatchKey(k) {
			to[k] = v
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func setList(to map[string]string, key string, list []string) {
	if len(list) > 0 {
		to[key] = strings.Join(list, ",")
	}
}

// object is a new replica with the given content.
func object(kind annotations.Kind, at types.NamespacedName, c informers.Content, written time.Time) runtime.Object {
	meta := metav1.ObjectMeta{
		Namespace: at.Namespace, Name: at.Name, Labels: c.Labels, Annotations: stamped(c.Annotations, written),
	}
	var frozen *bool
	if c.Immutable {
		frozen = &c.Immutable
	}
	if kind == annotations.ConfigMap {
		return &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: meta, Data: text(c.Data), BinaryData: c.Binary, Immutable: frozen,
		}
	}
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: meta, Type: corev1.SecretType(c.Type), Data: c.Data, Immutable: frozen,
	}
}

// stamped adds the time of the change, the one thing in a replica that is not compared.
func stamped(a map[string]string, written time.Time) map[string]string {
	out := maps.Clone(a)
	out[annotations.ReplicatedAt] = written.UTC().Format(time.RFC3339)
	return out
}

func text(m map[string][]byte) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = string(v)
	}
	return out
}

// merged is the source's keys beside the object's own.
func merged(object, source informers.Content) informers.Content {
	given := annotations.GivenKeys(object.Annotations)
	out := source
	out.Data, out.Binary = map[string][]byte{}, map[string][]byte{}
	for _, part := range []struct{ own, source, out map[string][]byte }{
		{object.Data, source.Data, out.Data}, {object.Binary, source.Binary, out.Binary},
	} {
		for key, value := range part.own {
			_, text := source.Data[key]
			_, binary := source.Binary[key]
			if !text && !binary && !slices.Contains(given, key) {
				part.out[key] = value
			}
		}
		maps.Copy(part.out, part.source)
	}
	return out
}
