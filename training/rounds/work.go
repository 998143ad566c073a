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
}

// Wake returns a channel that closes when there may be new work. Take it
// before asking Next.
func (s *Store) Wake() <-chan struct{} { return s.hub.Tasks() }

// Next returns the node's next assignment with its mandate, signed; NotFound
// when there is none. logSize is the size of the log that the node remembers.
// Each assignment is for one node, so nobody competes for it and giving it out
// writes nothing: a node that asks again was restarted, or the answer was
// lost, and gets the same one. The lease is written when the node renews it.
// Suppression comes before everything else. It does not block.
func (s *Store) Next(ctx context.Context, node governance.NodeID, logSize int64) (protocol.Assignment, error) {
	nothing := governance.Errorf(governance.NotFound, "There is no work for node %d now.", node)
	const q = `
		select a.id, coalesce(c.replays, c.id), coalesce(r.origin, r.id, d.origin, d.id, 0), coalesce(r.number, d.number, 0), a.epoch,
			a.kind, a.base, p.size, a.seed, a.most, a.forget, a.expires_at, c.recipe, v.config, a.decision, coalesce(a.origin, 0),
			coalesce(a.unlearning, 0), a.manifest, coalesce(r.server_base, d.server_base),
			f.base, f.delta
		from assignments a
		join campaigns c on c.id = a.campaign
		join versions v on v.id = c.version
		join checkpoints p on p.digest = a.base
		left join rounds r on r.id = a.round
		left join rounds d on d.id = a.audits
		left join lateral (select base, delta from rounds where checkpoint = a.base and delta is not null order by id limit 1) f on true
		where a.node = @node and a.state = 'open' and a.expires_at > @now
		order by (a.kind <> 'suppress'), a.id limit 1`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"node": node, "now": s.now()})
	w, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[waiting])
	if errors.Is(err, pgx.ErrNoRows) {
		return protocol.Assignment{}, nothing
	}
	if err != nil {
		return protocol.Assignment{}, fmt.Errorf("read work of node %d: %w", node, err)
	}
	a, err := s.assignment(ctx, node, w, logSize)
	if errors.Is(err, errPending) {
		s.hub.soon(steady)
		return protocol.Assignment{}, nothing
	}
	if err != nil {
		return protocol.Assignment{}, err
	}
	a.Expires = min(s.now().Add(s.lease).Unix(), w.ExpiresAt.Unix())
	return a.Sign(s.server)
}

// hold writes a lease.
func (s *Store) hold(ctx context.Context, id training.AssignmentID, node governance.NodeID, until time.Time) error {
	return pg.Keep(ctx, s.pool, "round_leases", func(ctx context.Context, q pg.Querier) error {
		const upsert = `
			insert into round_leases (assignment, node, until) values (@id, @node, @until)
			on conflict (assignment) do update set until = greatest(round_leases.until, @until)`
		_, err := q.Exec(ctx, upsert, pgx.StrictNamedArgs{"id": id, "node": node, "until": until})
		return err
	})
}

// Renew keeps the lease of a node that is at work. Cancelled tells it that
// nobody waits any more.
func (s *Store) Renew(ctx context.Context, node governance.NodeID, r protocol.Renewal) (protocol.Lease, error) {
	const q = `select state, epoch, expires_at from assignments where id = @id and node = @node`
	var state string
	var epoch int
	var expires time.Time
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": r.Assignment, "node": node}).Scan(&state, &epoch, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return protocol.Lease{}, governance.Errorf(governance.NotFound, "Node %d has no assignment %d.", node, r.Assignment)
	}
	if err != nil {
		return protocol.Lease{}, fmt.Errorf("renew assignment %d: %w", r.Assignment, err)
	}
	now := s.now()
	if state != "open" || epoch != r.Epoch || !now.Before(expires) {
		return protocol.Lease{Expires: now.Unix(), Cancelled: true}, nil
	}
	until := now.Add(s.lease)
	if err := s.hold(ctx, r.Assignment, node, until); err != nil {
		return protocol.Lease{}, err
	}
	return protocol.Lease{Expires: min(until.Unix(), expires.Unix())}, nil
}

// Slot says what an open assignment reads and may upload.
type Slot struct {
	Base    training.Digest     // readable by the node; its header is the header of the update
	Train   bool                // an update may be uploaded
	MaxNorm float64             // of the update, L2; 0 for no limit
	Owner   governance.MemberID // whose key the update is encrypted to
	Recipe  protocol.Recipe     // says in which form an update comes
	Seed    uint64              // of the training; the codec's seed is derived from it
	Control *training.Digest    // SCAFFOLD: the server's control variate, readable too; nil at first
	Delta   *training.Digest    // readable too: makes Base of the base before it
}

// Slot returns what an open assignment of the node allows: NotFound if it is
// not the node's, Conflict if it is closed.
func (s *Store) Slot(ctx context.Context, node governance.NodeID, id training.AssignmentID) (Slot, error) {
	const q = `
		select a.kind, a.owner, a.base, c.recipe, a.state = 'open' and a.expires_at > @now, a.seed,
			coalesce(r.server_base, d.server_base),
			(select f.delta from rounds f where f.checkpoint = a.base and f.delta is not null order by f.id limit 1)
		from assignments a join campaigns c on c.id = a.campaign
		left join rounds r on r.id = a.round
		left join rounds d on d.id = a.audits
		where a.id = @id and a.node = @node`
	var slot Slot
	var kind, recipe string
	var open bool
	var seed int64
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "node": node, "now": s.now()}).
		Scan(&kind, &slot.Owner, &slot.Base, &recipe, &open, &seed, &slot.Control, &slot.Delta)
	if errors.Is(err, pgx.ErrNoRows) {
		return Slot{}, governance.Errorf(governance.NotFound, "Node %d has no assignment %d.", node, id)
	}
	if err != nil {
		return Slot{}, fmt.Errorf("read assignment %d: %w", id, err)
	}
	if !open {
		return Slot{}, governance.Errorf(governance.Conflict, "Assignment %d is closed.", id)
	}
	decided, err := protocol.Decode[protocol.Recipe]([]byte(recipe))
	if err != nil {
		return Slot{}, fmt.Errorf("assignment %d: recipe: %w", id, err)
	}
	numbers, err := decided.Hyperparams()
	if err != nil {
		return Slot{}, fmt.Errorf("assignment %d: %w", id, err)
	}
	slot.Train, slot.MaxNorm, slot.Recipe = kind == protocol.Train, numbers.UpdateNorm, decided
	slot.Seed = uint64(seed)
	if slot.Control != nil && decided.Server.Rule != protocol.Scaffold {
		slot.Control = nil
	}
	return slot, nil
}

// Uploaded returns the name of the encrypted blob of an update that was
// uploaded for an assignment before; NotFound if none was.
func (s *Store) Uploaded(ctx context.Context, id training.AssignmentID, digest training.Digest) (training.Digest, error) {
	const q = `select sealed from blob_candidates where assignment = @id and digest = @digest`
	var sealed training.Digest
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id, "digest": digest}).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return sealed, governance.Errorf(governance.NotFound, "No such update was uploaded for assignment %d.", id)
	}
	return sealed, err
}

// Offer notes an update that was checked, encrypted and stored. Its node's
// report makes it count; until then another upload replaces it.
func (s *Store) Offer(ctx context.Context, id training.AssignmentID, digest, sealed training.Digest, size int64) error {
	return pg.Keep(ctx, s.pool, "blob_candidates", func(ctx context.Context, q pg.Querier) error {
		const upsert = `
			insert into blob_candidates (assignment, digest, sealed, at, size) values (@id, @digest, @sealed, @now, @size)
			on conflict (assignment) do update set digest = @digest, sealed = @sealed, at = @now, size = @size`
		_, err := q.Exec(ctx, upsert, pgx.StrictNamedArgs{"id": id, "digest": digest, "sealed": sealed, "now": s.now(), "size": size})
		return err
	})
}
