package inspect

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

var (
	//go:embed page/page.css
	pageStyle string
	//go:embed page/page.js
	pageScript string
)

// letters stand for the states in the matrix, beside the colours: not everybody can tell these apart.
var letters = map[plan.State]string{
	plan.InSync: "✓", plan.Missing: "M", plan.Drifted: "D", plan.Occupied: "O", plan.Conflict: "C", plan.Barred: "–",
	plan.Orphaned: "X", plan.Unreadable: "U", plan.Mismatched: "T", plan.Forbidden: "F", plan.Terminating: "E",
	plan.Reserved: "R", plan.Paused: "P", plan.State(plan.PhaseFrozen): "Z", plan.State(plan.PhaseRefused): "J",
	plan.State(plan.PhaseKept): "K", "SourceMissing": "S", "SourceRecreated": "A", "NoSource": "N",
	plan.State(plan.PhaseRestorable): "B", plan.State(plan.PhaseDeleted): "G", plan.State(plan.PhaseReleased): "L",
	plan.State(plan.PhaseOutOfReach): "W",
}

// page is what the HTML page shows.
type page struct {
	Report  *Report
	Legend  []legend
	Rows    []row
	Sources []detail
}

type legend struct {
	State         plan.State
	Letter, Class string
	Count         int
}

type row struct {
	Namespace, States string
	Cells             []cell
}

type cell struct{ Letter, Class, Title string }

type detail struct {
	*Source
	States string
	Shown  []shown
}

type shown struct {
	Target
	Class string
}

// maxShown is how many targets of a source are listed beside the matrix.
const maxShown = 200

// WriteHTML writes a report as one page that needs nothing else: no request goes anywhere, and what the cluster holds
// is escaped.
func WriteHTML(out io.Writer, r *Report) error {
	p := page{Report: r}
	for _, s := range slices.Sorted(maps.Keys(r.States)) {
		p.Legend = append(p.Legend, legend{State: s, Letter: letterOf(s), Class: classOf(s), Count: r.States[s]})
	}
	p.rows()
	p.details()
	m := &markup{out: bufio.NewWriter(out)}
	p.write(m)
	return m.out.Flush()
}

// policyOf is the page's Content-Security-Policy: its own style and script, by their digests, and nothing else.
func policyOf(style, script string) string {
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; "+
		"form-action 'none'", digest(style), digest(script))
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func letterOf(s plan.State) string {
	if l, ok := letters[s]; ok {
		return l
	}
	return "?"
}

// classes are those of the page's style for states, from good to bad: in sync, no finding, not yet in sync, bad.
const classes = "oqwb"

// worse reports whether a class is worse than another.
func worse(class, other string) bool {
	return strings.Index(classes, class) > strings.Index(classes, other)
}

func classOf(s plan.State) string {
	switch t := (&Target{State: s}); {
	case s == plan.InSync:
		return "o"
	case !t.IsFinding():
		return "q"
	case s == plan.Missing || s == plan.Drifted:
		return "w"
	}
	return "b"
}

// rows makes a row for each namespace with a cell for each source.
func (p *page) rows() {
	byNamespace := map[string][]cell{}
	states := map[string]map[string]bool{}
	for column := range p.Report.Sources {
		for _, t := range p.Report.Sources[column].Targets {
			cells := byNamespace[t.Namespace]
			if cells == nil {
				cells = make([]cell, len(p.Report.Sources))
				byNamespace[t.Namespace], states[t.Namespace] = cells, map[string]bool{}
			}
			states[t.Namespace][string(t.State)] = true
			// Of several in one namespace, the worst is shown.
			if c := &cells[column]; c.Letter == "" || worse(classOf(t.State), c.Class) {
				*c = cell{Letter: letterOf(t.State), Class: classOf(t.State)}
				if t.State != plan.InSync {
					c.Title = strings.TrimSuffix(string(t.State)+": "+t.Reason, ": ")
				}
			}
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		p.Rows = append(p.Rows, row{
			Namespace: namespace, States: joined(states[namespace]), Cells: byNamespace[namespace],
		})
	}
}

func joined(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }

// details lists of each source what is not in sync.
func (p *page) details() {
	for i := range p.Report.Sources {
		d := detail{Source: &p.Report.Sources[i]}
		states := map[string]bool{}
		for _, t := range d.Targets {
			states[string(t.State)] = true
			if t.State != plan.InSync && len(d.Shown) < maxShown {
				d.Shown = append(d.Shown, shown{t, classOf(t.State)})
			}
		}
		d.States = joined(states)
		p.Sources = append(p.Sources, d)
	}
}
