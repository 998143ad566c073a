//go:build unix && !linux

package embedded

import "syscall"

// endWithParent does nothing: these systems have no signal at the death of the
// parent. The next Start finds the orphan by its postmaster.pid and stops it.
func endWithParent(*syscall.SysProcAttr) {}
