package main

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/client-go/tools/metrics"
)

// newRegistry returns a registry with the metrics of the process. The controller adds its own.
func newRegistry(b build, status *status) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "mirrorball_build_info",
		Help:        "Version, commit and Go version of this build. The value is always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go_version": b.Go},
	})
	info.Set(1)
	leading := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "mirrorball_leading",
		Help: "1 if this process is the leader, 0 if it is a standby.",
	}, func() float64 {
		if status.leading.Load() {
			return 1
		}
		return 0
	})
	registry.MustRegister(info, leading,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registerClientMetrics(registry)
	return registry
}

// registerClientMetrics registers client-go's request metrics, under the names that Kubernetes dashboards use.
// client-go uses only the first set that a process registers.
func registerClientMetrics(registry prometheus.Registerer) {
	requests := requestCounter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rest_client_requests_total",
		Help: "Requests to the API server, by HTTP status code and method.",
	}, []string{"code", "method"})}
	seconds := requestHistogram{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "rest_client_request_duration_seconds",
		Help:    "Duration of requests to the API server in seconds, by verb.",
		Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60},
	}, []string{"verb"})}
	registry.MustRegister(requests.vec, seconds.vec)
	metrics.Register(metrics.RegisterOpts{RequestResult: requests, RequestLatency: seconds})
}

type requestCounter struct{ vec *prometheus.CounterVec }

// Increment implements metrics.ResultMetric.
func (c requestCounter) Increment(_ context.Context, code, method, _ string) {
	c.vec.WithLabelValues(code, method).Inc()
}

type requestHistogram struct{ vec *prometheus.HistogramVec }

// Observe implements metrics.LatencyMetric. The URL contains names of objects, so it is not used.
func (h requestHistogram) Observe(_ context.Context, verb string, _ url.URL, latency time.Duration) {
	h.vec.WithLabelValues(verb).Observe(latency.Seconds())
}
