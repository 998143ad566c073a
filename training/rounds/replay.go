package rounds

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// recorded is an accepted round of a campaign that is replayed.
type recorded struct {
	ID         training.RoundID
	Number     int
	Base       training.Digest
	Seed       []byte
	Checkpoint training.Digest
	ServerBase *training.Digest // what the server's rule kept before it
	Present    int
}

// accepted reads the accepted rounds of a campaign from a number on.
func accepted(ctx context.Context, tx *audit.Tx, campaign training.CampaignID, from int) ([]recorded, error) {
	const q = `
		select id, number, base, seed, checkpoint, server_base, present from rounds
		where campaign = @campaign and state = 'accepted' and number >= @from order by number`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"campaign": campaign, "from": from})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[recorded])
	if err != nil {
		return nil, fmt.Errorf("read accepted rounds of campaign %d: %w", campaign, err)
	}
	return found, nil
}

// Replay is what an unlearning case asks to be trained again.
type Replay struct {
	Case     training.UnlearningID
	Decision governance.EntryID
	Campaign training.CampaignID
	Forgets  governance.MemberID
	From     int // number of the first round that anything of the member touched
}

// OpenReplay is the step that opens the campaign which trains the accepted
// rounds of another one again. It begins from the checkpoint before From,
// which no record of the forgotten member touched.
func (s *Store) OpenReplay(ctx context.Context, tx *audit.Tx, p Replay) (training.CampaignID, error) {
	of, err := lockCampaign(ctx, tx, p.Campaign)
	if err != nil {
		return 0, err
	}
	if of.Replays != 0 {
		return 0, governance.Errorf(governance.Conflict, "Campaign %d is itself a replay; unlearn the campaign that it replays.", p.Campaign)
	}
	rounds, err := accepted(ctx, tx, p.Campaign, p.From)
	if err != nil {
		return 0, err
	}
	if len(rounds) == 0 {
		return 0, governance.Errorf(governance.Conflict, "Campaign %d has no accepted round from number %d on: nothing is to be replayed.", p.Campaign, p.From)
	}
	d, hash, err := DecisionOf(ctx, tx, p.Decision)
	if err != nil {
		return 0, err
	}
	c := of
	c.Proposal, c.Decision, c.Hash = governance.ProposalID(d.Proposal), p.Decision, hash[:]
	c.Base, c.Head, c.Server = rounds[0].Base, rounds[0].Base, rounds[0].ServerBase
	c.Replays, c.ReplaysFrom, c.Forgets, c.Unlearning = p.Campaign, p.From, p.Forgets, p.Case
	const recipe = `select recipe from campaigns where id = @id`
	var text string
	if err := tx.QueryRow(ctx, recipe, pgx.StrictNamedArgs{"id": p.Campaign}).Scan(&text); err != nil {
		return 0, fmt.Errorf("replay campaign %d: %w", p.Campaign, err)
	}
	if c.ID, err = s.insertCampaign(ctx, tx, c, text); err != nil {
		return 0, err
	}
	first := rounds[0]
	_, err = s.plan(ctx, tx, c, roundRow{
		Number: first.Number, Attempt: 1, Base: first.Base, Seed: [32]byte(first.Seed), Origin: first.ID, ServerBase: first.ServerBase, Present: first.Present,
	})
	return c.ID, err
}

// openReplay is the step that asks the nodes whose updates counted in the
// recorded round, without those of the forgotten member and of members whom
// earlier cases forgot, and without nodes that have gone. It does not look at heartbeats: the others are waited for until
// the deadline. A round of which fewer than two members remain is skipped,
// because its mean would show one member's update; the next one begins from
// the same base.
func (s *Store) openReplay(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) (audit.Event, error) {
	const q = `
		select u.node, u.owner, u.examples, u.manifest
		from updates u
		join nodes n on n.id = u.node and n.revoked_at is null
		join members m on m.id = u.owner and m.left_at is null
		where u.round = @origin and u.weight > 0
		and not exists (select from campaigns f where f.replays = @replays and f.forgets = u.owner)
		order by u.node`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"origin": r.Origin, "replays": c.Replays})
	cohort, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidate])
	if err != nil {
		return nil, fmt.Errorf("read cohort of round %d: %w", r.Origin, err)
	}
	reason := ""
	if _, ok := c.Recipe.Bearable(owners(cohort)); !ok && c.Recipe.PerMember() {
		reason = fmt.Sprintf("%d members remain, too few for %s", owners(cohort), c.Recipe.Robust.Name())
	}
	if owners(cohort) < 2 {
		reason = "fewer than two members remain, and a mean of one member's updates would show them"
	}
	if reason == "" {
		return s.collect(ctx, tx, r, c, cohort)
	}
	if err := s.move(ctx, tx, r, Abandoned, reason); err != nil {
		return nil, err
	}
	ends, err := s.next(ctx, tx, r, c, r.Base, r.ServerBase)
	return RoundAbandoned{Round: r.ID, Campaign: c.ID, Number: r.Number, Attempt: r.Attempt, Reason: reason, Skips: true, Ends: ends}, err
}

// next is the step that plans the round after one that is over, from a base
// and what the server's rule keeps beside it, or ends the campaign. It reports
// whether it ended.
func (s *Store) next(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, base training.Digest, server *training.Digest) (bool, error) {
	const head = `update campaigns set head = @head, server = @server where id = @id`
	if _, err := tx.Exec(ctx, head, pgx.StrictNamedArgs{"head": base, "server": server, "id": c.ID}); err != nil {
		return false, fmt.Errorf("advance campaign %d: %w", c.ID, err)
	}
	if c.Replays == 0 {
		if r.Number >= c.Recipe.Rounds {
			return true, s.end(ctx, tx, c, Finished, "all rounds are done")
		}
		_, err := s.plan(ctx, tx, c, roundRow{Number: r.Number + 1, Attempt: 1, Base: base, ServerBase: server})
		return false, err
	}
	following, err := accepted(ctx, tx, c.Replays, r.Number+1)
	if err != nil {
		return false, err
	}
	if len(following) == 0 {
		return true, s.end(ctx, tx, c, Finished, "all rounds are replayed")
	}
	to := following[0]
	_, err = s.plan(ctx, tx, c, roundRow{
		Number: to.Number, Attempt: 1, Base: base, Seed: [32]byte(to.Seed), Origin: to.ID, ServerBase: server, Present: to.Present,
	})
	return false, err
}

// Touched is the step that lists the checkpoints of a campaign and its replays
// into which an update of a member went, accepted or not. What was trained
// from them is found along the lineage.
func Touched(ctx context.Context, tx *audit.Tx, campaign training.CampaignID, owner governance.MemberID) ([]training.Digest, error) {
	const q = `
		select distinct r.checkpoint from rounds r join campaigns c on c.id = r.campaign
		where (c.id = @campaign or c.replays = @campaign) and r.checkpoint is not null
		and exists (select from updates u where u.round = r.id and u.owner = @owner and u.weight > 0)`
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"campaign": campaign, "owner": owner})
	found, err := pgx.CollectRows(rows, pgx.RowTo[training.Digest])
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of campaign %d: %w", campaign, err)
	}
	return found, nil
}

// Destroyed is the step that notes that the key to a member's updates is gone.
// It returns how many were noted now.
func Destroyed(ctx context.Context, tx *audit.Tx, owner governance.MemberID) (int64, error) {
	const update = `update updates set destroyed_at = @now where owner = @owner and destroyed_at is null`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"now": tx.Now(ctx), "owner": owner})
	if err != nil {
		return 0, fmt.Errorf("note destroyed updates of member %d: %w", owner, err)
	}
	const sketches = `delete from update_sketches where owner = @owner`
	if _, err := tx.Exec(ctx, sketches, pgx.StrictNamedArgs{"owner": owner}); err != nil {
		return 0, fmt.Errorf("forget sketches of member %d: %w", owner, err)
	}
	return tag.RowsAffected(), nil
}

// SealedFrom lists the blobs of all updates that went into checkpoints which an
// unlearning case tainted: they were trained from weights that carry the
// records. With them go what the server's rule kept beside such checkpoints and
// the differences that lead to them.
func (s *Store) SealedFrom(ctx context.Context, id training.UnlearningID) ([]training.Digest, error) {
	const q = `
		select u.sealed from updates u join rounds r on r.id = u.round join checkpoints c on c.digest = r.checkpoint
		where c.tainted_by = @id
		union
		select kept.digest from rounds r join checkpoints c on c.digest = r.checkpoint
		cross join lateral (values (r.server), (r.delta)) kept (digest)
		where c.tainted_by = @id and kept.digest is not null
		order by 1`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, pgx.RowTo[training.Digest])
	if err != nil {
		return nil, fmt.Errorf("read updates tainted by case %d: %w", id, err)
	}
	return found, nil
}

// Sealed lists the blobs of a member's updates, and of what the member's nodes
// handed over for spot checks.
func (s *Store) Sealed(ctx context.Context, owner governance.MemberID) ([]training.Digest, error) {
	const q = `
		select sealed from updates where owner = @owner
		union select sealed from spot_checks where owner = @owner and sealed is not null
		order by 1`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"owner": owner})
	found, err := pgx.CollectRows(rows, pgx.RowTo[training.Digest])
	if err != nil {
		return nil, fmt.Errorf("read updates of member %d: %w", owner, err)
	}
	return found, nil
}
