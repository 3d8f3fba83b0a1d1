package annotations

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// ParseSelector reads a label selector in Kubernetes' own syntax. The error is a clause about the value.
func ParseSelector(s string) (labels.Selector, error) {
	// apimachinery takes a NUL for the end, and what follows it for nothing.
	if strings.ContainsRune(s, 0) {
		return nil, errors.New("is not a label selector: it has a NUL character in it")
	}
	selector, err := labels.Parse(s)
	if err != nil {
		return nil, errors.New("is not a label selector: " + escape(err.Error()))
	}
	return selector, nil
}
