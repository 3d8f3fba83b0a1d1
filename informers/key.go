package informers

import (
	"fmt"
	"strconv"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
)

// Key names a source, present or not: the unit of work.
type Key struct {
	Kind annotations.Kind
	types.NamespacedName
}

// String is "Kind namespace/name".
func (k Key) String() string { return string(k.Kind) + " " + k.NamespacedName.String() }

// Version is a resourceVersion. Since KEP-5504 they are decimal numbers that may be compared within one resource type.
type Version uint64

// ParseVersion reads a resourceVersion.
func ParseVersion(s string) (Version, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resourceVersion %q is not a decimal number: %w", s, err)
	}
	return Version(v), nil
}

// String is the resourceVersion as the API server takes it.
func (v Version) String() string { return strconv.FormatUint(uint64(v), 10) }

// ServiceAccountKind is the kind of ServiceAccounts, where a Key names one.
const ServiceAccountKind annotations.Kind = "ServiceAccount"
