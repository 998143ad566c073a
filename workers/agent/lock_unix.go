//go:build unix

package agent

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the folder for this process until it ends, however it ends.
func lockFile(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another process runs this node")
	}
	return nil
}
