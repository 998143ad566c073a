package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// Campaign is a campaign as pages show it.
type Campaign struct {
	ID          training.CampaignID
	Proposal    governance.ProposalID
	Decision    governance.EntryID
	Recipe      protocol.Recipe
	Settings    Settings
	Base        training.Digest
	Version     training.VersionID    // that it began from
	Replays     training.CampaignID   // 0 for one that trains
	ReplaysFrom int                   // number of the first replayed round
	Forgets     governance.MemberID   // of a replay
	Unlearning  training.UnlearningID // of a replay
	State       string
	Head        training.Digest // last accepted checkpoint
	Done        int             // rounds accepted
	OpenedAt    time.Time
	EndedAt     *time.Time
	Reason      string
	Withheld    bool // its result did not pass the gate; Reason says why
}

const campaignColumns = `c.id, c.proposal, c.decision, c.recipe, c.settings, c.base, c.version, coalesce(c.replays, 0),
	coalesce(c.replays_from, 0), coalesce(c.forgets, 0), coalesce(c.unlearning, 0), c.state, c.head,
	(select count(*) from rounds r where r.campaign = c.id and r.state = 'accepted'), c.opened_at, c.ended_at, c.reason, c.withheld`

func scanCampaign(row pgx.CollectableRow) (Campaign, error) {
	var c Campaign
	var recipe, settings string
	err := row.Scan(&c.ID, &c.Proposal, &c.Decision, &recipe, &settings, &c.Base, &c.Version, &c.Replays, &c.ReplaysFrom,
		&c.Forgets, &c.Unlearning, &c.State, &c.Head, &c.Done, &c.OpenedAt, &c.EndedAt, &c.Reason, &c.Withheld)
	if err != nil {
		return c, err
	}
	if c.Recipe, err = protocol.Decode[protocol.Recipe]([]byte(recipe)); err != nil {
		return c, err
	}
	c.Settings, err = protocol.Decode[Settings]([]byte(settings))
	return c, err
}

// Campaign returns one campaign.
func (s *Store) Campaign(ctx context.Context, id training.CampaignID) (Campaign, error) {
	const q = `select ` + campaignColumns + ` from campaigns c where c.id = @id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	c, err := pgx.CollectExactlyOneRow(rows, scanCampaign)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, governance.Errorf(governance.NotFound, "There is no campaign %d.", id)
	}
	if err != nil {
		return c, fmt.Errorf("read campaign %d: %w", id, err)
	}
	return c, nil
}

// Campaigns lists campaigns, newest first; before is the last id of the page
// before, 0 for the first page.
func (s *Store) Campaigns(ctx context.Context, before training.CampaignID) ([]Campaign, error) {
	const q = `select ` + campaignColumns + ` from campaigns c where @before = 0 or c.id < @before order by c.id desc limit 50`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"before": int64(before)})
	found, err := pgx.CollectRows(rows, scanCampaign)
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return found, nil
}

// Round is an attempt at a round as pages show it.
type Round struct {
	ID            training.RoundID
	Campaign      training.CampaignID
	Number        int
	Attempt       int
	State         string
	Epoch         int
	Base          training.Digest
	Seed          training.Digest
	Origin        training.RoundID // 0 outside a replay
	Cohort        []governance.NodeID
	Wanted        int
	Updates       int
	Checkpoint    training.Digest // zero before aggregation
	Arithmetic    string
	Weight        int64
	Records       int64  // behind the losses; 0 if nobody measured
	LossBase      string // of the campaign's base, mean nats, decimal
	LossBefore    string
	LossAfter     string
	Unigram       string
	Reason        string
	PlannedAt     time.Time
	CollectingAt  *time.Time
	Deadline      *time.Time
	AggregatingAt *time.Time
	EvaluatingAt  *time.Time
	EvaluateBy    *time.Time
	EndedAt       *time.Time
	ServerBase    *training.Digest // what the server's rule kept before; nil for nothing
	Server        *training.Digest // and after
	Present       int              // nodes that could have been drawn
	Byzantine     int              // hostile members that the robust rule was asked to withstand
	Chosen        []governance.NodeID
	Clip          string           // norm to which each member's update was clipped, decimal; "" for none
	Epsilon       string           // largest ε of any member after it, rounded up; "" without privacy
	Raw           int64            // bytes of the updates as float32
	Sent          int64            // bytes in which they came
	Delta         *training.Digest // blob that makes the checkpoint of the base
	Strata        string           // JSON: nodes asked of each stratum; "" for none
}

const roundColumns = `r.id, r.campaign, r.number, r.attempt, r.state, r.epoch, r.base, r.seed, coalesce(r.origin, 0), r.cohort, r.wanted,
	(select count(*) from updates u where u.round = r.id), coalesce(r.checkpoint, '\x0000000000000000000000000000000000000000000000000000000000000000'),
	r.arithmetic, r.weight, r.records, r.loss_base, r.loss_before, r.loss_after, r.unigram, r.reason, r.planned_at, r.collecting_at,
	r.deadline, r.aggregating_at, r.evaluating_at, r.evaluate_by, r.ended_at, r.server_base, r.server, r.present, r.byzantine, r.chosen,
	r.clip, r.epsilon, r.raw, r.sent, r.delta, r.strata`

// Round returns one round.
func (s *Store) Round(ctx context.Context, id training.RoundID) (Round, error) {
	const q = `select ` + roundColumns + ` from rounds r where r.id = @id`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Round])
	if errors.Is(err, pgx.ErrNoRows) {
		return r, governance.Errorf(governance.NotFound, "There is no round %d.", id)
	}
	if err != nil {
		return r, fmt.Errorf("read round %d: %w", id, err)
	}
	return r, nil
}

// State returns the state of a round.
func (s *Store) State(ctx context.Context, id training.RoundID) (string, error) {
	const q = `select state from rounds where id = @id`
	var state string
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", governance.Errorf(governance.NotFound, "There is no round %d.", id)
	}
	if err != nil {
		return "", fmt.Errorf("read state of round %d: %w", id, err)
	}
	return state, nil
}

// Rounds lists every attempt of a campaign in its order.
func (s *Store) Rounds(ctx context.Context, campaign training.CampaignID) ([]Round, error) {
	const q = `select ` + roundColumns + ` from rounds r where r.campaign = @campaign order by r.number, r.attempt`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"campaign": campaign})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Round])
	if err != nil {
		return nil, fmt.Errorf("list rounds of campaign %d: %w", campaign, err)
	}
	return found, nil
}

// Participation is how one node of a cohort stands.
type Participation struct {
	Assignment training.AssignmentID
	Node       governance.NodeID
	Owner      governance.MemberID
	Kind       string
	Base       training.Digest
	State      string     // open, done, refused, closed
	LeaseUntil *time.Time // of an open one that a node has in work
	ReportedAt *time.Time
	Report     string           // JSON as it came; "" before
	Audits     training.RoundID // the replayed round that an auditor trains again; 0 otherwise
}

// Participants lists the assignments of a round by node.
func (s *Store) Participants(ctx context.Context, round training.RoundID) ([]Participation, error) {
	const q = `
		select a.id, a.node, a.owner, a.kind, a.base, a.state, l.until, a.reported_at, a.report, coalesce(a.audits, 0)
		from assignments a left join round_leases l on l.assignment = a.id where a.round = @id order by a.node, a.id`
	return s.participations(ctx, q, int64(round))
}

// CaseTasks lists the assignments of an unlearning case.
func (s *Store) CaseTasks(ctx context.Context, id training.UnlearningID) ([]Participation, error) {
	const q = `
		select a.id, a.node, a.owner, a.kind, a.base, a.state, l.until, a.reported_at, a.report, coalesce(a.audits, 0)
		from assignments a left join round_leases l on l.assignment = a.id where a.unlearning = @id order by a.node, a.id`
	return s.participations(ctx, q, int64(id))
}

func (s *Store) participations(ctx context.Context, q string, id int64) ([]Participation, error) {
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Participation])
	if err != nil {
		return nil, fmt.Errorf("list assignments of %d: %w", id, err)
	}
	return found, nil
}
