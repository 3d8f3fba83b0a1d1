package simulation

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// FaultProfile is how often requests fail, and how watches fare.
type FaultProfile uint8

// The fault profiles.
const (
	// NoFaults: everything is answered, in milliseconds.
	NoFaults FaultProfile = iota
	// OccasionalFaults: 6 % of the requests fail, some answers are slow, some watches stall or close.
	OccasionalFaults
	// FrequentFaults: as occasional, but 35 % fail.
	FrequentFaults
	// Outage: nothing is answered, and watches break.
	Outage
)

// String returns the profile's name.
func (p FaultProfile) String() string {
	return [...]string{"none", "occasional", "frequent", "outage"}[p]
}

// errorRate returns how many of 100 requests fail.
func (p FaultProfile) errorRate() int {
	return [...]int{NoFaults: 0, OccasionalFaults: 6, FrequentFaults: 35, Outage: 100}[p]
}

// The faults, as the totals name them.
const (
	faultTooManyRequests  = "429 with Retry-After"
	faultInternalError    = "500"
	faultUnavailable      = "503"
	faultTimeout          = "no answer until the timeout"
	faultRefused          = "connection refused"
	faultAnswerLost       = "write applied, answer lost"
	faultStaleList        = "stale list"
	faultSlow             = "slow answer"
	faultWatchClosed      = "watch closed"
	faultWatchStalled     = "watch stalled"
	faultWatchExpired     = "watch expired (410)"
	faultKilled           = "process killed"
	faultLeaderKilled     = "leader killed, with a standby"
	faultTwoActive        = "two controllers active"
	faultHistoryCompacted = "history compacted"
)

var errRefused = errors.New("connection refused")

// chooseFault returns the fault that a request meets, or "".
func chooseFault(r random, p FaultProfile, request *http.Request) string {
	if !r.percent(p.errorRate()) {
		return ""
	}
	if p == Outage {
		return pick(r, faultRefused, faultRefused, faultUnavailable, faultTimeout)
	}
	all := []string{faultTooManyRequests, faultInternalError, faultUnavailable, faultTimeout, faultRefused}
	if request.Method == http.MethodGet && request.URL.Query().Get("resourceVersion") == "0" {
		all = append(all, faultStaleList, faultStaleList, faultStaleList, faultStaleList, faultStaleList)
	}
	if request.Method != http.MethodGet {
		all = append(all, faultAnswerLost, faultAnswerLost, faultAnswerLost)
	}
	return pick(r, all...)
}

// errorResponse returns an API server's answer to a request that it can't serve now.
func errorResponse(request *http.Request, fault string, retryAfterSeconds int) *http.Response {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
	}
	header := http.Header{"Content-Type": {"application/json"}}
	switch fault {
	case faultTooManyRequests:
		status.Code, status.Reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
		status.Details = &metav1.StatusDetails{RetryAfterSeconds: int32(retryAfterSeconds)}
		header.Set("Retry-After", fmt.Sprint(retryAfterSeconds))
	case faultUnavailable:
		status.Code, status.Reason = http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable
	}
	body, _ := json.Marshal(status) // strings and numbers
	return &http.Response{
		StatusCode: int(status.Code), Header: header, Request: request, ContentLength: -1,
		Body: io.NopCloser(strings.NewReader(string(body))),
	}
}
