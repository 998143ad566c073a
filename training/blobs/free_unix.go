//go:build linux || darwin || freebsd

package blobs

import "syscall"

// freeBytes asks the system how much of a disk is free for us and how large it is.
func freeBytes(dir string) (free, all uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil
}
