package inspect

import (
	"bufio"
	"fmt"
	"html"
)

// markup writes HTML. It is used in place of html/template, which makes the program half as large again: a template can
// call any method by its name, so the linker keeps all methods of all packages.
type markup struct{ out *bufio.Writer }

// put writes HTML in which the verbs stand for text, or for the value of a quoted attribute. Every argument is escaped.
// A failed write is kept by the writer, and returned by Flush.
func (m *markup) put(format string, args ...any) {
	for i := range args {
		args[i] = html.EscapeString(fmt.Sprint(args[i]))
	}
	_, _ = fmt.Fprintf(m.out, format, args...)
}

// raw writes a file of this package, which is no text to be escaped.
func (m *markup) raw(s string) { _, _ = m.out.WriteString(s) }
