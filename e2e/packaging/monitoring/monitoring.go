// Package monitoring tests deploy/monitoring with Prometheus' own engine: every alert fires on what it is for and is
// silent otherwise, and every query of alerts and dashboard returns data from a real controller. There is no Grafana
// here: the dashboard is read strictly as Grafana's schema, and not drawn.
package monitoring
