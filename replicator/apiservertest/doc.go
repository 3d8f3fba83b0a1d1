// Package apiservertest is a Kubernetes API server in memory, for tests. Give a client its RoundTripper, and use the
// client as you would with a real server:
//
//	server := apiservertest.New(apiservertest.Options{})
//	defer server.Close()
//	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://sim", Transport: server.RoundTripper("test")})
//
// It serves what Mirrorball and those around it use (Secrets, ConfigMaps, Namespaces, ServiceAccounts, Leases, Events),
// with the semantics that a controller depends on: one counter of resourceVersions, optimistic concurrency,
// preconditions on deletion, finalizers, label and field selectors, metadata-only answers, watches with bookmarks and
// streamed lists, compaction, and namespaces that terminate. Package e2e/simulation/conformance
// has a table of requests that it and kube-apiserver answer alike; tests hold both to that.
//
// It is made for testing/synctest: it has no sockets, and no goroutine but for the timers of watches and of namespaces
// that terminate. What it does not have: authentication, admission but for that of namespaces, quota, defaulting of
// other resources, managed fields, server-side apply, and paging.
package apiservertest
