//go:build !linux

package agent

import "errors"

func smallDisk(string, int) (unmount func(), err error) {
	return nil, errors.ErrUnsupported
}
