package bench

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	never := math.Inf(1)
	for _, tc := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{3}, 0.99, 3},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{0, 10}, 0.99, 9.9},
		{[]float64{5, 1}, 1, 5},
		{[]float64{5, 1}, 0, 1},
		{[]float64{1, never, 2}, 0.5, 2},
		{[]float64{1, never}, 0.5, never},
		{[]float64{never, never, 1}, 0.99, never},
	} {
		if got := Quantile(tc.values, tc.q); got != tc.want && !(math.Abs(got-tc.want) <= 1e-9) {
			t.Errorf("Quantile(%v, %v) = %v, want %v", tc.values, tc.q, got, tc.want)
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("Median(nil) = %v, want NaN", got)
	}
}

// TestGoals: a figure meets its goal by its median.
func TestGoals(t *testing.T) {
	for _, tc := range []struct {
		figure Figure
		want   bool
	}{
		{Figure{Values: []float64{1}}, true},
		{Figure{Values: []float64{0.8, 0.95, 0.91}, Goal: "≥ 0.9", Limit: 0.9, AtLeast: true}, true},
		{Figure{Values: []float64{0.8, 0.85, 0.91}, Goal: "≥ 0.9", Limit: 0.9, AtLeast: true}, false},
		{Figure{Values: []float64{1.4}, Goal: "≤ 1.5", Limit: 1.5}, true},
		{Figure{Values: []float64{1.6}, Goal: "≤ 1.5", Limit: 1.5}, false},
	} {
		if got := tc.figure.Met(); got != tc.want {
			t.Errorf("%+v: Met() = %v", tc.figure, got)
		}
	}
}
