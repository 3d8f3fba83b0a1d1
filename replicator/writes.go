package replicator

import "context"

// writes is the process's limit of writes under way. A part of it is kept for the first writes of each pass: where many
// thousand others wait, what a new namespace lacks need not stand in line with them.
type writes struct {
	ordinary, express chan struct{}
}

func newWrites(limit int) *writes {
	express := (limit + 6) / 8 // none of one
	return &writes{ordinary: make(chan struct{}, limit-express), express: make(chan struct{}, express)}
}

func (w *writes) limit() int { return cap(w.ordinary) + cap(w.express) }

// begin waits until there is room for a write; the caller calls done after it. It fails only with ctx.
func (w *writes) begin(ctx context.Context, express bool) (done func(), err error) {
	reserved := w.express
	if !express {
		reserved = nil
	}
	select {
	case w.ordinary <- struct{}{}:
		done = func() { <-w.ordinary }
	case reserved <- struct{}{}:
		done = func() { <-reserved }
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		done()
		return nil, err
	}
	return done, nil
}
