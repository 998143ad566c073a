package rounds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Outcomes of checks, as package training/checks gives them. What is held or
// rejected counts for nothing.
const (
	CheckNotRun     = "not-run"
	CheckPass       = "pass"
	CheckClip       = "clip"
	CheckDownWeight = "down-weight"
	CheckHold       = "hold"
	CheckReject     = "reject"
)

// CheckLimits are the policies' thresholds for the checks of updates. A limit
// of 0 decides nothing; all of them zero, in campaigns older than the checks,
// measure nothing.
type CheckLimits struct {
	Least     int64 `json:"least"`     // updates that can be compared with each other
	Duplicate int64 `json:"duplicate"` // cosine, millionths
	Norm      int64 `json:"norm"`      // deviations
	Rows      int64 `json:"rows"`      // deviations
	Sparse    int64 `json:"sparse"`    // deviations
	Against   int64 `json:"against"`   // minus the cosine, thousandths
	Cluster   int64 `json:"cluster"`   // cosine, thousandths
	Divide    bool  `json:"divide"`    // a cluster counts as one update
	Trusted   int64 `json:"trusted"`   // valid updates in a row until a node is trusted
	Spot      int64 `json:"spot"`      // least chance of a spot check after that, thousandths
	// Wait is how many seconds each step of a spot check waits for a node; 0, also
	// in campaigns older than those, carries out none.
	Wait int64 `json:"wait,omitzero"`
}

func checkLimits(v policies.Values) CheckLimits {
	return CheckLimits{
		Least: v.Int(policies.CheckLeast), Duplicate: v.Int(policies.CheckDuplicate), Norm: v.Int(policies.CheckNorm),
		Rows: v.Int(policies.CheckRows), Sparse: v.Int(policies.CheckSparse), Against: v.Int(policies.CheckAgainst),
		Cluster: v.Int(policies.CheckCluster), Divide: v.Text(policies.CheckClusterCounts) == "one",
		Trusted: v.Int(policies.TrustAfter), Spot: v.Int(policies.TrustSpot), Wait: v.Int(policies.TrustWait),
	}
}

// Check is what one check said of one update.
type Check struct {
	Node      governance.NodeID
	Number    int    // 1 to 15; 0 for the spot check
	Name      string // of training/checks
	Value     string // decimal; "" where nothing was measured
	Threshold string // decimal; "" where none decides
	Outcome   string
	Note      string // what was compared, or why nothing was
}

// Verdict is what the checks said of one update together.
type Verdict struct {
	Outcome string
	Scale   string // factor of a clipped update, the shortest decimal; "" for 1
	Divisor int64  // of the weight, 1 or more
	Checks  []Check
	Sketch  []byte // encrypted to the contributor's key; nil where none is kept
	Looked  bool   // at its numbers; else trust neither grows nor ends
	Spot    string // SpotDrawn, SpotSpared, or "" where no replay can tell
}

// Excluded reports whether an outcome makes an update count for nothing.
func Excluded(outcome string) bool { return outcome == CheckHold || outcome == CheckReject }

// Factor is Scale as a number.
func (u Update) Factor() (float64, error) {
	if u.Scale == "" {
		return 1, nil
	}
	return strconv.ParseFloat(u.Scale, 64)
}

// Fact is what the checks know of a node beside its update.
type Fact struct {
	Node     governance.NodeID
	Valid    int64            // updates in a row that passed
	Trusted  int64            // updates in a row that spot checks confirmed or lot spared
	Inexact  bool             // an external trainer computed it: a replay agrees within a tolerance only
	Earlier  *training.Digest // its update in the last accepted round of the campaign that counted
	Past     []byte           // the sketch of that, encrypted
	Filtered int64            // records that the node's own filter kept back; -1 where it has not said
}

// facts reads what the checks of a round need beside the updates.
func (s *Store) facts(ctx context.Context, in *Inputs) error {
	const q = `
		select u.node, n.valid, n.confirmed, coalesce(nullif(a.report, '')::jsonb ->> 'trainer', '') not in ('', @builtin),
			e.digest, k.sketch, coalesce(m.rejected, -1)
		from updates u
		join nodes n on n.id = u.node
		join assignments a on a.id = u.assignment
		left join lateral (
			select p.digest, p.round from updates p join rounds r on r.id = p.round
			where p.node = u.node and p.weight > 0 and r.campaign = @campaign and r.state = 'accepted' and r.number < @number
			order by r.number desc limit 1
		) e on true
		left join update_sketches k on k.round = e.round and k.node = u.node
		left join manifests m on m.node = u.node and m.root = u.manifest
		where u.round = @round order by u.node`
	args := pgx.StrictNamedArgs{"round": in.Round, "campaign": in.Campaign, "number": in.Number, "builtin": protocol.Builtin}
	rows, _ := s.pool.Query(ctx, q, args)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Fact])
	if err != nil {
		return fmt.Errorf("read what is known of the nodes of round %d: %w", in.Round, err)
	}
	in.Facts = make(map[governance.NodeID]Fact, len(found))
	for _, f := range found {
		in.Facts[f.Node] = f
	}
	const last = `
		select k.sketch from update_sketches k join rounds r on r.id = k.round
		where k.node = 0 and r.campaign = @campaign and r.state = 'accepted' and r.number < @number
		order by r.number desc limit 1`
	rows, _ = s.pool.Query(ctx, last, pgx.StrictNamedArgs{"campaign": in.Campaign, "number": in.Number})
	changes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return fmt.Errorf("read what the round before round %d changed: %w", in.Round, err)
	}
	if len(changes) > 0 {
		in.Last = changes[0]
	}
	return nil
}

// Checked is what an entry of the log says of the checks of a round: which
// updates count for less than they came with, and the digest of every value.
type Checked struct {
	Held     []governance.NodeID `json:"held,omitempty"`     // count for nothing until people have looked
	Rejected []governance.NodeID `json:"rejected,omitempty"` // count for nothing
	Clipped  []governance.NodeID `json:"clipped,omitempty"`
	Lowered  []governance.NodeID `json:"lowered,omitempty"` // in weight, as one of a cluster
	Drawn    []governance.NodeID `json:"drawn,omitempty"`   // to be trained again by another node
	Checks   string              `json:"checks,omitempty"`  // SHA-256 of the JSON of all findings, by node and check
}

// said is the end of a sentence: nothing is silently dropped.
func (c Checked) said() string {
	text := ""
	for _, part := range []struct {
		n    int
		word string
	}{{len(c.Held), "held"}, {len(c.Rejected), "rejected"}, {len(c.Clipped), "clipped"}} {
		if part.n > 0 {
			text += fmt.Sprintf("; %d %s by the checks", part.n, part.word)
		}
	}
	if n := len(c.Drawn); n > 0 {
		text += fmt.Sprintf("; %d drawn to be trained again by other nodes", n)
	}
	return text
}

// checked is the step that writes what the checks said, counts trust and opens
// a case for each update that is held.
func (s *Store) checked(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, res Result) (Checked, error) {
	var ev Checked
	if len(res.Verdicts) == 0 {
		return ev, nil
	}
	const update = `
		update updates set outcome = @outcome, scale = @scale, divisor = @divisor where round = @round and node = @node`
	const keep = `
		insert into update_sketches (round, node, campaign, owner, sketch)
		select round, node, @campaign, owner, @sketch from updates where round = @round and node = @node`
	var batch pgx.Batch
	var all []Check
	for _, node := range slices.Sorted(maps.Keys(res.Verdicts)) {
		v := res.Verdicts[node]
		for _, c := range v.Checks {
			c.Node = node
			all = append(all, c)
		}
		batch.Queue(update, pgx.StrictNamedArgs{
			"outcome": v.Outcome, "scale": v.Scale, "divisor": max(1, v.Divisor), "round": r.ID, "node": node,
		})
		if v.Sketch != nil {
			batch.Queue(keep, pgx.StrictNamedArgs{"campaign": r.Campaign, "sketch": v.Sketch, "round": r.ID, "node": node})
		}
		ev.note(node, v)
	}
	if res.Change != nil {
		const change = `insert into update_sketches (round, node, campaign, owner, sketch) values (@round, 0, @campaign, 0, @sketch)`
		batch.Queue(change, pgx.StrictNamedArgs{"round": r.ID, "campaign": r.Campaign, "sketch": res.Change})
	}
	queueChecks(&batch, r.ID, all)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return ev, fmt.Errorf("keep the checks of round %d: %w", r.ID, err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return ev, fmt.Errorf("keep the checks of round %d: %w", r.ID, err)
	}
	sum := sha256.Sum256(text)
	ev.Checks = hex.EncodeToString(sum[:])
	return ev, s.consequences(ctx, tx, r, c, ev, res.Verdicts)
}

// queueChecks writes every finding in one statement: a round of a thousand
// updates has sixteen thousand. Those of a node follow each other in all; their
// order is their place.
func queueChecks(batch *pgx.Batch, round training.RoundID, all []Check) {
	const insert = `
		insert into update_checks (round, node, place, number, name, value, threshold, outcome, note)
		select @round, t.* from unnest(@nodes::bigint[], @places::int[], @numbers::int[], @names::text[], @values::text[], @thresholds::text[],
			@outcomes::text[], @notes::text[]) as t`
	nodes, places, numbers := make([]int64, len(all)), make([]int, len(all)), make([]int, len(all))
	var texts [5][]string
	for i, c := range all {
		nodes[i], numbers[i] = int64(c.Node), c.Number
		if i > 0 && all[i-1].Node == c.Node {
			places[i] = places[i-1] + 1
		}
		for k, text := range []string{c.Name, c.Value, c.Threshold, c.Outcome, c.Note} {
			texts[k] = append(texts[k], text)
		}
	}
	batch.Queue(insert, pgx.StrictNamedArgs{
		"round": round, "nodes": nodes, "places": places, "numbers": numbers, "names": texts[0], "values": texts[1],
		"thresholds": texts[2], "outcomes": texts[3], "notes": texts[4],
	})
}

// note adds what was decided of one update.
func (c *Checked) note(node governance.NodeID, v Verdict) {
	if v.Spot == SpotDrawn {
		c.Drawn = append(c.Drawn, node)
	}
	switch {
	case v.Outcome == CheckHold:
		c.Held = append(c.Held, node)
	case v.Outcome == CheckReject:
		c.Rejected = append(c.Rejected, node)
	default:
		if v.Scale != "" {
			c.Clipped = append(c.Clipped, node)
		}
		if v.Divisor > 1 {
			c.Lowered = append(c.Lowered, node)
		}
	}
}

// HeldArgs is the job that opens the case of a held update.
type HeldArgs struct {
	Round training.RoundID  `json:"round"`
	Node  governance.NodeID `json:"node"`
}

// Kind names the job.
func (HeldArgs) Kind() string { return "open-held-case" }

// Checks lists what the checks said of the updates of a round, by node and in
// the order of the checks. It is empty before aggregation and for rounds older
// than the checks.
func (s *Store) Checks(ctx context.Context, round training.RoundID) ([]Check, error) {
	const q = `
		select node, number, name, value, threshold, outcome, note from update_checks
		where round = @round order by node, place`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"round": round})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Check])
	if err != nil {
		return nil, fmt.Errorf("read checks of round %d: %w", round, err)
	}
	return found, nil
}

// CheckCounts are the updates of a campaign by what the checks decided.
type CheckCounts struct {
	Updates    int64 // that were checked
	Clipped    int64
	DownWeight int64
	Held       int64
	Rejected   int64
}

// CheckCounts counts the checked updates of a campaign.
func (s *Store) CheckCounts(ctx context.Context, campaign training.CampaignID) (CheckCounts, error) {
	const q = `
		select count(*), count(*) filter (where outcome = 'clip'), count(*) filter (where outcome = 'down-weight'),
			count(*) filter (where outcome = 'hold'), count(*) filter (where outcome = 'reject')
		from updates u join rounds r on r.id = u.round where r.campaign = @campaign and u.outcome <> ''`
	var c CheckCounts
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"campaign": campaign}).
		Scan(&c.Updates, &c.Clipped, &c.DownWeight, &c.Held, &c.Rejected)
	if err != nil {
		return c, fmt.Errorf("count checks of campaign %d: %w", campaign, err)
	}
	return c, nil
}

// caseOnce keeps the job of one held update from being inserted twice.
func caseOnce() *river.InsertOpts {
	return &river.InsertOpts{MaxAttempts: jobAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}
