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

// assign is the step that writes assignments, all in one trip to the database.
// One that exists stays.
func (s *Store) assign(ctx context.Context, tx *audit.Tx, list ...task) error {
	const insert = `
		insert into assignments (campaign, round, unlearning, node, owner, kind, decision, origin, audits, spot, epoch, base, seed, most,
			manifest, forget, state, expires_at)
		values (@campaign, nullif(@round, 0), nullif(@unlearning, 0), @node, @owner, @kind, @decision, nullif(@origin, 0),
			nullif(@audits, 0), nullif(@spot, 0), @epoch, @base, @seed, @most, @manifest, @forget, 'open', @expires)
		on conflict (round, unlearning, node, kind, base) do nothing`
	var batch pgx.Batch
	for _, t := range list {
		forget := ""
		if t.forget != nil {
			text, err := json.Marshal(t.forget)
			if err != nil {
				return fmt.Errorf("assign node %d: %w", t.node, err)
			}
			forget = string(text)
		}
		batch.Queue(insert, pgx.StrictNamedArgs{
			"campaign": t.campaign, "round": int64(t.round), "unlearning": int64(t.unlearning), "node": t.node, "owner": t.owner,
			"kind": t.kind, "decision": t.decision, "origin": int64(t.origin), "audits": int64(t.audits), "spot": int64(t.spot), "epoch": t.epoch, "base": t.base,
			"seed": int64(t.seed), "most": max(1, t.most), "manifest": t.manifest, "forget": forget, "expires": t.expires,
		})
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
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
