//go:build unix

package audit

import (
	"os"
	"syscall"
)

// lockFolder keeps other processes from exchanging the checkpoint meanwhile.
// The kernel lets go when the process ends, however that happens.
func lockFolder(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+"/.checkpoint.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
