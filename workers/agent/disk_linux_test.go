package agent

import (
	"fmt"
	"syscall"
)

// smallDisk mounts a disk in memory of that many bytes.
func smallDisk(dir string, size int) (unmount func(), err error) {
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
	return func() { _ = syscall.Unmount(dir, 0) }, err
}
