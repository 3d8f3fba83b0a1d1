package inspect

import (
	"fmt"
	"strings"

	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// write writes the whole page.
func (p *page) write(m *markup) {
	p.writeHead(m)
	p.writeSummary(m)
	p.writeMatrix(m)
	m.raw("<h2>Sources</h2>\n")
	for i := range p.Sources {
		p.Sources[i].write(m)
	}
	if len(p.Report.Copies) > 0 {
		m.raw("<h2>Copies that nobody manages</h2>")
		for _, c := range p.Report.Copies {
			m.put("<p>%s has the data of %s</p>", c.Object, c.Source)
		}
	}
	if len(p.Report.Problems) > 0 {
		m.raw("<h2>Mirrorball's own objects</h2>")
		for _, f := range p.Report.Problems {
			m.put("<p>%s, %s: %s</p>", f.Reason, f.Object, f.Note)
		}
	}
	m.raw("\n<script>" + pageScript + "</script>\n</body>\n</html>\n")
}

func (p *page) writeHead(m *markup) {
	m.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Mirrorball audit</title>
`, policyOf(pageStyle, pageScript))
	m.raw("<style>" + pageStyle + "</style>\n</head>\n<body>\n")
}

func (p *page) writeSummary(m *markup) {
	r := p.Report
	verdict := "has something to write; <code>mirrorball plan</code> lists it"
	if r.InSync {
		verdict = "has nothing to write"
	}
	m.put("<h1>Mirrorball audit: %s</h1>\n", countFindings(r.Findings()))
	m.raw("<p>A controller that starts now " + verdict + ".</p>\n")
	m.put("<p class=\"dim\">Settings: %s. Protected namespaces: <code>%s</code>.\nRules: %s.</p>", r.Settings.From,
		r.Settings.ProtectedNamespaces, r.Rules)
	for _, flag := range r.Settings.Differing {
		m.put("<p>Other than the controller: <code>%s</code></p>", flag)
	}
	for _, u := range r.Unknown {
		m.put("<p><strong>Could not tell:</strong> %s</p>", u)
	}
	m.raw("\n<p class=\"legend\">")
	for _, l := range p.Legend {
		m.put(`<span class="%s">%s %s: %v</span>`, l.Class.css(), l.Letter, l.State, l.Count)
	}
	m.raw("</p>\n")
	p.writeControls(m)
}

// writeControls writes what the script reads. Without JavaScript it is not shown.
func (p *page) writeControls(m *markup) {
	m.raw(`<p class="controls"><label>Namespace <input id="namespace" type="search"></label>
<label>Source <input id="source" type="search"></label>
<label>State <select id="state"><option value="">all</option>`)
	for _, l := range p.Legend {
		m.put(`<option value="%s">%s</option>`, l.Letter, l.State)
	}
	m.raw("</select></label>\n<output id=\"shown\"></output></p>\n")
}

func (p *page) writeMatrix(m *markup) {
	m.raw("<h2>Namespaces and sources</h2>\n<div class=\"matrix\"><table>\n<thead><tr><th scope=\"col\">Namespace</th>")
	for i := range p.Report.Sources {
		name := p.Report.Sources[i].String()
		m.put(`<th scope="col" title="%s"><span>%s</span></th>`, name, name)
	}
	m.raw("</tr></thead>\n<tbody>\n")
	for _, r := range p.Rows {
		m.put(`<tr><th scope="row">%s</th>`, r.Namespace)
		for _, c := range r.Cells {
			c.write(m)
		}
		m.raw("\n")
	}
	m.raw("</tbody>\n</table></div>\n")
}

func (c *cell) write(m *markup) {
	switch {
	case c.Letters == "":
		m.raw("<td>")
	case c.Title == "":
		m.put(`<td class="%s">%s`, c.Class.css(), c.Letters)
	default:
		m.put(`<td class="%s" title="%s">%s`, c.Class.css(), c.Title, c.Letters)
	}
}

func countFindings(n int) string {
	switch n {
	case 0:
		return "no findings"
	case 1:
		return "1 finding"
	}
	return fmt.Sprint(n, " findings")
}

func (d *detail) write(m *markup) {
	m.put(`<details data-source="%s"`, d.String())
	if d.Problems() > 0 {
		m.raw(" open")
	}
	m.put(">\n<summary>%s <strong>%s/%s</strong>: %s, %v of %v in sync, %s</summary>\n<p>%s</p>", d.Kind, d.Namespace,
		d.Name, d.Phase, d.InSync, len(d.Targets), countFindings(d.Problems()), d.Policy)
	for _, k := range d.Frozen {
		m.put(`<p class="key b">Frozen by <code>%s: %s</code> %s</p>`, k.Key, k.Value, k.Reason)
	}
	for _, k := range d.Ignored {
		m.put(`<p class="key w">Ignored: <code>%s: %s</code> %s</p>`, k.Key, k.Value, k.Reason)
	}
	for _, f := range d.Findings {
		if f.Reason != string(plan.PhaseFrozen) { // which the annotations above say
			m.put("<p>%s, %s: %s</p>", f.Reason, f.Object, f.Note)
		}
	}
	if len(d.Attached) > 0 {
		m.put("<p>Attached to the ServiceAccounts %s</p>", strings.Join(d.Attached, ", "))
	}
	d.writeShown(m)
	m.raw("\n</details>\n")
}

func (d *detail) writeShown(m *markup) {
	if len(d.Shown) == 0 {
		return
	}
	m.raw("<table><thead><tr><th>Target</th><th>State</th><th>Reason</th></tr></thead><tbody>\n")
	for _, t := range d.Shown {
		pulls := ""
		if t.Pull {
			pulls = " (pulls)"
		}
		m.put("<tr data-namespace=\"%s\" data-letter=\"%s\"><td>%s/%s%s</td>", t.Namespace, t.Letter, t.Namespace, t.Name,
			pulls)
		m.put("<td class=\"%s\">%s</td><td>%s</td></tr>\n", t.Class.css(), t.State, t.Reason)
	}
	m.raw("</tbody></table>")
	if d.More > 0 {
		m.put("<p>%v more are not in sync; <code>mirrorball audit -o wide</code> lists them.</p>", d.More)
	}
}
