package auditpage_test

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

var update = flag.Bool("update", false, "take the picture docs/img/audit.png again")

// maxPicture is the size that the picture in the README may have.
const maxPicture = 150 << 10

// TestPicture takes the picture of the documentation, if it is asked to. It has the fonts of this machine, so it is not
// compared.
func TestPicture(t *testing.T) {
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "docs", "img", "audit.png")
	if *update {
		b := newTab(t)
		b.do(chromedp.EmulateViewport(900, 1010))
		b.scheme("light")
		b.open(write(t, example(t)))
		taken, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, reduce(t, taken), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() > maxPicture {
		t.Errorf("docs/img/audit.png is missing or larger than %d bytes: %v", maxPicture, err)
	}
}

// reduce returns a picture with the 256 colours that are most frequent in it, which makes it a third as large.
func reduce(t *testing.T, taken []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		t.Fatal(err)
	}
	bounds := full.Bounds()
	frequency := map[color.Color]int{}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			frequency[full.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(frequency), func(a, b color.Color) int {
		return cmp.Compare(frequency[b], frequency[a])
	})
	reduced := image.NewPaletted(bounds, colors[:min(len(colors), 256)])
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			reduced.Set(x, y, full.At(x, y))
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, reduced); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
