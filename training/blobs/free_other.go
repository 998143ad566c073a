//go:build !(linux || darwin || freebsd)

package blobs

import "errors"

// freeBytes cannot tell on this system; only a full disk itself is refused.
func freeBytes(string) (free, all uint64, err error) {
	return 0, 0, errors.New("free space is not known on this system")
}
