package informers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Content is the part of a Secret or ConfigMap that Mirrorball reads from a source and answers for in a replica. It
// holds secrets: it has no String method on purpose, and must not be printed.
type Content struct {
	Type         string
	Immutable    bool
	Data, Binary map[string][]byte
	Labels       map[string]string
	Annotations  map[string]string
}

// ContentOfSecret is the Content of s, sharing its maps.
func ContentOfSecret(s *corev1.Secret) Content {
	return Content{
		Type: string(s.Type), Immutable: s.Immutable != nil && *s.Immutable,
		Data: s.Data, Labels: s.Labels, Annotations: s.Annotations,
	}
}

// ContentOfConfigMap is the Content of c, sharing its maps but Data.
func ContentOfConfigMap(c *corev1.ConfigMap) Content {
	data := make(map[string][]byte, len(c.Data))
	for k, v := range c.Data {
		data[k] = []byte(v)
	}
	return Content{
		Immutable: c.Immutable != nil && *c.Immutable,
		Data:      data, Binary: c.BinaryData, Labels: c.Labels, Annotations: c.Annotations,
	}
}

// Size is about how many bytes it holds.
func (c *Content) Size() int {
	n := 0
	for _, m := range []map[string][]byte{c.Data, c.Binary} {
		for k, v := range m {
			n += len(k) + len(v)
		}
	}
	for _, m := range []map[string]string{c.Labels, c.Annotations} {
		for k, v := range m {
			n += len(k) + len(v)
		}
	}
	return n
}

// Digest stands for a Content: equal digests under one key mean that there is nothing to write.
type Digest [16]byte

// DigestKey keys the digests of one process, so that a digest is worth nothing outside it.
type DigestKey [32]byte

// NewDigestKey makes a key from the system's randomness.
func NewDigestKey() DigestKey {
	var k DigestKey
	_, _ = rand.Read(k[:]) // never fails: crypto/rand ends the process instead
	return k
}

// Digest covers what Mirrorball answers for in an object that carries its labels, and nothing that strangers may add:
// of a pushed replica the type, immutability, data, its own labels and annotations and those that the object itself
// records as copied; of an object that pulls, the data (or, where it records them, the replicated keys) and
// Mirrorball's marks.
func (k DigestKey) Digest(c Content) Digest {
	d := digester{h: hmac.New(sha256.New, k[:])}
	pull := c.Labels[annotations.LabelReplica] == annotations.ReplicaPull
	if !pull {
		d.text(c.Type)
		if c.Immutable {
			d.text("immutable")
		}
	}
	keys, some := c.Annotations[annotations.ReplicatedKeys]
	if pull && some {
		d.bytes(c.Data, SplitList(keys))
		d.bytes(c.Binary, SplitList(keys))
	} else {
		d.bytes(c.Data, slices.Collect(maps.Keys(c.Data)))
		d.bytes(c.Binary, slices.Collect(maps.Keys(c.Binary)))
	}
	labels := []string{annotations.LabelReplica, annotations.LabelSourceNamespace, annotations.LabelSourceName}
	if !pull {
		labels = append(labels, annotations.LabelManagedBy)
	}
	d.strings(c.Labels, append(labels, SplitList(c.Annotations[annotations.CopiedLabels])...))
	d.strings(c.Annotations, append([]string{
		annotations.ReplicaOf, annotations.CopiedLabels, annotations.CopiedAnnotations, annotations.ReplicatedKeys,
		annotations.KeptOnDelete,
	}, SplitList(c.Annotations[annotations.CopiedAnnotations])...))
	return Digest(d.h.Sum(nil)[:len(Digest{})])
}

// digester writes fields with their lengths, so that no two contents give the same stream.
type digester struct{ h hash.Hash }

func (d digester) number(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	d.h.Write(b[:])
}

func (d digester) text(s string) { d.number(len(s)); d.h.Write([]byte(s)) }

func (d digester) bytes(m map[string][]byte, keys []string) {
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if v, ok := m[k]; ok {
			d.text(k)
			d.number(len(v))
			d.h.Write(v)
		}
	}
	d.number(-1)
}

func (d digester) strings(m map[string]string, keys []string) {
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		if v, ok := m[k]; ok {
			d.text(k)
			d.text(v)
		}
	}
	d.number(-1)
}

// SplitList reads a comma-separated list that Mirrorball wrote.
func SplitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
