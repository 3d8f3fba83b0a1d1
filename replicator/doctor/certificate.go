package doctor

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// chainLimit is the number of certificates of one Secret that are read.
const chainLimit = 20

// certificate is what the checks need of a Secret of the type kubernetes.io/tls.
type certificate struct {
	origin
	*chain
}

// chain is what the checks need of the content.
type chain struct {
	// leaf is the first certificate; nil if it cannot be read.
	leaf     *x509.Certificate
	problems []problem
}

// problem is a finding about a content, of whatever Secret.
type problem struct {
	code Code
	text string
}

// newCertificate keeps of a Secret what the checks need.
func (e *Examination) newCertificate(s *corev1.Secret) certificate {
	crt, key := s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]
	sum := digest(sha256.Sum256(slices.Concat(crt, []byte{0}, key)))
	if e.chains[sum] == nil {
		e.chains[sum] = newChain(crt, key, e.options)
	}
	return certificate{origin: newOrigin(s, sum), chain: e.chains[sum]}
}

func (c certificate) findings() []Finding {
	var findings []Finding
	for _, p := range c.problems {
		findings = append(findings, newFinding(p.code, c.object, "%s", p.text))
	}
	return findings
}

// newChain checks certificates and key. The errors of the parsers are not repeated: they may quote the content.
func newChain(crt, key []byte, options Options) *chain {
	certificates, text := parseChain(crt)
	if text != "" {
		return &chain{problems: []problem{{BadCertificate, text}}}
	}
	c := &chain{leaf: certificates[0]}
	c.checkKey(crt, key)
	c.checkValidity(options)
	c.checkNames()
	c.checkOrder(certificates)
	return c
}

func (c *chain) add(code Code, format string, args ...any) {
	c.problems = append(c.problems, problem{code, fmt.Sprintf(format, args...)})
}

func (c *chain) checkNames() {
	if l := c.leaf; len(l.DNSNames) == 0 && len(l.IPAddresses) == 0 && len(l.URIs) == 0 && !l.IsCA {
		c.add(CertificateNoNames, "the certificate %s has no subject alternative names", subject(l))
	}
}

func (c *chain) checkOrder(certificates []*x509.Certificate) {
	for i := range len(certificates) - 1 {
		this, next := certificates[i], certificates[i+1]
		if !slices.Equal(this.RawIssuer, next.RawSubject) || this.CheckSignatureFrom(next) != nil {
			c.add(BadChain, "certificate %d in tls.crt, %s, was not issued by the next one, %s",
				i+1, subject(this), subject(next))
			return
		}
	}
}

// parseChain reads the certificates of tls.crt.
func parseChain(content []byte) (certificates []*x509.Certificate, problem string) {
	if len(content) == 0 {
		return nil, "tls.crt is empty"
	}
	for len(certificates) < chainLimit {
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
		certificates = append(certificates, parsed)
	}
	if len(certificates) == 0 {
		return nil, "tls.crt has no PEM block"
	}
	return certificates, ""
}

func (c *chain) checkKey(crt, key []byte) {
	if len(key) == 0 {
		c.add(BadCertificate, "tls.key is empty")
		return
	}
	switch _, err := tls.X509KeyPair(crt, key); {
	case err == nil:
	case strings.Contains(err.Error(), "does not match"):
		c.add(KeyMismatch, "tls.key does not belong to the first certificate in tls.crt")
	default:
		c.add(BadCertificate, "tls.key is no private key in PEM that can be parsed")
	}
}

func (c *chain) checkValidity(options Options) {
	begin, end := c.leaf.NotBefore, c.leaf.NotAfter
	left := end.Sub(options.Now)
	switch {
	case left <= 0:
		c.add(CertificateExpired, "the certificate %s expired at %s, %s ago", subject(c.leaf), stamp(end), age(-left))
	case options.Now.Before(begin):
		c.add(CertificateNotYetValid, "the certificate %s is valid from %s, in %s", subject(c.leaf), stamp(begin),
			age(begin.Sub(options.Now)))
	case left <= min(options.ExpiresWithin, end.Sub(begin)/lifeFraction):
		c.add(CertificateExpiresSoon, "the certificate %s expires at %s, in %s", subject(c.leaf), stamp(end), age(left))
	}
}

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
func (c *chain) covers(host string) bool {
	if strings.HasPrefix(host, "*.") {
		return slices.ContainsFunc(c.leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, host) })
	}
	return c.leaf.VerifyHostname(host) == nil
}
