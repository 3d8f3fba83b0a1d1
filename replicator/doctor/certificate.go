package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// chainLimit is the number of certificates of one Secret that are read.
const chainLimit = 20

// certificate is what the checks need of a Secret of the type kubernetes.io/tls.
type certificate struct {
	object Object
	// leaf is nil if it cannot be read.
	leaf *x509.Certificate
}

// checkCertificate checks a Secret of the type kubernetes.io/tls. The errors of the parsers are not repeated: they may
// quote the content.
func checkCertificate(s *corev1.Secret, options Options) (certificate, []Finding) {
	o := Object{Kind: "secret", Namespace: s.Namespace, Name: s.Name}
	chain, problem := parseChain(s.Data[corev1.TLSCertKey])
	if problem != "" {
		return certificate{object: o}, []Finding{newFinding(BadCertificate, o, "%s", problem)}
	}
	leaf := chain[0]
	findings := checkKey(o, s)
	findings = append(findings, checkValidity(o, leaf, options)...)
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 && len(leaf.URIs) == 0 && !leaf.IsCA {
		findings = append(findings, newFinding(CertificateNoNames, o, "the certificate %s has no subject alternative names",
			subject(leaf)))
	}
	for i := range len(chain) - 1 {
		if !slices.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) || chain[i].CheckSignatureFrom(chain[i+1]) != nil {
			findings = append(findings, newFinding(BadChain, o,
				"certificate %d in tls.crt, %s, was not issued by the next one, %s", i+1, subject(chain[i]), subject(chain[i+1])))
			break
		}
	}
	return certificate{object: o, leaf: leaf}, findings
}

// parseChain reads the certificates of tls.crt.
func parseChain(content []byte) (chain []*x509.Certificate, problem string) {
	if len(content) == 0 {
		return nil, "tls.crt is empty"
	}
	for len(chain) < chainLimit {
		var block *pem.Block
		block, content = pem.Decode(content)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, "tls.crt has a PEM block that is no CERTIFICATE"
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, "tls.crt has a CERTIFICATE that cannot be parsed"
		}
		chain = append(chain, parsed)
	}
	if len(chain) == 0 {
		return nil, "tls.crt has no PEM block"
	}
	return chain, ""
}

func checkKey(o Object, s *corev1.Secret) []Finding {
	key := s.Data[corev1.TLSPrivateKeyKey]
	if len(key) == 0 {
		return []Finding{newFinding(BadCertificate, o, "tls.key is empty")}
	}
	_, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], key)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "does not match"):
		return []Finding{newFinding(KeyMismatch, o, "tls.key does not belong to the first certificate in tls.crt")}
	}
	return []Finding{newFinding(BadCertificate, o, "tls.key is no private key in PEM that can be parsed")}
}

func checkValidity(o Object, leaf *x509.Certificate, options Options) []Finding {
	left := leaf.NotAfter.Sub(options.Now)
	switch {
	case left <= 0:
		return []Finding{newFinding(CertificateExpired, o, "the certificate %s expired at %s, %s ago",
			subject(leaf), stamp(leaf.NotAfter), age(-left))}
	case options.Now.Before(leaf.NotBefore):
		return []Finding{newFinding(CertificateNotYetValid, o, "the certificate %s is valid from %s, in %s",
			subject(leaf), stamp(leaf.NotBefore), age(leaf.NotBefore.Sub(options.Now)))}
	case left <= min(options.ExpiresWithin, leaf.NotAfter.Sub(leaf.NotBefore)/lifeFraction):
		return []Finding{newFinding(CertificateExpiresSoon, o, "the certificate %s expires at %s, in %s",
			subject(leaf), stamp(leaf.NotAfter), age(left))}
	}
	return nil
}

// lifeFraction is the part of its life in which a certificate that lives for a short time counts as one that expires
// soon. cert-manager renews after two thirds.
const lifeFraction = 4

// subject names a certificate by its first name.
func subject(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	if name == "" {
		return "without a name"
	}
	return Printable(name, addressLimit)
}

// covers reports whether the certificate is valid for a host of an Ingress, which may be a wildcard.
func (c certificate) covers(host string) bool {
	if strings.HasPrefix(host, "*.") {
		return slices.ContainsFunc(c.leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, host) })
	}
	return c.leaf.VerifyHostname(host) == nil
}
