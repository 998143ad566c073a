package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// waiting is an open assignment with what its node has to know.
type waiting struct {
	Node      governance.NodeID
	Busy      bool // another statement has it in hand
	ID        training.AssignmentID
	Campaign  training.CampaignID // as the node knows it: of a replay, the campaign that is replayed
	Round     training.RoundID    // likewise; 0 outside a round
	Number    int
	Epoch     int
	Kind      string
	Base      training.Digest
	Size      int64
	Seed      int64
	Most      int64
	Forget    string
	ExpiresAt time.Time
	Recipe    string
	Config    string
	Decision  governance.EntryID
	Origin    governance.EntryID    // of a replay or a case: the decision to train
	Case      training.UnlearningID // 0 outside a case
	Manifest  []byte                // of a replay
	Control   *training.Digest      // SCAFFOLD: what the server kept before the round
	Previous  *training.Digest      // a base from which Base can be made
	Delta     *training.Digest      // by this blob
	Spot      governance.NodeID     // of a spot check: whose update; 0 otherwise
	Shard     *training.Digest      // what that node handed over; nil before
	ShardSize int64                 // bytes
	Steps     int                   // behind the update
}

// Wake returns a channel that closes when there may be new work. Take it
// before asking Next.
func (s *Store) Wake() <-chan struct{} { return s.hub.Tasks() }

// offered is what a node that asked is given: nothing, or work. Busy means that
// its assignment is being answered or closed at this moment.
type offered struct {
	work  *waiting
	busy  bool
	until time.Time // of the lease
}

// Next returns the node's next assignment with its mandate, signed, and leases
// it; NotFound when there is none. logSize is the size of the log that the node
// remembers. A node that asks again was restarted, or the answer was lost, and
// gets the same assignment with a new lease. Suppression comes before everything
// else. Nodes that ask at the same moment are served by one statement; it never
// waits for the lock of an assignment.
func (s *Store) Next(ctx context.Context, node governance.NodeID, logSize int64) (protocol.Assignment, error) {
	nothing := governance.Errorf(governance.NotFound, "There is no work for node %d now.", node)
	o, err := s.leasing.Ask(ctx, node)
	if err != nil {
		return protocol.Assignment{}, fmt.Errorf("read work of node %d: %w", node, err)
	}
	if o.busy {
		s.hub.soon(steady)
	}
	if o.work == nil {
		return protocol.Assignment{}, nothing
	}
	a, err := s.assignment(ctx, node, *o.work, logSize)
	if errors.Is(err, errPending) {
		s.hub.soon(steady)
		return protocol.Assignment{}, nothing
	}
	if err != nil {
		return protocol.Assignment{}, err
	}
	a.Expires = min(o.until.Unix(), o.work.ExpiresAt.Unix())
	return a.Sign(s.server)
}

// offers bounds how many nodes are given work by one statement, and how many
// leases one renews.
const offers = 500

// offer leases each node's next assignment. Two servers may be asked for the
// same node: the one that comes second skips what the first has in hand.
func (s *Store) offer(ctx context.Context, nodes []governance.NodeID) ([]offered, error) {
	const lease = `
		with first as (
			select distinct on (node) id, node from assignments
			where node = any(@nodes::bigint[]) and state = 'open' and expires_at > @now
			order by node, (kind <> 'suppress'), (spot is not null), id
		), free as (
			select a.id, a.node from assignments a join first using (id)
			where a.state = 'open' and a.expires_at > @now
			order by a.id for update of a skip locked
		), leased as (
			insert into round_leases (assignment, node, until) select id, node, @until from free where ` + pg.Unflushed + ` order by id
			on conflict (assignment) do update set until = greatest(round_leases.until, excluded.until)
		)
		select w.node, free.id is null, a.id, coalesce(c.replays, c.id), coalesce(r.origin, r.id, d.origin, d.id, 0),
			coalesce(r.number, d.number, 0), a.epoch, a.kind, a.base, p.size, a.seed, a.most, a.forget, a.expires_at, c.recipe, v.config,
			a.decision, coalesce(a.origin, 0), coalesce(a.unlearning, 0), a.manifest, coalesce(r.server_base, d.server_base),
			f.base, f.delta, coalesce(a.spot, 0), k.shard, coalesce(k.size, 0), coalesce(k.steps, 0)
		from first w
		left join free on free.id = w.id
		join assignments a on a.id = w.id
		join campaigns c on c.id = a.campaign
		join versions v on v.id = c.version
		join checkpoints p on p.digest = a.base
		left join rounds r on r.id = a.round
		left join rounds d on d.id = a.audits
		left join spot_checks k on k.round = a.round and k.node = a.spot
		left join lateral (select base, delta from rounds where checkpoint = a.base and delta is not null order by id limit 1) f on true`
	now := s.now()
	until := now.Add(s.lease)
	args := pgx.StrictNamedArgs{"nodes": plain(nodes), "now": now, "until": until}
	found := make(map[governance.NodeID]offered, len(nodes))
	err := pg.Keep(ctx, s.pool, "round_leases", func(ctx context.Context, q pg.Querier) error {
		rows, err := q.Query(ctx, lease, args)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
		for i, w := range list {
			o := offered{busy: w.Busy, until: until}
			if !w.Busy {
				o.work = &list[i]
			}
			found[w.Node] = o
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]offered, len(nodes))
	for i, n := range nodes {
		out[i] = found[n]
	}
	return out, nil
}

// renewal is a node's word that it is at work.
type renewal struct {
	node governance.NodeID
	protocol.Renewal
}

// renewed is what becomes of a lease.
type renewed struct {
	ID      training.AssignmentID
	Node    governance.NodeID
	Epoch   int
	Open    bool
	Expires time.Time
}

// Renew keeps the lease of a node that is at work. Cancelled tells it that
// nobody waits any more. Leases that are renewed together are one statement.
func (s *Store) Renew(ctx context.Context, node governance.NodeID, r protocol.Renewal) (protocol.Lease, error) {
	now := s.now()
	found, err := s.renewing.Ask(ctx, renewal{node, r})
	switch {
	case err != nil:
		return protocol.Lease{}, fmt.Errorf("renew assignment %d: %w", r.Assignment, err)
	case found.ID == 0:
		return protocol.Lease{}, governance.Errorf(governance.NotFound, "Node %d has no assignment %d.", node, r.Assignment)
	case !found.Open || found.Epoch != r.Epoch:
		return protocol.Lease{Expires: now.Unix(), Cancelled: true}, nil
	}
	return protocol.Lease{Expires: min(now.Add(s.lease).Unix(), found.Expires.Unix())}, nil
}

// renew extends the leases of assignments that are open, each for its own node
// and epoch.
func (s *Store) renew(ctx context.Context, all []renewal) ([]renewed, error) {
	const upsert = `
		with asked as (
			select distinct id, node, epoch from unnest(@ids::bigint[], @nodes::bigint[], @epochs::int[]) as t (id, node, epoch)
		), found as (
			select a.id, a.node, a.epoch, a.state = 'open' and a.expires_at > @now as open, a.expires_at
			from assignments a where exists (select from asked where asked.id = a.id and asked.node = a.node)
		), kept as (
			insert into round_leases (assignment, node, until)
			select f.id, f.node, @until from found f join asked using (id, node, epoch) where f.open and ` + pg.Unflushed + ` order by f.id
			on conflict (assignment) do update set until = greatest(round_leases.until, excluded.until)
		)
		select id, node, epoch, open, expires_at from found`
	now := s.now()
	ids, nodes, epochs := make([]int64, len(all)), make([]int64, len(all)), make([]int, len(all))
	for i, r := range all {
		ids[i], nodes[i], epochs[i] = int64(r.Assignment), int64(r.node), r.Epoch
	}
	found := make(map[training.AssignmentID]renewed, len(all))
	err := pg.Keep(ctx, s.pool, "round_leases", func(ctx context.Context, q pg.Querier) error {
		rows, err := q.Query(ctx, upsert, pgx.StrictNamedArgs{"ids": ids, "nodes": nodes, "epochs": epochs, "now": now, "until": now.Add(s.lease)})
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[renewed])
		for _, f := range list {
			found[f.ID] = f
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]renewed, len(all))
	for i, r := range all {
		if f := found[r.Assignment]; f.Node == r.node {
			out[i] = f
		}
	}
	return out, nil
}

// Slot says what an open assignment reads and may upload.
type Slot struct {
	Base    training.Digest     // readable by the node; its header is the header of the update
	Train   bool                // an update may be uploaded
	Share   *Sharing            // or what the node trained on, for a spot check; nil otherwise
	MaxNorm float64             // of the update, L2; 0 for no limit
	Owner   governance.MemberID // whose key the update is encrypted to
	Recipe  protocol.Recipe     // says in which form an update comes
	Seed    uint64              // of the training; the codec's seed is derived from it
	Control *training.Digest    // SCAFFOLD: the server's control variate, readable too; nil at first
	Delta   *training.Digest    // readable too: makes Base of the base before it
	Sealed  *training.Digest    // encrypted blob of the artefact that was asked about, if it was uploaded for this before
}

// Slot returns what an open assignment of the node allows, and whether an
// artefact was uploaded for it: NotFound if it is not the node's, Conflict if
// it is closed.
func (s *Store) Slot(ctx context.Context, node governance.NodeID, id training.AssignmentID, artefact training.Digest) (Slot, error) {
	const q = `
		select a.kind, a.owner, a.base, c.recipe, a.state = 'open' and a.expires_at > @now, a.seed,
			coalesce(r.server_base, d.server_base), coalesce(a.round, 0), a.manifest,
			(select f.delta from rounds f where f.checkpoint = a.base and f.delta is not null order by f.id limit 1),
			(select b.sealed from blob_candidates b where b.assignment = a.id and b.digest = @artefact)
		from assignments a join campaigns c on c.id = a.campaign
		left join rounds r on r.id = a.round
		left join rounds d on d.id = a.audits
		where a.id = @id and a.node = @node`
	var slot Slot
	var kind, recipe string
	var open bool
	var seed int64
	var round training.RoundID
	var manifest *training.Digest
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "node": node, "artefact": artefact, "now": s.now()}).
		Scan(&kind, &slot.Owner, &slot.Base, &recipe, &open, &seed, &slot.Control, &round, &manifest, &slot.Delta, &slot.Sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Slot{}, governance.Errorf(governance.NotFound, "Node %d has no assignment %d.", node, id)
	}
	if err != nil {
		return Slot{}, fmt.Errorf("read assignment %d: %w", id, err)
	}
	if !open {
		return Slot{}, governance.Errorf(governance.Conflict, "Assignment %d is closed.", id)
	}
	decided, err := recipes.read(recipe)
	if err != nil {
		return Slot{}, fmt.Errorf("assignment %d: recipe: %w", id, err)
	}
	numbers, err := decided.Hyperparams()
	if err != nil {
		return Slot{}, fmt.Errorf("assignment %d: %w", id, err)
	}
	slot.Train, slot.MaxNorm, slot.Recipe = kind == protocol.Train, numbers.UpdateNorm, decided
	slot.Seed = uint64(seed)
	if kind == protocol.Share && manifest != nil {
		slot.Share = &Sharing{Node: node, Round: round, Manifest: *manifest}
	}
	if slot.Control != nil && decided.Server.Rule != protocol.Scaffold {
		slot.Control = nil
	}
	return slot, nil
}

// Incoming is an update on its way into the store.
type Incoming struct {
	Assignment training.AssignmentID
	Name       training.Digest
	Size       int64
	Checked    bool // its bytes were seen to have the digest Name and are in memory since
}

// Offer notes an update that was checked, encrypted and stored. Its node's
// report makes it count, and makes this note last; until then another upload
// replaces it.
func (s *Store) Offer(ctx context.Context, id training.AssignmentID, digest, sealed training.Digest, size int64) error {
	return pg.Keep(ctx, s.pool, "blob_candidates", func(ctx context.Context, q pg.Querier) error {
		const upsert = `
			insert into blob_candidates (assignment, digest, sealed, at, size)
			select @id, @digest, @sealed, @now, @size where ` + pg.Unflushed + `
			on conflict (assignment) do update set digest = @digest, sealed = @sealed, at = @now, size = @size`
		_, err := q.Exec(ctx, upsert, pgx.StrictNamedArgs{"id": id, "digest": digest, "sealed": sealed, "now": s.now(), "size": size})
		return err
	})
}
