//go:build !unix

package embedded

import (
	"context"
	"errors"
)

// Server exists only on unix systems; here it is never made.
type Server struct{}

// Start explains that this system needs a database of its own.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("the built-in Postgres needs Linux, macOS or BSD; set DATABASE_URL to a Postgres 15 or newer")
}

// URL is empty.
func (*Server) URL() string { return "" }

// PID is 0.
func (*Server) PID() int { return 0 }

// Processes is empty.
func (*Server) Processes() []int { return nil }

// Done never ends.
func (*Server) Done() <-chan struct{} { return nil }

// Stop does nothing.
func (*Server) Stop(context.Context) error { return nil }

// StopLeftover finds nothing.
func StopLeftover(context.Context, string) error { return nil }
