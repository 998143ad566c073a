package rounds

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Kinds of reference.
const (
	RefCampaign   = "campaign"
	RefRound      = "round"
	RefUnlearning = "unlearning"
)

// States of a round.
const (
	Planned     = "planned"
	Selecting   = "selecting"   // waits for enough nodes
	Collecting  = "collecting"  // nodes train
	Aggregating = "aggregating" // the mean is computed
	Evaluating  = "evaluating"  // members measure base and result on their own text
	Accepted    = "accepted"
	Rejected    = "rejected"
	Abandoned   = "abandoned"
)

// States of a campaign.
const (
	Running  = "running"
	Finished = "finished"
	Stopped  = "stopped"
)

// ErrWaiting says that it is too early: the job looks again later.
var ErrWaiting = errors.New("not yet")

// Options of a Store.
type Options struct {
	Log    *audit.Log         // shows mandates
	Server ed25519.PrivateKey // signs assignments
	Now    func() time.Time   // of reads; acts use the database's clock
	Lease  time.Duration      // how long a node may be silent; 60 s if 0
	// Choose selects a cohort by the recipe's rule; nil draws by lot whatever
	// the recipe says, and refuses recipes that say something else.
	Choose Chooser
	// Crash, if set, is called inside acts at named points; what it returns
	// breaks the act off. For tests of what a crash leaves.
	Crash func(point string) error
}

// Store keeps campaigns, rounds and assignments.
type Store struct {
	trail  *audit.Trail
	pool   *pgxpool.Pool
	log    *audit.Log
	server ed25519.PrivateKey
	now    func() time.Time
	lease  time.Duration
	hub    *Hub
	choose Chooser
	crash  func(string) error

	leasing  *pg.Gather[governance.NodeID, offered]
	renewing *pg.Gather[renewal, renewed]
	pacing   *pg.Gather[governance.NodeID, Pacing]

	mu     sync.Mutex // over proofs
	proofs proofs
}

// New returns the store of a database.
func New(trail *audit.Trail, pool *pgxpool.Pool, opts Options) *Store {
	s := &Store{trail: trail, pool: pool, log: opts.Log, server: opts.Server, now: opts.Now, lease: opts.Lease, hub: NewHub(), choose: opts.Choose, crash: opts.Crash}
	if s.now == nil {
		s.now = func() time.Time { return time.Now().UTC() }
	}
	if s.lease <= 0 {
		s.lease = time.Minute
	}
	if s.crash == nil {
		s.crash = func(string) error { return nil }
	}
	s.leasing, s.renewing, s.pacing = pg.NewGather(offers, s.offer), pg.NewGather(offers, s.renew), pg.NewGather(offers, s.pace)
	return s
}

// Now is the time of reads.
func (s *Store) Now() time.Time { return s.now() }

// Hub wakes those who wait for work or watch a campaign.
func (s *Store) Hub() *Hub { return s.hub }

// campaignRow is a campaign as acts need it.
type campaignRow struct {
	ID          training.CampaignID
	Proposal    governance.ProposalID
	Decision    governance.EntryID
	Hash        []byte
	Recipe      protocol.Recipe
	Settings    Settings
	Base        training.Digest
	Version     training.VersionID
	Replays     training.CampaignID // 0 for a campaign that trains
	ReplaysFrom int
	Forgets     governance.MemberID
	Unlearning  training.UnlearningID
	State       string
	Head        training.Digest
	Server      *training.Digest // what the server's rule keeps beside Head
}

// A campaign and its round are held together: alone by the act that moves
// them, shared by reports, of which many are taken at the same moment. The
// campaign is locked before the round, and the round before its assignments.
const (
	campaignSQL = `
		select id, proposal, decision, decision_hash, recipe, settings, base, version, coalesce(replays, 0),
			coalesce(replays_from, 0), coalesce(forgets, 0), coalesce(unlearning, 0), state, head, server
		from campaigns `
	roundSQL = `
		select id, campaign, number, attempt, state, epoch, base, seed, coalesce(origin, 0), cohort, wanted, checkpoint,
			server_base, server, present, planned_at, deadline, evaluate_by
		from rounds `
	// without the cohort, which may be thousands of nodes and which no report needs
	reportedRoundSQL = `
		select id, campaign, number, attempt, state, epoch, base, seed, coalesce(origin, 0), '{}'::bigint[], wanted, checkpoint,
			server_base, server, present, planned_at, deadline, evaluate_by
		from rounds `
)

// lockCampaign is the step that reads a campaign and keeps it as it is until
// the act ends. It comes before the lock of a round.
func lockCampaign(ctx context.Context, tx *audit.Tx, id training.CampaignID) (campaignRow, error) {
	const q = campaignSQL + `where id = @id for update`
	c, err := scanCampaignRow(tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}))
	if errors.Is(err, pgx.ErrNoRows) {
		return c, governance.Errorf(governance.NotFound, "There is no campaign %d.", id)
	}
	return c, err
}

func scanCampaignRow(row pgx.Row) (campaignRow, error) {
	var c campaignRow
	var recipe, settings string
	err := row.Scan(&c.ID, &c.Proposal, &c.Decision, &c.Hash, &recipe, &settings,
		&c.Base, &c.Version, &c.Replays, &c.ReplaysFrom, &c.Forgets, &c.Unlearning, &c.State, &c.Head, &c.Server)
	if err != nil {
		return c, fmt.Errorf("read campaign: %w", err)
	}
	if c.Recipe, err = recipes.read(recipe); err != nil {
		return c, fmt.Errorf("campaign %d: recipe: %w", c.ID, err)
	}
	if c.Settings, err = settled.read(settings); err != nil {
		return c, fmt.Errorf("campaign %d: settings: %w", c.ID, err)
	}
	return c, nil
}

// roundRow is a round as acts need it.
type roundRow struct {
	ID         training.RoundID
	Campaign   training.CampaignID
	Number     int
	Attempt    int
	State      string
	Epoch      int
	Base       training.Digest
	Seed       [32]byte
	Origin     training.RoundID // 0 outside a replay
	Cohort     []governance.NodeID
	Wanted     int
	Checkpoint *training.Digest
	ServerBase *training.Digest // what the server's rule kept before the round
	Server     *training.Digest // and after it
	Present    int              // nodes that could have been drawn
	PlannedAt  time.Time
	Deadline   *time.Time
	EvaluateBy *time.Time
}

// lockRound is the step that reads a round and its campaign, both locked.
func lockRound(ctx context.Context, tx *audit.Tx, id training.RoundID) (r roundRow, c campaignRow, err error) {
	var locks pgx.Batch
	queueRound(&locks, id)
	err = tx.Locking(ctx, &locks, func(results pgx.BatchResults) error {
		r, c, err = readRound(results, id)
		return err
	})
	return r, c, err
}

func queueRound(locks *pgx.Batch, id training.RoundID) {
	const campaign = campaignSQL + `where id = (select campaign from rounds where id = @id) for update`
	const round = roundSQL + `where id = @id for update`
	for _, q := range []string{campaign, round} {
		locks.Queue(q, pgx.StrictNamedArgs{"id": id})
	}
}

func readRound(results pgx.BatchResults, id training.RoundID) (roundRow, campaignRow, error) {
	c, err := scanCampaignRow(results.QueryRow())
	if errors.Is(err, pgx.ErrNoRows) {
		return roundRow{}, c, governance.Errorf(governance.NotFound, "There is no round %d.", id)
	}
	if err != nil {
		return roundRow{}, c, err
	}
	r, err := scanRoundRow(results.QueryRow())
	return r, c, err
}

// actOn is an act that the platform does by itself under a mandate on a round,
// which it holds with its campaign from the first journey on.
func (s *Store) actOn(ctx context.Context, actor governance.Actor, id training.RoundID, what string, f func(context.Context, *audit.Tx, roundRow, campaignRow) (audit.Event, error)) error {
	if err := jobOnly(actor, what); err != nil {
		return err
	}
	var r roundRow
	var c campaignRow
	held := audit.Holding{
		Queue: func(b *pgx.Batch) { queueRound(b, id) },
		Read: func(results pgx.BatchResults) (err error) {
			r, c, err = readRound(results, id)
			return err
		},
	}
	_, err := s.trail.ActHolding(ctx, actor, held, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		return f(ctx, tx, r, c)
	})
	return err
}

func scanRoundRow(row pgx.Row) (roundRow, error) {
	var r roundRow
	var seed []byte
	err := row.Scan(&r.ID, &r.Campaign, &r.Number, &r.Attempt, &r.State, &r.Epoch,
		&r.Base, &seed, &r.Origin, &r.Cohort, &r.Wanted, &r.Checkpoint, &r.ServerBase, &r.Server, &r.Present, &r.PlannedAt, &r.Deadline, &r.EvaluateBy)
	if err != nil {
		return r, fmt.Errorf("lock round: %w", err)
	}
	copy(r.Seed[:], seed)
	return r, nil
}

// move is the step of every transition: guarded by state and epoch, and
// raising the epoch, so that of two actors who saw the same round one wins.
func (s *Store) move(ctx context.Context, tx *audit.Tx, r roundRow, to, reason string) error {
	if err := s.crash(r.State + "→" + to); err != nil {
		return err
	}
	const update = `
		update rounds set state = @to, epoch = epoch + 1, reason = @reason,
			collecting_at = case when @to = 'collecting' then @now else collecting_at end,
			aggregating_at = case when @to = 'aggregating' then @now else aggregating_at end,
			evaluating_at = case when @to = 'evaluating' then @now else evaluating_at end,
			ended_at = case when @to in ('accepted', 'rejected', 'abandoned') then @now else ended_at end
		where id = @id and state = @from and epoch = @epoch`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{
		"to": to, "reason": reason, "now": tx.Now(ctx), "id": r.ID, "from": r.State, "epoch": r.Epoch,
	})
	if err != nil {
		return fmt.Errorf("move round %d to %s: %w", r.ID, to, err)
	}
	if tag.RowsAffected() == 0 {
		return governance.Errorf(governance.Conflict, "Round %d has moved on.", r.ID)
	}
	return s.wake(ctx, tx, campaigns)
}

// wake is the step that tells every server, when the act has committed.
func (s *Store) wake(_ context.Context, tx *audit.Tx, channel string) error {
	tx.Lastly(`select pg_notify(@channel, '')`, pgx.StrictNamedArgs{"channel": channel}, func(err error) error {
		return fmt.Errorf("notify %s: %w", channel, err)
	})
	return nil
}

// inState refuses a round in another state than an actor needs.
func inState(r roundRow, states ...string) error {
	for _, s := range states {
		if r.State == s {
			return nil
		}
	}
	return governance.Errorf(governance.Conflict, "Round %d is %s.", r.ID, r.State)
}

// onlyJob is the right of acts that the platform does by itself under a mandate.
func onlyJob(tx *audit.Tx, what string) error { return jobOnly(tx.Actor, what) }

func jobOnly(actor governance.Actor, what string) error {
	if actor.Job == "" {
		return governance.Errorf(governance.Forbidden, "A decision of the community %s, and nobody else.", what)
	}
	return nil
}
