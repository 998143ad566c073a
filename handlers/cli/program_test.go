package cli

import (
	"context"
	"os"
	"testing"

	"codeberg.org/althing/althing/handlers/cli/clitest"
)

func TestMain(m *testing.M) {
	clitest.Main(m, func(ctx context.Context, args []string) int {
		return Run(ctx, Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, args)
	})
}
