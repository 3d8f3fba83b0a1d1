package informers

import (
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// TestEchoOfWrite: what the watch tells of our own write is reported only where it is not what the answer said.
func TestEchoOfWrite(t *testing.T) {
	for title, told := range map[string]bool{"as the answer said": false, "the object is immutable": true} {
		t.Run(title, func(t *testing.T) {
			c, o := handFed(t)
			answer, err := DigestKey{}.replica(filled("5"))
			if err != nil {
				t.Fatal(err)
			}
			c.Observe(annotations.Secret, answer)
			reported := 0
			c.notify = func(Key, Change) { reported++ }
			echo := filled("5")
			if told {
				echo.Immutable = &told
			}
			if err := o.replicas.Add(echo); err != nil {
				t.Fatal(err)
			}
			if (reported > 0) != told {
				t.Errorf("it was reported %d times", reported)
			}
		})
	}
}
