package main

import (
	"net/http"
	"net/http/pprof"
)

// serveProfiles serves Go's profiles at the path that Kubernetes' own components use. Profiles contain no data, but
// taking one costs CPU time, so a flag enables them.
func serveProfiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}
