// Command node is the slim program of a machine that trains: join, run,
// complete and adapt, without a database and without a web server. It is one static
// binary:
//
//	CGO_ENABLED=0 GOARCH=arm64 go build -trimpath ./workers/node
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"codeberg.org/althing/althing/workers/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := agent.Command(ctx, os.Args[1:], agent.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "node: "+err.Error())
		os.Exit(1)
	}
}
