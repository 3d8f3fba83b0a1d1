package apiservertest

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// listOptions are the parameters of a list or a watch.
type listOptions struct {
	labels  labels.Selector
	fields  fields.Selector
	version string
	match   string
	// initial says that the list is to be streamed before the changes.
	initial   bool
	bookmarks bool
	timeout   time.Duration
}

func (o *listOptions) parse(q *query) error {
	values := q.URL.Query()
	var err error
	if o.labels, err = labels.Parse(values.Get("labelSelector")); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if o.fields, err = fields.ParseSelector(values.Get("fieldSelector")); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	known := fields.Set{"metadata.name": "", "metadata.namespace": ""}
	if q.table.fields != nil {
		maps.Copy(known, q.table.fields(nil))
	}
	for _, r := range o.fields.Requirements() {
		if !known.Has(r.Field) {
			return apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", r.Field))
		}
	}
	o.version, o.match = values.Get("resourceVersion"), values.Get("resourceVersionMatch")
	o.bookmarks = values.Get("allowWatchBookmarks") == "true"
	o.initial = values.Get("sendInitialEvents") == "true"
	if seconds, err := strconv.Atoi(values.Get("timeoutSeconds")); err == nil {
		o.timeout = time.Duration(seconds) * time.Second
	}
	return nil
}

// invalid finds what is wrong with the options of a watch that streams the list.
func (o *listOptions) invalid(enabled bool) field.ErrorList {
	if !o.initial {
		return nil
	}
	var errs field.ErrorList
	match := field.NewPath("resourceVersionMatch")
	if o.match != string(metav1.ResourceVersionMatchNotOlderThan) {
		errs = append(errs, field.Forbidden(match, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
	}
	if o.match != "" && o.match != string(metav1.ResourceVersionMatchNotOlderThan) {
		errs = append(errs, field.NotSupported(match, metav1.ResourceVersionMatch(o.match),
			[]string{string(metav1.ResourceVersionMatchNotOlderThan)}))
	}
	if !enabled {
		errs = append(errs, field.Forbidden(field.NewPath("sendInitialEvents"),
			"sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"))
	}
	return errs
}

func (o *listOptions) matches(t *table, object Object) bool {
	if object == nil || !o.labels.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if o.fields.Empty() {
		return true
	}
	set := fields.Set{"metadata.name": object.GetName(), "metadata.namespace": object.GetNamespace()}
	if t.fields != nil {
		maps.Copy(set, t.fields(object))
	}
	return o.fields.Matches(set)
}

// listed is what a list answers.
type listed struct {
	resource *resource
	items    []Object
	version  string
}

func (s *Server) list(q *query) (*listed, error) {
	at, err := s.listVersion(q)
	if err != nil {
		return nil, err
	}
	l := &listed{resource: q.table.resource, version: strconv.FormatUint(at, 10)}
	for _, o := range q.table.asOf(at) {
		if q.sees(o) {
			l.items = append(l.items, o)
		}
	}
	return l, nil
}

// sees says whether an object is in the place that was asked about, and selected.
func (q *query) sees(o Object) bool {
	return o != nil && (q.namespace == "" || o.GetNamespace() == q.namespace) && q.options.matches(q.table, o)
}

// listVersion is the version to list as of.
func (s *Server) listVersion(q *query) (uint64, error) {
	switch q.options.version {
	case "":
		return s.version, nil
	case "0":
		return max(s.version-min(q.lag, s.version), s.compacted, 1), nil
	}
	version, err := strconv.ParseUint(q.options.version, 10, 64)
	switch {
	case err != nil:
		return 0, apierrors.NewBadRequest(fmt.Sprintf("invalid resource version %q: %v", q.options.version, err))
	case version > s.version:
		return 0, tooLarge(version, s.version)
	case q.options.match != string(metav1.ResourceVersionMatchExact):
		return s.version, nil
	case version < s.compacted:
		return 0, apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", version, s.compacted))
	}
	return version, nil
}

func tooLarge(version, current uint64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", version, current), 1)
	err.ErrStatus.Code = http.StatusGatewayTimeout
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version",
	}}
	return err
}
