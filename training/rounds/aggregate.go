package rounds

import (
	"context"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// CloseCollection ends the collection of a round: aggregating if enough
// updates of two members or more have come, else abandoned. Before the
// deadline the round must have what it waits for, or the answer is ErrWaiting.
// The act of the job that aggregates and of the one at the deadline; whoever
// is second gets a Conflict.
func (s *Store) CloseCollection(ctx context.Context, actor governance.Actor, id training.RoundID) error {
	return s.actOn(ctx, actor, id, "closes a round", func(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
		if err := inState(r, Collecting); err != nil {
			return nil, err
		}
		const q = `
			select (select count(*) from updates where round = @round),
				(select count(distinct owner) from updates where round = @round),
				(select count(*) from assignments where round = @round and kind = 'train' and state = 'open')`
		var come, members, open int
		if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"round": id}).Scan(&come, &members, &open); err != nil {
			return nil, fmt.Errorf("close round %d: %w", id, err)
		}
		late := !tx.Now(ctx).Before(*r.Deadline)
		if come < r.Wanted && open > 0 && !late {
			return nil, ErrWaiting
		}
		if err := s.tardy(ctx, tx, id, late); err != nil {
			return nil, err
		}
		if why := tooFew(r, c, come, members); why != "" {
			return s.abandon(ctx, tx, r, c, why)
		}
		if err := s.move(ctx, tx, r, Aggregating, ""); err != nil {
			return nil, err
		}
		shut(tx, id)
		if err := tx.Enqueue(ctx, AggregateArgs{Round: id}, uniqueByRound()); err != nil {
			return nil, err
		}
		return RoundClosed{Round: id, Updates: come, Asked: len(r.Cohort), Epoch: r.Epoch + 1}, nil
	})
}

// tooFew says why a round cannot be aggregated, or "". A replay wants every
// recorded node, until its last attempt: then it goes on with those who came,
// which forgets as exactly, but differs from a run in which the others took part.
func tooFew(r roundRow, c campaignRow, come, members int) string {
	fewest, voices := c.Recipe.MinReports, c.Recipe.FewestMembers()
	if c.Replays != 0 {
		fewest, voices = r.Wanted, 2
		if r.Attempt >= c.Settings.Attempts {
			fewest = 2
		}
	}
	switch {
	case c.Recipe.PerMember() && members < voices:
		return fmt.Sprintf("updates of %d members came, and %s needs %d", members, c.Recipe.Robust.Name(), voices)
	case come < fewest:
		return fmt.Sprintf("%d of %d updates came by the deadline, %d are needed", come, len(r.Cohort), fewest)
	case members < 2:
		return "the updates are of one member, and their mean would show them"
	}
	return ""
}

// tardy is the step that notes, when a deadline has passed, who did not answer.
func (s *Store) tardy(ctx context.Context, tx *audit.Tx, id training.RoundID, late bool) error {
	if !late {
		return nil
	}
	const q = `select node from assignments where round = @round and state = 'open' order by node`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": id})
	silent, err := pgx.CollectRows(rows, pgx.RowTo[governance.NodeID])
	if err != nil {
		return fmt.Errorf("close round %d: %w", id, err)
	}
	for _, n := range silent {
		if err := nodes.Judge(ctx, tx, n, nodes.Late); err != nil {
			return err
		}
	}
	return nil
}

// Inputs is everything that the mean of a round is computed from. Updates are
// in ascending order of node id, which is the order of summation.
type Inputs struct {
	Round      training.RoundID
	Campaign   training.CampaignID
	State      string
	Epoch      int
	Base       training.Digest
	Seed       training.Digest
	Recipe     protocol.Recipe
	MaxShare   int64 // thousandths
	Checkpoint training.Digest
	Updates    []Update
	Number     int              // of the round in its campaign
	Replay     bool             // of an unlearning case
	ServerBase *training.Digest // what the server's rule kept before the round
	Present    int              // nodes that could have been drawn
	Wanted     int              // updates at which collection ends
	Spent      int              // privacy: rounds of the member who took part in most, with this one
	Limits     CheckLimits
	Version    training.VersionID         // that the campaign began from
	Facts      map[governance.NodeID]Fact // for the checks
	Last       []byte                     // sketch of what the last accepted round changed; nil for none
}

// Update is one node's contribution to a round.
type Update struct {
	Node     governance.NodeID
	Owner    governance.MemberID
	Digest   training.Digest
	Sealed   training.Digest
	Examples int64
	Weight   int64 // counted; 0 before aggregation
	Manifest training.Digest
	Norm     float64
	Tokens   int64
	Steps    int64  // optimiser steps behind it; 0 where the node's program does not say
	Sent     int64  // bytes in which it came
	Outcome  string // of the checks; "" before aggregation and in rounds older than the checks
	Scale    string // factor of a clipped update, decimal; "" for 1
	Divisor  int64  // of the weight
}

// Inputs reads what the mean of a round is, or was, computed from.
func (s *Store) Inputs(ctx context.Context, id training.RoundID) (Inputs, error) {
	r, err := s.Round(ctx, id)
	if err != nil {
		return Inputs{}, err
	}
	c, err := s.Campaign(ctx, r.Campaign)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{
		Round: id, Campaign: r.Campaign, State: r.State, Epoch: r.Epoch, Base: r.Base, Seed: r.Seed, Recipe: c.Recipe,
		MaxShare: c.Settings.MaxShare, Checkpoint: r.Checkpoint, Number: r.Number, Replay: c.Replays != 0, ServerBase: r.ServerBase,
		Present: r.Present, Wanted: r.Wanted, Limits: c.Settings.Checks, Version: c.Version,
	}
	if err := s.facts(ctx, &in); err != nil {
		return in, err
	}
	if in.Updates, err = s.Updates(ctx, id); err != nil || !c.Recipe.Privacy.On() {
		return in, err
	}
	spent, err := s.Spent(ctx, r.Campaign)
	if err != nil {
		return in, err
	}
	for _, u := range in.Updates {
		rounds := spent[u.Owner]
		if u.Weight == 0 { // not aggregated yet: Spent does not know of it
			rounds++
		}
		in.Spent = max(in.Spent, rounds)
	}
	return in, nil
}

// Updates lists the updates of a round by node.
func (s *Store) Updates(ctx context.Context, id training.RoundID) ([]Update, error) {
	const q = `
		select node, owner, digest, sealed, examples, weight, manifest, norm, tokens, steps, sent, outcome, scale, divisor from updates
		where round = @round order by node`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"round": id})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Update])
	if err != nil {
		return nil, fmt.Errorf("read updates of round %d: %w", id, err)
	}
	return found, nil
}

// Result is the mean of a round, computed before the act.
type Result struct {
	Epoch      int                         // that Inputs had
	Checkpoint training.Digest             // of the new weights' file, which is a blob already
	Size       int64                       // bytes
	Weights    map[governance.NodeID]int64 // what each update counted for
	Norms      map[governance.NodeID]float64
	Server     *training.Digest    // what the server's rule keeps, a blob already; nil for nothing
	Byzantine  int                 // hostile members that the robust rule was asked to withstand
	Chosen     []governance.NodeID // whom a rule of distances believed
	Clip       string              // norm to which each member was clipped, decimal; "" for none
	Epsilon    string              // largest ε of any member, decimal; "" without privacy
	Raw        int64               // bytes of the updates as float32
	Delta      *training.Digest    // blob that makes the checkpoint of the base
	Verdicts   map[governance.NodeID]Verdict
	Change     []byte // sketch of what the round changed; nil where none is kept
	// TooFew says why what the checks left is no round: then there is no
	// checkpoint, the verdicts are kept and the round is abandoned.
	TooFew string
}

// Aggregate records the mean of a round and asks members to measure it: the
// act that completes the job which computed it. The guarded transition makes
// it happen once, whatever number of servers computed.
func (s *Store) Aggregate(ctx context.Context, actor governance.Actor, id training.RoundID, res Result) error {
	return s.actOn(ctx, actor, id, "aggregates a round", func(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
		if err := inState(r, Aggregating); err != nil {
			return nil, err
		}
		if r.Epoch != res.Epoch {
			return nil, governance.Errorf(governance.Conflict, "Round %d has moved on.", id)
		}
		found, err := s.checked(ctx, tx, r, c, res)
		if err != nil {
			return nil, err
		}
		if res.TooFew != "" {
			ev, err := s.abandon(ctx, tx, r, c, res.TooFew)
			if gone, ok := ev.(RoundAbandoned); ok {
				gone.Checked = found
				return gone, err
			}
			return ev, err
		}
		ev, participants, err := s.weigh(ctx, tx, r, res)
		if err != nil {
			return nil, err
		}
		edge := models.Edge{Child: res.Checkpoint, Parent: r.Base, Campaign: c.ID, Round: id}
		ev.Checked = found
		if err := models.Descend(ctx, tx, edge, res.Size); err != nil {
			return nil, err
		}
		if err := s.move(ctx, tx, r, Evaluating, ""); err != nil {
			return nil, err
		}
		r.Epoch++
		if err := outcome(ctx, tx, r, c, res, &ev); err != nil {
			return nil, err
		}
		r.Checkpoint = &res.Checkpoint
		return ev, s.evaluate(ctx, tx, r, c, participants)
	})
}

// outcome is the step that writes what came of a round, and completes its event.
func outcome(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, res Result, ev *RoundAggregated) error {
	if (res.Server != nil) != c.Recipe.ServerState() {
		return fmt.Errorf("aggregate round %d: %s keeps something: %v; something came: %v", r.ID, c.Recipe.Server.Name(), c.Recipe.ServerState(), res.Server != nil)
	}
	const update = `
		update rounds set checkpoint = @checkpoint, weight = @weight, server = @server, byzantine = @byzantine, chosen = @chosen,
			clip = @clip, epsilon = @epsilon, raw = @raw, delta = @delta,
			sent = (select coalesce(sum(sent), 0) from updates where round = @id)
		where id = @id returning sent`
	err := tx.QueryRow(ctx, update, pgx.StrictNamedArgs{
		"checkpoint": res.Checkpoint, "weight": ev.Total, "server": res.Server, "byzantine": res.Byzantine, "chosen": plain(res.Chosen),
		"clip": res.Clip, "epsilon": res.Epsilon, "raw": res.Raw, "delta": res.Delta, "id": r.ID,
	}).Scan(&ev.Sent)
	if err != nil {
		return fmt.Errorf("aggregate round %d: %w", r.ID, err)
	}
	recipe := c.Recipe
	ev.Rule, ev.Robust, ev.Codec, ev.Noise = recipe.Server.Rule, recipe.Robust.Rule, recipe.Up.Codec, recipe.Privacy.Noise
	ev.Byzantine, ev.Chosen, ev.Clip, ev.Epsilon, ev.Raw = res.Byzantine, res.Chosen, res.Clip, res.Epsilon, res.Raw
	if r.ServerBase != nil {
		ev.ServerBase = r.ServerBase.Hex()
	}
	if res.Server != nil {
		ev.Server = res.Server.Hex()
	}
	return nil
}

// weigh is the step that writes what each update counted for. The weights must
// be of exactly the updates that were taken.
func (s *Store) weigh(ctx context.Context, tx *audit.Tx, r roundRow, res Result) (RoundAggregated, []candidate, error) {
	const q = `select node, owner, examples, manifest from updates where round = @round order by node for update`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"round": r.ID})
	taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
	if err != nil {
		return RoundAggregated{}, nil, fmt.Errorf("weigh updates of round %d: %w", r.ID, err)
	}
	var heavy []candidate
	for _, u := range taken {
		if res.Weights[u.Node] > 0 {
			heavy = append(heavy, u)
		}
	}
	if len(taken) != len(res.Weights) || owners(heavy) < 2 {
		return RoundAggregated{}, nil, fmt.Errorf("aggregate round %d: %d updates, %d members count, weights for %d", r.ID, len(taken), owners(heavy), len(res.Weights))
	}
	ev := RoundAggregated{Round: r.ID, Checkpoint: res.Checkpoint.Hex(), Arithmetic: training.Arithmetic}
	norms := make([]float64, len(taken))
	for i, u := range taken {
		w := res.Weights[u.Node]
		if w < 0 || w > u.Tokens { // Tokens holds the examples here
			return ev, nil, fmt.Errorf("aggregate round %d: weight %d of node %d, which has %d examples", r.ID, w, u.Node, u.Tokens)
		}
		norms[i] = res.Norms[u.Node]
		ev.Nodes, ev.Weights, ev.Total = append(ev.Nodes, u.Node), append(ev.Weights, w), ev.Total+w
	}
	const update = `
		update updates u set weight = t.weight, norm = t.norm
		from unnest(@nodes::bigint[], @weights::bigint[], @norms::float8[]) as t (node, weight, norm)
		where u.round = @round and u.node = t.node`
	args := pgx.StrictNamedArgs{"round": r.ID, "nodes": plain(ev.Nodes), "weights": ev.Weights, "norms": norms}
	if _, err := tx.Exec(ctx, update, args); err != nil {
		return ev, nil, fmt.Errorf("weigh updates of round %d: %w", r.ID, err)
	}
	return ev, taken, nil
}

// evaluate is the step that asks those who trained to measure base, result
// and the campaign's base on their own validation records. A replay is
// measured once, at the end of its case.
func (s *Store) evaluate(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, participants []candidate) error {
	by := tx.Now(ctx).Add(time.Duration(c.Recipe.Deadline) * time.Second)
	var list []task
	if c.Replays == 0 {
		able, err := s.measuring(ctx, tx, c, participants)
		if err != nil {
			return err
		}
		for _, n := range able {
			for _, base := range []training.Digest{r.Base, *r.Checkpoint, c.Base} { // the campaign's base may be the round's: asked once
				list = append(list, task{campaign: c.ID, round: r.ID, node: n.Node, owner: n.Owner, kind: protocol.Evaluate, decision: c.Decision, epoch: r.Epoch, base: base, most: 1, expires: by})
			}
		}
	}
	if err := s.assign(ctx, tx, list...); err != nil {
		return err
	}
	const update = `update rounds set evaluate_by = @by where id = @id`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"by": by, "id": r.ID}); err != nil {
		return fmt.Errorf("evaluate round %d: %w", r.ID, err)
	}
	if len(list) == 0 {
		return tx.Enqueue(ctx, JudgeArgs{Round: r.ID}, uniqueByRound())
	}
	if err := s.wake(ctx, tx, tasks); err != nil {
		return err
	}
	return tx.EnqueueAt(ctx, DeadlineArgs{Round: r.ID, Epoch: r.Epoch}, by)
}

// measuring is the step that keeps those who have enough records to measure on.
func (s *Store) measuring(ctx context.Context, tx *audit.Tx, c campaignRow, participants []candidate) ([]candidate, error) {
	nodes := make([]governance.NodeID, len(participants))
	for i, n := range participants {
		nodes[i] = n.Node
	}
	const q = `select node, validation from manifests where node = any(@nodes::bigint[]) and newest`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"nodes": plain(nodes)})
	records := map[governance.NodeID]int64{}
	var node governance.NodeID
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&node, &n}, func() error { records[node] = n; return nil }); err != nil {
		return nil, fmt.Errorf("ask %d nodes to measure: %w", len(participants), err)
	}
	return slices.DeleteFunc(slices.Clone(participants), func(p candidate) bool { return records[p.Node] < c.Settings.MinRecords }), nil
}
