// Package kubelet compares what the product says about the kubelet with the code of the kubelet. It needs no control
// plane.
package kubelet
