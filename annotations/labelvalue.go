package annotations

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// hashLength is the length of the hash at the end of a cut name: 16 characters of 5 bits. That leaves 46 characters
// for people to read.
const hashLength = 16

// LabelValue returns an object's name as the value of a label. Names have up to 253 characters and label values 63, so
// a longer one is cut and ends in "-" and a hash of the whole. Labels are for selecting; the whole name is in the
// annotation [ReplicaOf], and whoever acts on a replica reads that.
func LabelValue(name string) string {
	if len(validation.IsValidLabelValue(name)) == 0 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))[:hashLength]
	head := name[:min(len(name), validation.LabelValueMaxLength-hashLength-1)]
	// No object's name has such characters; with them mapped, a label's value is valid for any string.
	head = strings.Map(func(r rune) rune {
		if r < 0x80 && r != '/' && isKeyByte(byte(r)) {
			return r
		}
		return '-'
	}, strings.ToValidUTF8(head, "-"))
	head = strings.Trim(head, "-._")
	if head == "" {
		return hash
	}
	return head + "-" + hash
}
