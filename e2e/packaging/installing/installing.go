// Package installing plays the commands of README.md's section "Installing" on a real control plane and a registry.
package installing
