package unlearning

import (
	"context"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"github.com/jackc/pgx/v5"
)

// Replay begins the replay when every node of the contributor has acknowledged
// the suppression, or when the time for that is over; before that it answers
// rounds.ErrWaiting. Nodes that stayed silent are named, and get no other work
// until they acknowledge.
func (s *Store) Replay(ctx context.Context, actor governance.Actor, id training.UnlearningID) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		c, err := lock(ctx, tx, id, Suppressing)
		if err != nil {
			return nil, err
		}
		const q = `select node from assignments where unlearning = @id and kind = 'suppress' and state <> 'done' order by node`
		rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
		silent, err := pgx.CollectRows(rows, pgx.RowTo[governance.NodeID])
		if err != nil {
			return nil, fmt.Errorf("replay for unlearning case %d: %w", id, err)
		}
		if len(silent) > 0 && tx.Now(ctx).Before(c.Due) {
			return nil, rounds.ErrWaiting
		}
		ev := ReplayBegan{Case: id, Campaign: c.Campaign, From: c.FirstRound, Clean: c.Clean.Hex(), Silent: silent}
		if c.FirstRound == 0 {
			return s.nothing(ctx, tx, c)
		}
		if ev.Replay, err = s.rounds.OpenReplay(ctx, tx, rounds.Replay{
			Case: id, Decision: c.Decision, Campaign: c.Campaign, Forgets: c.Contributor, From: c.FirstRound,
		}); err != nil {
			return nil, err
		}
		if err := move(ctx, tx, c, Replaying, ""); err != nil {
			return nil, err
		}
		if silent == nil {
			silent = []governance.NodeID{}
		}
		const update = `update unlearning_cases set replay = @replay, silent = @silent where id = @id`
		if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"replay": ev.Replay, "silent": silent, "id": id}); err != nil {
			return nil, fmt.Errorf("replay for unlearning case %d: %w", id, err)
		}
		return ev, nil
	})
	return err
}

// nothing is the step that closes a case in which no round has to be replayed.
func (s *Store) nothing(ctx context.Context, tx *audit.Tx, c Case) (audit.Event, error) {
	const reason = "nothing of the contributor counted in any accepted round of this campaign"
	if err := move(ctx, tx, c, Closed, reason); err != nil {
		return nil, err
	}
	return NothingToForget{Case: c.ID, Campaign: c.Campaign, Contributor: c.Contributor}, nil
}

// auditors is how many members are asked to train a replayed round again.
const auditors = 3

// Verify begins the verification when the replay has ended, or fails the case
// when the replay was stopped; while it runs the answer is rounds.ErrWaiting.
// The contributor's nodes are asked to probe the tainted and the clean
// weights, those who remain to measure both, and members drawn by the
// decision's hash to train one replayed round again.
func (s *Store) Verify(ctx context.Context, actor governance.Actor, id training.UnlearningID) error {
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		c, err := lock(ctx, tx, id, Replaying)
		if err != nil {
			return nil, err
		}
		const q = `select state, reason, head, recipe, decision_hash from campaigns where id = @id`
		var state, reason, recipe string
		var hash []byte
		if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": c.Replay}).Scan(&state, &reason, &c.Result, &recipe, &hash); err != nil {
			return nil, fmt.Errorf("verify unlearning case %d: %w", id, err)
		}
		switch state {
		case rounds.Running:
			return nil, rounds.ErrWaiting
		case rounds.Stopped:
			if err := move(ctx, tx, c, Failed, "the replay was stopped: "+reason); err != nil {
				return nil, err
			}
			return CaseFailed{Case: id, Reason: "the replay was stopped: " + reason}, nil
		}
		decided, err := protocol.Decode[protocol.Recipe]([]byte(recipe))
		if err != nil {
			return nil, fmt.Errorf("verify unlearning case %d: %w", id, err)
		}
		c.Due = tx.Now(ctx).Add(time.Duration(decided.Deadline) * time.Second)
		if err := move(ctx, tx, c, Verifying, ""); err != nil {
			return nil, err
		}
		const update = `update unlearning_cases set result = @result, due = @due where id = @id`
		if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"result": c.Result, "due": c.Due, "id": id}); err != nil {
			return nil, fmt.Errorf("verify unlearning case %d: %w", id, err)
		}
		ev := VerificationBegan{Case: id, Result: c.Result.Hex(), Tainted: c.Tainted.Hex()}
		if ev.Probing, err = s.probe(ctx, tx, c, [32]byte(hash)); err != nil {
			return nil, err
		}
		if ev.Measuring, err = s.measure(ctx, tx, c); err != nil {
			return nil, err
		}
		if !decided.Stateful() { // what nodes kept between rounds is not there any more to train with again
			if ev.Auditing, err = s.auditing(ctx, tx, c, [32]byte(hash)); err != nil {
				return nil, err
			}
		}
		if err := tx.Enqueue(ctx, rounds.UnlearningArgs{Case: id}, nil); err != nil {
			return nil, err
		}
		return ev, tx.EnqueueAt(ctx, rounds.UnlearningArgs{Case: id}, c.Due)
	})
	return err
}

func (s *Store) task(c Case, node governance.NodeID, owner governance.MemberID, kind string, base training.Digest) rounds.CaseTask {
	return rounds.CaseTask{
		Case: c.ID, Campaign: c.Campaign, Node: node, Owner: owner, Kind: kind, Decision: c.Decision, Base: base, Expires: c.Due,
		Forget: protocol.Forget{Campaign: int64(c.Campaign), Contributor: int64(c.Contributor), Method: "rollback"},
	}
}

// probe asks the contributor's own nodes, with one seed for both weights, so
// that both are ranked among the same references.
func (s *Store) probe(ctx context.Context, tx *audit.Tx, c Case, hash [32]byte) ([]governance.NodeID, error) {
	own, err := nodesOf(ctx, tx, c.Contributor)
	if err != nil {
		return nil, err
	}
	for _, n := range own {
		for _, base := range []training.Digest{c.Tainted, c.Result} {
			t := s.task(c, n, c.Contributor, protocol.Probe, base)
			t.Seed = rounds.TrainingSeed(hash, n)
			if err := s.rounds.AssignCase(ctx, tx, t); err != nil {
				return nil, err
			}
		}
	}
	return own, nil
}

// measure asks the nodes that trained in the campaign and remain.
func (s *Store) measure(ctx context.Context, tx *audit.Tx, c Case) ([]governance.NodeID, error) {
	const q = `
		select distinct n.id, n.owner from updates u join rounds r on r.id = u.round
		join nodes n on n.id = u.node and n.revoked_at is null
		join manifests t on t.node = n.id and t.newest and t.validation >= @records
		where r.campaign = @replay and r.state = 'accepted' or r.campaign = @campaign and r.state = 'accepted' and n.owner <> @contributor
		order by n.id`
	found, err := pairs(ctx, tx, q, pgx.StrictNamedArgs{
		"records": c.Settings.MinRecords, "replay": c.Replay, "campaign": c.Campaign, "contributor": c.Contributor,
	})
	if err != nil {
		return nil, fmt.Errorf("ask for measurements of unlearning case %d: %w", c.ID, err)
	}
	var asked []governance.NodeID
	for _, n := range found {
		asked = append(asked, n.Node)
		for _, base := range []training.Digest{c.Tainted, c.Result} {
			if err := s.rounds.AssignCase(ctx, tx, s.task(c, n.Node, n.Owner, protocol.Evaluate, base)); err != nil {
				return nil, err
			}
		}
	}
	return asked, nil
}

// pair is a node with its owner.
type pair struct {
	Node  governance.NodeID
	Owner governance.MemberID
}

func pairs(ctx context.Context, tx *audit.Tx, q string, args pgx.StrictNamedArgs) ([]pair, error) {
	rows, _ := tx.Query(ctx, q, args)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[pair])
}

// auditing asks members drawn by lot to train one replayed round again, each
// the one of its own rounds that the lot says. A node can repeat only its own
// training, because the text is there and nowhere else.
func (s *Store) auditing(ctx context.Context, tx *audit.Tx, c Case, hash [32]byte) ([]governance.NodeID, error) {
	const q = `
		select distinct on (u.owner) u.node, u.owner from updates u join rounds r on r.id = u.round
		where r.campaign = @replay and r.state = 'accepted' order by u.owner, u.node`
	members, err := pairs(ctx, tx, q, pgx.StrictNamedArgs{"replay": c.Replay})
	if err != nil {
		return nil, fmt.Errorf("draw auditors of unlearning case %d: %w", c.ID, err)
	}
	owner := map[governance.NodeID]governance.MemberID{}
	var nodes []governance.NodeID
	for _, m := range members {
		owner[m.Node] = m.Owner
		nodes = append(nodes, m.Node)
	}
	slices.Sort(nodes)
	drawn := rounds.Draw(hash, nodes, auditors)
	for _, n := range drawn {
		const own = `
			select r.id, r.base, r.seed, u.manifest from updates u join rounds r on r.id = u.round
			where r.campaign = @replay and r.state = 'accepted' and u.node = @node order by r.number`
		rows, _ := tx.Query(ctx, own, pgx.StrictNamedArgs{"replay": c.Replay, "node": n})
		type trained struct {
			Round    training.RoundID
			Base     training.Digest
			Seed     []byte
			Manifest training.Digest
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[trained])
		if err != nil {
			return nil, fmt.Errorf("draw a round for node %d: %w", n, err)
		}
		again := found[rounds.TrainingSeed(hash, n)%uint64(len(found))]
		t := s.task(c, n, owner[n], protocol.Train, again.Base)
		t.Seed, t.Audits, t.Manifest = rounds.TrainingSeed([32]byte(again.Seed), n), again.Round, &again.Manifest
		if err := s.rounds.AssignCase(ctx, tx, t); err != nil {
			return nil, err
		}
	}
	return drawn, nil
}
