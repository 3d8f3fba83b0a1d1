package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// LogProgress describes how far a program has come by the size of its log.
func LogProgress(path string) func(context.Context) string {
	return func(context.Context) string {
		info, err := os.Stat(path)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d bytes in %s", info.Size(), path)
	}
}

// Tail gives the last lines of a log file, each indented by four spaces; of a file that can't be read it says why.
func Tail(path string, lines int) string {
	const window = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > window {
		_, _ = file.Seek(-window, io.SeekEnd)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	all := strings.Split(string(bytes.TrimRight(text, "\n")), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "    " + strings.Join(all, "\n    ")
}
