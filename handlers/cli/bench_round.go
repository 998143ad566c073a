package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// roundReport is what bench round prints with --json. Its keys are read by
// scripts; durations are in milliseconds.
type roundReport struct {
	Nodes      int     `json:"nodes"`
	Parameters int     `json:"parameters"`
	Rounds     int     `json:"rounds"`
	Round      spread  `json:"round"`          // from the act that opens a round to the recorded mean
	Collect    spread  `json:"collect"`        // of it, until all updates are taken
	Aggregate  spread  `json:"aggregate"`      // of it, until the mean is recorded
	ServerRSS  float64 `json:"server_rss_mib"` // peak of the server's process

	ServerCPU   float64 `json:"server_cpu_ms"`   // processor time of the server for a round, its opening and its verdict included
	PostgresCPU float64 `json:"postgres_cpu_ms"` // of its database
	NodesCPU    float64 `json:"nodes_cpu_ms"`    // of this process, which is the nodes
}

// benchRound lets nodes go through whole rounds over HTTP without training:
// hand-out, lease, base, update, report, mean. Nobody measures the results,
// which is training's part.
func benchRound(ctx context.Context, t Terminal, args []string) error {
	set := flags("bench round", t)
	nodes := set.Int("nodes", 10, "nodes of three members or more")
	parameters := set.Int("parameters", 1_000_000, "of the model")
	n := set.Int("rounds", 5, "rounds after the first")
	asJSON := set.Bool("json", false, "print one JSON object")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 || *nodes < 3 || *nodes > 1000 || *parameters < 1 || *n < 1 {
		return fmt.Errorf("%w: bench round takes 3 to 1,000 nodes, a parameter and a round at least", errUsage)
	}
	b, err := newBenchCommunity(ctx, *parameters)
	if err != nil {
		return err
	}
	r, err := b.measureRounds(ctx, *nodes, *n)
	if err = errors.Join(err, b.end(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(t.Out).Encode(r)
	}
	fmt.Fprintf(t.Out, "%d rounds of %d nodes with %d parameters, over HTTP, without training\n", r.Rounds, r.Nodes, r.Parameters)
	fmt.Fprintf(t.Out, "round      %s\ncollect    %s\naggregate  %s\n", r.Round, r.Collect, r.Aggregate)
	fmt.Fprintf(t.Out, "processor time of a round: server %.1f ms, Postgres %.1f, nodes %.1f\nserver: peak memory %.0f MiB\n", r.ServerCPU, r.PostgresCPU, r.NodesCPU, r.ServerRSS)
	return nil
}

func (b *benchCommunity) measureRounds(ctx context.Context, nodes, n int) (roundReport, error) {
	r := roundReport{Nodes: nodes, Parameters: b.count, Rounds: n}
	all, err := b.join(ctx, nodes, 0) // no validation records: the mean is judged at once
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	working, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	failed := make(chan error, nodes)
	for _, node := range all {
		updates := make([]update, n+1) // of every round another one: what resembles an earlier one is refused
		for number := range updates {
			updates[number] = node.newUpdate(b.header, b.count, number)
		}
		wait.Go(func() {
			if err := b.serveRounds(working, node, updates); err != nil && working.Err() == nil {
				failed <- err
			}
		})
	}
	before := b.processors()
	list, err := b.playRounds(ctx, nodes, n+1, failed)
	after := b.processors()
	stop()
	wait.Wait()
	if err != nil {
		return r, err
	}
	var round, collect, aggregate times
	for _, one := range list[1:] { // the first fills caches
		round.add(one.EvaluatingAt.Sub(*one.CollectingAt))
		collect.add(one.AggregatingAt.Sub(*one.CollectingAt))
		aggregate.add(one.EvaluatingAt.Sub(*one.AggregatingAt))
	}
	r.Round, r.Collect, r.Aggregate = round.spread(), collect.spread(), aggregate.spread()
	r.ServerRSS = processPeak(b.server.Process.Pid)
	for i, to := range []*float64{&r.ServerCPU, &r.PostgresCPU, &r.NodesCPU} {
		*to = 1000 * (after[i] - before[i]) / float64(n+1)
	}
	return r, nil
}

// processors is the processor time so far of the server, of Postgres and of
// this process, in seconds.
func (b *benchCommunity) processors() (used [3]float64) {
	used[0], used[2] = processCPU(b.server.Process.Pid), processCPU(os.Getpid())
	for _, pid := range b.postgres.Processes() {
		used[1] += processCPU(pid)
	}
	return used
}

// serveRounds answers every task with an update that was made before.
func (b *benchCommunity) serveRounds(ctx context.Context, n *benchNode, updates []update) error {
	for ctx.Err() == nil {
		a, ok, err := n.poll(ctx, 20*time.Second)
		if err != nil {
			return err
		}
		if !ok || a.Kind != protocol.Train {
			continue
		}
		u := updates[min(a.Number, len(updates))-1]
		for _, step := range []func() error{
			func() error { return n.lease(ctx, a) }, func() error { return n.download(ctx, a) },
			func() error { return n.upload(ctx, a, u) }, func() error { return n.report(ctx, a, u) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// playRounds decides on a campaign and returns its rounds when it has ended.
func (b *benchCommunity) playRounds(ctx context.Context, nodes, n int, failed <-chan error) ([]rounds.Round, error) {
	recipe := b.recipe(n, nodes)
	recipe.MinReports = max(2, nodes/2) // the checks may hold one of made-up updates
	id, err := b.decide(ctx, recipe)
	if err != nil {
		return nil, err
	}
	for {
		c, err := b.stores.Rounds.Campaign(ctx, id)
		if err != nil {
			return nil, err
		}
		all, err := b.stores.Rounds.Rounds(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case c.State == rounds.Finished && len(all) == n:
			return all, nil
		case c.State != rounds.Running || len(all) > 0 && all[len(all)-1].Attempt > 1:
			var why []string
			for _, r := range all {
				why = append(why, fmt.Sprintf("round %d, attempt %d: %s %s", r.Number, r.Attempt, r.State, r.Reason))
			}
			return nil, fmt.Errorf("campaign %d is %s: %s %s", id, c.State, c.Reason, strings.Join(why, "; "))
		}
		select {
		case err := <-failed:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
