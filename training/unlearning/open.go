package unlearning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
)

// never is when the order to suppress runs out: a node that comes back after
// years still gets it before any other work.
const never = 10 * 365 * 24 * time.Hour

// Open begins the case of an adopted proposal: the act of the job that carries
// out a decision to unlearn. It taints, stops what trains on tainted weights,
// and asks the contributor's nodes to suppress. also, if not nil, joins the act.
func (s *Store) Open(ctx context.Context, actor governance.Actor, decision governance.EntryID, also func(context.Context, *audit.Tx) error) (training.UnlearningID, error) {
	receipt, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if tx.Actor.Job == "" {
			return nil, governance.Errorf(governance.Forbidden, "A decision of the community opens an unlearning case, and nobody else.")
		}
		d, _, err := rounds.DecisionOf(ctx, tx, decision)
		if err != nil {
			return nil, err
		}
		if d.Motion != protocol.MotionUnlearn {
			return nil, governance.Errorf(governance.Invalid, "The decision is to %s and opens no unlearning case.", d.Motion)
		}
		forget, err := protocol.ParseForget([]byte(d.Params))
		if err != nil {
			return nil, governance.Errorf(governance.Invalid, "The decision cannot be carried out: %v.", err)
		}
		c := Case{
			Proposal: governance.ProposalID(d.Proposal), Decision: decision, Campaign: training.CampaignID(forget.Campaign),
			Contributor: governance.MemberID(forget.Contributor),
		}
		ev, err := s.open(ctx, tx, c, forget)
		if err != nil {
			return nil, err
		}
		if also != nil {
			err = also(ctx, tx)
		}
		return ev, err
	})
	if err != nil {
		return 0, err
	}
	return training.UnlearningID(receipt.Subject.ID()), nil
}

func (s *Store) open(ctx context.Context, tx *audit.Tx, c Case, forget protocol.Forget) (Opened, error) {
	deadline, err := scope(ctx, tx, &c)
	if err != nil {
		return Opened{}, err
	}
	values, err := policies.Current(ctx, tx)
	if err != nil {
		return Opened{}, err
	}
	c.Settings = SettingsFrom(values)
	c.Due = tx.Now(ctx).Add(deadline)
	if c.ID, err = insert(ctx, tx, c); err != nil {
		return Opened{}, err
	}
	ev := Opened{
		Case: c.ID, Proposal: c.Proposal, Decision: c.Decision, Campaign: c.Campaign, Contributor: c.Contributor,
		FirstRound: c.FirstRound, Clean: c.Clean.Hex(), Tainted: c.Tainted.Hex(),
	}
	if c.FirstRound > 0 {
		if ev.Marked, err = s.taint(ctx, tx, c, &ev); err != nil {
			return ev, err
		}
	}
	nodes, err := nodesOf(ctx, tx, c.Contributor)
	if err != nil {
		return ev, err
	}
	for _, n := range nodes {
		ev.Nodes = append(ev.Nodes, n)
		if err := s.rounds.AssignCase(ctx, tx, rounds.CaseTask{
			Case: c.ID, Campaign: c.Campaign, Node: n, Owner: c.Contributor, Kind: protocol.Suppress, Decision: c.Decision,
			Base: c.Clean, Forget: forget, Expires: tx.Now(ctx).Add(never),
		}); err != nil {
			return ev, err
		}
	}
	if err := tx.Enqueue(ctx, rounds.UnlearningArgs{Case: c.ID}, nil); err != nil {
		return ev, err
	}
	if err := tx.EnqueueAt(ctx, rounds.UnlearningArgs{Case: c.ID}, c.Due); err != nil {
		return ev, err
	}
	return ev, tx.Name(ctx, ref(c.ID), fmt.Sprintf("unlearning case %d", c.ID))
}

// scope is the step that finds where the contributor's traces begin. Replays
// of earlier cases are part of the campaign: who was forgotten then stays out,
// so the replay goes back to the earliest of their rounds. It returns how long
// the campaign waits for its nodes.
func scope(ctx context.Context, tx *audit.Tx, c *Case) (time.Duration, error) {
	const busy = `select coalesce(min(id), 0) from unlearning_cases where campaign = @campaign and state not in ('failed', 'closed')`
	var before training.UnlearningID
	if err := tx.QueryRow(ctx, busy, pgx.StrictNamedArgs{"campaign": c.Campaign}).Scan(&before); err != nil {
		return 0, fmt.Errorf("open unlearning case: %w", err)
	}
	if before != 0 {
		return 0, governance.Errorf(governance.Unavailable, "Unlearning case %d of this campaign has to end first.", before)
	}
	const q = `
		select recipe, replays is not null, base, (select f.head from campaigns f
			where (f.id = @id or f.replays = @id and f.state = 'finished') order by f.id desc limit 1),
			coalesce((select min(f.replays_from) from campaigns f where f.replays = @id), 0)
		from campaigns where id = @id for update`
	var recipe string
	var replay bool
	var earlier int
	err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": c.Campaign}).Scan(&recipe, &replay, &c.Clean, &c.Tainted, &earlier)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, governance.Errorf(governance.Invalid, "There is no campaign %d.", c.Campaign)
	}
	if err != nil {
		return 0, fmt.Errorf("open unlearning case: %w", err)
	}
	if replay {
		return 0, governance.Errorf(governance.Invalid, "Campaign %d is a replay. Decide about the campaign that it replays.", c.Campaign)
	}
	decided, err := protocol.Decode[protocol.Recipe]([]byte(recipe))
	if err != nil {
		return 0, fmt.Errorf("open unlearning case: %w", err)
	}
	if c.FirstRound, err = corpus.FirstUse(ctx, tx, c.Campaign, c.Contributor); err != nil {
		return 0, err
	}
	if c.FirstRound > 0 && earlier > 0 {
		c.FirstRound = min(c.FirstRound, earlier)
	}
	if c.FirstRound > 0 {
		const base = `select base from rounds where campaign = @campaign and state = 'accepted' and number >= @number order by number limit 1`
		err := tx.QueryRow(ctx, base, pgx.StrictNamedArgs{"campaign": c.Campaign, "number": c.FirstRound}).Scan(&c.Clean)
		if err != nil {
			return 0, fmt.Errorf("open unlearning case: %w", err)
		}
	}
	return time.Duration(decided.Deadline) * time.Second, nil
}

func insert(ctx context.Context, tx *audit.Tx, c Case) (training.UnlearningID, error) {
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		return 0, fmt.Errorf("open unlearning case: %w", err)
	}
	const q = `
		insert into unlearning_cases (proposal, decision, campaign, contributor, settings, state, epoch, first_round, clean, tainted,
			marked, due, opened_at)
		values (@proposal, @decision, @campaign, @contributor, @settings, 'suppressing', 1, @first, @clean, @tainted, 0, @due, @now)
		returning id`
	var id training.UnlearningID
	err = tx.QueryRow(ctx, q, pgx.StrictNamedArgs{
		"proposal": c.Proposal, "decision": c.Decision, "campaign": c.Campaign, "contributor": c.Contributor, "settings": string(settings),
		"first": c.FirstRound, "clean": c.Clean, "tainted": c.Tainted, "due": c.Due, "now": tx.Now(ctx),
	}).Scan(&id)
	if err != nil {
		return 0, pg.Translate(fmt.Errorf("open unlearning case: %w", err), map[string]error{
			"unlearning_cases_decision_key": governance.Errorf(governance.Conflict, "This decision has its unlearning case already."),
			"unlearning_cases_once":         governance.Errorf(governance.Invalid, "The records of this contributor are forgotten in this campaign already."),
		})
	}
	return id, nil
}

// taint is the step that marks what the records touched and stops campaigns
// that train on it, the unlearned one first.
func (s *Store) taint(ctx context.Context, tx *audit.Tx, c Case, ev *Opened) (int64, error) {
	halt := func(id training.CampaignID) error {
		round, ran, err := s.rounds.Halt(ctx, tx, id, fmt.Sprintf("unlearning case %d forgets records that it trains on", c.ID))
		if err != nil || !ran {
			return err
		}
		ev.Stopped = append(ev.Stopped, id)
		if round != 0 {
			ev.Abandoned = append(ev.Abandoned, round)
		}
		return nil
	}
	if err := halt(c.Campaign); err != nil {
		return 0, err
	}
	touched, err := rounds.Touched(ctx, tx, c.Campaign, c.Contributor)
	if err != nil {
		return 0, err
	}
	marked, err := models.Taint(ctx, tx, c.ID, touched)
	if err != nil {
		return 0, err
	}
	affected, err := rounds.Affected(ctx, tx)
	if err != nil {
		return 0, err
	}
	slices.Sort(affected)
	for _, id := range affected {
		if err := halt(id); err != nil {
			return 0, err
		}
	}
	const update = `update unlearning_cases set marked = @marked where id = @id`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"marked": marked, "id": c.ID}); err != nil {
		return 0, fmt.Errorf("open unlearning case: %w", err)
	}
	return marked, nil
}

// nodesOf is the step that lists the nodes that a member has now.
func nodesOf(ctx context.Context, tx *audit.Tx, owner governance.MemberID) ([]governance.NodeID, error) {
	const q = `select id from nodes where owner = @owner and joined_at is not null and revoked_at is null order by id`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"owner": owner})
	found, err := pgx.CollectRows(rows, pgx.RowTo[governance.NodeID])
	if err != nil {
		return nil, fmt.Errorf("read nodes of member %d: %w", owner, err)
	}
	return found, nil
}
