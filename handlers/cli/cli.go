package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"codeberg.org/althing/althing/governance"
)

// Terminal is what a command reads and writes.
type Terminal struct {
	In       *os.File
	Out, Err io.Writer
}

func (t Terminal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// command is one word of the command line.
type command struct {
	name  string
	usage string
	run   func(context.Context, Terminal, []string) error
}

func commands() []command {
	return []command{
		{"serve", "serve [--dir DIR] [--addr ADDR] [--url URL]      run the platform (what no arguments do); --new-keys if the old ones are lost", serve},
		{"demo", "demo [--exit] [--json FILE] [--data DIR]         play a community's whole life, then serve it", playDemo},
		{"node", "node join|preview|run|complete|adapt …           lend this machine to a community", node},
		{"verify", "verify log URL|ARCHIVE [--key KEY]               re-derive the log and what it says; or verify promise FILE --log URL; or verify round --id N ARCHIVE", verify},
		{"tally", "tally FILE.blt [--rule RULE] [--lot 3,1,2]       count an election again", count},
		{"bench", "bench train|dispatch|round|aggregate …            measure this machine at the platform's work", bench},
		{"migrate", "migrate [--dir DIR]                              bring the database to this version", migrate},
	}
}

// Run runs the command that args name and returns the exit status: 0 when it
// did what it should, 1 when it could not, 2 when it was not understood.
func Run(ctx context.Context, t Terminal, args []string) int {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, t, args[1:])
		switch {
		case err == nil:
			return 0
		case errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			fmt.Fprintf(t.Err, "%v\n\nusage: althing %s\n", err, c.usage)
			return 2
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			return 0
		}
		fmt.Fprintf(t.Err, "althing %s: %s\n", c.name, sentence(err))
		return 1
	}
	status := 0
	if args[0] != "help" && args[0] != "--help" && args[0] != "-h" {
		fmt.Fprintf(t.Err, "althing: there is no command %q\n\n", args[0])
		status = 2
	}
	fmt.Fprintln(t.Err, "usage: althing COMMAND")
	for _, c := range commands() {
		fmt.Fprintln(t.Err, "  "+c.usage)
	}
	fmt.Fprintln(t.Err, "\nEnvironment:")
	for _, e := range Environment() {
		fmt.Fprintf(t.Err, "  %-28s %s\n", e.Name, e.Help)
	}
	return status
}

// errUsage marks a command line that was not understood.
var errUsage = errors.New("the command line was not understood")

// flags returns a flag set whose mistakes become errUsage.
func flags(name string, t Terminal) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(t.Err)
	return set
}

// parse reads flags wherever they stand among the arguments.
func parse(set *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		if set.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
}

// sentence is an error as its reader needs it.
func sentence(err error) string {
	var e *governance.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return strings.TrimSpace(err.Error())
}
