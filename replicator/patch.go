package replicator

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// patch is an RFC 6902 JSON patch. Chosen over a merge patch because it replaces a map exactly, and over server-side
// apply because that can't guard ownership.
type patch []operation

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// newPatch returns a patch of one version of an object: to another the API server answers 409.
func newPatch(v informers.Version) patch {
	//mutant:version-of-patch
	return patch{{Op: "replace", Path: "/metadata/resourceVersion", Value: v.String()}}
}

func (p *patch) add(path string, value any) {
	*p = append(*p, operation{Op: "add", Path: path, Value: value})
}

func (p *patch) remove(path string) { *p = append(*p, operation{Op: "remove", Path: path}) }

// set writes entries into a map; bare says that the object may not have that map yet, so that all of it is written.
func (p *patch) set(path string, bare bool, entries map[string]string) {
	if bare {
		p.add(path, entries)
		return
	}
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		p.add(path+"/"+escape.Replace(k), entries[k])
	}
}

// unset removes keys, which must be there, but for those in keep.
func (p *patch) unset(path string, keys []string, keep map[string]string) {
	for _, k := range keys {
		if _, ok := keep[k]; !ok {
			p.remove(path + "/" + escape.Replace(k))
		}
	}
}

// unmark drops bookkeeping annotations that no longer apply. JSON Patch cannot remove a missing key, so each is added
// first.
func (p *patch) unmark(want map[string]string) {
	for _, k := range []string{
		annotations.CopiedLabels, annotations.CopiedAnnotations, annotations.ReplicatedKeys, annotations.KeptOnDelete,
	} {
		if _, ok := want[k]; !ok {
			path := "/metadata/annotations/" + escape.Replace(k)
			p.add(path, "")
			p.remove(path)
		}
	}
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

// content writes the data.
func (p *patch) content(kind annotations.Kind, c informers.Content) {
	if kind == annotations.ConfigMap {
		p.add("/data", text(c.Data))
		p.add("/binaryData", c.Binary)
	} else {
		p.add("/data", c.Data)
	}
	if c.Immutable {
		p.add("/immutable", true)
	}
}

// updatePatch makes a pushed replica what it has to be. Labels and annotations of others stay. Of one whose label was
// taken off the type is not known: the API server refuses another.
func updatePatch(kind annotations.Kind, r *informers.Replica, want informers.Content, now time.Time) patch {
	p := newPatch(r.Version)
	if kind == annotations.Secret && r.Type == "" {
		p.add("/type", want.Type)
	}
	p.content(kind, want)
	p.unset("/metadata/labels", r.CopiedLabels, want.Labels)
	p.set("/metadata/labels", r.Unlabelled, want.Labels)
	p.unset("/metadata/annotations", r.CopiedAnnotations, want.Annotations)
	p.set("/metadata/annotations", r.Bare, stamped(want.Annotations, now))
	p.unmark(want.Annotations)
	return p
}

// markPatch writes content and marks onto an object that has annotations, since they are why it is written to, and may
// have no labels yet. A secretType that is not empty goes into the patch, for the API server to refuse another.
func markPatch(
	kind annotations.Kind, at informers.Occupant, secretType string, want informers.Content, now time.Time,
) patch {
	p := newPatch(at.Identity().Version)
	if secretType != "" {
		p.add("/type", secretType)
	}
	p.content(kind, want)
	unlabelled := at.Candidate != nil && at.Replica == nil && at.Candidate.Unlabelled
	p.set("/metadata/labels", unlabelled, want.Labels)
	p.set("/metadata/annotations", false, stamped(want.Annotations, now))
	p.unmark(want.Annotations)
	return p
}

// accountPatch writes a ServiceAccount's imagePullSecrets, and what of them is Mirrorball's.
func accountPatch(sa *informers.ServiceAccount) patch {
	refs := make([]map[string]string, 0, len(sa.PullSecrets))
	for _, name := range sa.PullSecrets {
		refs = append(refs, map[string]string{"name": name})
	}
	p := newPatch(sa.Version)
	p.add("/imagePullSecrets", refs)
	if attached := attachedList(sa.Attached); attached != "" {
		p.set("/metadata/annotations", sa.Bare, map[string]string{annotations.Attached: attached})
	} else {
		p.unset("/metadata/annotations", []string{annotations.Attached}, nil)
	}
	return p
}
