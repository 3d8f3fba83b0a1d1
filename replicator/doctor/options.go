package doctor

import "time"

// Options are the settings of an examination.
type Options struct {
	// Now is the present time.
	Now time.Time
	// ExpiresWithin is how long before its end a credential or certificate counts as one that expires soon.
	ExpiresWithin time.Duration
}
