//go:build !unix

package torch

import "os/exec"

// group leaves the program as it is: these systems know no process groups, and
// exec ends the program itself.
func group(*exec.Cmd) {}

// killGroup does nothing.
func killGroup(*exec.Cmd) {}
