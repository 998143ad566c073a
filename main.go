// Command althing is the assembly where a community trains, governs and
// unlearns its own language model.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"codeberg.org/althing/althing/handlers/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, cli.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(status)
}
