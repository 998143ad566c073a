//go:build unix

package s3_test

import (
	"os/exec"
	"syscall"
)

// group lets the end of a command be the end of what it started.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
