package replicator

import (
	"maps"
	"slices"
	"strings"

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

// newPatch is good for one version of an object: against another the API server answers 409.
func newPatch(v informers.Version) patch {
	return patch{{Op: "replace", Path: "/metadata/resourceVersion", Value: v.String()}}
}

func (p *patch) add(path string, value any) {
	*p = append(*p, operation{Op: "add", Path: path, Value: value})
}

func (p *patch) remove(path string) { *p = append(*p, operation{Op: "remove", Path: path}) }

// set writes entries into a map; bare says that the object may not have that map yet.
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

// unmark takes away the lists of what was copied that want does not have. What copies nothing any more must not go on
// claiming so: it would differ from what is wanted for ever. Removing what is not there is an error, and nobody keeps
// count of whether it is, so that it is added first.
func (p *patch) unmark(want map[string]string) {
	for _, k := range []string{annotations.CopiedLabels, annotations.CopiedAnnotations, annotations.ReplicatedKeys} {
		if _, ok := want[k]; !ok {
			path := "/metadata/annotations/" + escape.Replace(k)
			p.add(path, "")
			p.remove(path)
		}
	}
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")
