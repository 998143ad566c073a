package rounds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/corpus"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// Candidate is a node that could be asked in a round, with what is known of
// it. A zero means that there is no measurement yet.
type Candidate struct {
	Node      governance.NodeID
	Owner     governance.MemberID
	Tokens    int64               // of its text that may be trained on
	Memory    int64               // bytes, as the machine says
	RoundTrip int64               // milliseconds to the platform, as the node measured
	Speed     int64               // tokens per second of its last training
	Examples  int64               // of its last update
	Loss      int64               // root of the mean squared loss of its last training, thousandths of a nat
	Duration  int64               // seconds that its last training took
	LastRound int                 // number of the last round of this campaign that it was asked in
	Strata    map[string][]string // what it declares, by kind: hardware, language, domain, licence, region
}

// Choosing is what a cohort is chosen from.
type Choosing struct {
	Seed       [32]byte // of the round, from the log
	Number     int      // of the round in its campaign
	Recipe     protocol.Recipe
	Asked      int // nodes to ask, so that enough answer
	Candidates []Candidate
}

// Drawn is what became of one candidate.
type Drawn struct {
	Node   governance.NodeID
	Chosen bool
	Reason string // words for the round's page
}

// Chooser selects a cohort: a function of its argument and of nothing else, so
// that a crash and a second try choose the same. It says something of every
// candidate. It runs inside the act, which holds the round: it must be quick.
type Chooser func(Choosing) ([]Drawn, error)

// eligible reads who may be asked now: nodes that joined and are not revoked,
// of members who have not left, heard of lately, with enough text, all of it
// declared public where the recipe is on public data. A node that
// has not acknowledged a suppression gets no other work, and a contributor
// whose key was destroyed sends no more updates.
func eligible(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow) ([]Candidate, error) {
	const q = `
		select n.id, n.owner, t.tokens, coalesce(h.capabilities, n.capabilities), coalesce(l.report, ''), coalesce(l.examples, 0),
			coalesce((select max(o.number) from rounds o where o.campaign = @campaign and n.id = any(o.cohort)), 0)
		from nodes n
		join members m on m.id = n.owner and m.left_at is null
		join heartbeats h on h.node = n.id and h.seen_at >= @since
		join manifests t on t.node = n.id and t.newest and t.tokens >= @tokens and (t.public or not @public)
		left join lateral (
			select a.report, u.examples from updates u join assignments a on a.id = u.assignment
			where u.node = n.id order by a.id desc limit 1) l on true
		where n.joined_at is not null and n.revoked_at is null
		and not exists (select from assignments a where a.node = n.id and a.kind = 'suppress' and a.state <> 'done')
		and not exists (select from updates u where u.owner = n.owner and u.destroyed_at is not null)
		order by n.id`
	since := tx.Now(ctx).Add(-time.Duration(c.Settings.SeenWithin) * time.Second)
	rows, _ := tx.Query(ctx, q, pgx.StrictNamedArgs{"since": since, "tokens": max(1, c.Settings.MinTokens), "campaign": c.ID, "public": c.Recipe.Public})
	found, err := pgx.CollectRows(rows, scanCandidate)
	if err != nil {
		return nil, fmt.Errorf("read eligible nodes: %w", err)
	}
	declared, err := corpus.Declared(ctx, tx)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].Strata == nil {
			found[i].Strata = map[string][]string{}
		}
		maps.Copy(found[i].Strata, declared[found[i].Node]) // a class of hardware that it tells goes before the machine's parts
	}
	return found, nil
}

func scanCandidate(row pgx.CollectableRow) (Candidate, error) {
	var n Candidate
	var capabilities, report string
	if err := row.Scan(&n.Node, &n.Owner, &n.Tokens, &capabilities, &report, &n.Examples, &n.LastRound); err != nil {
		return n, err
	}
	// programs of another version may say more, or less, than this one reads
	var c protocol.Capabilities
	if json.Unmarshal([]byte(capabilities), &c) == nil {
		n.Memory, n.RoundTrip = max(0, c.Memory), max(0, c.RoundTrip)
		n.Strata = map[string][]string{"hardware": hardware(c)}
	}
	var last protocol.Report
	if json.Unmarshal([]byte(report), &last) == nil && last.Check() == nil && last.Seconds > 0 {
		n.Duration, n.Speed = int64(last.Seconds), int64(float64(last.Tokens)/last.Seconds)
		if t := last.Trained; t.Records > 0 {
			n.Loss = int64(math.Min(1000*math.Sqrt(t.Squares/float64(t.Records)), 1<<30))
		}
	}
	return n, nil
}

// hardware are the strata of a machine: its processor, and whether it has an
// accelerator.
func hardware(c protocol.Capabilities) []string {
	var list []string
	if c.CPU != "" {
		list = append(list, c.CPU)
	}
	if c.Accelerator != "" {
		list = append(list, "accelerator")
	}
	return list
}

// draw chooses the cohort of a round from those who are there.
func (s *Store) draw(r roundRow, c campaignRow, found []Candidate) ([]candidate, []Drawn, error) {
	asked := c.Settings.Asked(c.Recipe.Cohort)
	if over := c.Recipe.Selection.Over; over > 0 {
		asked = (c.Recipe.Cohort*(1000+over) + 999) / 1000
	}
	in := Choosing{Seed: r.Seed, Number: r.Number, Recipe: c.Recipe, Asked: min(asked, maxCohort), Candidates: found}
	choose := s.choose
	if choose == nil {
		choose = byLot
	}
	drawn, err := choose(in)
	if err != nil {
		return nil, nil, fmt.Errorf("choose the cohort of round %d: %w", r.ID, err)
	}
	chosen := map[governance.NodeID]bool{}
	for _, d := range drawn {
		chosen[d.Node] = d.Chosen
	}
	var cohort []candidate
	for _, f := range found { // ascending
		if chosen[f.Node] {
			cohort = append(cohort, candidate{Node: f.Node, Owner: f.Owner, Tokens: f.Tokens})
		}
	}
	return cohort, drawn, nil
}

// errOnlyLots says that a recipe needs a Chooser.
var errOnlyLots = errors.New("this program only draws by lot")

// byLot draws by the round's seed. A draw that fell on one member alone takes
// the nodes of the others with the next lots as well.
func byLot(in Choosing) ([]Drawn, error) {
	if in.Recipe.Selection.Rule != "" || in.Recipe.Selection.Floor != 0 || in.Recipe.Selection.MemberCap > 1 {
		return nil, errOnlyLots
	}
	owner := map[governance.NodeID]governance.MemberID{}
	var ids []governance.NodeID
	taken := map[governance.MemberID]bool{}
	for _, f := range in.Candidates {
		if in.Recipe.Selection.MemberCap == 1 && taken[f.Owner] {
			continue
		}
		taken[f.Owner], owner[f.Node] = true, f.Owner
		ids = append(ids, f.Node)
	}
	var drawn []governance.NodeID
	for k := in.Asked; ; k++ {
		drawn = Draw(in.Seed, ids, k)
		members := map[governance.MemberID]bool{}
		for _, id := range drawn {
			members[owner[id]] = true
		}
		if len(members) >= 2 || k >= len(ids) {
			break
		}
	}
	list := make([]Drawn, len(in.Candidates))
	for i, f := range in.Candidates {
		list[i] = Drawn{Node: f.Node, Reason: "others came first"}
		if _, found := slices.BinarySearch(drawn, f.Node); found {
			list[i] = Drawn{f.Node, true, "chosen by lot"}
		}
	}
	return list, nil
}

// exhausted is the step that leaves members out who have spent their privacy,
// and ends the campaign, with an event, when too few others are left though
// enough are there. It returns who may still be asked.
func (s *Store) exhausted(ctx context.Context, tx *audit.Tx, r roundRow, c campaignRow, found []Candidate) ([]Candidate, audit.Event, error) {
	if !c.Recipe.Privacy.On() {
		return found, nil, nil
	}
	rows, _ := tx.Query(ctx, spent, pgx.StrictNamedArgs{"campaign": c.ID})
	parts, err := collectSpent(rows, c.ID)
	if err != nil {
		return nil, nil, err
	}
	owners, left := map[governance.MemberID]bool{}, map[governance.MemberID]bool{}
	var able []Candidate
	for _, f := range found {
		owners[f.Owner] = true
		if parts[f.Owner] < c.Recipe.Privacy.Rounds {
			left[f.Owner] = true
			able = append(able, f)
		}
	}
	need := max(c.Recipe.MinReports, c.Recipe.FewestMembers())
	if len(left) >= need || len(owners) < need {
		return able, nil, nil
	}
	reason := fmt.Sprintf("after %d rounds %d of %d members have reached the ceiling of privacy, ε = %s, and are asked no more", r.Number-1, len(owners)-len(left), len(owners), c.Recipe.Privacy.Ceiling)
	if err := s.move(ctx, tx, r, Abandoned, reason); err != nil {
		return nil, nil, err
	}
	if err := s.end(ctx, tx, c, Finished, reason); err != nil {
		return nil, nil, err
	}
	return able, RoundAbandoned{Round: r.ID, Campaign: c.ID, Number: r.Number, Attempt: r.Attempt, Reason: reason, Ends: true}, nil
}

// note is the step that keeps why each candidate was asked or not, and how many
// of each stratum were.
func note(ctx context.Context, tx *audit.Tx, r roundRow, found []Candidate, drawn []Drawn) error {
	nodes, chosen, reasons := make([]int64, len(drawn)), make([]bool, len(drawn)), make([]string, len(drawn))
	asked := map[governance.NodeID]bool{}
	for i, d := range drawn {
		nodes[i], chosen[i], reasons[i], asked[d.Node] = int64(d.Node), d.Chosen, d.Reason, d.Chosen
	}
	const insert = `
		insert into draws (round, node, drawn, reason)
		select @round, d.node, d.drawn, d.reason from unnest(@nodes::bigint[], @chosen::boolean[], @reasons::text[]) d (node, drawn, reason)`
	if _, err := tx.Exec(ctx, insert, pgx.StrictNamedArgs{"round": r.ID, "nodes": nodes, "chosen": chosen, "reasons": reasons}); err != nil {
		return fmt.Errorf("keep the draw of round %d: %w", r.ID, err)
	}
	counts := map[string]map[string]int{}
	for _, f := range found {
		for _, kind := range slices.Sorted(maps.Keys(f.Strata)) {
			if counts[kind] == nil {
				counts[kind] = map[string]int{}
			}
			for _, value := range f.Strata[kind] {
				if asked[f.Node] {
					counts[kind][value]++
				} else {
					counts[kind][value] += 0 // present and not asked: the page says 0
				}
			}
		}
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return fmt.Errorf("count the strata of round %d: %w", r.ID, err)
	}
	const update = `update rounds set strata = @strata where id = @id`
	if _, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"strata": string(text), "id": r.ID}); err != nil {
		return fmt.Errorf("count the strata of round %d: %w", r.ID, err)
	}
	return nil
}

// Draws lists who was there when a round's cohort was drawn, by node.
func (s *Store) Draws(ctx context.Context, round training.RoundID) ([]Drawn, error) {
	const q = `select node, drawn, reason from draws where round = @round order by node`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"round": round})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Drawn])
	if err != nil {
		return nil, fmt.Errorf("read the draw of round %d: %w", round, err)
	}
	return found, nil
}

// StrataAsked returns how many nodes of each stratum were asked, by kind and value;
// a stratum that was present and not asked has 0.
func (r Round) StrataAsked() (map[string]map[string]int, error) {
	counts := map[string]map[string]int{}
	if r.Strata == "" {
		return counts, nil
	}
	if err := json.Unmarshal([]byte(r.Strata), &counts); err != nil {
		return nil, fmt.Errorf("read the strata of round %d: %w", r.ID, err)
	}
	return counts, nil
}
