package apiservertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Options are what a Server is made of.
type Options struct {
	// OnCommit is called with each write, in order, while the server is locked: it must not make requests.
	OnCommit func(Change)
	// Termination is how long the content of a namespace that is being deleted takes to go.
	Termination time.Duration
	// NoWatchList refuses to stream lists, as API servers before v1.34 do.
	NoWatchList bool
}

// Server is the API. Its methods may be called from several goroutines.
type Server struct {
	options Options

	mu        sync.Mutex
	version   uint64
	compacted uint64
	tables    map[schema.GroupVersionResource]*table
	watches   []*Watch
	closed    bool
}

// New returns a Server without objects.
func New(options Options) *Server {
	s := &Server{options: options, version: 1, tables: map[schema.GroupVersionResource]*table{}}
	for gvr, r := range resources() {
		s.tables[gvr] = &table{resource: r, objects: map[types.NamespacedName]Object{}}
	}
	return s
}

// Close ends all watches and the work on namespaces that terminate.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, w := range s.watches {
		w.end(nil)
	}
	s.watches = nil
}

// Version returns the last resourceVersion.
func (s *Server) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Compact discards the history: a watch can't continue from an earlier version.
func (s *Server) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted = s.version
}

// Objects calls f with each object of a resource. They are not to be changed.
func (s *Server) Objects(resource string, f func(Object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		if t.Resource == resource {
			for _, o := range t.asOf(s.version) {
				f(o)
			}
		}
	}
}

// RoundTripper returns a transport whose requests are made by the given client.
func (s *Server) RoundTripper(by string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) { return s.Serve(r, Terms{By: by}) })
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Terms are how a request is served.
type Terms struct {
	// By names the client.
	By string
	// Lag is by how many versions the list or the beginning of a watch that is asked for "at any version" is behind.
	Lag uint64
}

// Serve answers one request. The body of a watch's answer is a *Watch.
func (s *Server) Serve(r *http.Request, terms Terms) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.parse(r, terms, body)
	if err != nil {
		return q.respondError(err), nil
	}
	if q.method == "watch" {
		w, err := s.watch(q)
		if err != nil {
			return q.respondError(err), nil
		}
		stop := context.AfterFunc(r.Context(), func() { s.hangUp(w, r.Context().Err()) })
		w.hangUp = func() { stop(); s.hangUp(w, io.EOF) }
		return q.response(http.StatusOK, q.format.contentType(true), w), nil
	}
	code, object, err := s.answer(q)
	if err != nil {
		return q.respondError(err), nil
	}
	return q.respond(code, object), nil
}

func (s *Server) answer(q *query) (code int, object any, err error) {
	if q.name == "" {
		switch q.method {
		case "list":
			list, err := s.list(q)
			return http.StatusOK, list, err
		case "create":
			o, err := s.create(q)
			return http.StatusCreated, o, err
		}
		return 0, nil, apierrors.NewMethodNotSupported(q.table.GroupResource(), q.method)
	}
	switch q.method {
	case "get":
		object, err = s.get(q)
	case "update":
		object, err = s.update(q)
	case "patch":
		object, err = s.patch(q)
	case "delete":
		object, err = s.remove(q)
	default:
		return 0, nil, apierrors.NewMethodNotSupported(q.table.GroupResource(), q.method)
	}
	return http.StatusOK, object, err
}

func (s *Server) get(q *query) (Object, error) {
	o := q.table.objects[q.key()]
	if o == nil {
		return nil, apierrors.NewNotFound(q.table.GroupResource(), q.name)
	}
	return o, nil
}

// namespaces is the table of the namespaces.
func (s *Server) namespaces() *table {
	return s.tables[corev1.SchemeGroupVersion.WithResource("namespaces")]
}

// query is one parsed request.
type query struct {
	*http.Request
	by              string
	lag             uint64
	table           *table
	namespace, name string
	method          string
	format          format
	body            []byte
	options         listOptions
}

func (q *query) key() types.NamespacedName {
	return types.NamespacedName{Namespace: q.namespace, Name: q.name}
}

func (s *Server) parse(r *http.Request, terms Terms, body []byte) (*query, error) {
	q := &query{Request: r, by: terms.By, lag: terms.Lag, body: body, format: negotiate(r.Header.Get("Accept"))}
	group, version, parts := splitPath(r.URL.Path)
	if len(parts) >= 3 && parts[0] == "namespaces" {
		q.namespace, parts = parts[1], parts[2:]
	}
	if len(parts) == 0 || len(parts) > 2 {
		return q, notServed()
	}
	if len(parts) == 2 {
		q.name = parts[1]
	}
	q.table = s.tables[schema.GroupVersionResource{Group: group, Version: version, Resource: parts[0]}]
	if q.table == nil || !q.table.namespaced && q.namespace != "" {
		return q, notServed()
	}
	switch r.Method {
	case http.MethodGet:
		q.method = "get"
		if q.name == "" {
			q.method = "list"
			if w := r.URL.Query().Get("watch"); w == "1" || w == "true" {
				q.method = "watch"
			}
		}
	case http.MethodPost:
		q.method = "create"
	case http.MethodPut:
		q.method = "update"
	case http.MethodPatch:
		q.method = "patch"
	case http.MethodDelete:
		q.method = "delete"
	}
	if q.method == "list" || q.method == "watch" {
		return q, q.options.parse(q)
	}
	return q, nil
}

// splitPath splits "/api/v1/…" and "/apis/<group>/<version>/…".
func splitPath(path string) (group, version string, segments []string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		return "", parts[1], parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		return parts[1], parts[2], parts[3:]
	}
	return "", "", nil
}

// notServed is the answer to a path that nothing is at.
func notServed() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource", Details: &metav1.StatusDetails{},
	}}
}

func (q *query) response(code int, contentType string, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), StatusCode: code,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{"Content-Type": {contentType}},
		ContentLength: -1, Body: body, Request: q.Request,
	}
}

func (q *query) respond(code int, object any) *http.Response {
	var b bytes.Buffer
	if err := q.format.encode(&b, object); err != nil {
		return q.respondError(apierrors.NewInternalError(err))
	}
	return q.response(code, q.format.contentType(false), io.NopCloser(&b))
}

func (q *query) respondError(err error) *http.Response {
	status := statusOf(err)
	response := q.respond(int(status.Code), &status)
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		response.Header.Set("Retry-After", fmt.Sprint(status.Details.RetryAfterSeconds))
	}
	return response
}

func statusOf(err error) metav1.Status {
	api, ok := err.(apierrors.APIStatus)
	if !ok {
		api = apierrors.NewInternalError(err)
	}
	status := api.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return status
}
