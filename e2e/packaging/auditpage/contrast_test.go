package auditpage_test

import "testing"

// unreadable lists the texts whose contrast with what is behind them is less than WCAG 2 asks for (AA: 4.5).
const unreadable = `(() => {
	const parse = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => {
		const part = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
		return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const [r, g, b, a] = parse(getComputedStyle(e).backgroundColor);
			if (a !== 0) return [r, g, b];
		}
		return [255, 255, 255];
	};
	const found = new Set();
	for (const e of document.body.querySelectorAll("*")) {
		const own = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
		if (!(own || e.matches("input, select, output")) || !e.checkVisibility()) continue;
		const a = luminance(parse(getComputedStyle(e).color)), b = luminance(behind(e));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) found.add(e.tagName + "." + e.className + ": " + contrast.toFixed(2));
	}
	return [...found];
})()`

func TestContrast(t *testing.T) {
	b := newTab(t)
	address := write(t, example(t))
	background := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			b := &tab{T: t, ctx: b.ctx}
			b.scheme(scheme)
			b.open(address)
			background[scheme] = evaluate[string](b, "getComputedStyle(document.body).backgroundColor")
			for _, text := range evaluate[[]string](b, unreadable) {
				t.Errorf("hard to read: %s", text)
			}
		})
	}
	if background["light"] == background["dark"] {
		t.Errorf("both schemes have the background %s", background["light"])
	}
}
