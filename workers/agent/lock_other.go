//go:build !unix

package agent

import "os"

// lockFile cannot lock on this system; two processes on one folder are the
// owner's to avoid.
func lockFile(*os.File) error { return nil }
