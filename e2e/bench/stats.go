package bench

import (
	"math"
	"slices"
	"time"
)

// Median is the middle value, or the mean of the two in the middle; NaN of nothing.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Quantile interpolates between the two nearest values; q is from 0 to 1. An infinite value is something that never
// happened.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if at == float64(low) {
		return sorted[low]
	}
	high := low + 1
	if math.IsInf(sorted[high], 1) {
		return sorted[high]
	}
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func ratios(over, under []float64) []float64 {
	out := make([]float64, len(over))
	for i := range over {
		out[i] = over[i] / under[i]
	}
	return out
}
