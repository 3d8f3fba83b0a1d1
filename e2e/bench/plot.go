package bench

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// svg is a picture that is legible on a light page and on a dark one.
type svg struct {
	strings.Builder
	width, height int
}

func newSVG(width, height int, title string) *svg {
	s := &svg{width: width, height: height}
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img">
<title>%s</title>
<rect width="%d" height="%d" fill="#ffffff"/>
<g font-family="sans-serif" font-size="12" fill="#1f2328">
`, width, height, width, html.EscapeString(title), width, height)
	return s
}

func (s *svg) text(x, y float64, anchor, text string) {
	fmt.Fprintf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, html.EscapeString(text))
}

func (s *svg) line(x1, y1, x2, y2 float64, stroke string) {
	fmt.Fprintf(s, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" fill=\"none\"/>\n", x1, y1, x2, y2, stroke)
}

func (s *svg) String() string { return s.Builder.String() + "</g>\n</svg>\n" }

const (
	grey  = "#d1d9e0"
	blue  = "#0969da"
	red   = "#cf222e"
	green = "#1a7f37"
)

// ratiosPlot has a row for each ratio: a dot a round, a bar at the median, and the goal.
func (r *Report) ratiosPlot() string {
	type row struct {
		label string
		f     Figure
	}
	var rows []row
	top := 1.5
	for _, result := range r.Results {
		for _, f := range result.Figures {
			if f.Unit == "×" && f.Goal != "" {
				rows = append(rows, row{result.Case + ": " + f.Name, f})
				top = max(top, slices.Max(f.Values))
			}
		}
	}
	const x0, right, rowHeight, head = 360, 30, 30, 34
	s := newSVG(860, head+rowHeight*len(rows)+30, "Ratios, a dot for each round")
	at := func(v float64) float64 { return x0 + v/top*float64(s.width-x0-right) }
	bottom := float64(s.height - 30)
	for tick := 0.0; tick <= top; tick += 0.5 {
		s.line(at(tick), head-8, at(tick), bottom, grey)
		s.text(at(tick), bottom+16, "middle", fmt.Sprintf("%.1f", tick))
	}
	s.text(x0-10, 18, "end", "dot: a round · bar: the median · red: the goal")
	for i, row := range rows {
		y := float64(head + rowHeight*i + rowHeight/2)
		s.text(x0-10, y+4, "end", row.label)
		s.line(at(row.f.Limit), y-11, at(row.f.Limit), y+11, red)
		for _, v := range row.f.Values {
			fmt.Fprintf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\" fill-opacity=\"0.5\"/>\n", at(v), y, blue)
		}
		m := at(Median(row.f.Values))
		fmt.Fprintf(s, "<rect x=\"%.1f\" y=\"%.1f\" width=\"3\" height=\"18\" fill=\"%s\"/>\n", m-1.5, y-9, blue)
	}
	return s.String()
}

// latencyPlot shows how many of the new namespaces were served how soon.
func (r *Report) latencyPlot() string {
	i := slices.IndexFunc(r.Results, func(r Result) bool { return r.Case == "new-namespace" })
	if i < 0 {
		return newSVG(860, 40, "Not measured").String()
	}
	const x0, right, top, bottom = 60, 30, 20, 40
	s := newSVG(860, 320, "Share of new namespaces that are served, by milliseconds after their creation")
	worst := 1.0
	for _, series := range r.Results[i].Samples {
		worst = max(worst, Quantile(series.Values, 1))
	}
	// A logarithmic axis: the tail is what matters and the middle is where most is.
	low, high := math.Log10(1), math.Log10(worst*1.1)
	x := func(v float64) float64 {
		return x0 + (math.Log10(max(v, 1))-low)/(high-low)*float64(s.width-x0-right)
	}
	y := func(share float64) float64 { return top + (1-share)*float64(s.height-top-bottom) }
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		s.line(x0, y(share), float64(s.width-right), y(share), grey)
		s.text(x0-8, y(share)+4, "end", fmt.Sprintf("%.0f %%", share*100))
	}
	for _, tick := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000} {
		if tick <= worst*1.1 {
			s.line(x(tick), top, x(tick), y(0), grey)
			s.text(x(tick), y(0)+18, "middle", number(tick)+" ms")
		}
	}
	for i, series := range r.Results[i].Samples {
		colour := []string{blue, green}[i%2]
		fmt.Fprintf(s, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" d=\"", colour)
		for k, v := range slices.Sorted(slices.Values(series.Values)) {
			command := "L"
			if k == 0 {
				command = "M"
			}
			fmt.Fprintf(s, "%s%.1f %.1f", command, x(v), y(float64(k+1)/float64(len(series.Values))))
		}
		fmt.Fprint(s, "\"/>\n")
		fmt.Fprintf(s, "<g fill=\"%s\">", colour)
		s.text(x0+14, float64(top+20+18*i), "start", series.Name)
		fmt.Fprint(s, "</g>\n")
	}
	return s.String()
}
