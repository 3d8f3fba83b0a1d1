// Package apiserver is a Kubernetes API in memory, at the level of HTTP: real clients run over it, with its
// http.RoundTripper in the place of a connection.
//
// It serves what Mirrorball and those around it use (Secrets, ConfigMaps, Namespaces, ServiceAccounts, Leases, Events),
// with the semantics that a controller depends on: one counter of resourceVersions, optimistic concurrency,
// preconditions on deletion, finalizers, label and field selectors, metadata-only answers, watches with bookmarks and
// streamed lists, compaction, and namespaces that terminate. A table of requests, in package conformance, is answered
// alike by it and by kube-apiserver, and tests hold both to that.
//
// It is made for testing/synctest: it has no sockets, and no goroutine but for the timers of watches and of namespaces
// that terminate. What it does not have: authentication, admission but for that of namespaces, quota, defaulting of
// other resources, managed fields, server-side apply, and paging.
package apiserver
