// Package chart tests deploy/chart with the real helm: what it renders, what it refuses, and its life on a real control
// plane.
package chart
