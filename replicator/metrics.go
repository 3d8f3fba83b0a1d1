package replicator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/workqueue"

	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// metrics are the controller's. None carries a namespace or a name: their number is not bounded.
type metrics struct {
	reconcile *prometheus.HistogramVec
	actions   *prometheus.CounterVec
	reads     prometheus.Counter
	// eventsDropped counts events that were not written, and unreadable the records that were passed over.
	eventsDropped, unreadable prometheus.Counter

	depth                         *prometheus.GaugeVec
	adds, retries                 *prometheus.CounterVec
	latency, work                 *prometheus.HistogramVec
	unfinished, longest           *prometheus.GaugeVec
	gauges                        gauges
	sourcesByState, targetByState *prometheus.Desc
	rulesReadable, writeBound     *prometheus.Desc
}

// gauges are asked for what is counted at the time of a scrape.
type gauges struct {
	count         func() (map[string]int, map[plan.State]int)
	rulesReadable func() bool
	writeBound    func() int
}

func newMetrics(registry prometheus.Registerer, g gauges) *metrics {
	queue := []string{"name"}
	seconds := prometheus.ExponentialBuckets(0.0005, 4, 9)
	m := &metrics{
		reconcile: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mirrorball_reconcile_seconds",
			Help: "Duration of one reconcile of a source in seconds, by result.", Buckets: seconds,
		}, []string{"result"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrorball_actions_total", Help: "Write requests, by verb and result.",
		}, []string{"verb", "result"}),
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mirrorball_source_reads_total", Help: "Reads of a source's data from the API server.",
		}),
		eventsDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mirrorball_events_dropped_total",
			Help: "Events that were not written because the queue of events was full.",
		}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mirrorball_records_unreadable_total",
			Help: "Saved policies that were ignored because they cannot be parsed.",
		}),
		depth: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "mirrorball_workqueue_depth", Help: "Sources waiting for a worker.",
		}, queue),
		adds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrorball_workqueue_adds_total", Help: "Sources added to the queue.",
		}, queue),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mirrorball_workqueue_retries_total", Help: "Sources added to the queue for a retry.",
		}, queue),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mirrorball_workqueue_queue_seconds",
			Help: "Time a source waits for a worker, in seconds.", Buckets: seconds,
		}, queue),
		work: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mirrorball_workqueue_work_seconds",
			Help: "Time a worker spends on a source, in seconds.", Buckets: seconds,
		}, queue),
		unfinished: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "mirrorball_workqueue_unfinished_work_seconds",
			Help: "Total duration of the reconciles in progress, in seconds.",
		}, queue),
		longest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "mirrorball_workqueue_longest_running_seconds",
			Help: "Duration of the longest reconcile in progress, in seconds.",
		}, queue),
		gauges: g,
		sourcesByState: prometheus.NewDesc("mirrorball_sources", "Sources, by state.",
			[]string{"state"}, nil),
		targetByState: prometheus.NewDesc("mirrorball_replicas", "Targets, replicas and objects that pull, by state.",
			[]string{"state"}, nil),
		rulesReadable: prometheus.NewDesc("mirrorball_rules_readable", "1 if the operator's rules can be read, or if there "+
			"are none; 0 if they cannot, and the last readable ones are in force.", nil, nil),
		writeBound: prometheus.NewDesc("mirrorball_write_bound", "How many bulk writes may be in flight at present: it "+
			"follows the latency of the API server.", nil, nil),
	}
	if registry != nil {
		registry.MustRegister(m.reconcile, m.actions, m.reads, m.eventsDropped, m.unreadable, m.depth, m.adds,
			m.retries, m.latency, m.work, m.unfinished, m.longest, m)
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.sourcesByState
	ch <- m.targetByState
	ch <- m.rulesReadable
	ch <- m.writeBound
}

// Collect implements prometheus.Collector: the gauges are counted when they are asked for.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	sources, places := m.gauges.count()
	for state, n := range sources {
		ch <- prometheus.MustNewConstMetric(m.sourcesByState, prometheus.GaugeValue, float64(n), state)
	}
	for state, n := range places {
		ch <- prometheus.MustNewConstMetric(m.targetByState, prometheus.GaugeValue, float64(n), string(state))
	}
	readable := 0.0
	if m.gauges.rulesReadable() {
		readable = 1
	}
	ch <- prometheus.MustNewConstMetric(m.rulesReadable, prometheus.GaugeValue, readable)
	ch <- prometheus.MustNewConstMetric(m.writeBound, prometheus.GaugeValue, float64(m.gauges.writeBound()))
}

func (m *metrics) reconciled(d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.reconcile.WithLabelValues(result).Observe(d.Seconds())
}

func (m *metrics) read() { m.reads.Inc() }

func (m *metrics) acted(verb plan.Verb, a answer) {
	if a != stopping {
		m.actions.WithLabelValues(string(verb), string(a)).Inc()
	}
}

// The workqueue's MetricsProvider.

func (m *metrics) NewDepthMetric(name string) workqueue.GaugeMetric {
	return m.depth.WithLabelValues(name)
}

func (m *metrics) NewAddsMetric(name string) workqueue.CounterMetric {
	return m.adds.WithLabelValues(name)
}

func (m *metrics) NewLatencyMetric(name string) workqueue.HistogramMetric {
	return m.latency.WithLabelValues(name)
}

func (m *metrics) NewWorkDurationMetric(name string) workqueue.HistogramMetric {
	return m.work.WithLabelValues(name)
}

func (m *metrics) NewUnfinishedWorkSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.unfinished.WithLabelValues(name)
}

func (m *metrics) NewLongestRunningProcessorSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return m.longest.WithLabelValues(name)
}

func (m *metrics) NewRetriesMetric(name string) workqueue.CounterMetric {
	return m.retries.WithLabelValues(name)
}
