package liveness

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		status int
		err    error
		want   bool
	}{
		"an answer counts":                     {status: 200, want: true},
		"a refusal counts":                     {status: 403, want: true},
		"a conflict counts":                    {status: 409, want: true},
		"an error of a load balancer does not": {status: 503},
		"no answer does not":                   {err: errors.New("connection refused")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := NewAnswers()
				if a.Recent() {
					t.Error("there is an answer before the first request")
				}
				transport := a.Wrap(roundTrip(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: tc.status, Body: http.NoBody}, tc.err
				}))
				response, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
				if !errors.Is(err, tc.err) {
					t.Fatal(err)
				}
				response.Body.Close()
				if got := a.Recent(); got != tc.want {
					t.Errorf("recent is %v, want %v", got, tc.want)
				}
				<-time.After(recent)
				if a.Recent() {
					t.Error("an old answer is recent")
				}
			})
		})
	}
}

// TestStreamedAnswer: what comes in on a watch is an answer, too.
func TestStreamedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAnswers()
		transport := a.Wrap(roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("event"))}, nil
		}))
		response, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		<-time.After(recent)
		if _, err := response.Body.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		if !a.Recent() {
			t.Error("an event is no answer")
		}
	})
}
