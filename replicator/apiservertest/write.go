package apiservertest

import (
	"fmt"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

func (q *query) decode(body []byte, contentType string) (Object, error) {
	blank, err := codecScheme.New(q.table.gvk())
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	o, ok := blank.(Object)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("%T is no object", blank))
	}
	gvk, err := decode(body, contentType, o)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if *gvk != q.table.gvk() {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in API version %q cannot be handled as a %s", gvk.Kind,
			gvk.GroupVersion(), q.table.kind))
	}
	o.GetObjectKind().SetGroupVersionKind(q.table.gvk())
	return o, nil
}

func (s *Server) create(q *query) (Object, error) {
	o, err := q.decode(q.body, q.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if q.table.namespaced {
		switch {
		case o.GetNamespace() == "":
			o.SetNamespace(q.namespace)
		case o.GetNamespace() != q.namespace:
			return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on " +
				"the request")
		}
		if err := s.admit(q, o.GetName()); err != nil {
			return nil, err
		}
	}
	if o.GetResourceVersion() != "" {
		return nil, unexplained("resourceVersion should not be set on objects to be created")
	}
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(o.GetGenerateName() + strconv.FormatUint(s.version, 36))
	}
	o.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012x", s.version+1)))
	o.SetCreationTimestamp(metav1.Now().Rfc3339Copy())
	o.SetDeletionTimestamp(nil)
	o.SetDeletionGracePeriodSeconds(nil)
	o.SetManagedFields(nil)
	if q.table.prepare != nil {
		q.table.prepare(o, nil)
	}
	if err := q.invalid(o, nil); err != nil {
		return nil, err
	}
	if q.table.objects[keyOf(o)] != nil {
		return nil, apierrors.NewAlreadyExists(q.table.GroupResource(), o.GetName())
	}
	s.commit(q.by, q.table, nil, o)
	return o, nil
}

// admit refuses what is to be created where there is no namespace, or one that is on its way out.
func (s *Server) admit(q *query, name string) error {
	ns, ok := s.namespaces().objects[types.NamespacedName{Name: q.namespace}].(*corev1.Namespace)
	if !ok {
		return apierrors.NewNotFound(s.namespaces().GroupResource(), q.namespace)
	}
	if ns.DeletionTimestamp == nil {
		return nil
	}
	err := apierrors.NewForbidden(q.table.GroupResource(), name,
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", q.namespace))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    corev1.NamespaceTerminatingCause,
		Message: fmt.Sprintf("namespace %s is being terminated", q.namespace), Field: "metadata.namespace",
	})
	return err
}

func (q *query) invalid(o, old Object) error {
	path := field.NewPath("metadata")
	name := apivalidation.NameIsDNSSubdomain
	if q.table.Resource == "namespaces" {
		name = apivalidation.ValidateNamespaceName
	}
	errs := apivalidation.ValidateObjectMetaAccessor(o, q.table.namespaced, name, path)
	if old != nil {
		errs = append(errs, apivalidation.ValidateObjectMetaAccessorUpdate(o, old, path)...)
	}
	if q.table.validate != nil {
		errs = append(errs, q.table.validate(o, old)...)
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(q.table.gvk().GroupKind(), o.GetName(), errs)
	}
	return nil
}

func (s *Server) update(q *query) (Object, error) {
	o, err := q.decode(q.body, q.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if o.GetName() != q.name || o.GetNamespace() != "" && o.GetNamespace() != q.namespace {
		return nil, apierrors.NewBadRequest("the name of the object does not match the name on the URL")
	}
	old, err := s.get(q)
	if err != nil {
		return nil, err
	}
	if uid := o.GetUID(); uid != "" && uid != old.GetUID() {
		return nil, conflict(q, fmt.Errorf("precondition failed: UID in precondition: %v, UID in object meta: %v", uid,
			old.GetUID()))
	}
	return s.replace(q, old, o)
}

func (s *Server) patch(q *query) (Object, error) {
	old, err := s.get(q)
	if err != nil {
		return nil, err
	}
	before, err := runtime.Encode(infos[typeJSON].Serializer, old)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	after, err := applyPatch(types.PatchType(q.Header.Get("Content-Type")), before, q.body, old)
	if err != nil {
		return nil, err
	}
	o, err := q.decode(after, typeJSON)
	if err != nil {
		return nil, apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{
			field.Invalid(field.NewPath("patch"), string(q.body), err.Error()),
		})
	}
	if o.GetName() != q.name || o.GetNamespace() != q.namespace {
		return nil, apierrors.NewBadRequest("the name of the object does not match the name on the URL")
	}
	return s.replace(q, old, o)
}

func applyPatch(kind types.PatchType, before, body []byte, old Object) ([]byte, error) {
	switch kind {
	case types.JSONPatchType:
		p, err := jsonpatch.DecodePatch(body)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		after, err := p.Apply(before)
		if err != nil {
			return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", old.GetObjectKind().
				GroupVersionKind().GroupVersion().WithResource("").GroupResource(), "", err.Error(), 0, false)
		}
		return after, nil
	case types.MergePatchType:
		after, err := jsonpatch.MergePatch(before, body)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return after, nil
	case types.StrategicMergePatchType:
		after, err := strategicpatch.StrategicMergePatch(before, body, old)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return after, nil
	}
	return nil, apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, "", old.GetObjectKind().
		GroupVersionKind().GroupVersion().WithResource("").GroupResource(), "", "unsupported patch", 0, false)
}

// replace puts o in the place of old, if it may.
func (s *Server) replace(q *query, old, o Object) (Object, error) {
	o.SetNamespace(q.namespace)
	if v := o.GetResourceVersion(); v != "" && v != old.GetResourceVersion() {
		return nil, conflict(q, fmt.Errorf("the object has been modified; please apply your changes to the latest version "+
			"and try again"))
	}
	if o.GetUID() == "" {
		o.SetUID(old.GetUID())
	}
	o.SetResourceVersion(old.GetResourceVersion())
	o.SetCreationTimestamp(old.GetCreationTimestamp())
	o.SetDeletionTimestamp(old.GetDeletionTimestamp())
	o.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	o.SetManagedFields(nil)
	if q.table.prepare != nil {
		q.table.prepare(o, old)
	}
	if err := q.invalid(o, old); err != nil {
		return nil, err
	}
	if equality.Semantic.DeepEqual(o, old) {
		return old, nil // nothing is written that changes nothing
	}
	if o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) == 0 && q.table.Resource != "namespaces" {
		s.commit(q.by, q.table, old, nil)
		return o, nil
	}
	s.commit(q.by, q.table, old, o)
	return o, nil
}

func conflict(q *query, err error) error {
	return apierrors.NewConflict(q.table.GroupResource(), q.name, err)
}

// unmet is the answer to a deletion whose preconditions do not hold. It names the kind, for namespaces the resource.
func (q *query) unmet(err error) error {
	what := schema.GroupResource{Group: q.table.Group, Resource: q.table.kind}
	if !q.table.namespaced {
		what = q.table.GroupResource()
	}
	return apierrors.NewConflict(what, q.name, err)
}

// unexplained is the answer to what the API server did not expect to be asked.
func unexplained(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: message,
	}}
}

func (s *Server) remove(q *query) (runtime.Object, error) {
	var options metav1.DeleteOptions
	if len(q.body) > 0 {
		if _, err := decode(q.body, q.Header.Get("Content-Type"), &options); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	old, err := s.get(q)
	if err != nil {
		return nil, err
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != old.GetUID() {
			return nil, q.unmet(fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). "+
				"The object might have been deleted and then recreated", *p.UID, old.GetUID()))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != old.GetResourceVersion() {
			return nil, q.unmet(fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the "+
				"ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion,
				old.GetResourceVersion()))
		}
	}
	if q.table.Resource == "namespaces" {
		return s.terminate(q.by, old), nil
	}
	if remaining := s.discard(q.by, q.table, old); remaining != nil {
		return remaining, nil
	}
	if q.table.returnsDeleted {
		last := deepCopy(old)
		last.SetResourceVersion(strconv.FormatUint(s.version, 10))
		return last, nil
	}
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{
			Name: old.GetName(), Group: q.table.Group, Kind: q.table.Resource, UID: old.GetUID(),
		},
	}, nil
}

// discard deletes an object, or, where it has finalizers, marks it as being deleted and returns it.
func (s *Server) discard(by string, t *table, old Object) Object {
	if len(old.GetFinalizers()) == 0 {
		s.commit(by, t, old, nil)
		return nil
	}
	if old.GetDeletionTimestamp() != nil {
		return old
	}
	o := deepCopy(old)
	o.SetDeletionTimestamp(ptr.To(metav1.Now().Rfc3339Copy()))
	o.SetDeletionGracePeriodSeconds(ptr.To[int64](0))
	s.commit(by, t, old, o)
	return o
}
