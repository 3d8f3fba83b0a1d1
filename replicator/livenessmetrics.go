package replicator

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// livenessMetrics are the metrics by which people see what stands still. They are counted when they are asked for.
type livenessMetrics struct {
	controller                                     *Controller
	lastEvent, requests, failures, oldest, running *prometheus.Desc
}

func newLivenessMetrics(c *Controller) *livenessMetrics {
	return &livenessMetrics{
		controller: c,
		lastEvent: prometheus.NewDesc("mirrorball_watch_last_event_timestamp_seconds",
			"Time of the last event or bookmark of a watch, or of its start, in seconds of Unix time.",
			[]string{"stream"}, nil),
		requests: prometheus.NewDesc("mirrorball_watch_requests_total",
			"Lists and watches that were requested.", []string{"stream", "verb"}, nil),
		failures: prometheus.NewDesc("mirrorball_watch_failures_total",
			"Lists and watches that failed, or ended with an error.", []string{"stream", "reason"}, nil),
		oldest: prometheus.NewDesc("mirrorball_workqueue_oldest_waiting_seconds",
			"For how long the oldest source in the queue waits for a worker, in seconds.", []string{"name"}, nil),
		running: prometheus.NewDesc("mirrorball_worker_running_seconds",
			"Duration of the reconcile in progress of each worker, in seconds; 0 if there is none.",
			[]string{"worker"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *livenessMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.lastEvent, m.requests, m.failures, m.oldest, m.running} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. A stream whose informer does not run is left out, such as that of a
// namespace that is not there.
func (m *livenessMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	for _, s := range m.controller.cluster.Streams() {
		if !s.Running() {
			continue
		}
		at := float64(s.LastEvent().UnixMilli()) / 1000
		ch <- prometheus.MustNewConstMetric(m.lastEvent, gauge, at, s.Name())
		lists, watches := s.Requests()
		ch <- prometheus.MustNewConstMetric(m.requests, counter, float64(lists), s.Name(), "list")
		ch <- prometheus.MustNewConstMetric(m.requests, counter, float64(watches), s.Name(), "watch")
		for reason, n := range s.Failures() {
			ch <- prometheus.MustNewConstMetric(m.failures, counter, float64(n), s.Name(), reason)
		}
	}
	ch <- prometheus.MustNewConstMetric(m.oldest, gauge, m.controller.queue.OldestWaiting().Seconds(), queueName)
	for _, w := range m.controller.workers {
		_, d := w.running()
		ch <- prometheus.MustNewConstMetric(m.running, gauge, d.Seconds(), strconv.Itoa(w.number))
	}
}
