// Package conformance is a table of requests that the API in memory and kube-apiserver answer alike.
//
// Each case is a conversation. What is compared is the whole of it, written down: status, reason, causes, whether the
// resourceVersion moved, and the object without what no two runs have in common. transcript.txt is what kube-apiserver
// answered; a test in e2e compares it with kube-apiserver again, and writes it with -update.
package conformance

import _ "embed" // for the transcript

// Transcript is what kube-apiserver answers to all Cases.
//
//go:embed transcript.txt
var Transcript string

// Case is a conversation in a namespace of its own.
type Case struct {
	Name  string
	Steps []Step
}

// Step is one request. In its path and body, NS is the case's namespace, and {x.rv} and {x.uid} are those of what an
// earlier step saved as x.
type Step struct {
	// Do is a method and a path.
	Do string
	// Body is JSON, sent with a content type that fits the method unless Type says which.
	Body, Type string
	// Accept is the Accept header; empty is JSON.
	Accept string
	// Save keeps the object that is answered under a name.
	Save string
	// Events is how many events of a watch to read.
	Events int
	// Until repeats the request until it is answered with this status.
	Until int
}

// What a Step can accept besides JSON.
const (
	Protobuf         = "application/vnd.kubernetes.protobuf"
	Metadata         = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	MetadataProtobuf = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	MetadataList     = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

const (
	jsonPatch      = "application/json-patch+json"
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"

	secrets    = "/api/v1/namespaces/NS/secrets"
	configMaps = "/api/v1/namespaces/NS/configmaps"
	accounts   = "/api/v1/namespaces/NS/serviceaccounts"
	leases     = "/apis/coordination.k8s.io/v1/namespaces/NS/leases"
	events     = "/apis/events.k8s.io/v1/namespaces/NS/events"
)

func secret(tail string) string {
	return `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"` + tail + `}`
}

// Cases are the table.
func Cases() []Case {
	create := Step{Do: "POST " + secrets, Body: secret(`},"data":{"a":"MQ=="}`), Save: "s"}
	get := Step{Do: "GET " + secrets + "/s"}
	patch := func(body string) Step { return Step{Do: "PATCH " + secrets + "/s", Body: body, Type: jsonPatch} }
	remove := func(body string) Step { return Step{Do: "DELETE " + secrets + "/s", Body: body} }
	watch := func(query string, events int) Step {
		return Step{Do: "GET " + secrets + "?watch=1&" + query, Events: events}
	}
	return []Case{
		{"a secret is created, read and deleted", []Step{
			create, get, {Do: "GET " + secrets + "/s", Accept: Protobuf}, {Do: "GET " + secrets + "/s", Accept: Metadata},
			{Do: "GET " + secrets + "/s", Accept: MetadataProtobuf}, remove(""), get, remove(""),
		}},
		{"a name that is taken", []Step{create, create, get}},
		{"stringData becomes data", []Step{
			{Do: "POST " + secrets, Body: secret(`},"stringData":{"a":"x"},"data":{"a":"MQ=="},"type":"example.com/t"`)},
		}},
		{"no namespace", []Step{
			{Do: "POST /api/v1/namespaces/NS-none/secrets", Body: secret(`}`)},
			{Do: "GET /api/v1/namespaces/NS-none/secrets/s"},
			{Do: "GET /api/v1/namespaces/NS-none/secrets"},
			{Do: "PATCH /api/v1/namespaces/NS-none/secrets/s", Body: `[]`, Type: jsonPatch},
			{Do: "DELETE /api/v1/namespaces/NS-none/secrets/s"},
		}},
		{"what cannot be created", []Step{
			{Do: "POST " + secrets, Body: `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"Not_A_Name"}}`},
			{Do: "POST " + secrets, Body: `{"apiVersion":"v1","kind":"Secret","metadata":{}}`},
			{Do: "POST " + secrets, Body: secret(`},"data":{"no/slash":"MQ=="}`)},
			{Do: "POST " + secrets, Body: secret(`,"labels":{"a":"not a value"}}`)},
			{Do: "POST " + secrets, Body: secret(`,"annotations":{"not a key":""}}`)},
			{Do: "POST " + secrets, Body: secret(`,"namespace":"other"}`)},
			{Do: "POST " + secrets, Body: secret(`,"resourceVersion":"5"}`)},
			{Do: "POST " + secrets, Body: secret(`},"type":"kubernetes.io/dockerconfigjson"`)},
			{Do: "POST " + secrets, Body: secret(`},"type":"kubernetes.io/dockerconfigjson",` +
				`"data":{".dockerconfigjson":"MQ=="}`)},
			{Do: "POST " + secrets, Body: secret(`},"type":"kubernetes.io/dockerconfigjson",` +
				`"data":{".dockerconfigjson":"eA=="}`)},
			{Do: "POST " + secrets, Body: secret(`},"type":"kubernetes.io/tls","data":{"tls.crt":"MQ=="}`)},
			{Do: "POST " + secrets, Body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s"}}`},
			{Do: "POST " + secrets, Body: `{`},
			{Do: "POST " + secrets, Body: secret(`,"annotations":{"a":"{256k}"}}`)},
			{Do: "POST " + secrets, Body: secret(`},"data":{"a":"{1m}"}`)},
			{Do: "POST " + configMaps, Body: `{"metadata":{"name":"s"},"data":{"a":"x"},"binaryData":{"a":"MQ=="}}`},
			{Do: "POST " + configMaps, Body: `{"metadata":{"name":"s"},"data":{"a":"{1m}"}}`},
		}},
		{"a patch that holds its version", []Step{
			create,
			patch(`[{"op":"replace","path":"/metadata/resourceVersion","value":"{s.rv}"},` +
				`{"op":"add","path":"/data","value":{"b":"Mg=="}},{"op":"add","path":"/metadata/labels","value":{"l":"v"}}]`),
			patch(`[{"op":"replace","path":"/metadata/resourceVersion","value":"{s.rv}"},` +
				`{"op":"add","path":"/data","value":{"c":"Mg=="}}]`),
			get,
		}},
		{"a patch that changes nothing", []Step{
			create,
			patch(`[{"op":"replace","path":"/metadata/resourceVersion","value":"{s.rv}"},` +
				`{"op":"add","path":"/data","value":{"a":"MQ=="}}]`),
			patch(`[]`),
			{Do: "PATCH " + secrets + "/s", Body: `{"metadata":{"labels":null}}`, Type: mergePatch},
			get,
		}},
		{"patches that cannot be applied", []Step{
			create,
			patch(`[{"op":"add","path":"/metadata/annotations/x","value":"y"}]`),
			patch(`[{"op":"remove","path":"/data/none"}]`),
			patch(`[{"op":"test","path":"/data/a","value":"no"}]`),
			patch(`{"not":"a list"}`),
			patch(`[{"op":"replace","path":"/metadata/uid","value":"11111111-2222-3333-4444-555555555555"}]`),
			patch(`[{"op":"replace","path":"/metadata/name","value":"other"}]`),
			patch(`[{"op":"replace","path":"/metadata/resourceVersion","value":"1"}]`),
			patch(`[{"op":"add","path":"/data/b","value":5}]`),
			{Do: "PATCH " + secrets + "/none", Body: `[]`, Type: jsonPatch},
			get,
		}},
		{"merge patches", []Step{
			create,
			{
				Do: "PATCH " + secrets + "/s", Type: mergePatch,
				Body: `{"metadata":{"annotations":{"x":"y"}},"data":{"a":null,"b":"Mg=="}}`,
			},
			{Do: "PATCH " + secrets + "/s", Type: strategicPatch, Body: `{"metadata":{"annotations":{"x":null,"z":"1"}}}`},
		}},
		{"a metadata-only answer to writes", []Step{
			{Do: "POST " + secrets, Body: secret(`},"data":{"a":"MQ=="}`), Accept: Metadata, Save: "s"},
			{Do: "PATCH " + secrets + "/s", Body: `[{"op":"add","path":"/data/b","value":"Mg=="}]`, Type: jsonPatch,
				Accept: MetadataProtobuf},
			{Do: "DELETE " + secrets + "/s", Accept: Metadata},
		}},
		{"the type cannot be changed", []Step{
			create,
			patch(`[{"op":"add","path":"/type","value":"Opaque"}]`),
			patch(`[{"op":"add","path":"/type","value":"kubernetes.io/tls"}]`),
			patch(`[{"op":"add","path":"/type","value":"example.com/t"},{"op":"add","path":"/data","value":{"b":"Mg=="}}]`),
			get,
		}},
		{"an immutable secret", []Step{
			{Do: "POST " + secrets, Body: secret(`},"immutable":true,"data":{"a":"MQ=="}`)},
			patch(`[{"op":"add","path":"/data/b","value":"Mg=="}]`),
			patch(`[{"op":"remove","path":"/immutable"}]`),
			patch(`[{"op":"add","path":"/immutable","value":false},{"op":"add","path":"/data/b","value":"Mg=="}]`),
			patch(`[{"op":"add","path":"/metadata/labels","value":{"l":"v"}}]`),
			remove(""),
		}},
		{"an immutable configmap", []Step{
			{Do: "POST " + configMaps, Body: `{"metadata":{"name":"c"},"immutable":true,"data":{"a":"x"}}`},
			{Do: "PATCH " + configMaps + "/c", Body: `[{"op":"add","path":"/data/b","value":"y"}]`, Type: jsonPatch},
			{Do: "PATCH " + configMaps + "/c", Body: `[{"op":"add","path":"/binaryData","value":{"b":"Mg=="}}]`,
				Type: jsonPatch},
			{Do: "PATCH " + configMaps + "/c", Body: `[{"op":"remove","path":"/immutable"}]`, Type: jsonPatch},
		}},
		{"an update", []Step{
			create,
			{Do: "PUT " + secrets + "/s", Body: secret(`,"resourceVersion":"{s.rv}"},"data":{"a":"Mg=="}`), Save: "t"},
			{Do: "PUT " + secrets + "/s", Body: secret(`,"resourceVersion":"{s.rv}"},"data":{"a":"Mw=="}`)},
			{Do: "PUT " + secrets + "/s", Body: secret(`},"data":{"a":"NA=="}`)},
			{Do: "PUT " + secrets + "/s", Body: secret(`},"data":{"a":"NA=="}`)},
			{Do: "PUT " + secrets + "/s", Body: secret(`,"uid":"11111111-2222-3333-4444-555555555555"}`)},
			{Do: "PUT " + secrets + "/other", Body: secret(`}`)},
			{Do: "PUT " + secrets + "/none", Body: `{"metadata":{"name":"none"}}`},
		}},
		{"preconditions of a deletion", []Step{
			create,
			remove(`{"preconditions":{"uid":"11111111-2222-3333-4444-555555555555"}}`),
			remove(`{"preconditions":{"uid":"{s.uid}","resourceVersion":"1"}}`),
			get,
			remove(`{"preconditions":{"uid":"{s.uid}","resourceVersion":"{s.rv}"}}`),
			get,
		}},
		{"a finalizer holds what is deleted", []Step{
			{Do: "POST " + secrets, Body: secret(`,"finalizers":["example.com/f"]}`), Save: "s"},
			remove(""), remove(""), get,
			patch(`[{"op":"add","path":"/metadata/labels","value":{"l":"v"}}]`),
			patch(`[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/g"}]`),
			patch(`[{"op":"remove","path":"/metadata/finalizers"}]`),
			get,
		}},
		{"a service account", []Step{
			{Do: "POST " + accounts, Body: `{"metadata":{"name":"a"}}`, Save: "a"},
			{Do: "PATCH " + accounts + "/a", Body: `[{"op":"add","path":"/imagePullSecrets","value":[{"name":"p"}]}]`,
				Type: jsonPatch},
			{Do: "PATCH " + accounts + "/a", Body: `[{"op":"add","path":"/imagePullSecrets","value":[]}]`, Type: jsonPatch},
			{Do: "DELETE " + accounts + "/a"},
		}},
		{"a lease and an event", []Step{
			{Do: "POST " + leases, Body: `{"metadata":{"name":"l"},"spec":{"holderIdentity":"x","leaseDurationSeconds":15}}`,
				Save: "l"},
			{Do: "PUT " + leases + "/l", Body: `{"metadata":{"name":"l","resourceVersion":"{l.rv}"},` +
				`"spec":{"holderIdentity":"y","leaseDurationSeconds":15}}`},
			{Do: "PUT " + leases + "/l", Body: `{"metadata":{"name":"l","resourceVersion":"{l.rv}"},` +
				`"spec":{"holderIdentity":"z","leaseDurationSeconds":15}}`},
			{Do: "POST " + events, Body: `{"metadata":{"name":"e"},"eventTime":"2020-01-01T00:00:00.000000Z",` +
				`"reportingController":"example.com/c","reportingInstance":"i","action":"Act","reason":"Because",` +
				`"type":"Normal","note":"n","regarding":{"kind":"Secret","namespace":"NS","name":"s"}}`},
		}},
		{"lists and selectors", []Step{
			{Do: "POST " + secrets, Body: `{"metadata":{"name":"a","labels":{"x":"1"}}}`},
			{Do: "POST " + secrets, Body: `{"metadata":{"name":"b"},"type":"example.com/t"}`},
			{Do: "GET " + secrets},
			{Do: "GET " + secrets + "?labelSelector=x"},
			{Do: "GET " + secrets + "?labelSelector=!x", Accept: MetadataList},
			{Do: "GET " + secrets + "?fieldSelector=type!%3Dexample.com/t"},
			{Do: "GET " + secrets + "?fieldSelector=metadata.name%3Db", Accept: Protobuf},
			{Do: "GET " + secrets + "?fieldSelector=spec.x%3Db"},
			{Do: "GET " + secrets + "?labelSelector=%3D%3D"},
			{Do: "GET " + secrets + "?resourceVersion=0"},
		}},
		{"a watch from a version", []Step{
			create,
			patch(`[{"op":"add","path":"/data/b","value":"Mg=="}]`),
			remove(""),
			watch("resourceVersion={s.rv}", 2),
			{Do: "GET " + secrets + "?watch=1&resourceVersion={s.rv}", Accept: Metadata, Events: 2},
		}},
		{"a watch from the beginning", []Step{create, watch("", 1), watch("resourceVersion=0&timeoutSeconds=1", 1)}},
		{"what leaves and enters a selection", []Step{
			create,
			patch(`[{"op":"add","path":"/metadata/labels","value":{"x":"1"}},{"op":"add","path":"/data/b","value":"Mg=="}]`),
			patch(`[{"op":"add","path":"/data/c","value":"Mg=="}]`),
			patch(`[{"op":"remove","path":"/metadata/labels/x"},{"op":"add","path":"/data/d","value":"Mg=="}]`),
			watch("resourceVersion={s.rv}&labelSelector=x", 3),
			watch("resourceVersion={s.rv}&labelSelector=!x", 2),
		}},
		{"a streamed list", []Step{
			create,
			watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", 2),
			watch("sendInitialEvents=true&allowWatchBookmarks=true", 0),
			watch("sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion={s.rv}", 0),
		}},
		{"versions that nobody has seen", []Step{
			{Do: "GET " + secrets + "?resourceVersion=x"},
			{Do: "GET " + secrets + "?watch=1&resourceVersion=x"},
		}},
		{"a namespace that terminates", []Step{
			{Do: "GET /api/v1/namespaces/NS", Save: "n"},
			{Do: "POST " + configMaps, Body: `{"metadata":{"name":"held","finalizers":["example.com/f"]}}`},
			{Do: "DELETE " + configMaps + "/held"}, // else it is marked at some time while the namespace terminates
			create,
			{Do: "DELETE /api/v1/namespaces/NS",
				Body: `{"preconditions":{"uid":"11111111-2222-3333-4444-555555555555"}}`},
			{Do: "DELETE /api/v1/namespaces/NS", Accept: Metadata},
			{Do: "POST " + secrets, Body: `{"metadata":{"name":"late"}}`},
			{Do: "GET " + secrets + "/s", Until: 404},
			{Do: "POST " + secrets, Body: secret(`}`)},
			{Do: "PATCH " + configMaps + "/held", Body: `[{"op":"add","path":"/data","value":{"a":"x"}}]`, Type: jsonPatch},
			{Do: "PATCH " + configMaps + "/held", Body: `[{"op":"remove","path":"/metadata/finalizers"}]`, Type: jsonPatch},
			{Do: "GET /api/v1/namespaces/NS", Until: 404},
			{Do: "POST " + secrets, Body: secret(`}`)},
		}},
		{"a namespace's labels", []Step{
			{Do: "PATCH /api/v1/namespaces/NS", Body: `{"metadata":{"labels":{"kubernetes.io/metadata.name":null,"x":"1"}}}`,
				Type: mergePatch, Accept: Metadata},
			{Do: "POST /api/v1/namespaces", Body: `{"metadata":{"name":"NS"}}`},
			{Do: "POST /api/v1/namespaces", Body: `{"metadata":{"name":"not.a.namespace"}}`},
		}},
	}
}
