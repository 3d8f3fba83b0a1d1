package doctor

import (
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// age formats a duration as kubectl does in its column AGE.
func age(d time.Duration) string { return duration.HumanDuration(d) }
