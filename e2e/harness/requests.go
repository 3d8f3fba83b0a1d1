package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/util/rand"
)

// Request is one that the API server answered, as its audit log tells. Watches are there from their start.
type Request struct {
	User, Verb            string
	Resource, Subresource string
	Namespace, Name       string
	Code                  int
}

// String is a line for a test's error.
func (r Request) String() string {
	resource := r.Resource
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	return fmt.Sprintf("%s %s %s/%s (%d)", r.Verb, resource, r.Namespace, r.Name, r.Code)
}

// Write says whether the request was to change something.
func (r Request) Write() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// Mark is a moment in the audit log.
type Mark int64

// MarkRequests gives the present moment, for RequestsSince. It needs a System whose ControlPlane option has Audit set.
func (s *System) MarkRequests(ctx context.Context) (Mark, error) {
	if s.Cluster == nil || !s.options.ControlPlane.Audit {
		return 0, errors.New("requests are counted by the audit log: start the System with ControlPlane.Audit")
	}
	info, err := os.Stat(s.Cluster.AuditLog())
	if err != nil {
		return 0, fmt.Errorf("read the audit log: %w", err)
	}
	_, end, err := s.readRequests(ctx, Mark(info.Size()))
	return end, err
}

// RequestsSince gives what a user asked for since the mark, in the log's order.
func (s *System) RequestsSince(ctx context.Context, mark Mark, user string) ([]Request, error) {
	requests, _, err := s.readRequests(ctx, mark)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(requests, func(r Request) bool { return r.User != user }), nil
}

// WritesSince is RequestsSince of the controller, only its writes. Its lease and its events are not among them: they
// tell of what it does and change none of it.
func (s *System) WritesSince(ctx context.Context, mark Mark) ([]Request, error) {
	requests, err := s.RequestsSince(ctx, mark, User)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(requests, func(r Request) bool {
		return !r.Write() || r.Resource == "leases" || r.Resource == "events"
	}), nil
}

// auditEvent is what we read of an audit.k8s.io/v1 Event.
type auditEvent struct {
	Stage      string `json:"stage"`
	RequestURI string `json:"requestURI"`
	Verb       string `json:"verb"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// counted says whether the event stands for its request: each has an event for its end, watches one for their start.
func (e *auditEvent) counted() bool {
	return (e.Verb == "watch") == (e.Stage == "ResponseStarted")
}

func (e *auditEvent) request() Request {
	return Request{
		User: e.User.Username, Verb: e.Verb,
		Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
		Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name,
		Code: e.ResponseStatus.Code,
	}
}

// readRequests makes a request of its own and reads the log up to it: what was answered before is before it.
func (s *System) readRequests(ctx context.Context, from Mark) (requests []Request, end Mark, err error) {
	marker := "/version?marker=" + rand.String(12)
	if err := s.Client.Discovery().RESTClient().Get().RequestURI(marker).Do(ctx).Error(); err != nil {
		return nil, 0, fmt.Errorf("mark the audit log: %w", err)
	}
	err = Poll(ctx, func(context.Context) error {
		requests, end, err = readAudit(s.Cluster.AuditLog(), from, marker)
		return err
	})
	return requests, end, err
}

// readAudit reads the log from a position to the marker's line, which it must have.
func readAudit(path string, from Mark, marker string) ([]Request, Mark, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, int64(from), 1<<40))
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	end := from
	var requests []Request
	for line := range bytes.Lines(text) {
		end += Mark(len(line))
		var event auditEvent
		if err := json.Unmarshal(line, &event); err != nil {
			continue // the last line is being written
		}
		if event.RequestURI == marker {
			return requests, end, nil
		}
		if event.counted() {
			requests = append(requests, event.request())
		}
	}
	return nil, 0, errors.New("the audit log does not have the marker yet")
}
