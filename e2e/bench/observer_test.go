package bench

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata/fake"
	kubetesting "k8s.io/client-go/testing"
)

// TestObserveClosedWatch: a watch that the API server closes costs no time, and nothing is seen twice or missed.
func TestObserveClosedWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := []string{"11", "12", "13"}
		var versions []string
		client := fake.NewSimpleMetadataClient(fake.NewTestScheme())
		client.PrependReactor("list", "*", func(kubetesting.Action) (bool, runtime.Object, error) {
			return true, &metav1.List{ListMeta: metav1.ListMeta{ResourceVersion: "10"}}, nil
		})
		client.PrependWatchReactor("*", func(action kubetesting.Action) (bool, watch.Interface, error) {
			began, ok := action.(kubetesting.WatchActionImpl)
			if !ok {
				t.Fatalf("a watch is a %T", action)
			}
			versions = append(versions, began.ListOptions.ResourceVersion)
			w := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: 1})
			w.Add(replica(written[len(versions)-1]))
			w.Stop() // one object, and the watch is closed
			return true, w, nil
		})
		b := &bench{watch: client}
		begin := time.Now()
		var got []string
		err := b.observe(t.Context(), secrets, metav1.ListOptions{}, func() error { return nil }, func(s sighting) bool {
			got = append(got, s.name)
			return len(got) == len(written)
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"replica-11", "replica-12", "replica-13"}; !slices.Equal(got, want) {
			t.Errorf("seen are %q, want %q", got, want)
		}
		if want := []string{"10", "11", "12"}; !slices.Equal(versions, want) {
			t.Errorf("the watches begin at %q, want %q", versions, want)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("it took %s, want no time", took)
		}
	})
}

func replica(version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		ObjectMeta: metav1.ObjectMeta{Namespace: targets + "1", Name: "replica-" + version, ResourceVersion: version},
	}
}
