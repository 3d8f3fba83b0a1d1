// Package doctor finds what is wrong with image pull Secrets and certificates, and why a Pod cannot pull its image.
//
// It does no I/O. An [Examination] is told about one object after the other, and keeps only what the checks need:
//
//	e := doctor.NewExamination(doctor.Options{Now: time.Now(), ExpiresWithin: 14 * 24 * time.Hour})
//	e.AddSecret(secret) // likewise ServiceAccounts, Pods and Ingresses
//	for _, finding := range e.Findings() { … }
//
// What the kubelet does with a pull Secret decides: [ParseImage], [Keyring] and the parser of dockerconfig.go follow
// pkg/credentialprovider of Kubernetes, and a test of the e2e module compares them with it.
//
// Every finding has a [Code], which has a section in docs/doctor.md. A finding names objects, keys and the addresses of
// registries. It never contains user names, passwords or other values of a Secret.
package doctor
