package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	certLifetime = 365 * 24 * time.Hour
	// certBackdate forgives a clock that is set back.
	certBackdate = time.Hour
)

// pki is the cluster's own certificates. Its authorities and the key that signs ServiceAccount tokens stay with the
// folder; the certificates below them are made anew at each start.
type pki struct {
	dir string
	// cluster signs the API server and its clients; etcd signs etcd and its only client, so that nobody else reads it.
	cluster, etcd *authority
}

// authority signs certificates.
type authority struct {
	file string
	pem  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// keyPair is a certificate with its key, as PEM.
type keyPair struct{ cert, key []byte }

// preparePKI reads or makes what lasts and makes the components' certificates.
func preparePKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{dir: dir}
	var err error
	if p.cluster, err = ensureAuthority(p.file("ca.crt"), p.file("ca.key")); err != nil {
		return nil, err
	}
	if p.etcd, err = ensureAuthority(p.file("etcd-ca.crt"), p.file("etcd-ca.key")); err != nil {
		return nil, err
	}
	if _, err := ensureKey(p.file("service-accounts.key")); err != nil {
		return nil, err
	}
	return p, errors.Join(
		// etcd shows its server certificate also where it is a client of its own.
		p.issueServer(p.etcd, "etcd", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}),
		p.issueServer(p.etcd, "etcd-client", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}),
		p.issueServer(p.cluster, "kube-apiserver", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
	)
}

func (p *pki) file(name string) string { return filepath.Join(p.dir, name) }

// ensureAuthority reads an authority, or makes and writes it.
func ensureAuthority(certFile, keyFile string) (*authority, error) {
	a := &authority{file: certFile}
	var err error
	if a.key, err = ensureKey(keyFile); err != nil {
		return nil, err
	}
	a.pem, err = os.ReadFile(certFile)
	if errors.Is(err, fs.ErrNotExist) {
		if a.pem, err = selfSigned(a.key); err == nil {
			err = os.WriteFile(certFile, a.pem, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(a.pem)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate: remove it to have another one made", certFile)
	}
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	return a, nil
}

func selfSigned(key *ecdsa.PrivateKey) ([]byte, error) {
	template, err := template("devcluster-ca", caLifetime)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return encodeCert(der), nil
}

// issueServer writes NAME.crt and NAME.key of a component on the loopback address.
func (p *pki) issueServer(by *authority, name string, usages []x509.ExtKeyUsage, hosts ...string) error {
	template, err := template(name, certLifetime)
	if err != nil {
		return err
	}
	template.DNSNames = append([]string{"localhost"}, hosts...)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(serviceIP)}
	template.ExtKeyUsage = usages
	issued, err := by.issue(template)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(p.file(name+".crt"), issued.cert, 0o600),
		os.WriteFile(p.file(name+".key"), issued.key, 0o600),
	)
}

// issueClient makes a certificate that the API server takes for this user.
func (p *pki) issueClient(user string, groups []string) (*keyPair, error) {
	template, err := template(user, certLifetime)
	if err != nil {
		return nil, err
	}
	template.Subject.Organization = groups
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return p.cluster.issue(template)
}

func (a *authority) issue(template *x509.Certificate) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return &keyPair{cert: encodeCert(der), key: keyPEM}, nil
}

func template(name string, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-certBackdate),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}

// ensureKey reads a key, or makes and writes it.
func ensureKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if text, err = encodeKey(key); err != nil {
			return nil, err
		}
		return key, os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key: remove it to have another one made", path)
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}
