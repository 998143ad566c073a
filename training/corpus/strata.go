package corpus

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// DescribeStrata records what a node says of the make-up of a manifest that it
// described before. It is the act of the node; a second one replaces the first.
func (s *Store) DescribeStrata(ctx context.Context, actor governance.Actor, m protocol.Strata) error {
	if err := m.Check(); err != nil {
		return governance.Errorf(governance.Invalid, "The strata were refused: %v.", err)
	}
	_, err := s.trail.Act(ctx, actor, func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		node := tx.Actor.Node
		if node == 0 {
			return nil, governance.Errorf(governance.Forbidden, "Only a node describes what it holds.")
		}
		const described = `select exists (select from manifests where node = @node and root = @root for update)`
		args := pgx.StrictNamedArgs{"node": node, "root": m.Root}
		var known bool
		if err := tx.QueryRow(ctx, described, args).Scan(&known); err != nil {
			return nil, fmt.Errorf("read manifest of node %d: %w", node, err)
		}
		if !known {
			return nil, governance.Errorf(governance.Conflict, "Node %d describes a manifest that it has not reported.", node)
		}
		const clear = `delete from strata where node = @node and root = @root`
		if _, err := tx.Exec(ctx, clear, args); err != nil {
			return nil, fmt.Errorf("describe strata of node %d: %w", node, err)
		}
		const insert = `
			insert into strata (node, root, kind, value, records)
			select @node, @root, l.kind, l.value, l.records from unnest(@kinds::text[], @values::text[], @records::bigint[]) l (kind, value, records)`
		kinds, values, records := make([]string, len(m.Strata)), make([]string, len(m.Strata)), make([]int64, len(m.Strata))
		for i, line := range m.Strata {
			kinds[i], values[i], records[i] = line.Kind, line.Value, line.Records
		}
		lines := pgx.StrictNamedArgs{"node": node, "root": m.Root, "kinds": kinds, "values": values, "records": records}
		if _, err := tx.Exec(ctx, insert, lines); err != nil {
			return nil, fmt.Errorf("describe strata of node %d: %w", node, err)
		}
		return StrataDescribed{Node: node, Root: m.Root.Hex(), Lines: len(m.Strata)}, nil
	})
	return err
}

// StratumCount is how much of a stratum there is. Records are sums of rounded
// counts: at least so many.
type StratumCount struct {
	Kind    string // protocol.ByLanguage, ByDomain, ByLicence, ByRegion, ByHardware
	Value   string
	Nodes   int64
	Members int64
	Records int64
}

// Strata counts what the nodes hold that could be asked: joined, not revoked,
// of present members. The strata of a kind follow each other, the largest first.
func (s *Store) Strata(ctx context.Context) ([]StratumCount, error) {
	const q = `
		select t.kind, t.value, count(*), count(distinct n.owner), sum(t.records)::bigint
		from strata t join manifests m on m.node = t.node and m.root = t.root and m.newest
		join nodes n on n.id = t.node and n.joined_at is not null and n.revoked_at is null
		join members o on o.id = n.owner and o.left_at is null
		group by t.kind, t.value order by t.kind, count(*) desc, sum(t.records) desc, t.value`
	rows, _ := s.pool.Query(ctx, q)
	return counts(rows, "all nodes")
}

// taken ends a query over t (node, owner, at): nodes whose updates were taken.
// A node counts with the newest manifest that it had described by then, or with
// the first one after.
const taken = `
		select s.kind, s.value, count(*), count(distinct t.owner), sum(s.records)::bigint
		from t join lateral (
			select m.root from manifests m
			where m.node = t.node and exists (select from strata x where x.node = m.node and x.root = m.root)
			order by m.reported_at <= t.at desc, abs(extract(epoch from m.reported_at - t.at)) limit 1) m on true
		join strata s on s.node = t.node and s.root = m.root
		group by s.kind, s.value order by s.kind, count(*) desc, sum(s.records) desc, s.value`

// StrataOfRound counts what the updates of a round were trained on.
func (s *Store) StrataOfRound(ctx context.Context, round training.RoundID) ([]StratumCount, error) {
	const q = `
		with t as (
			select u.node, u.owner, a.reported_at as at from updates u join assignments a on a.id = u.assignment
			where u.round = @round)` + taken
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"round": round})
	return counts(rows, fmt.Sprintf("round %d", round))
}

// StrataOfCampaign counts what the accepted rounds of a campaign were trained
// on, each node once, as it was in its last one.
func (s *Store) StrataOfCampaign(ctx context.Context, campaign training.CampaignID) ([]StratumCount, error) {
	const q = `
		with t as (
			select distinct on (u.node) u.node, u.owner, a.reported_at as at
			from updates u join assignments a on a.id = u.assignment join rounds r on r.id = u.round
			where r.campaign = @campaign and r.state = 'accepted' order by u.node, a.id desc)` + taken
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"campaign": campaign})
	return counts(rows, fmt.Sprintf("campaign %d", campaign))
}

func counts(rows pgx.Rows, of string) ([]StratumCount, error) {
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StratumCount])
	if err != nil {
		return nil, fmt.Errorf("count strata of %s: %w", of, err)
	}
	return list, nil
}

// Lack is a stratum of which fewer nodes are there than a recipe wants in
// every round.
type Lack struct {
	Value string
	Nodes int64
	Floor int64
}

// Lacks compares a recipe's floors with what the nodes hold. A recipe speaks of
// strata that are present, so one that nobody has is not named; what is gathered
// as other, or not said, is none.
func Lacks(recipe protocol.Selection, there []StratumCount) []Lack {
	var list []Lack
	for _, c := range there {
		if recipe.Floor > 0 && c.Kind == recipe.Strata && c.Value != protocol.StratumOther && c.Value != protocol.NotSaid && c.Nodes < int64(recipe.Floor) {
			list = append(list, Lack{c.Value, c.Nodes, int64(recipe.Floor)})
		}
	}
	return list
}

// StrataOfNode lists what a node says of its newest manifest, by kind and value.
func (s *Store) StrataOfNode(ctx context.Context, node governance.NodeID) ([]protocol.Stratum, error) {
	const q = `
		select t.kind, t.value, t.records from strata t join manifests m on m.node = t.node and m.root = t.root and m.newest
		where t.node = @node order by t.kind, t.records desc, t.value`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"node": node})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[protocol.Stratum])
	if err != nil {
		return nil, fmt.Errorf("read strata of node %d: %w", node, err)
	}
	return list, nil
}

// Declared returns what all nodes declare of their newest manifests, by node
// and kind, each kind in ascending order: what a cohort is drawn by. Other and
// not said are no strata. It may be read inside an act.
func Declared(ctx context.Context, db pg.Reader) (map[governance.NodeID]map[string][]string, error) {
	const q = `
		select t.node, t.kind, t.value from strata t join manifests m on m.node = t.node and m.root = t.root and m.newest
		where t.value not in ('other', 'not-said') order by t.node, t.kind, t.value`
	rows, _ := db.Query(ctx, q)
	found := map[governance.NodeID]map[string][]string{}
	var node governance.NodeID
	var kind, value string
	if _, err := pgx.ForEachRow(rows, []any{&node, &kind, &value}, func() error {
		if found[node] == nil {
			found[node] = map[string][]string{}
		}
		found[node][kind] = append(found[node][kind], value)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read strata of nodes: %w", err)
	}
	return found, nil
}
