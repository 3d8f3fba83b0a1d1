package apiservertest

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	typeJSON     = "application/json"
	typeProtobuf = "application/vnd.kubernetes.protobuf"
)

// format is how an answer is written.
type format struct {
	info runtime.SerializerInfo
	// metadata says that of objects only the metadata is asked for.
	metadata bool
}

var infos = func() map[string]runtime.SerializerInfo {
	m := map[string]runtime.SerializerInfo{}
	for _, info := range codecs.SupportedMediaTypes() {
		m[info.MediaType] = info
	}
	return m
}()

// negotiate takes the first of the acceptable types that there is.
func negotiate(accept string) format {
	for part := range strings.SplitSeq(accept, ",") {
		mediaType, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if info, ok := infos[mediaType]; ok && (mediaType == typeJSON || mediaType == typeProtobuf) {
			return format{info: info, metadata: strings.Contains(params, "as=PartialObjectMetadata")}
		}
	}
	return format{info: infos[typeJSON]}
}

func (f format) contentType(stream bool) string {
	if stream && f.info.MediaType == typeProtobuf {
		return typeProtobuf + ";stream=watch"
	}
	return f.info.MediaType
}

// encode writes an Object, a Status or the []Object of a list.
func (f format) encode(w io.Writer, object any) error {
	switch o := object.(type) {
	case *listed:
		list, err := f.list(o)
		if err != nil {
			return err
		}
		return f.info.Serializer.Encode(list, w)
	case Object:
		return f.info.Serializer.Encode(f.form(o), w)
	case runtime.Object:
		return f.info.Serializer.Encode(o, w)
	}
	return fmt.Errorf("an answer of type %T", object)
}

// form is the object, or its metadata.
func (f format) form(o Object) runtime.Object {
	if !f.metadata {
		return o
	}
	return partial(o)
}

func partial(o Object) *metav1.PartialObjectMetadata {
	p := meta.AsPartialObjectMetadata(o)
	p.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata"))
	return p
}

func (f format) list(l *listed) (runtime.Object, error) {
	if f.metadata {
		list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: l.version}}
		list.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList"))
		for _, o := range l.items {
			list.Items = append(list.Items, *partial(o))
		}
		return list, nil
	}
	list, err := codecScheme.New(l.resource.GroupVersion().WithKind(l.resource.kind + "List"))
	if err != nil {
		return nil, err
	}
	list.GetObjectKind().SetGroupVersionKind(l.resource.GroupVersion().WithKind(l.resource.kind + "List"))
	items := make([]runtime.Object, 0, len(l.items))
	for _, o := range l.items {
		bare := deepCopy(o)
		bare.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // the list says it once for all
		items = append(items, bare)
	}
	if err := meta.SetList(list, items); err != nil {
		return nil, err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	accessor.SetResourceVersion(l.version)
	return list, nil
}

// frame writes one event of a watch.
func (f format) frame(kind string, object runtime.Object) ([]byte, error) {
	var inner, out bytes.Buffer
	if o, ok := object.(Object); ok {
		object = f.form(o)
	}
	if err := f.info.Serializer.Encode(object, &inner); err != nil {
		return nil, err
	}
	event := &metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: inner.Bytes()}}
	stream := f.info.StreamSerializer
	err := stream.Encode(event, stream.NewFrameWriter(&out))
	return out.Bytes(), err
}

// decode reads an object in whichever of the formats.
func decode(body []byte, contentType string, into runtime.Object) (*schema.GroupVersionKind, error) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	info, ok := infos[mediaType]
	if !ok {
		info = infos[typeJSON]
	}
	expected, _, err := codecScheme.ObjectKinds(into)
	if err != nil {
		return nil, err
	}
	_, gvk, err := info.Serializer.Decode(body, &expected[0], into)
	return gvk, err
}
