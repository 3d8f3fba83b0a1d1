package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// Runner has conversations with an API server.
type Runner struct {
	Client *http.Client
	// Host is the API server's address.
	Host string
	// Prefix begins the names of the cases' namespaces.
	Prefix string
}

// conversation is one case under way.
type conversation struct {
	*Runner
	namespace string
	saved     map[string]object
	versions  map[string]string
	out       strings.Builder
}

type object = map[string]any

// Run has all conversations and returns what was said.
func (r *Runner) Run(ctx context.Context) (string, error) {
	var out strings.Builder
	for i, tc := range Cases() {
		text, err := r.run(ctx, tc, fmt.Sprintf("%s-%d", r.Prefix, i))
		if err != nil {
			return "", fmt.Errorf("%s: %w", tc.Name, err)
		}
		fmt.Fprintf(&out, "== %s\n%s\n", tc.Name, text)
	}
	return out.String(), nil
}

func (r *Runner) run(ctx context.Context, tc Case, namespace string) (string, error) {
	c := &conversation{Runner: r, namespace: namespace, saved: map[string]object{}, versions: map[string]string{}}
	if _, err := c.request(ctx, Step{Do: "POST /api/v1/namespaces", Body: `{"metadata":{"name":"NS"}}`}); err != nil {
		return "", err
	}
	defer func() { _, _ = c.request(ctx, Step{Do: "DELETE /api/v1/namespaces/NS"}) }()
	for _, step := range tc.Steps {
		if err := c.step(ctx, step); err != nil {
			return "", fmt.Errorf("%s: %w", step.Do, err)
		}
	}
	return c.out.String(), nil
}

var reference = regexp.MustCompile(`\{(\w+)\.(rv|uid)\}`)

func (c *conversation) fill(s string) string {
	s = strings.ReplaceAll(s, "NS", c.namespace)
	s = strings.ReplaceAll(s, "{256k}", strings.Repeat("x", 256<<10))
	s = strings.ReplaceAll(s, "{1m}", strings.Repeat("eHh4", 1<<20/3+1)) // as base64 and as text more than 1 MiB
	return reference.ReplaceAllStringFunc(s, func(m string) string {
		parts := reference.FindStringSubmatch(m)
		meta, _ := c.saved[parts[1]]["metadata"].(object)
		field := map[string]string{"rv": "resourceVersion", "uid": "uid"}[parts[2]]
		return fmt.Sprint(meta[field])
	})
}

// answer is what a request was answered with.
type answer struct {
	code   int
	object object
	events []object
}

func (c *conversation) request(ctx context.Context, step Step) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	method, path, _ := strings.Cut(step.Do, " ")
	request, err := http.NewRequestWithContext(ctx, method, c.Host+c.fill(path), strings.NewReader(c.fill(step.Body)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if step.Accept != "" {
		request.Header.Set("Accept", step.Accept)
	}
	if step.Body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if step.Type != "" {
		request.Header.Set("Content-Type", step.Type)
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{code: response.StatusCode}
	if step.Events > 0 && response.StatusCode == http.StatusOK {
		decoder := json.NewDecoder(response.Body)
		for range step.Events {
			var event object
			if err := decoder.Decode(&event); err != nil {
				return nil, fmt.Errorf("read a watch: %w", err)
			}
			a.events = append(a.events, event)
		}
		return a, nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	a.object, err = decode(body)
	return a, err
}

var codecs = serializer.NewCodecFactory(func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := scheme.AddToScheme(s); err != nil {
		panic(err) // the types of one release of the API go together
	}
	if err := metav1.AddMetaToScheme(s); err != nil {
		panic(err)
	}
	return s
}())

// decode reads JSON, or makes JSON of protobuf first.
func decode(body []byte) (object, error) {
	if bytes.HasPrefix(body, []byte("k8s\x00")) {
		o, _, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
		if err != nil {
			return nil, err
		}
		if body, err = json.Marshal(o); err != nil {
			return nil, err
		}
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("an answer that is no object: %w", err)
	}
	return o, nil
}

func (c *conversation) step(ctx context.Context, step Step) error {
	a, err := c.request(ctx, step)
	for ; err == nil && step.Until != 0 && a.code != step.Until; a, err = c.request(ctx, step) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err != nil {
		return err
	}
	if step.Save != "" {
		c.saved[step.Save] = a.object
	}
	fmt.Fprintf(&c.out, "%s", step.Do)
	if step.Accept != "" {
		fmt.Fprintf(&c.out, " [%s]", step.Accept)
	}
	if step.Body != "" {
		fmt.Fprintf(&c.out, " %s", step.Body)
	}
	fmt.Fprintf(&c.out, "\n  %d", a.code)
	if a.code >= http.StatusBadRequest {
		fmt.Fprintf(&c.out, " %s\n", describe(a.object))
		return nil
	}
	if a.object != nil {
		fmt.Fprintf(&c.out, " %s %s", c.moved(step, a.object), c.normal(a.object))
	}
	fmt.Fprintln(&c.out)
	for _, e := range a.events {
		o, _ := e["object"].(object)
		if e["type"] == "ERROR" {
			fmt.Fprintf(&c.out, "  ERROR %v %s\n", o["code"], describe(o))
			continue
		}
		fmt.Fprintf(&c.out, "  %v %s\n", e["type"], c.normal(o))
	}
	return nil
}

// describe is an error's reason, details and causes; the messages are for people and may differ.
func describe(status object) string {
	details, _ := status["details"].(object)
	causes, _ := details["causes"].([]any)
	parts := []string{fmt.Sprintf("%v", status["reason"])}
	if kind, ok := details["kind"]; ok {
		parts = append(parts, fmt.Sprintf("of %v", kind))
	}
	var list []string
	for _, x := range causes {
		if cause, ok := x.(object); ok {
			list = append(list, fmt.Sprintf("%v:%v", cause["field"], cause["reason"]))
		}
	}
	slices.Sort(list)
	return strings.Join(append(parts, list...), " ")
}

// moved says whether the answer's object has another version than when it was last seen.
func (c *conversation) moved(step Step, o object) string {
	meta, _ := o["metadata"].(object)
	version, _ := meta["resourceVersion"].(string)
	if meta["name"] == nil || version == "" {
		return ""
	}
	key := strings.Split(step.Do, " ")[1]
	key = strings.TrimSuffix(key, "/"+strings.ReplaceAll(fmt.Sprint(meta["name"]), c.namespace, "NS")) +
		"/" + fmt.Sprint(meta["name"])
	before, seen := c.versions[key]
	c.versions[key] = version
	switch {
	case !seen:
		return "new"
	case before == version:
		return "unmoved"
	}
	return "moved"
}

// normal is the object as JSON, without what no two runs have in common.
func (c *conversation) normal(o object) string {
	o = runtime.DeepCopyJSON(o)
	scrub(o)
	if items, ok := o["items"].([]any); ok {
		for _, item := range items {
			if i, ok := item.(object); ok {
				scrub(i)
			}
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), c.namespace, "NS")
}

func scrub(o object) {
	if details, ok := o["details"].(object); ok {
		delete(details, "uid")
	}
	meta, ok := o["metadata"].(object)
	if !ok {
		return
	}
	for _, k := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
		delete(meta, k)
	}
	if _, ok := meta["deletionTimestamp"]; ok {
		meta["deletionTimestamp"] = "set"
	}
	if status, ok := o["status"].(object); ok && o["kind"] == "Namespace" {
		o["status"] = object{"phase": status["phase"]}
	}
	delete(meta, "selfLink")
	if annotations, ok := meta["annotations"].(object); ok && o["kind"] == "ServiceAccount" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
}
