package informers

import (
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
)

// shortWatch is how long a watch lasts that has come to nothing. client-go returns an empty watch, and no error, where
// it could not connect.
const shortWatch = time.Second

var errShortWatch = errors.New("the watch has ended at once, without an event")

// observedWatch passes on what a watch delivers, and notes it in a Stream. An event counts once it is taken: a consumer
// that has stopped shows as well.
type observedWatch struct {
	watch.Interface
	stream *Stream
	result chan watch.Event
	stop   func()
	done   chan struct{}
}

func newObservedWatch(w watch.Interface, stream *Stream) *observedWatch {
	o := &observedWatch{Interface: w, stream: stream, result: make(chan watch.Event), done: make(chan struct{})}
	o.stop = sync.OnceFunc(func() { close(o.done) })
	go o.run()
	return o
}

// ResultChan implements watch.Interface.
func (o *observedWatch) ResultChan() <-chan watch.Event { return o.result }

// Stop implements watch.Interface.
func (o *observedWatch) Stop() {
	o.stop()
	o.Interface.Stop()
}

func (o *observedWatch) run() {
	defer close(o.result)
	begin, empty := time.Now(), true
	for event := range o.Interface.ResultChan() {
		select {
		case o.result <- event:
		case <-o.done:
			return
		}
		empty = false
		if event.Type == watch.Error {
			o.stream.ended(apierrors.FromObject(event.Object))
		} else {
			o.stream.delivered()
		}
	}
	select {
	case <-o.done: // by the consumer
		return
	default:
	}
	if empty && time.Since(begin) < shortWatch {
		o.stream.ended(errShortWatch)
		return
	}
	o.stream.ended(nil)
}
