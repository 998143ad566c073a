package cli

import (
	"context"
	"errors"
)

// playDemo plays a community's whole life.
func playDemo(context.Context, Terminal, []string) error { return errors.New("not wired") }
