// Package auditpage tests the page of `mirrorball audit -o html` in a browser.
package auditpage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// view is what of the matrix and of the sources below it is to be seen.
type view struct {
	// Columns are the names of sources in the matrix, and Rows those of namespaces.
	Columns, Rows []string
	// Sources are listed below, with the namespaces of the targets in their tables.
	Sources, Targets []string
}

const look = `(() => {
	const seen = (selector, text) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()).map(text);
	return {
		Columns: seen(".matrix thead th:not(:first-child)", (e) => e.textContent),
		Rows: seen(".matrix tbody th", (e) => e.textContent),
		Sources: seen("details", (e) => e.dataset.source),
		Targets: seen("details tbody tr", (e) => e.dataset.namespace),
	};
})()`

// choose sets a field, as a user does.
func (b *tab) choose(id, value string) {
	b.Helper()
	evaluate[bool](b, `(() => {
		const field = document.getElementById("`+id+`");
		field.value = "`+value+`";
		return field.dispatchEvent(new Event("input", { bubbles: true }));
	})()`)
}

func TestPage(t *testing.T) {
	address := write(t, example(t))

	t.Run("it requests nothing, and breaks no rule of its policy", func(t *testing.T) {
		b := newTab(t)
		b.open(address)
		if title := evaluate[string](b, "document.title"); title != "Mirrorball audit" {
			t.Errorf("the title is %q", title)
		}
		b.choose("namespace", "team-iris")
		b.expectQuiet(address)
	})

	t.Run("its policy refuses a script, a style and a request that somebody brings in", func(t *testing.T) {
		b := newTab(t)
		b.open(address)
		evaluate[bool](b, `new Promise((resolve) => {
			const script = document.createElement("script");
			script.textContent = "document.title = 'changed'";
			document.body.append(script);
			document.body.setAttribute("style", "color: red");
			const picture = new Image();
			picture.addEventListener("error", () => resolve(true));
			picture.src = "http://127.0.0.1:1/picture";
		})`)
		if title := evaluate[string](b, "document.title"); title != "Mirrorball audit" {
			t.Errorf("a script of somebody else ran: the title is %q", title)
		}
		if color := evaluate[string](b, "getComputedStyle(document.body).color"); color == "rgb(255, 0, 0)" {
			t.Error("a style of somebody else applies")
		}
		b.expectRefused(3)
	})

	t.Run("without JavaScript, states and reasons are to be read", func(t *testing.T) {
		b := newTab(t)
		b.noScripts()
		b.open(address)
		text := evaluate[string](b, "document.body.innerText")
		for _, want := range []string{
			"✓ InSync: 17", "team-ember/regcred", "Occupied", "the object is not a replica of this source",
			"the namespace does not accept pushes from platform", `Frozen by mirrorball.dev/push-to: team_*`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not show %q:\n%s", want, text)
			}
		}
		if evaluate[bool](b, `document.querySelector(".controls").checkVisibility()`) {
			t.Error("the page shows fields that have no effect without JavaScript")
		}
	})

	t.Run("it has no value of a Secret", func(t *testing.T) {
		b := newTab(t)
		b.open(address)
		text := evaluate[string](b, "document.documentElement.outerHTML")
		for _, value := range encodings(password) {
			if strings.Contains(text, value) {
				t.Errorf("the page has %q", value)
			}
		}
	})
}

func TestFilter(t *testing.T) {
	b := newTab(t)
	address := write(t, example(t))
	b.open(address)
	whole := evaluate[view](b, look)
	if len(whole.Columns) != 5 || len(whole.Rows) != len(teams) {
		t.Fatalf("the page shows %+v, want 5 sources and %d namespaces", whole, len(teams))
	}
	for name, tc := range map[string]struct {
		namespace, source, state string
		want                     view
	}{
		"a part of a namespace's name": {
			namespace: "iris",
			want: view{
				Columns: whole.Columns, Rows: []string{"team-iris"},
				Sources: []string{"ConfigMap platform/ca-bundle", "Secret platform/regcred"}, Targets: []string{"team-iris"},
			},
		},
		"words of a source's name, in any case": {
			source: "SECRET kafka",
			want: view{
				Columns: []string{"Secret data/kafka-client"}, Rows: []string{"team-delta", "team-granite"},
				Sources: []string{"Secret data/kafka-client"}, Targets: []string{"team-granite"},
			},
		},
		"a state": {
			state: "O",
			want: view{
				Columns: whole.Columns, Rows: []string{"team-ember"},
				Sources: []string{"Secret platform/regcred"}, Targets: []string{"team-ember"},
			},
		},
		"a state that the source does not have": {
			source: "kafka", state: "O", want: view{Columns: []string{"Secret data/kafka-client"}},
		},
		"nothing that is there": {
			namespace: "elsewhere", want: view{Columns: whole.Columns},
		},
		"nothing": {want: whole},
	} {
		t.Run(name, func(t *testing.T) {
			b := &tab{T: t, ctx: b.ctx}
			b.choose("namespace", tc.namespace)
			b.choose("source", tc.source)
			b.choose("state", tc.state)
			if diff := cmp.Diff(tc.want, evaluate[view](b, look), sameAsEmpty); diff != "" {
				t.Errorf("the page shows something else (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("typing is enough", func(t *testing.T) {
		b := &tab{T: t, ctx: b.ctx}
		b.open(address)
		b.do(chromedp.SendKeys(chromedp.CSS("#namespace"), "granite"))
		if got := evaluate[view](b, look).Rows; !slices.Equal(got, []string{"team-granite"}) {
			t.Errorf("the page shows %q", got)
		}
	})
}

func TestHostileNames(t *testing.T) {
	b := newTab(t)
	address := write(t, hostileReport())
	b.open(address)
	b.choose("namespace", "script")
	if text := evaluate[string](b, "document.body.innerText"); strings.Count(text, hostile) < 20 {
		t.Errorf("the page does not show the names as they are:\n%s", text)
	}
	if n := evaluate[int](b, `document.querySelectorAll("script, img, link, iframe, object").length`); n != 1 {
		t.Errorf("the page has %d elements that load something, want its own script alone", n)
	}
	b.expectQuiet(address)
}

func TestLargePage(t *testing.T) {
	b := newTab(t)
	address := write(t, large())
	b.open(address)
	if n := evaluate[int](b, `document.querySelectorAll(".matrix td").length`); n != 100_000 {
		t.Errorf("the matrix has %d cells", n)
	}
	b.choose("state", "O")
	if n := len(evaluate[view](b, look).Rows); n != 100 {
		t.Errorf("there are %d namespaces with a target that is occupied", n)
	}
	b.choose("source", "secret-007")
	if got := evaluate[view](b, look); !slices.Equal(got.Rows, []string{"team-0007"}) || len(got.Columns) != 1 {
		t.Errorf("the page shows %+v", got)
	}
	b.expectQuiet(address)
}
