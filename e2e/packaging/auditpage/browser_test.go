package auditpage_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browsers are the names of headless Chromium on $PATH, in the order in which they are tried.
var browsers = []string{"chromium-headless-shell", "chromium"}

// tab is a tab of a headless browser.
type tab struct {
	*testing.T
	ctx context.Context

	mu sync.Mutex
	// requests are the addresses that the tab asked for, and complaints what the browser wrote on the console.
	requests, complaints []string
}

// newTab opens a tab, or skips the test where no browser is installed.
func newTab(t *testing.T) *tab {
	t.Helper()
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), browserOptions(t)...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.notice); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	b.do(chromedp.EmulateViewport(1200, 900))
	return b
}

func browserOptions(t *testing.T) []chromedp.ExecAllocatorOption {
	t.Helper()
	for _, name := range browsers {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
		if os.Geteuid() == 0 {
			options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
		}
		return options
	}
	t.Skipf("no %s on $PATH; on Debian: apt-get install chromium-headless-shell", strings.Join(browsers, " or "))
	return nil
}

// notice keeps what a page does. It is called while the browser's messages are read, and must not wait.
func (b *tab) notice(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded: // among them what the Content-Security-Policy refuses
		b.complaints = append(b.complaints, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console."+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a dialog: "+e.Message)
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	}
}

// open shows the page at an address.
func (b *tab) open(address string) {
	b.Helper()
	b.do(chromedp.Navigate(address))
}

// expectQuiet asserts that nothing but the page at this address was requested, and that the browser refused nothing.
func (b *tab) expectQuiet(address string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, request := range b.requests {
		if request != address {
			b.Errorf("the page requests %s", request)
		}
	}
	for _, complaint := range b.complaints {
		b.Errorf("the browser says %q", complaint)
	}
}

// expectRefused asserts that the browser refused something this many times because of the policy.
func (b *tab) expectRefused(times int) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	refused := 0
	for _, complaint := range b.complaints {
		if strings.Contains(complaint, "Content Security Policy") {
			refused++
		}
	}
	if refused != times {
		b.Errorf("the browser refused something %d times, want %d: %q", refused, times, b.complaints)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// scheme sets the colours that the user prefers: "light" or "dark".
func (b *tab) scheme(preferred string) {
	b.Helper()
	prefers := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: preferred}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{prefers}})
}

// noScripts turns off JavaScript for the pages. The browser's tools, and so evaluate, can still run it.
func (b *tab) noScripts() {
	b.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}
