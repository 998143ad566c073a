package cli

import (
	"context"

	"codeberg.org/althing/althing/workers/agent"
)

// node runs the commands of the node program, which is also built alone,
// without a database, as workers/node.
func node(ctx context.Context, t Terminal, args []string) error {
	return agent.Command(ctx, args, agent.Terminal{In: t.In, Out: t.Out, Err: t.Err})
}
