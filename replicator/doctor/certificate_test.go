package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// issued is a certificate with its key.
type issued struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	chain, pem  []byte
}

// issue makes a certificate for hosts, valid from and to so many days from now, by itself or by an issuer.
func issue(t *testing.T, name string, from, to int, issuer *issued, hosts ...string) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: hosts,
		NotBefore: now.AddDate(0, 0, from), NotAfter: now.AddDate(0, 0, to),
		IsCA: name == "ca", BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{
		certificate: certificate, key: key,
		chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem:   pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded}),
	}
}

func TestCertificateOfReplicas(t *testing.T) {
	expired := issue(t, "web", -100, -1, nil, "web.example.com")
	e := NewExamination(testOptions)
	for _, namespace := range []string{"infra", "team-a", "team-b"} {
		s := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tls"}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: expired.chain, corev1.TLSPrivateKeyKey: expired.pem},
		}
		if namespace != "infra" {
			annotated(s, "replica-of", "infra/tls")
		}
		e.AddSecret(s)
	}
	findings := e.Findings()
	wantCodes(t, findings, CertificateExpired)
	if len(findings) == 1 && !strings.Contains(findings[0].Message, "as in its 2 replicas") {
		t.Errorf("%q does not count the replicas", findings[0].Message)
	}
}

func TestCertificate(t *testing.T) {
	ca := issue(t, "ca", -1000, 1000, nil)
	good := issue(t, "web", -100, 100, ca, "web.example.com", "*.api.example.com")
	join := func(parts ...[]byte) (all []byte) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	type test struct {
		chain, key []byte
		hosts      []string
		want       []Code
	}
	tests := map[string]test{
		"good":                     {good.chain, good.pem, []string{"web.example.com", "*.api.example.com"}, nil},
		"good, with its issuer":    {join(good.chain, ca.chain), good.pem, nil, nil},
		"good, by its pattern":     {good.chain, good.pem, []string{"a.api.example.com"}, nil},
		"a host that it lacks":     {good.chain, good.pem, []string{"www.example.com"}, []Code{HostNotCovered}},
		"a pattern that it lacks":  {good.chain, good.pem, []string{"*.example.com"}, []Code{HostNotCovered}},
		"no certificate":           {nil, good.pem, nil, []Code{BadCertificate}},
		"no PEM":                   {[]byte("hunter2"), good.pem, nil, []Code{BadCertificate}},
		"a key for a certificate":  {good.pem, good.pem, nil, []Code{BadCertificate}},
		"no key":                   {good.chain, nil, nil, []Code{BadCertificate}},
		"a certificate for a key":  {good.chain, good.chain, nil, []Code{BadCertificate}},
		"another key":              {good.chain, ca.pem, nil, []Code{KeyMismatch}},
		"the issuer first":         {join(ca.chain, good.chain), ca.pem, nil, []Code{BadChain}},
		"another issuer":           {join(good.chain, issue(t, "ca", -1, 1000, nil).chain), good.pem, nil, []Code{BadChain}},
		"an issuer of no relation": {join(good.chain, good.chain), good.pem, nil, []Code{BadChain}},
	}
	for name, dates := range map[string]struct {
		from, to int
		want     Code
	}{
		"expired":       {-100, -1, CertificateExpired},
		"expires soon":  {-100, 3, CertificateExpiresSoon},
		"not yet valid": {1, 100, CertificateNotYetValid},
	} {
		c := issue(t, "web", dates.from, dates.to, nil, "web.example.com")
		tests[name] = test{c.chain, c.pem, nil, []Code{dates.want}}
	}
	nameless, short := issue(t, "web", -1, 100, nil), issue(t, "web", -1, 6, nil, "web.example.com")
	tests["without names"] = test{nameless.chain, nameless.pem, nil, []Code{CertificateNoNames}}
	tests["good, for a week"] = test{short.chain, short.pem, nil, nil}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := NewExamination(testOptions)
			e.AddSecret(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "tls"}, Type: corev1.SecretTypeTLS,
				Data: map[string][]byte{corev1.TLSCertKey: tc.chain, corev1.TLSPrivateKeyKey: tc.key},
			})
			e.AddIngress(&networkingv1.Ingress{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web"},
				Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{SecretName: "tls", Hosts: tc.hosts}}},
			})
			wantCodes(t, e.Findings(), tc.want...)
		})
	}
}
