package rounds

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// task is an assignment before it has an id.
type task struct {
	campaign   training.CampaignID
	round      training.RoundID      // 0 for a case
	unlearning training.UnlearningID // 0 for a round
	node       governance.NodeID
	owner      governance.MemberID
	kind       string
	decision   governance.EntryID
	origin     governance.EntryID // of a replay or a case: the decision to train
	audits     training.RoundID
	spot       governance.NodeID // of a spot check: whose update; 0 otherwise
	epoch      int
	base       training.Digest
	seed       uint64
	most       int64
	manifest   *training.Digest
	forget     *protocol.Forget
	expires    time.Time
}

// assign is the step that writes assignments, all in one statement: a round may
// ask thousands of nodes. One that exists stays.
func (s *Store) assign(ctx context.Context, tx *audit.Tx, list ...task) error {
	const insert = `
		insert into assignments (campaign, round, unlearning, node, owner, kind, decision, origin, audits, spot, epoch, base, seed, most,
			manifest, forget, state, expires_at)
		select campaign, nullif(round, 0), nullif(unlearning, 0), node, owner, kind, decision, nullif(origin, 0), nullif(audits, 0),
			nullif(spot, 0), epoch, base, seed, most, manifest, forget, 'open', expires
		from unnest(@campaigns::bigint[], @rounds::bigint[], @cases::bigint[], @nodes::bigint[], @owners::bigint[], @kinds::text[],
			@decisions::bigint[], @origins::bigint[], @audits::bigint[], @spots::bigint[], @epochs::int[], @bases::bytea[], @seeds::bigint[],
			@mosts::bigint[], @manifests::bytea[], @forgets::text[], @expires::timestamptz[]) with ordinality
			as t (campaign, round, unlearning, node, owner, kind, decision, origin, audits, spot, epoch, base, seed, most, manifest, forget, expires, n)
		order by n
		on conflict (round, unlearning, node, kind, base) do nothing`
	if len(list) == 0 {
		return nil
	}
	ids := map[string][]int64{}
	var kinds, forgets []string
	var bases, manifests [][]byte
	var expires []time.Time
	for _, t := range list {
		forget := ""
		if t.forget != nil {
			text, err := json.Marshal(t.forget)
			if err != nil {
				return fmt.Errorf("assign node %d: %w", t.node, err)
			}
			forget = string(text)
		}
		for name, v := range map[string]int64{
			"campaigns": int64(t.campaign), "rounds": int64(t.round), "cases": int64(t.unlearning), "nodes": int64(t.node), "owners": int64(t.owner),
			"decisions": int64(t.decision), "origins": int64(t.origin), "audits": int64(t.audits), "spots": int64(t.spot), "epochs": int64(t.epoch),
			"seeds": int64(t.seed), "mosts": max(1, t.most),
		} {
			ids[name] = append(ids[name], v)
		}
		var manifest []byte
		if t.manifest != nil {
			manifest = t.manifest[:]
		}
		kinds, forgets, bases = append(kinds, t.kind), append(forgets, forget), append(bases, t.base[:])
		manifests, expires = append(manifests, manifest), append(expires, t.expires)
	}
	args := pgx.StrictNamedArgs{"kinds": kinds, "forgets": forgets, "bases": bases, "manifests": manifests, "expires": expires}
	for name, v := range ids {
		args[name] = v
	}
	if _, err := tx.Exec(ctx, insert, args); err != nil {
		return fmt.Errorf("assign %d tasks: %w", len(list), err)
	}
	return nil
}

// CaseTask is what an unlearning case asks of one node.
type CaseTask struct {
	Case     training.UnlearningID
	Campaign training.CampaignID // that is unlearned
	Node     governance.NodeID
	Owner    governance.MemberID
	Kind     string             // protocol.Suppress, Probe, Evaluate or Train (an auditor trains a replayed round again)
	Decision governance.EntryID // to unlearn
	Base     training.Digest
	Seed     uint64
	Audits   training.RoundID // the replayed round that an auditor trains again; 0 otherwise
	Manifest *training.Digest // that an auditor trains on
	Forget   protocol.Forget
	Expires  time.Time
}

// AssignCase is the step by which an unlearning case asks a node. A node that
// was asked the same before is not asked twice.
func (s *Store) AssignCase(ctx context.Context, tx *audit.Tx, t CaseTask) error {
	const q = `select decision from campaigns where id = @id`
	var origin governance.EntryID
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": t.Campaign}).Scan(&origin); err != nil {
		return fmt.Errorf("ask node %d for unlearning case %d: %w", t.Node, t.Case, err)
	}
	if err := s.assign(ctx, tx, task{
		campaign: t.Campaign, unlearning: t.Case, node: t.Node, owner: t.Owner, kind: t.Kind, decision: t.Decision, origin: origin,
		audits: t.Audits, epoch: 1, base: t.Base, seed: t.Seed, most: math.MaxInt32, manifest: t.Manifest, forget: &t.Forget, expires: t.Expires,
	}); err != nil {
		return err
	}
	return s.wake(ctx, tx, tasks)
}
