package bench

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"
)

// Report is what a run came to, and where.
type Report struct {
	Taken   string   `json:"taken"`
	Machine string   `json:"machine"`
	Results []Result `json:"results"`
}

// NewReport begins a report of this machine, today.
func NewReport() *Report {
	return &Report{Taken: time.Now().UTC().Format(time.DateOnly), Machine: machine()}
}

// Add puts a result in, in place of an older one of the same case.
func (r *Report) Add(result Result) {
	i := slices.IndexFunc(r.Results, func(old Result) bool { return old.Case == result.Case })
	if i < 0 {
		r.Results = append(r.Results, result)
	} else {
		r.Results[i] = result
	}
	slices.SortFunc(r.Results, func(a, b Result) int {
		return slices.Index(Names(), a.Case) - slices.Index(Names(), b.Case)
	})
}

func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s, %s/%s, %s",
		runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Load reads a report that Save wrote.
func Load(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}

// Save writes the report as JSON.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Print writes a result as a table.
func (r *Result) Print(out io.Writer) error {
	fmt.Fprintf(out, "\n%s: %s\n", r.Case, r.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", f.Name, f.median(), f.spread(), f.Goal, f.verdict())
		for _, raw := range f.Raw {
			fmt.Fprintf(w, "    %s\t%s\n", raw.Name, raw.row())
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (f *Figure) median() string { return number(Median(f.Values)) + unit(f.Unit) }

func (f *Figure) spread() string {
	if len(f.Values) < 2 {
		return ""
	}
	return number(slices.Min(f.Values)) + " – " + number(slices.Max(f.Values))
}

func (f *Figure) verdict() string {
	switch {
	case f.Goal == "":
		return ""
	case f.Met():
		return "met"
	default:
		return "not met"
	}
}

func (s *Series) row() string {
	parts := make([]string, len(s.Values))
	for i, v := range s.Values {
		parts[i] = number(v)
	}
	return strings.Join(parts, " · ") + unit(s.Unit)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}

// number has three digits that count.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

//go:embed benchmarks.md.tmpl
var page string

// WriteDocs writes docs/benchmarks.md and its pictures into the folder.
func (r *Report) WriteDocs(docs string) error {
	functions := template.FuncMap{
		"median":  func(f Figure) string { return f.median() },
		"spread":  func(f Figure) string { return f.spread() },
		"verdict": func(f Figure) string { return f.verdict() },
		"row":     func(s Series) string { return s.row() },
	}
	t, err := template.New("benchmarks.md").Funcs(functions).Parse(page)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := t.Execute(&text, r); err != nil {
		return err
	}
	files := map[string]string{
		"benchmarks.md":                 text.String(),
		"img/benchmarks-ratios.svg":     r.ratiosPlot(),
		"img/benchmarks-namespaces.svg": r.latencyPlot(),
	}
	if err := os.MkdirAll(filepath.Join(docs, "img"), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
