package main

import (
	"net/http"
	"net/http/pprof"
)

// serveProfiles adds Go's profiles where Kubernetes' own components have theirs. They show code and never data, but
// taking one costs time, so they are asked for by a flag.
func serveProfiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}
