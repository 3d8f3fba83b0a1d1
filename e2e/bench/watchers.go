package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// watchers is new-namespace, while other clients watch all Secrets: the API server has to send them each write.
func watchers(ctx context.Context, b *bench) (_ Result, err error) {
	stop, err := b.watchSecrets(ctx, b.sized(100))
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return newNamespaceOne(ctx, b)
}

// watchSecrets has so many clients, each with a connection of its own, watch all Secrets until stop is called. It is an
// error if one of them ends before.
func (b *bench) watchSecrets(ctx context.Context, clients int) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make([]error, clients)
	var watching sync.WaitGroup
	stop = func() error {
		cancel()
		watching.Wait()
		return errors.Join(ended...)
	}
	for i := range clients {
		stream, err := b.secretsStream(ctx)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		watching.Go(func() {
			defer stream.Close()
			_, err := io.Copy(io.Discard, stream)
			if ctx.Err() == nil {
				ended[i] = fmt.Errorf("the watch of client %d ended early: %w", i, errors.Join(err, io.EOF))
			}
		})
	}
	b.say("%d clients watch all Secrets", clients)
	return stop, nil
}

// secretsStream is a watch of all Secrets as it comes over a connection of its own.
func (b *bench) secretsStream(ctx context.Context) (io.ReadCloser, error) {
	config := rest.CopyConfig(b.system.Config)
	config.Dial = (&net.Dialer{}).DialContext // clients with the same one share connections
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.CoreV1().RESTClient().Get().Resource("secrets").
		VersionedParams(&metav1.ListOptions{Watch: true}, scheme.ParameterCodec).Stream(ctx)
}
