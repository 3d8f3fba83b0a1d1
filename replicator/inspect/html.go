package inspect

import (
	"bufio"
	"cmp"
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
	State  plan.State
	Letter string
	Class  Class
	Count  int
}

type row struct {
	Namespace string
	Cells     []cell
}

// cell is a place in the matrix. Where a source has several targets in a namespace, it has the letter of each state,
// the worst first.
type cell struct {
	Letters, Title string
	Class          Class
}

type detail struct {
	*Source
	Shown []shown
	// More is how many targets that are not in sync are not listed.
	More int
}

type shown struct {
	Target
	Letter string
	Class  Class
}

// maxShown is how many targets of a source are listed beside the matrix.
const maxShown = 200

// WriteHTML writes a report as one page that needs nothing else: no request goes anywhere, and what the cluster holds
// is escaped.
func WriteHTML(out io.Writer, r *Report) error {
	p := page{Report: r}
	for _, s := range slices.SortedFunc(maps.Keys(r.States), compareStates) {
		p.Legend = append(p.Legend, legend{State: s, Letter: letterOf(s), Class: ClassOf(s), Count: r.States[s]})
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

// compareStates puts bad states before good ones.
func compareStates(a, b plan.State) int {
	return cmp.Or(cmp.Compare(ClassOf(b), ClassOf(a)), cmp.Compare(a, b))
}

// rows makes a row for each namespace with a cell for each source.
func (p *page) rows() {
	byNamespace := map[string][]cell{}
	for column := range p.Report.Sources {
		for _, t := range p.Report.Sources[column].Targets {
			if byNamespace[t.Namespace] == nil {
				byNamespace[t.Namespace] = make([]cell, len(p.Report.Sources))
			}
			byNamespace[t.Namespace][column].add(&t)
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		p.Rows = append(p.Rows, row{Namespace: namespace, Cells: byNamespace[namespace]})
	}
}

// add adds a target.
func (c *cell) add(t *Target) {
	letter, class := letterOf(t.State), ClassOf(t.State)
	worst := c.Letters == "" || class > c.Class
	switch {
	case worst:
		c.Class, c.Letters = class, letter+strings.ReplaceAll(c.Letters, letter, "")
	case !strings.Contains(c.Letters, letter):
		c.Letters += letter
	}
	if worst && t.State != plan.InSync {
		c.Title = strings.TrimSuffix(string(t.State)+": "+t.Reason, ": ")
	}
}

// details lists of each source what is not in sync.
func (p *page) details() {
	for i := range p.Report.Sources {
		d := detail{Source: &p.Report.Sources[i]}
		for _, t := range d.Targets {
			switch {
			case t.State == plan.InSync:
			case len(d.Shown) == maxShown:
				d.More++
			default:
				d.Shown = append(d.Shown, shown{t, letterOf(t.State), ClassOf(t.State)})
			}
		}
		p.Sources = append(p.Sources, d)
	}
}
