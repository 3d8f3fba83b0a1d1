package inspect

import "strings"

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
	r, verdict := p.Report, "not in sync"
	if r.InSync {
		verdict = "in sync"
	}
	m.put("<h1>Mirrorball audit: %s, %v findings</h1>\n", verdict, r.Findings())
	m.put("<p>Settings: %s. Protected namespaces: <code>%s</code>.\nRules: %s.</p>", r.Settings.From,
		r.Settings.ProtectedNamespaces, r.Rules)
	for _, flag := range r.Settings.Differing {
		m.put("<p>Other than the controller: <code>%s</code></p>", flag)
	}
	for _, u := range r.Unknown {
		m.put("<p><strong>Could not tell:</strong> %s</p>", u)
	}
	m.raw("\n<p class=\"legend\">")
	for _, l := range p.Legend {
		m.put(`<span class="%s">%s %s: %v</span>`, l.Class, l.Letter, l.State, l.Count)
	}
	m.raw(`</p>
<p class="controls"><label>Search <input id="search" type="search" placeholder="namespace or source"></label>
<label>State <select id="state"><option value="">all</option>`)
	for _, l := range p.Legend {
		m.put("<option>%s</option>", l.State)
	}
	m.raw("</select></label></p>\n")
}

func (p *page) writeMatrix(m *markup) {
	m.raw("<h2>Namespaces and sources</h2>\n<div class=\"matrix\"><table>\n<thead><tr><th scope=\"col\">Namespace</th>")
	for i := range p.Report.Sources {
		s := &p.Report.Sources[i]
		m.put(`<th scope="col">%s %s/%s</th>`, s.Kind, s.Namespace, s.Name)
	}
	m.raw("</tr></thead>\n<tbody>\n")
	for _, r := range p.Rows {
		m.put(`<tr data-text="%s" data-states="%s"><th scope="row">%s</th>`, r.Namespace, r.States, r.Namespace)
		for _, c := range r.Cells {
			c.write(m)
		}
		m.raw("\n")
	}
	m.raw("</tbody>\n</table></div>\n")
}

func (c *cell) write(m *markup) {
	switch {
	case c.Letter == "":
		m.raw("<td>")
	case c.Title == "":
		m.put(`<td class="%s">%s`, c.Class, c.Letter)
	default:
		m.put(`<td class="%s" title="%s">%s`, c.Class, c.Title, c.Letter)
	}
}

func (d *detail) write(m *markup) {
	m.put(`<details data-text="%s %s/%s" data-states="%s"`, d.Kind, d.Namespace, d.Name, d.States)
	if d.Problems() > 0 {
		m.raw(" open")
	}
	m.put(">\n<summary>%s <strong>%s/%s</strong>: %s, %v of %v in sync, %v findings</summary>\n<p>%s</p>", d.Kind,
		d.Namespace, d.Name, d.Phase, d.InSync, len(d.Targets), d.Problems(), d.Policy)
	for _, k := range d.Frozen {
		m.put(`<p class="b">Frozen by <code>%s: %s</code> %s</p>`, k.Key, k.Value, k.Reason)
	}
	for _, k := range d.Ignored {
		m.put(`<p class="w">Ignored: <code>%s: %s</code> %s</p>`, k.Key, k.Value, k.Reason)
	}
	for _, f := range d.Findings {
		m.put("<p>%s, %s: %s</p>", f.Reason, f.Object, f.Note)
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
		m.put("<tr><td>%s/%s%s</td><td class=\"%s\">%s</td><td>%s</td></tr>\n", t.Namespace, t.Name, pulls, t.Class,
			t.State, t.Reason)
	}
	m.raw("</tbody></table>")
}
