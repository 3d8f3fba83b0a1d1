package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// requestLimit bounds one question for readiness.
const requestLimit = 5 * time.Second

// etcdReady asks etcd for its health with the API server's certificate.
func (c *Cluster) etcdReady(ctx context.Context) error {
	pair, err := tls.LoadX509KeyPair(c.pki.file("etcd-client.crt"), c.pki.file("etcd-client.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.pki.etcd.cert)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}
	defer transport.CloseIdleConnections()
	return get(ctx, &http.Client{Transport: transport}, c.ports.etcdURL()+"/readyz")
}

// apiServerReady asks the API server for its own view, every check of it.
func (c *Cluster) apiServerReady(ctx context.Context) error {
	client, err := rest.HTTPClientFor(c.AdminConfig())
	if err != nil {
		return err
	}
	return get(ctx, client, c.URL()+"/readyz")
}

// controllerManagerReady looks for what two of its controllers make first of all.
func (c *Cluster) controllerManagerReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return err
	}
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return fmt.Errorf("wait for the ServiceAccount default of the namespace default: %w", err)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s answers %s: %s", url, response.Status, failing(string(body)))
}

// failing keeps the lines of a /readyz answer that tell of a failing check.
func failing(body string) string {
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "[-]") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) == 0 {
		return strings.TrimSpace(body)
	}
	return strings.Join(lines, ", ")
}
