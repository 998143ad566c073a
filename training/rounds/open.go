package rounds

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// candidate is a node that is asked, as the act sees it.
type candidate struct {
	Node     governance.NodeID
	Owner    governance.MemberID
	Tokens   int64            // most examples that can count
	Manifest *training.Digest // of a replay: the recorded one
}

// maxCohort keeps the list of a cohort within one entry of the log.
const maxCohort = 4000

// lookAgain is how long a round that has too few nodes waits before it counts
// them again.
const lookAgain = 5 * time.Second

// Open draws the cohort of a round and asks its nodes: the act of the job that
// the plan of the round inserted. While too few nodes are there the round is
// selecting and Open answers ErrWaiting; when that lasts for the round's
// deadline the attempt is abandoned. With fewer nodes than the recipe asks for,
// but enough, it waits a quarter of that for those who are away, if any are.
func (s *Store) Open(ctx context.Context, actor governance.Actor, id training.RoundID) error {
	return s.actOn(ctx, actor, id, "opens a round", func(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
		if err := inState(r, Planned, Selecting); err != nil {
			return nil, err
		}
		if c.Replays != 0 {
			return s.openReplay(ctx, tx, r, c)
		}
		here, err := eligible(ctx, tx, r, c)
		if err != nil {
			return nil, err
		}
		found, over, err := s.exhausted(ctx, tx, r, c, here)
		if over != nil || err != nil {
			return over, err
		}
		cohort, drawn, err := s.draw(r, c, found)
		if err != nil {
			return nil, err
		}
		waited := tx.Now(ctx).Sub(r.PlannedAt)
		limit := time.Duration(c.Recipe.Deadline) * time.Second
		all := len(cohort) >= c.Recipe.Cohort || waited >= limit/4
		if !all {
			if all, err = nobodyElse(ctx, tx, c, here); err != nil {
				return nil, err
			}
		}
		switch {
		case enough(cohort, c.Recipe) && all:
			if err := note(ctx, tx, r, found, drawn); err != nil {
				return nil, err
			}
			r.Present = len(found)
			return s.collect(ctx, tx, r, c, cohort)
		case waited >= limit:
			return s.abandon(ctx, tx, r, c, fmt.Sprintf("only %d nodes with enough text were there, and %d of them could be asked", len(found), len(cohort)))
		case r.State == Selecting:
			return nil, ErrWaiting
		}
		if err := s.move(ctx, tx, r, Selecting, ""); err != nil {
			return nil, err
		}
		// this act completes the job that ran it, so another has to look again
		if err := tx.EnqueueAt(ctx, OpenArgs{Round: r.ID}, tx.Now(ctx).Add(lookAgain)); err != nil {
			return nil, err
		}
		return RoundWaits{Round: r.ID, Campaign: c.ID, Number: r.Number, Attempt: r.Attempt, Eligible: len(found), Wanted: c.Recipe.Cohort}, nil
	})
}

// enough asks for the recipe's fewest updates, and for the members that its
// rule needs, two at least: the mean of one member's updates would show them.
func enough(cohort []candidate, recipe protocol.Recipe) bool {
	return len(cohort) >= recipe.MinReports && owners(cohort) >= recipe.FewestMembers()
}

// nobodyElse reports whether all nodes that could be asked are here: then a
// round that wants more of them waits for nobody. A node that joined and has
// not described its text yet may still come.
func nobodyElse(ctx context.Context, tx *audit.Tx, c campaignRow, here []Candidate) (bool, error) {
	const q = `
		select not exists (
			select from nodes n
			join members m on m.id = n.owner and m.left_at is null
			left join manifests t on t.node = n.id and t.newest
			where n.joined_at is not null and n.revoked_at is null and n.id <> all (@here::bigint[])
			and coalesce(t.tokens, @tokens) >= @tokens and (coalesce(t.public, true) or not @public)
			and not exists (select from updates u where u.owner = n.owner and u.destroyed_at is not null))`
	ids := make([]int64, len(here))
	for i, f := range here {
		ids[i] = int64(f.Node)
	}
	var none bool
	args := pgx.StrictNamedArgs{"here": ids, "tokens": max(1, c.Settings.MinTokens), "public": c.Recipe.Public}
	if err := tx.QueryRow(ctx, q, args).Scan(&none); err != nil {
		return false, fmt.Errorf("look for nodes that are away: %w", err)
	}
	return none, nil
}

func owners(found []candidate) int {
	seen := map[governance.MemberID]bool{}
	for _, c := range found {
		seen[c.Owner] = true
	}
	return len(seen)
}

// collect is the step that writes the assignments of a cohort.
func (s *Store) collect(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, cohort []candidate) (audit.Event, error) {
	r.Cohort = make([]governance.NodeID, len(cohort))
	for i, n := range cohort {
		r.Cohort[i] = n.Node
	}
	r.Wanted = min(c.Recipe.Cohort, len(cohort))
	if c.Replays != 0 {
		r.Wanted = len(cohort)
	}
	deadline := tx.Now(ctx).Add(time.Duration(c.Recipe.Deadline) * time.Second)
	if err := s.move(ctx, tx, r, Collecting, ""); err != nil {
		return nil, err
	}
	r.Epoch++
	origin, forget, err := forgotten(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	const update = `update rounds set cohort = @cohort, wanted = @wanted, deadline = @deadline, present = @present where id = @id`
	args := pgx.StrictNamedArgs{"cohort": plain(r.Cohort), "wanted": r.Wanted, "deadline": deadline, "present": r.Present, "id": r.ID}
	if _, err := tx.Exec(ctx, update, args); err != nil {
		return nil, fmt.Errorf("open round %d: %w", r.ID, err)
	}
	list := make([]task, len(cohort))
	for i, n := range cohort {
		list[i] = task{
			campaign: c.ID, round: r.ID, node: n.Node, owner: n.Owner, kind: protocol.Train, decision: c.Decision,
			origin: origin, forget: forget, epoch: r.Epoch, base: r.Base,
			seed: TrainingSeed(r.Seed, n.Node), most: n.Tokens, manifest: n.Manifest, expires: deadline,
		}
	}
	if err := s.assign(ctx, tx, list...); err != nil {
		return nil, err
	}
	if err := tx.EnqueueAt(ctx, DeadlineArgs{Round: r.ID, Epoch: r.Epoch}, deadline); err != nil {
		return nil, err
	}
	if err := s.wake(ctx, tx, tasks); err != nil {
		return nil, err
	}
	return RoundOpened{
		Round: r.ID, Campaign: c.ID, Number: r.Number, Attempt: r.Attempt, Epoch: r.Epoch, Base: r.Base.Hex(),
		Seed: training.Digest(r.Seed).Hex(), Origin: r.Origin, Cohort: r.Cohort, Wanted: r.Wanted, Deadline: deadline.Unix(),
		Rule: c.Recipe.Selection.Rule, Present: r.Present,
	}, nil
}

// forgotten is the step that reads what a replay has to tell its nodes: the
// decision that began the campaign, and who is forgotten.
func forgotten(ctx context.Context, tx *audit.Tx, c campaignRow) (governance.EntryID, *protocol.Forget, error) {
	if c.Replays == 0 {
		return 0, nil, nil
	}
	const q = `select decision from campaigns where id = @id`
	var origin governance.EntryID
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": c.Replays}).Scan(&origin); err != nil {
		return 0, nil, fmt.Errorf("read campaign %d: %w", c.Replays, err)
	}
	return origin, &protocol.Forget{Campaign: int64(c.Replays), Contributor: int64(c.Forgets), Method: "rollback"}, nil
}

// abandon is the step that gives an attempt up and plans the next one, or
// stops the campaign when there were enough attempts.
func (s *Store) abandon(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, reason string) (audit.Event, error) {
	if err := s.move(ctx, tx, r, Abandoned, reason); err != nil {
		return nil, err
	}
	shut(tx, r.ID)
	ev := RoundAbandoned{Round: r.ID, Campaign: c.ID, Number: r.Number, Attempt: r.Attempt, Reason: reason}
	ev.Stops = r.Attempt >= c.Settings.Attempts
	return ev, s.again(ctx, tx, r, c, reason)
}

// again is the step that plans the next attempt at a round.
func (s *Store) again(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, reason string) error {
	if r.Attempt >= c.Settings.Attempts {
		return s.end(ctx, tx, c, Stopped, fmt.Sprintf("round %d failed %d times: %s", r.Number, r.Attempt, reason))
	}
	r.Attempt++
	_, err := s.plan(ctx, tx, c, r)
	return err
}

func plain[ID ~int64](ids []ID) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
