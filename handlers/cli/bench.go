package cli

import (
	"context"
	"fmt"
	"strings"
)

// benchmark is a measurement that a reader can repeat with the program alone:
// docs/performance.md names the command behind every figure.
type benchmark struct {
	name  string
	usage string
	run   func(context.Context, Terminal, []string) error
}

func benchmarks() []benchmark {
	return []benchmark{
		{"train", "bench train [--config S|B|150M|FILE] [--threads N] [--steps K] [--text FILE] [--init FILE] [--batches FILE] [--json]", benchTrain},
		{"dispatch", "bench dispatch [--nodes N] [--seconds N] [--parameters D] [--json]", benchDispatch},
		{"round", "bench round [--nodes N] [--parameters D] [--rounds K] [--json]", benchRound},
		{"aggregate", "bench aggregate [--rule RULE] [--updates K] [--parameters D] [--byzantine F] [--repeat N] [--json]", benchAggregate},
	}
}

// bench runs the measurement that args name.
func bench(ctx context.Context, t Terminal, args []string) error {
	var names []string
	for _, b := range benchmarks() {
		if len(args) > 0 && args[0] == b.name {
			return b.run(ctx, t, args[1:])
		}
		names = append(names, "  althing "+b.usage)
	}
	return fmt.Errorf("%w: name a measurement:\n%s", errUsage, strings.Join(names, "\n"))
}
